"""Machines with somebody behind their SSH port: a folder each, and a process from when the first caller speaks.

What takes long, such as copying a folder, is done by one thread in the order in which it came: a snapshot is complete
before the machine that was saved may go on or go, and before another begins with it.
"""

import contextlib
import json
import logging
import os
import select
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

from glows_nb.sandbox.machines import confinement
from glows_nb.sandbox.machines.lifecycle import Machine

MARK = "GLOWS_SANDBOX_MACHINE"
"""The variable by which a machine's processes are known, also after the sandbox was killed."""

_END_SECONDS = 10.0
_ANSWER_SECONDS = 5.0

_log = logging.getLogger("glows_nb.sandbox")


def are_possible() -> bool:
    """Can this system keep a machine's processes to its folder?"""
    return confinement.version() > 0


class RealMachines:
    """The folders and processes of one sandbox's machines.

    Args:
        folder: where their folders are to lie; without it they end with the sandbox.
        is_confined: keep their processes to their folders? False is for systems that can't.
    """

    def __init__(self, folder: Path | None = None, *, is_confined: bool = True) -> None:
        self._is_temporary = folder is None
        self._folder = Path(tempfile.mkdtemp(prefix="glows-sandbox-")) if folder is None else folder
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._snapshots = self._folder / "snapshots"
        self._snapshots.mkdir(mode=0o700, exist_ok=True)
        self._is_confined = is_confined
        self._inside: dict[str, _Inside] = {}
        self._worker = ThreadPoolExecutor(1, "glows-sandbox-machines")
        self._saved = {path.name for path in self._snapshots.iterdir()}
        end_survivors(self._folder)

    def let_in(self, machine: Machine, caller: socket.socket) -> None:
        """Hand a caller, who was greeted and has spoken, to the machine's process; started if there is none."""
        self._do(self._let_in, machine, caller.dup())

    def hashes(self) -> list[str]:
        """Return which machines have a folder."""
        return [path.name for path in self._folder.iterdir() if path.is_dir() and path != self._snapshots]

    def save(self, hash_: str, snapshot: str) -> None:
        """Copy a machine's files for a snapshot, once; its processes stand still from now on until `follow`."""
        if snapshot not in self._saved:
            self._saved.add(snapshot)
            self._do(self._save, hash_, snapshot)

    def follow(self, running: Iterable[str], paused: Iterable[str], is_there: Callable[[str], bool]) -> None:
        """Let processes go on or stand still as their machines do; end those, and the folders, of machines that ended.

        Args:
            running: the hashes of the machines that run.
            paused: those of which a snapshot is being taken.
            is_there: does the machine of a hash still have a disk?
        """
        going, standing = set(running), set(paused)
        gone = [hash_ for hash_ in self.hashes() if hash_ not in going | standing and not is_there(hash_)]
        self._do(self._follow, going, standing, gone)

    def close(self) -> None:
        """End all processes, and without a place to keep them the folders too."""
        self._do(self._close)
        self._worker.shutdown()

    def _do(self, work: Callable[..., None], *arguments: object) -> None:
        def safely() -> None:
            try:
                work(*arguments)
            except Exception:  # noqa: BLE001 - the next thing has to be done all the same, and the log has this
                _log.exception("a machine's folder or process is not as it should be")

        self._worker.submit(safely)

    def _let_in(self, machine: Machine, caller: socket.socket) -> None:
        with caller:
            inside = self._inside.get(machine.hash)
            if inside is None or inside.has_ended:
                inside = self._inside[machine.hash] = _Inside(self._make_folder(machine), machine, self._is_confined)
            inside.let_in(caller)

    def _save(self, hash_: str, snapshot: str) -> None:
        inside = self._inside.get(hash_)
        if inside is not None:
            inside.stand_still()
        home = self.folder_of(hash_) / "root"
        if home.is_dir():
            _copy(home, self._snapshots / snapshot)

    def _follow(self, going: set[str], standing: set[str], gone: Iterable[str]) -> None:
        for hash_ in self._inside.keys() - going - standing:
            self._inside.pop(hash_).end()
        for hash_, inside in self._inside.items():
            if hash_ in going:
                inside.go_on()
            else:
                inside.stand_still()
        for hash_ in gone:
            shutil.rmtree(self.folder_of(hash_), ignore_errors=True)
            with contextlib.suppress(FileNotFoundError):
                _key_beside(self.folder_of(hash_)).unlink()

    def _close(self) -> None:
        for inside in self._inside.values():
            inside.end()
        self._inside.clear()
        if self._is_temporary:
            shutil.rmtree(self._folder, ignore_errors=True)

    def folder_of(self, hash_: str) -> Path:
        """Return where a machine's files lie."""
        return self._folder / hash_

    def _make_folder(self, machine: Machine) -> Path:
        folder = self.folder_of(machine.hash)
        saved = self._snapshots / machine.snap_id.removeprefix("snap-")
        if machine.snap_id and saved.is_dir() and not folder.exists():
            folder.mkdir(mode=0o700)
            _copy(saved, folder / "root")
        for path in (folder, folder / "root", folder / "tmp", folder / "bin"):
            path.mkdir(mode=0o700, exist_ok=True)
        python = folder / "bin" / "python3"
        if not python.is_symlink():
            python.symlink_to(os.getenv("GLOWS_SANDBOX_PYTHON", sys.executable))
        if machine.hardware.gpus:
            _stand_in_for_nvidia_smi(folder, machine)
        return folder


