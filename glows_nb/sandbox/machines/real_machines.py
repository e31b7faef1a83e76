"""Machines with somebody behind their ports: a folder each, and a process from when the first caller speaks.

Everything here is for the sandbox's event loop. What is to be done with one machine is done in the order in which it
came, so that a snapshot is complete before the machine that was saved may go on or go; what takes long is done in a
thread, and other machines don't wait for it.
"""

import asyncio
import importlib.util
import logging
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit

from glows_nb.sandbox.machines import folders
from glows_nb.sandbox.machines.addresses import JUPYTER_PORT
from glows_nb.sandbox.machines.folders import Folders
from glows_nb.sandbox.machines.interpreter import jupyter_command
from glows_nb.sandbox.machines.lifecycle import Machine
from glows_nb.sandbox.machines.machine_faults import MachineFaults, Suffering, clock_variables
from glows_nb.sandbox.machines.machine_process import MachineProcess, start

_MOST_AT_ONCE = 32
"""How many folders are copied, made or removed at once, before another has to wait."""

_Result = TypeVar("_Result")

_log = logging.getLogger("glows_nb.sandbox")


class RealMachines:
    """The folders and processes of one sandbox's machines.

    Args:
        place: where their folders are to lie; without it they end with the sandbox.
        is_confined: keep their processes to their folders? False is for systems that can't.
    """

    def __init__(self, place: Path | None = None, *, is_confined: bool = True) -> None:
        self._folders = Folders(place)
        self._is_confined = is_confined
        self.has_jupyter = importlib.util.find_spec("jupyterlab") is not None
        self.on_command_end: Callable[[str], None] = lambda hash_: None
        """Is called with a machine's hash when its first command has ended."""
        self.on_copy_failed: Callable[[str], None] = lambda snapshot: None
        """Is called with a snapshot's hash when not all files of its machine could be copied."""
        self._machines: dict[str, _Real] = {}
        self._saved: set[str] = set()
        self._copying: dict[str, asyncio.Event] = {}
        self._pool = ThreadPoolExecutor(_MOST_AT_ONCE, "glows-sandbox-machines")
        self._working: set[asyncio.Task[None]] = set()

    def take_over(self, *, is_fresh: bool) -> None:
        """Begin, with what an earlier sandbox left; not before it is sure that none is still there."""
        self._folders.take_over(is_fresh=is_fresh)
        self._saved = self._folders.saved()

    def serve(self, machine: Machine, caller: socket.socket, suffers: MachineFaults, do: str, **more: object) -> None:
        """Hand a caller to the machine's process; started if there is none.

        Args:
            machine: to which one the caller came.
            caller: the connection; it is the caller's to close.
            suffers: what goes wrong with the machine.
            do: what is to be done, as `inside.program` knows it.
            more: what that has to know.
        """
        kept = caller.dup()

        async def work(real: _Real) -> None:
            with kept:
                process = await self._process(real, machine, suffers)
                process.tell(do, kept, **more)

        self._do(machine.hash, work)

    def is_entered(self, hash_: str) -> bool:
        """Does a process of this machine run?"""
        real = self._machines.get(hash_)
        return real is not None and real.process is not None

    def hashes(self) -> set[str]:
        """Return which machines have files, or are getting them."""
        return self._machines.keys() | self._folders.hashes()

    def save(self, machine: Machine, snapshot: str) -> None:
        """Copy a machine's files for a snapshot, once; its processes stand still from now on until `follow`."""
        if snapshot in self._saved or snapshot in self._copying:
            return
        if not self._has_files(machine):
            self._folders.save_nothing(snapshot)
            self._saved.add(snapshot)
            return
        done = self._copying[snapshot] = asyncio.Event()

        async def work(real: _Real) -> None:
            try:
                await real.stop()
                await self._folder(machine)  # nobody may have entered it, and yet it has files
                await self._in_thread(self._folders.save, machine.hash, snapshot)
                self._saved.add(snapshot)
            except Exception as error:  # noqa: BLE001 - whatever it was, not all is there, and the machine must go on
                _log.warning("the snapshot snap-%s of ins-%s has failed: %s", snapshot, machine.hash, error)
                self.on_copy_failed(snapshot)
            finally:
                del self._copying[snapshot]
                done.set()

        self._do(machine.hash, work)

    def is_saved(self, machine: Machine, snapshot: str) -> bool:
        """Are all files of a machine in a snapshot of it?"""
        return snapshot in self._saved or (snapshot not in self._copying and not self._has_files(machine))

    def follow(
        self,
        running: Iterable[Machine],
        paused: Iterable[Machine],
        is_there: Callable[[str], bool],
        suffering: Suffering,
    ) -> None:
        """Let processes go on or stand still as their machines do; end those, and the folders, of machines that ended.

        Args:
            running: the machines that run.
            paused: those of which a snapshot is being taken.
            is_there: does the machine of a hash still have a disk?
            suffering: what goes wrong with them.
        """
        going = {machine.hash: machine for machine in running}
        standing = {machine.hash for machine in paused}
        for hash_ in self.hashes() - going.keys():
            if hash_ in standing:
                self._do(hash_, _Real.stop)
            elif not is_there(hash_):
                self._do(hash_, self._remove)
            elif hash_ in self._machines:
                self._do(hash_, _Real.end)
        for hash_, machine in going.items():
            # One with a length for its command was made by a sandbox that only guesses what commands do.
            has_command = bool(machine.cmd) and machine.command_left is None
            if hash_ in self._machines or has_command:
                self._do(hash_, partial(self._go_on, machine, suffering.of_machine(machine), has_command))

    async def show_gpu(self, machine: Machine, index: int, shown: Mapping[str, int]) -> None:
        """Change what a machine's nvidia-smi shows of one of its GPUs."""

        async def work(real: _Real) -> None:
            folder = await self._folder(machine)
            gpus = folders.read_gpus(folder)
            gpus[index].update(shown)
            folders.write_gpus(folder, gpus)

        await self._do(machine.hash, work)

    async def close(self) -> None:
        """End all processes, and without a place to keep them the folders too."""
        for hash_ in self._machines:
            self._do(hash_, _Real.end)
        while self._working:
            await asyncio.wait(self._working)
        await self._in_thread(self._folders.close)
        self._pool.shutdown()

    def _do(self, hash_: str, work: Callable[["_Real"], Awaitable[None]]) -> asyncio.Task[None]:
        """Do something with a machine after all that is to be done with it already."""
        real = self._machines.setdefault(hash_, _Real(hash_))

        async def in_turn() -> None:
            async with real.turn:
                try:
                    await work(real)
                except Exception:  # noqa: BLE001 - the next thing has to be done all the same, and the log has this
                    _log.exception("the folder or process of ins-%s is not as it should be", hash_)

        # Kept, since the event loop does not keep its tasks.
        task = asyncio.get_running_loop().create_task(in_turn())
        self._working.add(task)
        task.add_done_callback(self._working.discard)
        return task

    async def _folder(self, machine: Machine) -> Path:
        copying = self._copying.get(machine.source_snapshot)
        if copying is not None:
            await copying.wait()
        return await self._in_thread(self._folders.make, machine)

    def _has_files(self, machine: Machine) -> bool:
        source = machine.source_snapshot
        return machine.hash in self.hashes() or source in self._copying or self._folders.has_files(source)

    async def _in_thread(self, work: Callable[..., _Result], *arguments: object) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)

    async def _process(self, real: "_Real", machine: Machine, suffers: MachineFaults) -> MachineProcess:
        if real.process is None:
            folder = await self._folder(machine)
            begin = partial(start, folder, machine, _jupyter(folder, machine), is_confined=self._is_confined)
            real.process = MachineProcess(
                folder,
                await self._in_thread(begin),
                self._pool,
                on_end=partial(self._hear_of_end, real),
                on_death=lambda: self._hear_of_death(machine.hash),
            )
            real.suffers = suffers
            real.apply(folder)
        return real.process

    async def _go_on(self, machine: Machine, suffers: MachineFaults, has_command: bool, real: "_Real") -> None:
        real.go_on()
        if suffers != real.suffers:
            real.suffers = suffers
            real.apply(self._folders.of(machine.hash))
        if real.is_over:
            # It may have ended while the machine was paused, when nothing else could.
            self.on_command_end(real.hash)
        elif has_command and not real.has_begun:
            real.has_begun = True
            process = await self._process(real, machine, suffers)
            process.tell("run first command", command=machine.cmd)

    async def _remove(self, real: "_Real") -> None:
        await real.end()
        await self._in_thread(self._folders.remove, real.hash)
        self._machines.pop(real.hash, None)

    def _hear_of_death(self, hash_: str) -> None:
        self._do(hash_, self._bury)

    async def _bury(self, real: "_Real") -> None:
        """End what a machine's process that died has left; without its first command the machine is at its end."""
        _log.warning("the process of ins-%s has died; its log is %s", real.hash, self._folders.of(real.hash) / "log")
        real.is_over = real.has_begun
        await real.end()
        if real.is_over:
            self.on_command_end(real.hash)

    def _hear_of_end(self, real: "_Real", status: int) -> None:
        said = self._folders.last_words(real.hash) if status else ""
        _log.log(
            logging.WARNING if status else logging.INFO,
            "The command of ins-%s has ended with status %d, and with it the machine. %s",
            *(real.hash, status, said),
        )
        real.is_over = True
        self.on_command_end(real.hash)


