"""Whatever a machine says: nothing outside the target is written, memory and time are bounded, a sentence tells it."""

from __future__ import annotations

import itertools
import os
import subprocess
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from glows_nb.formatting import visible
from glows_nb.remote.errors import RemoteError
from glows_nb.remote.files import machine_files, shell_files
from glows_nb.remote.files.transfer import Transfer
from glows_nb.remote.lines import control_shell
from tests.remote.files.trees import Found, looked_at, made
from tests.remote.hostile_machine import PROBED, TOOLS, HostileMachine, LyingFiles, entry
from tests.remote.ways import Service

MOST_MEMORY = 300 << 20
MOST_SECONDS = 60
FILE, FOLDER, LINK = (
    asyncssh.FILEXFER_TYPE_REGULAR,
    asyncssh.FILEXFER_TYPE_DIRECTORY,
    asyncssh.FILEXFER_TYPE_SYMLINK,
)


def head(name: str, size: int = 4, kind: bytes = tarfile.REGTYPE, to: str = "") -> bytes:
    """A head of tar."""
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = size, kind, to
    return info.tobuf(tarfile.GNU_FORMAT)


def body(contents: bytes = b"evil") -> bytes:
    return contents + bytes(-len(contents) % 512)


def endless(piece: bytes) -> Iterator[bytes]:
    return itertools.repeat(piece)


def million(path: Callable[[int], bytes], number: int = 1_200_000) -> Iterator[bytes]:
    for start in range(0, number, 1000):
        yield b"".join(entry(path(each)) for each in range(start, start + 1000))