def _stand_in_for_nvidia_smi(folder: Path, machine: Machine) -> None:
    """Put one first in PATH that shows the rented GPUs."""
    hardware = machine.hardware
    gpus = folder / "gpus.json"
    if not gpus.exists():
        gpu = {"name": hardware.gpu_name, "memory_mb": hardware.gpu_ram_mb, "memory_used_mb": 0, "utilization": 0}
        gpus.write_text(json.dumps([gpu] * hardware.gpus))
    program = folder / "bin" / "nvidia-smi"
    words = [str(folder / "bin" / "python3"), "-I", str(Path(__file__).with_name("nvidia_smi.py")), str(gpus)]
    program.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    program.chmod(0o700)


class _Inside:
    """The process of one machine, and the socket over which callers go to it."""

    def __init__(self, folder: Path, machine: Machine, is_confined: bool) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._control.setblocking(False)
        self._stands_still = False
        environment = _environment(folder, machine)
        told = {
            "folder": str(folder),
            "key": str(_key_beside(folder)),
            "user": machine.ssh_user,
            "password": machine.password,
            "environment": environment,
            "is_confined": is_confined,
        }
        module = "glows_nb.sandbox.machines.machine_process"
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-P", "-m", module, str(theirs.fileno())],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                cwd=folder,
                env={MARK: str(folder), "PATH": environment["PATH"], "LANG": "C.UTF-8", "HOME": environment["HOME"]},
            )
        finally:
            theirs.close()
        with contextlib.suppress(BrokenPipeError), _stream(self._process.stdin) as stdin:
            stdin.write(json.dumps(told).encode())

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def let_in(self, caller: socket.socket) -> None:
        try:
            socket.send_fds(self._control, [b"c"], [caller.fileno()])
        except OSError as error:
            # More at once than it takes, or it has just ended: the line is closed, and whoever called calls again.
            _log.debug("a caller of a machine was turned away: %s", error)

    def stand_still(self) -> None:
        """Stop what runs below the process, and return when it has stopped."""
        if not self._stands_still:
            self._stands_still = True
            self._say(b"s")

    def go_on(self) -> None:
        """Let it go on."""
        if self._stands_still:
            self._stands_still = False
            self._say(b"g")

    def _say(self, word: bytes) -> None:
        with contextlib.suppress(OSError):
            self._control.send(word)
            select.select([self._control], [], [], _ANSWER_SECONDS)
            self._control.recv(1)

    def end(self) -> None:
        """Let go, and return when the process has ended all that ran below it."""
        self._control.close()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _stream(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise ValueError("the process was started without this stream")
    return pipe


def end_survivors(folder: Path) -> int:
    """End what a sandbox that was killed left running of the machines in a folder, and return how many there were."""
    if sys.platform != "linux":
        return 0
    found = 0
    mark = f"{MARK}={folder}{os.sep}".encode()
    for entry in os.listdir("/proc"):  # noqa: PTH208 - names alone are wanted
        if not entry.isdecimal():
            continue
        try:
            environment = Path("/proc", entry, "environ").read_bytes()
            if any(part.startswith(mark) for part in environment.split(b"\0")):
                os.kill(int(entry), 9)
                found += 1
        except OSError:
            continue
    return found


def _copy(source: Path, target: Path) -> None:
    """Copy a tree as it is, with modes, times, links and pipes; where the disk can share what is the same, it does."""
    target.mkdir(mode=0o700)
    command = ["cp", "-a", "--reflink=auto", f"{source}/.", str(target)]
    done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - our own
    if done.returncode:
        _log.warning("not all files of a machine were copied: %s", done.stderr.decode(errors="replace").strip()[:500])


def _environment(folder: Path, machine: Machine) -> dict[str, str]:
    """What a machine's processes know: nothing of the environment of the sandbox or its user."""
    home = folder / "root"
    given = dict(part.partition("=")[::2] for part in machine.envs.split(";") if part)
    return {
        "PATH": f"{folder / 'bin'}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        **given,
        "HOME": str(home),
        "TMPDIR": str(folder / "tmp"),
        "USER": machine.ssh_user,
        "LOGNAME": machine.ssh_user,
        "SHELL": "/bin/bash" if Path("/bin/bash").exists() else "/bin/sh",
        MARK: str(folder),
    }


def _key_beside(folder: Path) -> Path:
    """The host key lies beside the folder, where the machine's programs can't read it."""
    return folder.with_suffix(".key")
