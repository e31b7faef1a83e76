"""Keeps a process, and all that it starts, from reading and writing files outside of two folders: Linux's Landlock.

No root and no package is needed for it, only Linux 5.13 or newer. What a process has opened before stays open to it, so
this comes last before strangers are served. Root keeps none of what makes it more than other users: one that may
observe the computer could read the environments of all processes, Landlock or not. What Landlock does not know is
refused by `system_calls`.

It keeps mistakes in, not attackers. Open to a machine's programs are: network, memory and processor; the names and
command lines of the user's other processes, in /proc; the user's other terminals, of which a shell needs one; modes and
times of the user's files; files in /dev/shm whose names are known; and sockets by name, so that whoever listens at one
for the user, such as Docker or the bus of the session, hears whoever calls.
"""

import ctypes
import os
import stat
import sys
from collections.abc import Iterable
from pathlib import Path

from glows_nb.sandbox.machines.inside import system_calls

# The numbers are the same on every processor.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION = 1
_PATH_BENEATH = 1
_NO_NEW_PRIVS, _CAPBSET_DROP = 38, 24
_CAPABILITIES_VERSION, _MOST_CAPABILITIES = 0x20080522, 64

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_TRUNCATE, _IOCTL = 1 << 14, 1 << 15
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_KNOWN_BY_VERSION = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
_ABSTRACT_SOCKETS_AND_SIGNALS = 0b11

SYSTEM = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/opt", "/proc", "/sys"),
    "/run/systemd/resolve",
)
"""What every process may read, beside what everybody may in /etc.

Of the processes outside /proc tells names and command lines, and neither environment nor memory.
"""

_ETC = Path("/etc")
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/ptmx", "/dev/pts")

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where the system has it
"""Python's locks between processes and NumPy's shared arrays lie there. What others have there can't be listed."""


class _Ruleset(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def version() -> int:
    """Return which version of Landlock the system has, 0 for none."""
    if sys.platform != "linux":
        return 0
    found: int = _libc().syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION)
    return max(found, 0)


def is_possible() -> bool:
    """Can this system keep a machine's processes to their folders?"""
    return version() > 0 and system_calls.are_known()


def confine(folders: Iterable[Path], readable: Iterable[Path] = ()) -> None:
    """Let this process, and all that it starts from now on, read and write no file outside of some folders.

    Signals to this process itself are refused to them, so that no `pkill` of a machine ends the machine's own.

    Args:
        folders: what it may read, and change what is in it.
        readable: what it may read besides the system's own; for a machine that is what `folders.readable` says.

    Raises:
        OSError: the system can't do that, or something went wrong; nothing may be served then.
    """
    found = version()
    if not found:
        raise OSError("this system has no Landlock")
    handled = _KNOWN_BY_VERSION[max(number for number in _KNOWN_BY_VERSION if number <= found)]
    libc = _libc()
    ruleset = _Ruleset(handled, 0, _ABSTRACT_SOCKETS_AND_SIGNALS if found >= 6 else 0)
    # A shorter structure for those who know no more: the fields came one after the other.
    size = 24 if found >= 6 else 16 if found >= 4 else 8
    rules = _checked(libc.syscall(_CREATE_RULESET, ctypes.byref(ruleset), ctypes.c_size_t(size), 0))
    try:
        for path in (*map(Path, SYSTEM), *readable):
            _allow(libc, rules, path, _READ & handled)
        _allow_etc(libc, rules, handled)
        for path in map(Path, DEVICES):
            _allow(libc, rules, path, (_READ | _WRITE_FILE | _IOCTL) & handled)
        _allow(libc, rules, SHARED_MEMORY, handled & ~_READ_DIR)
        for folder in folders:
            _allow(libc, rules, folder, handled, is_needed=True)
        _drop_capabilities(libc)
        _checked(libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0))
        _checked(libc.syscall(_RESTRICT_SELF, rules, 0))
        system_calls.refuse(stays=os.getpid())
    finally:
        os.close(rules)


def _drop_capabilities(libc: ctypes.CDLL) -> None:
    for capability in range(_MOST_CAPABILITIES):
        # Refused to whoever has none to drop, and for numbers that the system doesn't know.
        libc.prctl(_CAPBSET_DROP, capability, 0, 0, 0)
    none = (ctypes.c_uint32 * 6)()
    _checked(libc.capset(ctypes.byref(_CapabilityHeader(_CAPABILITIES_VERSION, 0)), none))


def _allow(libc: ctypes.CDLL, rules: int, path: Path, allowed: int, *, is_needed: bool = False) -> None:
    try:
        parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        if is_needed:
            raise
        return  # not every system has it
    try:
        beneath = _PathBeneath(allowed if path.is_dir() else allowed & _OF_FILES, parent)
        _checked(libc.syscall(_ADD_RULE, rules, _PATH_BENEATH, ctypes.byref(beneath), 0))
    finally:
        os.close(parent)


def _allow_etc(libc: ctypes.CDLL, rules: int, handled: int) -> None:
    """Let be read what everybody may read there; for root, who may read all, the system makes no difference."""
    if os.geteuid() != 0:
        _allow(libc, rules, _ETC, _READ & handled)
        return
    _allow(libc, rules, _ETC, _READ_DIR & handled)
    for folder, names, files in os.walk(_ETC):
        names[:] = [name for name in names if _is_everybodys(Path(folder, name))]
        for path in (Path(folder, name) for name in files):
            if _is_everybodys(path):
                _allow(libc, rules, path, _READ & handled)


def _is_everybodys(path: Path) -> bool:
    try:
        return bool(path.lstat().st_mode & stat.S_IROTH)
    except OSError:
        return False


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
