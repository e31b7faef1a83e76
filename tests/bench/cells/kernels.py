"""The two sides: a kernel on a machine, by the handle, and one here, by jupyter_client as a front end has it."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
from collections.abc import Callable, Iterator

import zmq
from jupyter_client import KernelManager
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.kernelspec import KernelSpec
from traitlets.config import Config

import glows_nb as glows
from tests.bench.measuring import Size
from tests.bench.remote import rows as remote_rows
from tests.remote.cells.cuts import end_keeper, let_python_be
from tests.remote.cutting_proxy import CuttingProxy
from tests.remote.ways import Door
from tests.sandbox.machines.sshd import SshdWay

SECONDS = 60.0
# Of the usual thousand places in zmq's queues messages are dropped, and then there would be nothing to compare.
LAUNCHER = """
from ipykernel.kernelapp import IPKernelApp
class App(IPKernelApp):
    def init_iopub(self, context):
        context.sndhwm = context.rcvhwm = 0
        super().init_iopub(context)
App.launch_instance()
"""


class LocalKernel:
    """A kernel here, and a client of it that takes all that it says."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self.manager, self.client = manager, client

    def run(self, code: str, when_busy: Callable[[], None] = lambda: None) -> int:
        """Run it until it has answered and is idle; how many signs of text came."""
        client = self.client
        identity = client.execute(code, allow_stdin=False)
        length = 0
        while True:
            message = client.get_iopub_msg(timeout=SECONDS)
            if message["parent_header"].get("msg_id") != identity:
                continue
            content = message["content"]
            if message["msg_type"] == "stream":
                length += len(content["text"])
                when_busy()
            elif message["msg_type"] == "status" and content["execution_state"] == "idle":
                break
        while client.get_shell_msg(timeout=SECONDS)["parent_header"].get("msg_id") != identity:
            pass
        return length


@contextlib.contextmanager
def local_kernel() -> Iterator[LocalKernel]:
    """One that has begun."""
    # By itself each takes the same names of sockets in the folder that it is begun in.
    with tempfile.TemporaryDirectory() as folder:
        manager = KernelManager(
            connection_file=f"{folder}/k.json", config=Config({"KernelManager": {"transport": "ipc"}})
        )
        manager._kernel_spec = KernelSpec(argv=[sys.executable, "-c", LAUNCHER, "-f", "{connection_file}"])
        manager.start_kernel()
        client = manager.blocking_client()
        client.context.setsockopt(zmq.RCVHWM, 0)
        client.start_channels()
        try:
            client.wait_for_ready(timeout=SECONDS)
            yield LocalKernel(manager, client)
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
            manager.cleanup_resources()


@contextlib.contextmanager
def at_sshd(size: Size) -> Iterator[glows.Machine]:
    """A machine whose SSH is OpenSSH's server; its keeper has ended when this has."""
    with remote_rows.at_sshd(size) as side:
        assert isinstance(side.way, SshdWay)
        let_python_be(Door(side.way.port, side.way.user, "", side.way.folder / "home"))
        try:
            yield side.machine
        finally:
            end_keeper(side.machine)


@contextlib.contextmanager
def at_sandbox(size: Size) -> Iterator[glows.Machine]:
    """A machine of a sandbox, in a process of its own."""
    with remote_rows.at_sandbox(size) as side:
        yield side.machine


@contextlib.contextmanager
def far_away(size: Size, seconds: float) -> Iterator[glows.Machine]:
    """OpenSSH's server, at the end of a line on which everything takes so long each way."""
    with remote_rows.at_sshd(size) as side:
        assert isinstance(side.way, SshdWay)
        let_python_be(Door(side.way.port, side.way.user, "", side.way.folder / "home"))
        with (
            SlowProxy(side.way.port, seconds) as proxy,
            remote_rows.machine_told_of(remote_rows.Told(proxy.port, side.way.user)) as machine,
        ):
            try:
                yield machine
            finally:
                end_keeper(machine)


class SlowProxy(CuttingProxy):
    """Everything takes so many seconds more, in each direction, however much it is."""

    def __init__(self, port: int, seconds: float) -> None:
        super().__init__(port)
        self._seconds = seconds

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, left: list[int | None], *, is_there: bool
    ) -> None:
        loop = asyncio.get_running_loop()
        while piece := await reader.read(1 << 16):
            loop.call_later(self._seconds, writer.write, piece)
