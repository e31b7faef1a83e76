"""Transfers whose line breaks at random places, or whose process is killed, and which then go on.

`python -m tests.remote.files.cuts --seeds 500` tries as many on a sandbox's machine and on OpenSSH's sshd.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import glows_nb as glows
from glows_nb.api.errors import TransportError
from glows_nb.remote.errors import LineLost, NotReachable
from glows_nb.remote.files import fetching, resuming, shell_files
from tests.remote.cutting_proxy import CuttingProxy
from tests.remote.files.trees import in_seconds, is_part, looked_at
from tests.remote.ways import ONLY_SFTP, Door, Service, sandbox_door, sshd_door

LARGE = 1 << 18
MOST_CALLS = 40
KILLED_ONE_IN = 6
KILL_SECONDS = 60
ROOT = Path(__file__).parents[3]
WAYS = ("sandbox", "sshd", ONLY_SFTP)


@dataclass(frozen=True)
class Tried:
    """How one went: lines that were cut, calls that were needed, processes that were killed."""

    cuts: int
    calls: int
    killed: int


@contextlib.contextmanager
def pieces_are_small() -> Iterator[None]:
    """What is large, and how long is waited, as a test can bear it."""
    before = shell_files.LARGE, fetching.LARGE, resuming.FIRST_PAUSE
    set_pieces(LARGE, LARGE, 0.02)
    try:
        yield
    finally:
        set_pieces(*before)


def set_pieces(of_shell: int, of_fetching: int, pause: float) -> None:
    """Set the constants that say so."""
    for module, name, value in (
        (shell_files, "LARGE", of_shell),
        (fetching, "LARGE", of_fetching),
        (resuming, "FIRST_PAUSE", pause),
    ):
        setattr(module, name, value)


def tried(seed: int, door: Door, folder: Path, *, has_parts_of_seconds: bool = True) -> Tried:
    """One transfer, cut and gone on with until it is over; fails if anything is not as it has to be."""
    chance = random.Random(seed)  # noqa: S311 - to be repeated is what it is for
    is_send = chance.random() < 0.5
    name = f"tree {seed}"
    here, there = folder / name, door.home / name
    source, target = (here, there) if is_send else (there, here)
    total = make_tree(source, chance, is_send=is_send)
    make_older(source, target, chance)
    allowed = {path: {*hashes} for path, hashes in both(source, target).items()}
    bad: list[str] = []

    def look() -> None:
        for path in target.rglob("*"):
            relative = str(path.relative_to(target))
            if not is_part(relative) and path.is_file() and not path.is_symlink():
                with contextlib.suppress(FileNotFoundError):
                    if hash_of(path) not in allowed.get(relative, set()):
                        bad.append(relative)

    cuts = [int(9000 * (total * 1.3 / 9000 + 1) ** chance.random()) - 500 for _ in range(chance.randint(1, 5))]
    process: list[subprocess.Popen[bytes]] = []

    def on_cut() -> None:
        look()
        for running in process:
            running.kill()

    killed = 0
    words = ["send", str(here), name] if is_send else ["fetch", name, str(here)]
    with (
        Service(door, number=door.port) as service,
        CuttingProxy(door.port, cuts, on_cut, is_hard=chance.random() < 0.7) as proxy,
    ):
        service.told.port = proxy.port
        if chance.randrange(KILLED_ONE_IN) == 0:
            process.append(begun(service, words))
            process[0].wait(KILL_SECONDS)
            killed += process[0].returncode == -signal.SIGKILL
            process.clear()
        machine = service.machine()
        calls = finished(lambda: machine.send(words[1], words[2]) if is_send else machine.fetch(words[1], words[2]))
        machine.close()
        cut = proxy.cut
    look()
    assert not bad, f"seed {seed}: half-written, or what is neither old nor new: {bad[:5]}"
    now, wanted = looked_at(target), looked_at(source)
    parts = [path for path in now if is_part(path)]
    assert not parts, f"seed {seed}: left: {parts[:5]}"
    if not has_parts_of_seconds:
        now, wanted = in_seconds(now), in_seconds(wanted)
    differing = [path for path in wanted if now.get(path) != wanted[path]]
    assert not differing, f"seed {seed}: {[(path, now.get(path), wanted[path]) for path in differing[:3]]}"
    shutil.rmtree(here)
    shutil.rmtree(there)
    return Tried(cut, calls, killed)


def finished(call: Callable[[], object]) -> int:
    """Call until it is over; how often that was."""
    for number in range(1, MOST_CALLS + 1):
        try:
            call()
        except (LineLost, NotReachable, TransportError) as error:
            last = error
            continue
        return number
    raise AssertionError(f"not over after {MOST_CALLS} calls") from last


def begun(service: Service, words: list[str]) -> subprocess.Popen[bytes]:
    """Begin the transfer in a process of its own."""
    command = [
        sys.executable,
        "-m",
        "tests.remote.files.cuts",
        "--call",
        service.base_url,
        service.told.instance_id,
        *words,
    ]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)  # noqa: S603 - our own


def make_tree(root: Path, chance: random.Random, *, is_send: bool) -> int:
    """Small and large files, folders and links; how many bytes there are. A name of two lines is not fetched."""
    names = ["file", ".f", "a b", "'x", *(["line\nend"] if is_send else [])]
    total = 0
    root.mkdir()
    folders = [root]
    for number in range(chance.randint(0, 4)):
        folder = chance.choice(folders) / chance.choice(
            [f"sub {number}", f"-{number}", f"größe'{number}", f"d{number}"]
        )
        folder.mkdir()
        folders.append(folder)
    sizes = [chance.choice([0, 1, 511, 512, 513, chance.randint(0, 20_000)]) for _ in range(chance.randint(1, 50))]
    sizes += [chance.randint(LARGE, 12 * LARGE) for _ in range(chance.randint(0, 3))]
    for number, size in enumerate(sizes):
        path = chance.choice(folders) / f"{chance.choice(names)}{number}"
        path.write_bytes(chance.randbytes(size))
        path.chmod(chance.choice([0o644, 0o600, 0o755, 0o444]))
        at = 1_700_000_000 * 10**9 + chance.randrange(10**9)
        os.utime(path, ns=(at, at))
        total += size
        if chance.random() < 0.05:
            (path.parent / f"link{number}").symlink_to(path.name.replace("\n", " "))
    return total


def make_older(source: Path, target: Path, chance: random.Random) -> None:
    """Of some files an older state at the target."""
    if chance.random() < 0.4:
        return
    target.mkdir()
    for path in sorted(source.rglob("*")):
        relative = path.relative_to(source)
        if path.is_file() and not path.is_symlink() and chance.random() < 0.4:
            (target / relative).parent.mkdir(parents=True, exist_ok=True)
            (target / relative).write_bytes(chance.randbytes(min(path.stat().st_size, 1 << 20)))


def both(source: Path, target: Path) -> Mapping[str, list[str]]:
    """The hashes that each file may have."""
    allowed: dict[str, list[str]] = {}
    for root in (source, target):
        for path in root.rglob("*"):
            if path.is_file() and not path.is_symlink():
                allowed.setdefault(str(path.relative_to(root)), []).append(hash_of(path))
    return allowed


def hash_of(path: Path) -> str:
    """Of its contents."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> None:
    """Try as many as asked for, and say how they went."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--way", choices=WAYS)
    parser.add_argument("--call", nargs=5)
    options = parser.parse_args()
    if options.call:
        base_url, machine, what, one, other = options.call
        with pieces_are_small():
            finished(lambda: getattr(glows.Machine(machine, client=glows.Client("token", base_url)), what)(one, other))
        return
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for variable in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
            os.environ[variable] = str(folder / variable)
        doors = {}
        for way in WAYS if options.way is None else [options.way]:
            place = folder / way.replace(" ", "-")
            place.mkdir()
            opened = sandbox_door(place) if way == "sandbox" else sshd_door(place, way.replace("sshd", ""))
            doors[way] = stack.enter_context(opened)
        stack.enter_context(pieces_are_small())
        run(doors, range(options.first, options.first + options.seeds), options.minutes, folder)


def run(doors: Mapping[str, Door], seeds: range, minutes: float, folder: Path) -> None:
    """Try these, as many as there is time for."""
    began, done, failed = time.monotonic(), list[Tried](), list[str]()
    for seed in seeds:
        if time.monotonic() - began > minutes * 60:
            break
        way = list(doors)[seed % len(doors)]
        try:
            done.append(tried(seed, doors[way], folder, has_parts_of_seconds=way != ONLY_SFTP))
        except Exception as error:  # noqa: BLE001 - all are told
            failed.append(f"{way}, seed {seed}: {type(error).__name__}: {error}")
            print(failed[-1], flush=True)
    print(
        f"{len(done) + len(failed)} tried in {time.monotonic() - began:.0f} s, {len(failed)} failed; "
        f"{sum(one.cuts for one in done)} cuts, {sum(one.killed for one in done)} killed, "
        f"{sum(one.calls for one in done)} calls",
        flush=True,
    )


if __name__ == "__main__":
    main()
