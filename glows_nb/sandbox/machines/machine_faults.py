"""What goes wrong with one real machine, as `faults` decides it and its process suffers it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from glows_nb.sandbox.machines.inside.worse_line import WorseLine
from glows_nb.sandbox.machines.lifecycle import Machine

_FAKETIME = ("/usr/lib", "/usr/lib64", "/usr/local/lib")


@dataclass(frozen=True)
class MachineFaults:
    """All of it; as it is by itself nothing is wrong."""

    has_python: bool = True
    has_ipykernel: bool = True
    has_files: bool = True
    """Is there SFTP?"""
    is_disk_full: bool = False
    has_other_host_key: bool = False
    """Is it another than before?"""
    clock_ahead: int = 0
    """By how many seconds its programs see the clock ahead, or behind."""


class Suffering(Protocol):
    """What is asked when a machine's port is opened, or somebody comes to it."""

    def ssh_delay(self, machine: Machine) -> float:
        """Return how many virtual seconds after Running a machine's ssh answers."""

    def of_machine(self, machine: Machine) -> MachineFaults:
        """Return what goes wrong with a machine."""

    def line_of(self, machine: Machine) -> WorseLine | None:
        """Return what is wrong with the next line to a machine, and count it."""


def clock_library() -> Path | None:
    """Return the library by which programs see another clock (libfaketime), if the system has it."""
    # Debian has it below the name of the architecture. Not deeper: there are ten thousands of files.
    patterns = ("faketime/libfaketime.so.1", "*/faketime/libfaketime.so.1")
    return next((path for folder in _FAKETIME for pattern in patterns for path in Path(folder).glob(pattern)), None)


def clock_variables(seconds_ahead: int) -> dict[str, str]:
    """Return the variables with which a program sees the clock ahead; none of its own where it is right."""
    library = clock_library() if seconds_ahead else None
    if library is None:
        return {}
    # Without memory that is shared, where it knows of that: it would be left in /dev/shm by programs that are killed.
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME": f"{seconds_ahead:+}s",
        "DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DISABLE_SHM": "1",
    }
