"""How a client's terminal is set, put on a machine's: what its keys do, whether it echoes, its speed (RFC 4254, 8)."""

import contextlib
import sys
import termios
from collections.abc import Mapping

_CHARACTERS = (
    1,
    "VINTR VQUIT VERASE VKILL VEOF VEOL VEOL2 VSTART VSTOP VSUSP VDSUSP VREPRINT VWERASE VLNEXT VFLUSH VSWTCH VSTATUS "
    "VDISCARD",
)
_FLAGS = (
    (30, "IGNPAR PARMRK INPCK ISTRIP INLCR IGNCR ICRNL IUCLC IXON IXANY IXOFF IMAXBEL IUTF8"),
    (70, "OPOST OLCUC ONLCR OCRNL ONOCR ONLRET"),
    (90, "CS7 CS8 PARENB PARODD"),
    (50, "ISIG ICANON XCASE ECHO ECHOE ECHOK ECHONL NOFLSH TOSTOP IEXTEN ECHOCTL ECHOKE"),
)
"""The number of the first mode and the names of all, by the place that they have in what `termios` gives."""
_SPEEDS = ((4, 128), (5, 129))
_KEYS = 6
_NO_KEY = 255
_UNNAMED = {"IUTF8": 0x4000} if sys.platform == "linux" else {}
"""What Python has no name for."""


def set_modes(terminal: int, modes: Mapping[int, int]) -> None:
    """Set what the client said of its own; what this system doesn't know or take stays as it is."""
    settings = termios.tcgetattr(terminal)
    for place, (first, names) in enumerate(_FLAGS):
        for mode, name in enumerate(names.split(), first):
            flag: int = getattr(termios, name, _UNNAMED.get(name, 0))
            if mode in modes:
                settings[place] = settings[place] | flag if modes[mode] else settings[place] & ~flag
    first, names = _CHARACTERS
    for mode, name in enumerate(names.split(), first):
        index: int | None = getattr(termios, name, None)
        if mode in modes and index is not None:
            settings[_KEYS][index] = b"\0" if modes[mode] == _NO_KEY else bytes([modes[mode] & 0xFF])
    for place, mode in _SPEEDS:
        settings[place] = getattr(termios, f"B{modes.get(mode)}", settings[place])
    with contextlib.suppress(termios.error):
        termios.tcsetattr(terminal, termios.TCSANOW, settings)
