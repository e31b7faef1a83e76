"""Where the files of real machines lie: a folder each, and one for each snapshot.

A machine's processes may change what is in `root`, its home, and in `tmp`, and nothing else; so whatever is put beside
these is what the sandbox put there, and never a link to somewhere else.
"""

import contextlib
import fcntl
import json
import logging
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from glows_nb.sandbox.machines.inside import nvidia_smi
from glows_nb.sandbox.machines.lifecycle import Machine

MARK = "GLOWS_SANDBOX_MACHINE"
"""The variable by which a machine's processes are known, also after the sandbox was killed."""

PYTHON_VARIABLE = "GLOWS_SANDBOX_PYTHON"
"""Names the interpreter that machines have as `python3`; without it that is the sandbox's own."""

_SNAPSHOTS = "snapshots"
_PREFIX = "glows-sandbox-"
_LOCK = "lock"
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SWEEPS = 20
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

    def take_over(self, *, is_fresh: bool) -> None:
        """End what a sandbox that was killed left running here, and remove what lies here if all is to be new."""
        if self._place is not None and self._place.is_dir():
            end_survivors(self._place)
            if is_fresh:
                _remove(self._place)

    def hashes(self) -> set[str]:
        """Return which machines have a folder."""
        if self._place is None or not self._place.is_dir():
            return set()
        return {path.name for path in self._place.iterdir() if path.is_dir() and path.name != _SNAPSHOTS}

    def saved(self) -> set[str]:
        """Return which snapshots have one."""
        if self._place is None or not (self._place / _SNAPSHOTS).is_dir():
            return set()
        return {path.name for path in (self._place / _SNAPSHOTS).iterdir()}

    def of(self, hash_: str) -> Path:
        """Return where a machine's files lie."""
        return self._made() / hash_

    def of_snapshot(self, hash_: str) -> Path:
        """Return where a snapshot's files lie."""
        return self._made() / _SNAPSHOTS / hash_

    def make(self, machine: Machine) -> Path:
        """Make a machine's folder, with the files of the snapshot that it comes from, unless it is there."""
        folder = self.of(machine.hash)
        saved = self.of_snapshot(machine.snap_id.partition("-")[2])
        is_new = not (folder / "root").exists()
        for path in (folder, folder / "tmp", folder / "bin"):
            path.mkdir(mode=0o700, exist_ok=True)
        if is_new and machine.snap_id and saved.is_dir():
            _copy(saved, folder / "root")
        elif is_new:
            (folder / "root").mkdir(mode=0o700)
        equip(folder)
        if machine.hardware.gpus and not (folder / "bin" / "gpus.json").exists():
            hardware = machine.hardware
            gpu = {"name": hardware.gpu_name, "memory_mb": hardware.gpu_ram_mb, "memory_used_mb": 0, "utilization": 0}
            write_gpus(folder, [gpu] * hardware.gpus)
            program = Path(nvidia_smi.__file__)
            words = [_python(), "-I", str(program), str(folder / "bin" / "gpus.json")]
            _write_program(folder / "bin" / "nvidia-smi", f'exec {shlex.join(words)} "$@"')
        return folder

    def save(self, hash_: str, snapshot: str) -> None:
        """Copy a machine's home for a snapshot; one that nobody has entered has nothing there."""
        home, target = self.of(hash_) / "root", self.of_snapshot(snapshot)
        if home.is_dir():
            _copy(home, target)
        else:
            target.mkdir(mode=0o700)

    def remove(self, hash_: str) -> None:
        """End what is left of a machine, and remove its folder."""
        folder = self.of(hash_)
        end_survivors(folder)
        _remove(folder)

    def close(self) -> None:
        """Remove them all if they are temporary."""
        if self._is_temporary and self._place is not None:
            _remove(self._place)
            self._place = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _made(self) -> Path:
        if self._place is None:
            _remove_forgotten()
            self._place = Path(tempfile.mkdtemp(prefix=_PREFIX))
            # Held as long as this process lives: a folder with a lock that nobody holds is one of a killed sandbox.
            self._lock = os.open(self._place / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        (self._place / _SNAPSHOTS).mkdir(mode=0o700, parents=True, exist_ok=True)
        self._place.chmod(0o700)
        return self._place


def writable(folder: Path) -> list[Path]:
    """Return what a machine's processes may change."""
    return [folder / "root", folder / "tmp"]


def readable(folder: Path) -> list[Path]:
    """Return what they may read besides: what the sandbox put there, and the interpreters."""
    python = Path(_python())
    of_python = [python.parents[1], python.resolve().parents[1]]
    package = Path(__file__).parents[2]
    return [folder / "bin", Path(sys.prefix), Path(sys.base_prefix), package, *of_python]


def environment(folder: Path, machine: Machine) -> dict[str, str]:
    """Return what a machine's processes know: nothing of the environment of the sandbox or its user."""
    given = dict(part.partition("=")[::2] for part in machine.envs.split(";") if part)
    return {
        "PATH": f"{folder / 'bin'}:{_SYSTEM_PATH}",
        "LANG": "C.UTF-8",
        **given,
        "HOME": str(folder / "root"),
        "TMPDIR": str(folder / "tmp"),
        "USER": machine.ssh_user,
        "LOGNAME": machine.ssh_user,
        "SHELL": "/bin/bash" if Path("/bin/bash").exists() else "/bin/sh",
        MARK: str(folder),
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
    line = f'exec {shlex.quote(_python())} "$@"'
    if not has_python:
        line = 'echo "$0: not found" >&2; exit 127'
    elif not has_ipykernel:
        hiding = folder / "bin" / "without-ipykernel"
        hiding.mkdir(exist_ok=True)
        (hiding / "ipykernel.py").write_text(_NO_IPYKERNEL)
        line = f'PYTHONPATH={shlex.quote(str(hiding))}"${{PYTHONPATH:+:$PYTHONPATH}}" {line}'
    for name in ("python", "python3"):
        _write_program(folder / "bin" / name, line)


def end_survivors(folder: Path) -> None:
    """End what was left running of the machines in a folder, or of one machine: of a sandbox that was killed."""
    if sys.platform != "linux":
        return
    mark = f"{MARK}={folder}".encode()
    # Stopped before they are ended, and looked for until there are none: some start others.
    for _ in range(_SWEEPS):
        found = _marked(mark)
        if not found:
            return
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in found:
                with contextlib.suppress(OSError):
                    os.kill(pid, number)


def _marked(mark: bytes) -> list[int]:
    found = []
    for entry in os.listdir("/proc"):  # noqa: PTH208 - names alone are wanted
        if not entry.isdecimal():
            continue
        try:
            values = Path("/proc", entry, "environ").read_bytes().split(b"\0")
        except OSError:
            continue  # somebody else's, or gone
        if any(value == mark or value.startswith(mark + b"/") for value in values):
            found.append(int(entry))
    return found


def _python() -> str:
    return os.getenv(PYTHON_VARIABLE) or sys.executable


def _write_program(path: Path, line: str) -> None:
    new = path.with_name(f"{path.name}.new")
    new.write_text(f"#!/bin/sh\n{line}\n")
    new.chmod(0o700)
    new.replace(path)


def _copy(source: Path, target: Path) -> None:
    """Copy a tree as it is, with modes, times, links and pipes; where the disk can share what is the same, it does."""
    target.mkdir(mode=0o700)
    share = ["--reflink=auto"] if sys.platform == "linux" else []
    command = ["/bin/cp", "-a", *share, f"{source}/.", str(target)]
    done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - our own
    if done.returncode:
        _log.warning("not all files of a machine were copied: %s", done.stderr.decode(errors="replace").strip()[:500])


def _remove(folder: Path) -> None:
    """Remove a tree, also where the machine's programs made folders that nobody may look into."""
    for inside, names, _ in os.walk(folder):
        for name in names:
            path = Path(inside, name)
            if not path.is_symlink():
                path.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        _log.warning("the folder of a machine could not be removed: %s", folder)


def _remove_forgotten() -> None:
    """Remove temporary folders of sandboxes that were killed, and end what is left of their machines."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                end_survivors(folder)
                _remove(folder)
            finally:
                os.close(lock)
