"""The Python that machines have as `python3`, and what of it their processes may read."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PYTHON_VARIABLE = "GLOWS_SANDBOX_PYTHON"
"""Names the interpreter that machines have; without it that is the sandbox's own."""

_ASKED = "import sys; print(sys.executable, sys.prefix, sys.base_prefix, sep='\\n')"
_SECONDS = 20
_PARTS = ("bin", "etc", "include", "lib", "lib32", "lib64", "libexec", "plugins", "pyvenv.cfg", "share", "ssl")
"""Of an installation: who makes one in a folder with other things, or in the home, does not hand out all of it."""


@dataclass(frozen=True)
class Interpreter:
    """An interpreter, and the folders in which it and what it imports are installed."""

    path: str
    prefixes: tuple[Path, ...]

    def readable(self) -> list[Path]:
        """Return what whoever runs it has to read."""
        return [Path(self.path).resolve(), *(prefix / part for prefix in self.prefixes for part in _PARTS)]


OWN = Interpreter(sys.executable, (Path(sys.prefix), Path(sys.base_prefix)))


def of_machines() -> Interpreter:
    """Return the interpreter that machines have.

    Raises:
        ValueError: what the variable names is none.
    """
    named = os.getenv(PYTHON_VARIABLE)
    return _ask(named) if named else OWN


def own_packages() -> Iterable[Path]:
    """Return what the sandbox's own program imports from elsewhere than its interpreter's folders."""
    package = Path(__file__).parents[2]
    # Installed for one user alone, all that it needs lies beside it.
    is_installed = package.parent.name in ("site-packages", "dist-packages")
    return [package.parent if is_installed else package]


@cache
def _ask(named: str) -> Interpreter:
    found = shutil.which(named)
    if found is None:
        raise ValueError(f"{PYTHON_VARIABLE} names no program: {named}")
    try:
        asked = subprocess.run(  # noqa: S603 - named by the user
            [found, "-I", "-c", _ASKED], capture_output=True, text=True, check=True, timeout=_SECONDS
        )
        path, *prefixes = asked.stdout.splitlines()
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise ValueError(f"{PYTHON_VARIABLE} names no Python that runs: {named}") from error
    return Interpreter(path, tuple(map(Path, prefixes)))
