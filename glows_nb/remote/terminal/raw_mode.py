"""A terminal that passes every key on as it is, for as long as another computer's shell reads them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

if sys.platform == "win32":
    import ctypes
    from typing import Final

    STDIN, STDOUT = -10, -11
    VIRTUAL_INPUT: Final = 0x200
    PROCESSED_OUTPUT: Final = 0x1
    VIRTUAL_OUTPUT: Final = 0x4

    @contextmanager
    def raw_terminal() -> Iterator[None]:
        """Pass keys on, and obey the other side's signs for colours and places; as it was at the end."""
        console = ctypes.windll.kernel32
        before = []
        for number, mode in ((STDIN, VIRTUAL_INPUT), (STDOUT, PROCESSED_OUTPUT | VIRTUAL_OUTPUT)):
            handle, known = console.GetStdHandle(number), ctypes.c_uint32()
            console.GetConsoleMode(handle, ctypes.byref(known))
            before.append((handle, known.value))
            console.SetConsoleMode(handle, mode)
        try:
            yield
        finally:
            for handle, mode in before:
                console.SetConsoleMode(handle, mode)

else:
    import termios
    import tty

    @contextmanager
    def raw_terminal() -> Iterator[None]:
        """Pass keys on; as it was at the end."""
        stdin = sys.stdin.fileno()
        before = termios.tcgetattr(stdin)
        tty.setraw(stdin)
        try:
            yield
        finally:
            termios.tcsetattr(stdin, termios.TCSADRAIN, before)