class _Real:
    """What there is of one machine beside its row in the database, and whose turn it is to do something with it."""

    def __init__(self, hash_: str) -> None:
        self.hash = hash_
        self.turn = asyncio.Lock()
        self.process: MachineProcess | None = None
        self.suffers = MachineFaults()
        self.has_begun = False
        """Was its first command started?"""
        self.is_over = False
        """Has that ended, and with it the machine?"""
        self._stands_still = False

    async def stop(self) -> None:
        if self.process is not None and not self._stands_still:
            self._stands_still = True
            await self.process.stop()

    def go_on(self) -> None:
        if self.process is not None and self._stands_still:
            self._stands_still = False
            self.process.tell("go on")

    async def end(self) -> None:
        """End its processes; a machine that runs again, as after its host was lost, begins with its command again."""
        process, self.process = self.process, None
        self._stands_still = self.has_begun = False
        if process is not None:
            await process.end()

    def apply(self, folder: Path) -> None:
        """Let it suffer what goes wrong."""
        if self.process is None:
            return
        folders.equip(folder, has_python=self.suffers.has_python, has_ipykernel=self.suffers.has_ipykernel)
        self.process.tell(
            "suffer",
            has_files=self.suffers.has_files,
            is_disk_full=self.suffers.is_disk_full,
            has_other_host_key=self.suffers.has_other_host_key,
            variables=clock_variables(self.suffers.clock_ahead),
        )


def _jupyter(folder: Path, machine: Machine) -> dict[str, object]:
    """How its Jupyter server is started: with the token that its address has, and by nothing that shows it."""
    urls = [access.url for access in machine.accesses if access.listen_port == JUPYTER_PORT]
    token = "".join(parse_qs(urlsplit("".join(urls)).query).get("token", []))
    command, variables = jupyter_command(folders.python_of(folder))
    return {"command": command, "variables": variables | {"JUPYTER_TOKEN": token}}
