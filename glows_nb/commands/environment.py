"""Where a command runs: a notebook's kernel, IPython in a terminal, or a plain terminal."""

from __future__ import annotations

import sys
from typing import Any


def shell() -> Any:
    """The IPython that runs this, None in a plain terminal. Imports nothing: IPython takes its time to load."""
    module = sys.modules.get("IPython")
    return None if module is None else module.get_ipython()


def has_front_end() -> bool:
    """Is there a kernel, whose front end may show widgets?"""
    return getattr(shell(), "kernel", None) is not None


def is_tty() -> bool:
    """Is stdout a terminal, where a line can be written over?"""
    return sys.stdout.isatty()
