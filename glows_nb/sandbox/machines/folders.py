"""Where the files of real machines lie: a folder each, and one for each snapshot.

Of its folder a machine's processes may change what is in `root`, its home, and in `tmp`, and nothing else; so whatever
is put beside these is what the sandbox put there, and never a link to somewhere else:

    HASH/root, HASH/tmp       the machine's home and its temporary files
    HASH/bin                  what comes first in its PATH: python3, pip, nvidia-smi
    HASH/host.key             its host key
    HASH/log, command.log     what its process complains of; what its command and its Jupyter server say
    python                    the environment that all machines have their `python3` in
    snapshots/HASH            the home of a machine, as it was; HASH.….part is one that is being copied
"""

import contextlib
import fcntl
import json
import logging
import os
import shlex
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from glows_nb.sandbox.machines.inside import nvidia_smi
from glows_nb.sandbox.machines.interpreter import OWN, make_environment, of_machines, own_packages, program_of
from glows_nb.sandbox.machines.lifecycle import Machine
from glows_nb.sandbox.machines.survivors import end_survivors

COMMAND_LOG = "command.log"
_MOST_LAST_WORDS = 500
_SNAPSHOTS = "snapshots"
_PREFIX = "glows-sandbox-"
_LOCK = "lock"
_LOCK_SAYS = b"machines of a sandbox; removed by the next one when it was killed\n"
_PART = ".part"
_PYTHON = "python"
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PROFILE = """# A login shell has set PATH anew; the machine's own programs come first in it.
PATH="${HOME%/*}/bin:$HOME/.local/bin:$PATH"
"""
_NO_IPYKERNEL = 'raise ModuleNotFoundError("No module named \'ipykernel\'", name="ipykernel")\n'

_log = logging.getLogger("glows_nb.sandbox")


