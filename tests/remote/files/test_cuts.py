"""A few of the transfers of `cuts`, and how much goes twice."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from glows_nb.remote.errors import LineLost
from tests.remote.conftest import SANDBOX, SSHD
from tests.remote.cutting_proxy import CuttingProxy
from tests.remote.files.cuts import finished, pieces_are_small, tried
from tests.remote.ways import ONLY_SFTP, Door, Service

LARGE = 64 << 20
"""Of which what lies in buffers on the way, up to some 6 MB, is less than a tenth."""


@pytest.fixture(autouse=True)
def small_pieces() -> Iterator[None]:
    with pieces_are_small():
        yield


@pytest.mark.parametrize("way", [SANDBOX, SSHD, ONLY_SFTP])
@pytest.mark.parametrize("seed", [1, 2, 5, 7])
def test_transfers_go_on_after_cuts(doors: dict[str, Door], way: str, seed: int, tmp_path: Path) -> None:
    tried(seed, doors[way], tmp_path, has_parts_of_seconds=way != ONLY_SFTP)


@pytest.mark.parametrize("way", [SANDBOX, SSHD, ONLY_SFTP])
@pytest.mark.parametrize("is_send", [True, False], ids=["send", "fetch"])
def test_little_goes_twice(doors: dict[str, Door], way: str, is_send: bool, tmp_path: Path) -> None:
    door = doors[way]
    here, there = tmp_path / "large", door.home / f"large {is_send}"
    source, target = (here, there) if is_send else (there, here)
    source.write_bytes(os.urandom(LARGE))
    # Slower than who reads it: what has come and was not read yet is lost with the line.
    slow = CuttingProxy(door.port, [LARGE // 2], pause=0.002)
    with Service(door) as service, slow as proxy, service.machine() as machine:
        service.told.port = proxy.port
        finished(lambda: machine.send(here, there.name) if is_send else machine.fetch(there.name, here))
        assert (proxy.cut, proxy.lines) == (1, 2)
        assert (proxy.there if is_send else proxy.back) < 1.1 * LARGE
    assert target.read_bytes() == source.read_bytes()


def test_lines_that_carry_nothing_are_given_up(doors: dict[str, Door], tmp_path: Path) -> None:
    door = doors[SSHD]
    (tmp_path / "large").write_bytes(os.urandom(4 << 20))
    # The first leaves a part there; the others get as far as to look at that, which is nothing that has got through.
    cuts = [2 << 20, *[14_000] * 30]
    with Service(door) as service, CuttingProxy(door.port, cuts) as proxy, service.machine() as machine:
        service.told.port = proxy.port
        with pytest.raises(LineLost, match=r"the same call goes on from there"):
            machine.send(tmp_path / "large", "given up")
        assert proxy.cut < 12
