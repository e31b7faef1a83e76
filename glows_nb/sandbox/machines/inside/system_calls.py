"""What a machine's processes may not ask of the system, beside what Landlock refuses them: a filter (seccomp).

Keys and shared memory of the kernel have no path that Landlock could know; limits of other processes can be changed by
a number; and a machine's own process, which is the parent of all that runs there, is not to be ended by a `pkill` that
was meant for something else. The system refuses each as it does what needs root.
"""

import ctypes
import errno
import os
import platform
import struct
from typing import Final

_SET_SECCOMP, _FILTER = 22, 2
_LOAD, _EQUAL, _AT_LEAST, _AND, _RETURN = 0x20, 0x15, 0x35, 0x54, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_OTHER_NUMBERS_OF_X86_64 = 0x40000000

_ARCHITECTURES: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_ALWAYS_REFUSED: Final = {
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "shmget": (29, 194),
    "shmctl": (31, 195),
    "shmat": (30, 196),
    "semget": (64, 190),
    "semctl": (66, 191),
    "msgget": (68, 186),
    "msgctl": (71, 187),
    "msgrcv": (70, 188),
    "msgsnd": (69, 189),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
}
"""By name, the numbers on x86_64 and on aarch64."""
_OF_ANOTHER_PROCESS: Final = {"prlimit64": (302, 261)}
_OF_A_PROCESS_THAT_STAYS: Final = {
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_open": (434, 434),
}


def are_known() -> bool:
    """Are the numbers of this computer's system calls known here?"""
    return platform.machine() in _ARCHITECTURES


def refuse(stays: int) -> None:
    """Have the system refuse them to this process and to all that it starts from now on.

    Args:
        stays: the process that none of them may send a signal to, alone or with all others.

    Raises:
        OSError: the system can't do that.
    """
    column = list(_ARCHITECTURES).index(platform.machine())
    code = [(_LOAD, 0, 0, _ARCHITECTURE), *_unless(_EQUAL, _ARCHITECTURES[platform.machine()])]
    code.append((_LOAD, 0, 0, _NUMBER))
    if column == 0:
        code += _if(_AT_LEAST, _OTHER_NUMBERS_OF_X86_64)
    for numbers in _ALWAYS_REFUSED.values():
        code += _if(_EQUAL, numbers[column])
    for numbers in _OF_ANOTHER_PROCESS.values():
        code += _for(numbers[column], _unless(_EQUAL, 0))
    for numbers in _OF_A_PROCESS_THAT_STAYS.values():
        # -1 is all of them, and the others of less than 0 are groups.
        named = [number & 0xFFFFFFFF for number in (stays, -stays, -1)]
        code += _for(numbers[column], [step for number in named for step in _if(_EQUAL, number)])
    code.append((_RETURN, 0, 0, _ALLOW))
    packed = b"".join(struct.pack("HBBI", *step) for step in code)
    steps = ctypes.create_string_buffer(packed, len(packed))
    program = struct.pack("HxxxxxxP", len(code), ctypes.addressof(steps))
    if ctypes.CDLL(None, use_errno=True).prctl(_SET_SECCOMP, _FILTER, program, 0, 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


_Step = tuple[int, int, int, int]


def _if(test: int, value: int) -> list[_Step]:
    """Refuse what passes the test."""
    return [(test, 0, 1, value), (_RETURN, 0, 0, _REFUSE)]


def _unless(test: int, value: int) -> list[_Step]:
    """Refuse what fails the test."""
    return [(test, 1, 0, value), (_RETURN, 0, 0, _REFUSE)]


def _for(number: int, steps: list[_Step]) -> list[_Step]:
    """Look at the first argument of one call; its lower half is all that a process's number has."""
    steps = [(_LOAD, 0, 0, _FIRST_ARGUMENT), *steps, (_LOAD, 0, 0, _NUMBER)]
    return [(_EQUAL, 0, len(steps), number), *steps]