class Outside:
    """What is around the target, and has to stay as it is."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.target = root / "around" / "target"
        made(
            root,
            {"canary": b"as it was", "around/canary": b"too", "around/evil": b"", "evil": b"", "around/link": "canary"},
        )
        self.before = self._now()

    def _now(self) -> dict[str, Found]:
        return {path: found for path, found in looked_at(self.root).items() if not path.startswith("around/target")}

    def check(self) -> None:
        assert self._now() == self.before
        assert not Path("/tmp/evil").exists()  # noqa: S108 - what lies may name


@pytest.fixture
def outside(tmp_path: Path) -> Outside:
    return Outside(tmp_path / "outside")


@pytest.fixture(autouse=True)
def not_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_files, "SILENT_SECONDS", 2.0)
    monkeypatch.setattr(shell_files, "ANSWER_SECONDS", 20.0)
    monkeypatch.setattr(control_shell, "START_SECONDS", 2.0)


class Memory:
    """The most that the process has, while this goes on, above what it had."""

    def __enter__(self) -> Memory:
        self._before = self._now()
        self.most = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *ended: object) -> None:
        self._ended.set()
        self._thread.join()

    @staticmethod
    def _now() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def _look(self) -> None:
        while not self._ended.wait(0.01):
            self.most = max(self.most, self._now() - self._before)


def fetched(machine: HostileMachine, outside: Outside, remote: str = "x", **options: Any) -> Transfer | str:
    """What comes of a fetch: a transfer, or the one sentence of why not."""
    began = time.monotonic()
    with machine, Service(machine.door) as service, service.machine() as handle, Memory() as memory:
        ended: Transfer | str
        try:
            ended = handle.fetch(remote, outside.target, yes=True, **options)
        except RemoteError as error:
            ended = str(error)
            assert ended == visible(ended)
            assert len(ended) < 1000
        else:
            shown = f"{ended!r}\n{''.join(ended.notes)}{''.join(row.path + row.why for row in ended.rows)}"
            assert shown.replace("\n", "") == visible(shown.replace("\n", ""))
    outside.check()
    assert memory.most < MOST_MEMORY, f"{memory.most >> 20} MB"
    assert time.monotonic() - began < MOST_SECONDS
    return ended


LISTS: dict[str, Any] = {
    "up": entry(b"../evil"),
    "up within": entry(b"a/../../evil"),
    "absolute": entry(b"/tmp/evil"),
    "empty": entry(b""),
    "dot": entry(b"./evil"),
    "slash at its end": entry(b"evil/"),
    "no NUL": b"f 4 1700000000.5 644 evil",
    "cut off": entry(b"evil")[:-4],
    "negative size": entry(b"evil", size=b"-4"),
    "huge size": entry(b"evil", size=b"9" * 5000),
    "huge time": entry(b"evil", time=b"9" * 300),
    "no time": entry(b"evil", time=b"inf"),
    "odd mode": entry(b"evil", mode=b"-777"),
    "long path": entry(b"a/" * 3000 + b"evil"),
}


@pytest.mark.parametrize("listed", LISTS.values(), ids=LISTS)
def test_a_list_that_can_not_be_is_refused(listed: bytes, outside: Outside) -> None:
    said = fetched(HostileMachine(listed=listed), outside)
    assert isinstance(said, str)
    assert "can't be believed" in said
    assert not outside.target.exists()


@pytest.mark.parametrize(
    "path", [lambda n: b"%d" % n, lambda n: b"d/" * 40 + b"%d" % n, lambda n: b"same"], ids=["many", "deep", "same"]
)
def test_a_list_of_a_million_files_is_refused(path: Callable[[int], bytes], outside: Outside) -> None:
    said = fetched(HostileMachine(listed=million(path), tar=b""), outside)
    assert isinstance(said, str)
    assert not outside.target.exists()


def test_a_list_without_end_is_refused(outside: Outside) -> None:
    said = fetched(HostileMachine(listed=endless(entry(b"x") * 1000)), outside)
    assert isinstance(said, str)
    assert "over" in said


def test_very_deep_folders_end_in_a_sentence(outside: Outside) -> None:
    deep = [b"a/" * number + b"a" for number in range(2040)]
    said = fetched(HostileMachine(listed=b"".join(entry(path, b"d", mode=b"755") for path in deep)), outside)
    assert "too long" in str(said)
    # Python's own way of removing a tree goes only so deep.
    subprocess.run(["rm", "-rf", str(outside.root)], check=True)  # noqa: S603, S607 - the test's own folder


FOLDERS = entry(b"d1", b"d") + entry(b"d1/d2", b"d")
BAD_ENTRIES = {
    "escape": entry(b"\x1b[2Jevil"),
    "turned": entry("evil\u202egnp".encode()),
    "line": entry(b"evil\nSent: all"),
    "no UTF-8": entry(b"\xff\xfe"),
    "device": entry(b"evil", b"c"),
    "block device": entry(b"evil", b"b"),
    "pipe": entry(b"evil", b"p"),
    "socket": entry(b"evil", b"s"),
    "unknown": entry(b"evil", b"D"),
    "link out": entry(b"evil", b"l", to=b"../evil"),
    "link to root": entry(b"evil", b"l", to=b"/etc/passwd"),
    "link nowhere": entry(b"evil", b"l", to=b""),
    "link with an escape": entry(b"evil", b"l", to=b"a\x1b[31m"),
    "link in steps": FOLDERS + entry(b"d1/d2/l1", b"l", to=b"../..") + entry(b"l2", b"l", to=b"d1/d2/l1/.."),
    "below a link": entry(b"l", b"l", to=b".") + entry(b"l/evil", b"l", to=b"../evil"),
    "below a file": entry(b"f") + entry(b"f/evil", b"l", to=b"x"),
    "below nothing": entry(b"none/evil"),
}  # fmt: skip


@pytest.mark.parametrize("listed", BAD_ENTRIES.values(), ids=BAD_ENTRIES)
def test_what_is_not_safe_is_left_out_and_told(listed: bytes, outside: Outside) -> None:
    tar = head("./fine") + body() + (head("./f") + body() if b"f/evil" in listed else b"") + bytes(1024)
    done = fetched(HostileMachine(listed=listed + entry(b"fine"), tar=tar), outside)
    assert isinstance(done, Transfer)
    assert done.refused == 1
    assert (outside.target / "fine").read_bytes() == b"evil"
    assert not os.path.lexists(outside.target / "evil")
    for path in outside.target.rglob("*"):
        assert path.resolve().is_relative_to(outside.target.resolve())


FINE = head("./fine") + body()
LONG = "././@LongLink"
STREAMS: dict[str, Any] = {
    "not asked for": head("./other") + body(),
    "up": head("../evil") + body(),
    "absolute": head("/tmp/evil") + body(),  # noqa: S108 - what lies may name
    "link": head("./fine", 0, tarfile.SYMTYPE, "../evil"),
    "hard link": head("./fine", 0, tarfile.LNKTYPE, "/etc/passwd"),
    "device": head("./fine", 0, tarfile.CHRTYPE),
    "pipe": head("./fine", 0, tarfile.FIFOTYPE),
    "folder": head("./fine", 0, tarfile.DIRTYPE),
    "sparse": head("./fine", 4, tarfile.GNUTYPE_SPARSE) + body(),
    "pax head": head("./x", 1 << 40, tarfile.XHDTYPE) + body(),
    "global pax head": head("./x", 20, tarfile.XGLTYPE) + body(b"20 path=../../evil\n"),
    "long name": head("././@LongLink", 1 << 30, tarfile.GNUTYPE_LONGNAME),
    "long name out": head(LONG, 12, tarfile.GNUTYPE_LONGNAME) + body(b"../../../evil") + FINE,
    "long names": itertools.chain(
        itertools.repeat(head(LONG, 60_000, tarfile.GNUTYPE_LONGNAME) + body(b"x" * 60_000), 20), [FINE]
    ),
    "negative size": head("./fine")[:124] + b"\xff" * 12 + head("./fine")[136:] + body(),
    "twice": head("./fine") + body() + head("./fine") + body(),
    "no tar": b"x" * 4096,
    "a page": b"<html>" * 1000,
    "goes on after its end": itertools.chain([head("./fine") + body() + bytes(1024)], itertools.repeat(b"x" * 65536)),
    "longer than said": itertools.chain([head("./fine", 1 << 40)], itertools.repeat(b"x" * 65536)),
    "endless names": itertools.repeat(head("././@LongLink", 512, tarfile.GNUTYPE_LONGNAME) + body(b"x" * 512)),
}  # fmt: skip


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_of_something_else_is_refused(name: str, outside: Outside) -> None:
    stream = STREAMS[name]
    tar = itertools.chain([], stream) if not isinstance(stream, bytes) else stream
    said = fetched(HostileMachine(listed=entry(b"fine"), tar=tar), outside)
    assert isinstance(said, str), said
    assert set(looked_at(outside.target)) <= {"fine"} | {
        path for path in looked_at(outside.target) if ".glows-part-" in path
    }


@pytest.mark.parametrize(
    "tar",
    [b"", head("./fine")[:100], head("./fine"), head("./fine") + b"ev", bytes(1024)],
)
def test_a_stream_that_ends_early_puts_nothing_in_place(tar: bytes, outside: Outside) -> None:
    done = fetched(HostileMachine(listed=entry(b"fine"), tar=tar), outside)
    assert not (outside.target / "fine").exists()
    assert isinstance(done, str), "nothing came"


def test_a_large_file_without_end_has_the_size_that_was_told(outside: Outside) -> None:
    listed = entry(b"big", size=b"%d" % (9 << 20))
    done = fetched(HostileMachine(listed=listed, dd=endless(b"x" * 65536)), outside)
    assert isinstance(done, Transfer)
    assert (outside.target / "big").stat().st_size == 9 << 20
    said = fetched(HostileMachine(listed=entry(b"big", size=b"%d" % (10 << 20)), dd=b"short"), outside)
    assert "shorter" in str(said)


def test_rules_without_end_are_not_read_on(outside: Outside) -> None:
    listed = b"".join(
        entry(b"%d/.gitignore" % number, size=b"1048576") + entry(b"%d" % number, b"d") for number in range(50)
    )
    tar = (head(f"./{number}/.gitignore", 1 << 20) + b"#" * (1 << 20) for number in range(50))
    assert "include_ignored" in str(fetched(HostileMachine(listed=listed, tar=tar), outside))


@pytest.mark.parametrize("rule", [b"*a" * 20 + b"b", b"/**/a" * 20, b"x\n" * 20_000])
def test_rules_that_take_for_ever_are_not_matched(rule: bytes, outside: Outside) -> None:
    listed = entry(b".gitignore", size=b"%d" % len(rule)) + entry(b"a" * 250) + entry(b"a/" * 1000 + b"c", b"d")
    tar = head("./.gitignore", len(rule)) + body(rule) + bytes(1024)
    assert "include_ignored" in str(fetched(HostileMachine(listed=listed, tar=tar), outside))


SHELLS: dict[str, Callable[[bytes], Any]] = {
    "never answers": lambda script: None,
    "never answers after the probe": lambda script: PROBED + b"\0" + TOOLS if b"--version" in script else None,
    "probe of nothing": lambda script: b"",
    "probe of little": lambda script: b"a\0b\0",
    "probe without end": lambda script: endless(b"x" * 65536),
    "garbage": lambda script: PROBED + b"\0" + TOOLS if b"--version" in script else os.urandom(5000),
    "garbage without end": lambda script: (
        PROBED + b"\0" + TOOLS if b"--version" in script else endless(os.urandom(65536))
    ),
}


@pytest.mark.parametrize("shell", SHELLS.values(), ids=SHELLS)
def test_a_shell_that_is_none_is_said(
    shell: Callable[[bytes], Any], outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shell_files, "ANSWER_SECONDS", 1.0)
    assert isinstance(fetched(HostileMachine(shell=shell), outside), str)
    assert not outside.target.exists()


def test_a_shell_that_does_not_answer_is_told_from_a_missing_tar(outside: Outside) -> None:
    assert "no shell of its answers" in str(fetched(HostileMachine(shell=SHELLS["probe of little"]), outside))


def test_a_status_that_is_none_is_said(outside: Outside) -> None:
    assert isinstance(fetched(HostileMachine(status=b"many", listed=entry(b"fine")), outside), str)
    assert isinstance(fetched(HostileMachine(status=b"9" * 10_000, listed=entry(b"fine")), outside), str)


def test_a_flood_of_errors_is_cut_short(outside: Outside) -> None:
    many = itertools.repeat(b"\x1b[31merror \xff\n" * 5000, 100)
    done = fetched(HostileMachine(errors=many, listed=entry(b"a", b"d")), outside)
    assert isinstance(done, Transfer)
    assert len("".join(done.notes)) < 1000
    said = fetched(HostileMachine(errors=endless(b"error\n" * 5000), listed=entry(b"fine"), tar=b""), outside)
    assert isinstance(said, str)


def lying(**members: Any) -> Callable[[Any], asyncssh.SFTPServer]:
    return type(
        "Lying",
        (LyingFiles,),
        {name: staticmethod(value) if callable(value) else value for name, value in members.items()},
    )


SFTP_LIES = {
    "up": [(b"../evil", FILE, 4)],
    "absolute": [(b"/tmp/evil", FILE, 4)],
    "slash": [(b"a/evil", FILE, 4)],
    "empty": [(b"", FILE, 4)],
    "NUL": [(b"a\0b", FILE, 4)],
}


@pytest.mark.parametrize("names", SFTP_LIES.values(), ids=SFTP_LIES)
def test_a_folder_over_sftp_that_can_not_be_is_refused(names: list[Any], outside: Outside) -> None:
    said = fetched(HostileMachine(sftp=lying(names=lambda: names)), outside)
    assert isinstance(said, str)
    assert "can't be believed" in said


def test_what_is_not_safe_over_sftp_is_left_out(outside: Outside) -> None:
    names = [
        (b"\x1b[2J", FILE, 4),
        (b"\xff", FILE, 4),
        (b"l", LINK, 4),
        (b"dev", asyncssh.FILEXFER_TYPE_CHAR_DEVICE, 4),
        (b"ok", FILE, 4),
    ]
    done = fetched(HostileMachine(sftp=lying(names=lambda: names, target=b"../evil", contents=b"evil")), outside)
    assert isinstance(done, Transfer)
    assert (done.sent, done.refused) == (1, 4)
    assert (outside.target / "ok").read_bytes() == b"evil"


def test_a_folder_over_sftp_without_end_is_refused(outside: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    from glows_nb.remote.files import sftp_files

    monkeypatch.setattr(sftp_files, "MOST_ENTRIES", 20_000)
    names = lambda: ((b"%d" % number, FILE, 1) for number in itertools.count())  # noqa: E731
    said = fetched(HostileMachine(sftp=lying(names=names)), outside)
    assert "more than 20,000 files" in str(said)
    names = lambda: itertools.repeat((b"same", FILE, 1))  # noqa: E731
    said = fetched(HostileMachine(sftp=lying(names=names)), outside)
    assert isinstance(said, str)


def test_folders_over_sftp_without_end_are_refused(outside: Outside) -> None:
    assert "deep" in str(fetched(HostileMachine(sftp=lying(names=lambda: [(b"d", FOLDER, 0)])), outside))


@pytest.mark.parametrize("size", [4, 9 << 20])
def test_a_file_over_sftp_without_end_is_not_read_on(size: int, outside: Outside) -> None:
    ended = fetched(HostileMachine(sftp=lying(names=lambda: [(b"f", FILE, size)], is_endless=True)), outside)
    if size == 4:
        assert "goes on and on" in str(ended)
    else:
        assert (outside.target / "f").stat().st_size == size


def test_links_that_wait_in_the_target_are_not_written_through(outside: Outside) -> None:
    made(outside.target, {"folder": "..", "file": "../canary"})
    tar = head("./file") + body() + bytes(1024)
    done = fetched(HostileMachine(listed=entry(b"file"), tar=tar), outside)
    assert isinstance(done, Transfer)
    assert not (outside.target / "file").is_symlink()
    said = fetched(
        HostileMachine(
            listed=entry(b"folder", b"d") + entry(b"folder/evil"), tar=head("./folder/evil") + body() + bytes(1024)
        ),
        outside,
    )
    assert "no folder here" in str(said)


@pytest.mark.parametrize("what", ["folder", "small", "large"])
def test_links_at_the_place_of_parts_are_not_written_through(
    what: str, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    from glows_nb.remote.files.local_target import Target

    outside.target.mkdir()
    listed, tar, dd = entry(b"file"), head("./file") + body() + bytes(1024), b""
    if what == "large":
        listed, dd = entry(b"file", size=b"%d" % (9 << 20)), b"x" * (9 << 20)
    made_links: list[Path] = []
    part = Target.part

    def planted(self: Target, identity: str) -> Path:
        if what == "folder":
            if not made_links:
                self.parts.symlink_to(outside.root / "around", target_is_directory=True)
                made_links.append(self.parts)
            return part(self, identity)
        place = part(self, identity)
        if not made_links:
            place.symlink_to(outside.root / "canary")
            made_links.append(place)
        return place

    monkeypatch.setattr(Target, "part", planted)
    assert isinstance(fetched(HostileMachine(listed=listed, tar=tar, dd=dd), outside), str)
    assert made_links
    assert not (outside.target / "file").exists()


def test_what_is_sent_to_a_liar_ends_too(outside: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell_files, "ANSWER_SECONDS", 1.0)
    made(outside.target, {"a": b"1"})
    machines = [
        HostileMachine(listed=entry(b"../x")),
        HostileMachine(shell=SHELLS["garbage"]),
        HostileMachine(shell=SHELLS["never answers after the probe"]),
        HostileMachine(sftp=lying(names=lambda: [(b"../x", FILE, 4)])),
    ]
    for machine in machines:
        with machine, Service(machine.door) as service, service.machine() as handle, pytest.raises(RemoteError):
            handle.send(outside.target, "x")
        outside.check()