class Folders:
    """The folders of one sandbox, which are made when the first is wanted.

    Args:
        place: where they lie; without it they are temporary, and go with the sandbox.
    """

    def __init__(self, place: Path | None) -> None:
        self._is_temporary = place is None
        self._place = place
        self._lock: int | None = None
        self._making = threading.Lock()
        self._making_python = threading.Lock()
        """Another, since that takes so long that the event loop must not wait for it."""

    def take_over(self, *, is_fresh: bool) -> None:
        """End what a sandbox that was killed left running here, and remove what lies here if all is to be new."""
        if self._place is None:
            _remove_forgotten()
            return
        if not self._place.is_dir():
            return
        end_survivors(self._place / hash_ for hash_ in self.hashes())
        parts = [*self._place.glob(f"*/*{_PART}")]
        for folder in [self._place] if is_fresh else parts:
            _remove(folder)

    def hashes(self) -> set[str]:
        """Return which machines have a folder."""
        if self._place is None or not self._place.is_dir():
            return set()
        return {path.name for path in self._place.iterdir() if path.is_dir() and path.name not in (_SNAPSHOTS, _PYTHON)}

    def saved(self) -> set[str]:
        """Return which snapshots have one."""
        if self._place is None or not (self._place / _SNAPSHOTS).is_dir():
            return set()
        return {path.name for path in (self._place / _SNAPSHOTS).iterdir() if path.suffix != _PART}

    def of(self, hash_: str) -> Path:
        """Return where a machine's files lie."""
        return self._made() / hash_

    def of_snapshot(self, hash_: str) -> Path:
        """Return where a snapshot's files lie."""
        return self._made() / _SNAPSHOTS / hash_

    def make(self, machine: Machine) -> Path:
        """Make a machine's folder, with the files of the snapshot that it comes from, unless it is there."""
        folder = self.of(machine.hash)
        saved = self.of_snapshot(machine.source_snapshot)
        home = folder / "root"
        is_new = not home.exists()
        for path in (folder, folder / "tmp", folder / "bin"):
            path.mkdir(mode=0o700, exist_ok=True)
        if is_new and machine.source_snapshot and saved.is_dir():
            _copy(saved, home)
        elif is_new:
            home.mkdir(mode=0o700)
            (home / ".profile").write_text(_PROFILE)
        # A program may have locked all others out, and without root's powers nobody would get in again.
        home.chmod(stat.S_IMODE(home.stat().st_mode) | 0o700)
        with self._making_python:
            make_environment(python_of(folder))
        if machine.hardware.gpus and not (folder / "bin" / "gpus.json").exists():
            hardware = machine.hardware
            gpu = {"name": hardware.gpu_name, "memory_mb": hardware.gpu_ram_mb, "memory_used_mb": 0, "utilization": 0}
            write_gpus(folder, [gpu] * hardware.gpus)
            program = Path(nvidia_smi.__file__)
            words = [of_machines().path, "-I", str(program), str(folder / "bin" / "gpus.json")]
            _write_program(folder / "bin" / "nvidia-smi", f'exec {shlex.join(words)} "$@"')
        return folder

    def save(self, hash_: str, snapshot: str) -> None:
        """Copy a machine's home for a snapshot."""
        _copy(self.of(hash_) / "root", self.of_snapshot(snapshot))

    def save_nothing(self, snapshot: str) -> None:
        """Note that a snapshot has no files, for a sandbox that goes on later with what lies here."""
        if not self._is_temporary:
            self.of_snapshot(snapshot).mkdir(mode=0o700, exist_ok=True)

    def has_files(self, snapshot: str) -> bool:
        """Has a snapshot files?"""
        if not snapshot or self._place is None:
            return False
        folder = self._place / _SNAPSHOTS / snapshot
        return folder.is_dir() and any(folder.iterdir())

    def last_words(self, hash_: str) -> str:
        """Return the end of what a machine's command said."""
        log = self.of(hash_) / COMMAND_LOG
        if not log.is_file():
            return ""
        with log.open("rb") as said:
            said.seek(max(log.stat().st_size - _MOST_LAST_WORDS, 0))
            return said.read().decode(errors="replace").strip()

    def remove(self, hash_: str) -> None:
        """End what is left of a machine, and remove its folder."""
        if self._place is not None:
            end_survivors([self._place / hash_])
            _remove(self._place / hash_)

    def close(self) -> None:
        """Remove them all if they are temporary."""
        if self._is_temporary and self._place is not None:
            _remove(self._place)
            self._place = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _made(self) -> Path:
        with self._making:
            if self._place is None:
                made = Path(tempfile.mkdtemp(prefix=f".{_PREFIX}"))
                # Held as long as this process lives: a folder with a lock that nobody holds is a killed sandbox's.
                self._lock = os.open(made / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                os.write(self._lock, _LOCK_SAYS)
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._place = made.rename(made.with_name(made.name.removeprefix(".")))
            (self._place / _SNAPSHOTS).mkdir(mode=0o700, parents=True, exist_ok=True)
            self._place.chmod(0o700)
            return self._place


def writable(folder: Path) -> list[Path]:
    """Return what a machine's processes may change."""
    return [folder / "root", folder / "tmp"]


def readable(folder: Path) -> list[Path]:
    """Return what they may read besides: what the sandbox put there, and the interpreters."""
    return [folder / "bin", python_of(folder), *OWN.readable(), *of_machines().readable(), *own_packages()]


def python_of(folder: Path) -> Path:
    """Return where the environment lies in which a machine has its `python3`."""
    return folder.parent / _PYTHON


def environment(folder: Path, machine: Machine) -> dict[str, str]:
    """Return what a machine's processes know: nothing of the environment of the sandbox or its user."""
    given = dict(part.partition("=")[::2] for part in machine.envs.split(";") if part)
    return {
        "PATH": f"{folder / 'bin'}:{folder / 'root' / '.local' / 'bin'}:{_SYSTEM_PATH}",
        "LANG": "C.UTF-8",
        **given,
        "HOME": str(folder / "root"),
        "TMPDIR": str(folder / "tmp"),
        "TMUX_TMPDIR": str(folder / "tmp"),
        "USER": machine.ssh_user,
        "LOGNAME": machine.ssh_user,
        "SHELL": "/bin/bash" if Path("/bin/bash").exists() else "/bin/sh",
    }


def write_gpus(folder: Path, gpus: list[dict[str, object]]) -> None:
    """Say what the stand-in for nvidia-smi shows."""
    new = folder / "bin" / "gpus.new"
    new.write_text(json.dumps(gpus))
    new.replace(folder / "bin" / "gpus.json")


def read_gpus(folder: Path) -> list[dict[str, object]]:
    """Return what it shows."""
    gpus: list[dict[str, object]] = json.loads((folder / "bin" / "gpus.json").read_text())
    return gpus


def equip(folder: Path, *, has_python: bool = True, has_ipykernel: bool = True) -> None:
    """Give a machine its `python3`, or one that is as if it were not there, or one that finds no ipykernel."""
    python = shlex.quote(str(program_of(python_of(folder))))
    line = f'exec {python} "$@"'
    if not has_python:
        line = 'echo "${0##*/}: not found" >&2; exit 127'
    elif not has_ipykernel:
        hiding = folder / "bin" / "without-ipykernel"
        hiding.mkdir(exist_ok=True)
        (hiding / "ipykernel.py").write_text(_NO_IPYKERNEL)
        line = f'PYTHONPATH={shlex.quote(str(hiding))}"${{PYTHONPATH:+:$PYTHONPATH}}" {line}'
    for name in ("python", "python3"):
        _write_program(folder / "bin" / name, line)
    for name in ("pip", "pip3"):
        _write_program(folder / "bin" / name, f'exec {python} -m pip "$@"')


def _write_program(path: Path, line: str) -> None:
    new = path.with_name(f"{path.name}.new")
    new.write_text(f"#!/bin/sh\n{line}\n")
    new.chmod(0o700)
    new.replace(path)


def _copy(source: Path, target: Path) -> None:
    """Copy a tree as it is, with modes, times, links and pipes; where the disk can share what is the same, it does.

    The target is there when all of it is. A Ctrl-C that is meant for the sandbox interrupts nothing.
    """
    part = Path(tempfile.mkdtemp(prefix=f"{target.name}.", suffix=_PART, dir=target.parent))
    locked = _unlocked(source)
    share = ["--reflink=auto"] if sys.platform == "linux" else []
    command = ["/bin/cp", "-a", *share, f"{source}/.", str(part)]
    done = subprocess.run(command, capture_output=True, check=False, start_new_session=True)  # noqa: S603 - our own
    for path, mode in reversed(locked):
        for copied in (source / path, part / path):
            with contextlib.suppress(OSError):
                copied.chmod(mode)
    if done.returncode:
        _remove(part)
        raise OSError(f"not all files were copied: {done.stderr.decode(errors='replace').strip()[:500]}")
    part.replace(target)


def _unlocked(folder: Path) -> list[tuple[Path, int]]:
    """Make readable to its owner what is not, and return what that was, with its modes; root can read all."""
    locked: list[tuple[Path, int]] = []
    if os.geteuid() == 0:
        return locked
    for inside, names, files in os.walk(folder):
        for name, needed in [*((name, stat.S_IRWXU) for name in names), *((name, stat.S_IRUSR) for name in files)]:
            path = Path(inside, name)
            mode = path.lstat().st_mode
            if not stat.S_ISLNK(mode) and mode & needed != needed:
                locked.append((path.relative_to(folder), stat.S_IMODE(mode)))
                path.chmod(stat.S_IMODE(mode) | needed)
    return locked


def _remove(folder: Path) -> None:
    """Remove a tree, also where programs made folders that nobody may look into, or that lie very deep."""
    for command in (["/bin/chmod", "-R", "u+rwx", str(folder)], ["/bin/rm", "-rf", str(folder)]):
        subprocess.run(command, capture_output=True, check=False, start_new_session=True)  # noqa: S603 - our own
    if folder.exists():
        _log.warning("the folder of a machine could not be removed: %s", folder)


def _remove_forgotten() -> None:
    """Remove temporary folders of sandboxes that were killed, and end what is left of their machines."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            found = folder.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
                continue
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                if os.read(lock, len(_LOCK_SAYS) + 1) != _LOCK_SAYS:
                    continue
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                end_survivors(folder.iterdir())
                _remove(folder)
            finally:
                os.close(lock)
