"""What work on machines costs, beside OpenSSH's own programs.

OpenSSH's server and a machine of a sandbox
run beside this; each row says which one it asks, and both of its sides ask the same.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import asyncssh

import glows_nb as glows
from tests.bench import real_sandbox
from tests.bench.measuring import Figures, Size, in_turns, said_by
from tests.bench.rows import Compared, Row
from tests.remote.cutting_proxy import CuttingProxy
from tests.remote.told_of import Told, machine_at, machine_told_of
from tests.sandbox.machines.real import Way
from tests.sandbox.machines.sshd import SshdWay, real_sshd

MEGABYTE = 1 << 20
FOLDERS = 40


@dataclass(frozen=True)
class Side:
    """A machine, and the way to it for others than us."""

    machine: glows.Machine
    way: Way
    there: str
    """The folder there that is used, from the root."""
    folder: Path
    size: Size

    def big_file(self) -> Path:
        """200 MB that can't be compressed."""
        place = self.folder / "big"
        if not place.exists():
            place.write_bytes(os.urandom(MEGABYTE) * (200 if self.size.is_full else 2))
        return place

    def tree(self) -> Path:
        """2,000 files of 190 MB, in 40 folders."""
        place = self.folder / "tree"
        if not place.exists():
            files, length = (2_000, 95_000) if self.size.is_full else (40, 500)
            data = os.urandom(length)
            for number in range(files):
                file = place / f"folder{number % FOLDERS}" / f"file{number}"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(number.to_bytes(4, "big") + data)
        return place

    def openssh(self, *words: str) -> float:
        """How long one of OpenSSH's programs takes."""
        begun = time.perf_counter()
        subprocess.run(words, env=self.way.variables(), check=True, capture_output=True, timeout=300)  # noqa: S603
        return time.perf_counter() - begun

    def rsync(self, name: str) -> float:
        """The tree, sent by rsync over OpenSSH."""
        shell = " ".join(["ssh", *self.way.options(), "-p", str(self.way.port)])
        to = f"{self.way.user}@{self.way.host}:{self.there}/{name}/"
        return self.openssh("rsync", "-a", "-e", shell, f"{self.tree()}/", to)

    def clear(self, name: str) -> None:
        """Remove something there."""
        self.machine.exec(["rm", "-rf", f"{self.there}/{name}"], quiet=True)


@contextmanager
def at_sshd(size: Size) -> Iterator[Side]:
    """A machine whose SSH is OpenSSH's server."""
    with _of_its_own() as folder, real_sshd(folder / "sshd") as way:
        assert isinstance(way, SshdWay)
        with machine_at(way) as machine:
            place = folder / "there"
            place.mkdir()
            yield Side(machine, way, str(place), folder, size)


@contextmanager
def at_sandbox(size: Size) -> Iterator[Side]:
    """A machine of a sandbox."""
    with _of_its_own() as folder, real_sandbox.serving() as sandbox, sandbox.client() as client:
        way = sandbox.enter()
        with glows.Machine("entered", client=client) as machine:
            home = machine.exec("pwd", quiet=True).stdout.strip()
            yield Side(machine, way, home, folder, size)


@contextmanager
def _of_its_own() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        before = os.environ.get("GLOWS_DATA_DIR")
        os.environ["GLOWS_DATA_DIR"] = name
        (Path(name) / "sshd").mkdir()
        try:
            yield Path(name)
        finally:
            os.environ.pop("GLOWS_DATA_DIR")
            if before is not None:
                os.environ["GLOWS_DATA_DIR"] = before


Where = Callable[[Size], AbstractContextManager[Side]]


def command(where: Where) -> Callable[[Size], Figures]:
    """`true` on an open line, by us and by bare asyncssh on a line of its own."""

    def measure(size: Size) -> Figures:
        times = 100 if size.is_full else 3
        with where(size) as side, asyncio.Runner() as runner:
            line = runner.run(_opened(side.way))

            async def bare() -> float:
                taken = []
                for _ in range(times):
                    begun = time.perf_counter()
                    await line.run("true", check=True)
                    taken.append(time.perf_counter() - begun)
                return median(taken) * 1000

            def ours() -> float:
                taken = []
                for _ in range(times):
                    begun = time.perf_counter()
                    side.machine.exec("true", quiet=True)
                    taken.append(time.perf_counter() - begun)
                return median(taken) * 1000

            ours()
            try:
                return in_turns(ours, lambda: runner.run(bare()), size.runs, "ms")
            finally:
                line.close()
                runner.run(line.wait_closed())

    measure.__name__ = f"command_{where.__name__}"
    return measure


def big_file(where: Where, *, is_fetched: bool) -> Callable[[Size], Figures]:
    """200 MB, by us on an open line and by scp."""

    def measure(size: Size) -> Figures:
        with where(size) as side:
            big = side.big_file()
            remote = f"{side.way.user}@{side.way.host}:{side.there}/scp"
            scp = ["scp", "-q", *side.way.options(), "-P", str(side.way.port)]

            def ours() -> float:
                if is_fetched:
                    (side.folder / "fetched").unlink(missing_ok=True)
                else:
                    side.clear("ours")
                begun = time.perf_counter()
                if is_fetched:
                    side.machine.fetch(f"{side.there}/scp", side.folder / "fetched")
                else:
                    side.machine.send(big, f"{side.there}/ours")
                return time.perf_counter() - begun

            def theirs() -> float:
                words = [remote, str(side.folder / "fetched")] if is_fetched else [str(big), remote]
                (side.folder / "fetched").unlink(missing_ok=True)
                return side.openssh(*scp, *words)

            side.openssh(*scp, str(big), remote)
            ours()
            return in_turns(ours, theirs, size.runs, "s")

    measure.__name__ = f"big_file_{'fetched' if is_fetched else 'sent'}_{where.__name__}"
    return measure


def tree(where: Where, *, first: bool = False, changed: bool = False) -> Callable[[Size], Figures]:
    """2,000 files, by us on an open line and by rsync: the first time, again, or with one that has changed."""

    def measure(size: Size) -> Figures:
        with where(size) as side:
            local = side.tree()
            one = local / "folder7" / "file7"

            def ours() -> float:
                if first:
                    side.clear("ours")
                if changed:
                    one.write_bytes(os.urandom(one.stat().st_size))
                begun = time.perf_counter()
                side.machine.send(local, f"{side.there}/ours")
                return time.perf_counter() - begun

            def theirs() -> float:
                if first:
                    side.clear("theirs")
                if changed:
                    one.write_bytes(os.urandom(one.stat().st_size))
                return side.rsync("theirs")

            ours(), theirs()
            return in_turns(ours, theirs, size.runs * (1 if first else 3), "s")

    measure.__name__ = f"tree_{'first' if first else 'changed' if changed else 'same'}_{where.__name__}"
    return measure


def sent_twice(size: Size) -> Figures:
    """What goes more than once of a file whose line is cut in its middle, in bytes of the whole."""
    length = (64 if size.is_full else 16) * MEGABYTE
    with at_sshd(size) as side:
        assert isinstance(side.way, SshdWay)
        place = side.folder / "cut"
        place.write_bytes(os.urandom(length))
        more = []
        for number in range(size.runs):
            # No faster than a good line of the Internet: what is on its way when it breaks is lost.
            with CuttingProxy(side.way.port, [length // 2], pause=0.002) as proxy:
                told = Told(proxy.port, side.way.user)
                with machine_told_of(told) as machine:
                    machine.send(place, f"{side.there}/cut{number}")
                assert proxy.cut == 1
                more.append(100 * (proxy.there / length - 1))
        return Figures(median(more), None, "%")


def memory(size: Size) -> Figures:
    """What the most memory of a process of its own grows by while 1 GB goes."""
    megabytes = 1024 if size.is_full else 4
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "huge"
        with place.open("wb") as file:
            for _ in range(megabytes):
                file.write(os.urandom(MEGABYTE))
        return Figures(max(float(said_by(MEMORY, str(place))), 0.1), None, "MB")


MEMORY = """
import resource, sys
from tests.bench.measuring import SHORT
from tests.bench.remote.rows import at_sshd

def most():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

with at_sshd(SHORT) as side:
    # A small one first, so that all is loaded.
    side.machine.send(side.big_file(), f"{side.there}/small")
    before = most()
    side.machine.send(sys.argv[1], f"{side.there}/huge")
    print(most() - before)
"""


async def _opened(way: Way) -> asyncssh.SSHClientConnection:
    return await way.connect()


ROWS = (
    Row('`exec("true")` on an open line, OpenSSH\'s server', "bare asyncssh", command(at_sshd), 1.3),
    Row("the same, a sandbox's machine", "bare asyncssh", command(at_sandbox), 1.3),
    Row("200 MB sent, OpenSSH's server", "scp", big_file(at_sshd, is_fetched=False), 1.11),
    Row("200 MB fetched, OpenSSH's server", "scp", big_file(at_sshd, is_fetched=True), 1.11),
    Row("200 MB sent, a sandbox's machine", "scp", big_file(at_sandbox, is_fetched=False), 1.11),
    Row("2,000 files of 190 MB sent the first time", "rsync -a over OpenSSH", tree(at_sshd, first=True), 1.3),
    Row("the same, nothing has changed", "rsync -a over OpenSSH", tree(at_sshd), 0.6),
    Row("the same, one has changed", "rsync -a over OpenSSH", tree(at_sshd, changed=True), 0.8),
    Row("64 MB sent, the line cut in the middle: sent twice", "", sent_twice, 10.0, compared=Compared.ALONE),
    Row("memory for sending 1 GB", "", memory, 64.0, compared=Compared.ALONE),
)
