"""`glows-nb ssh`: a real shell in a real terminal, by OpenSSH and by asyncssh, and where the password is not."""

from __future__ import annotations

import os
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncssh
import pexpect
import pytest

from tests.commands.terminal import PROGRAM, Place
from tests.remote.told_of import machine_at
from tests.sandbox.machines import sshd
from tests.sandbox.machines.real import eventually


@pytest.fixture(params=["openssh", "asyncssh"])
def programs(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The PATH: one with OpenSSH, and one without."""
    if request.param == "asyncssh":
        return str(tmp_path)
    if not shutil.which("ssh"):
        pytest.skip("OpenSSH's client is not installed")
    return os.environ["PATH"]


@contextmanager
def terminal(place: Place, *words: str, **variables: str) -> Iterator[pexpect.spawn]:
    """`glows-nb` in a terminal of 33 lines and 101 columns."""
    environment = place.environment | {"TERM": "xterm"} | variables
    with pexpect.spawn(
        PROGRAM[0], [*PROGRAM[1:], *words], env=environment, cwd=place.user, dimensions=(33, 101), timeout=30
    ) as screen:
        yield screen


def ask(screen: pexpect.spawn, question: str) -> str:
    """What the shell answers to a command; the mark is never in the echo of it."""
    screen.sendline(f"echo be''gin; {question}; echo e''nd")
    screen.expect(r"begin\r\n(.*?)\r?\n?end\r\n")
    assert screen.match is not None
    return str(screen.match[1].decode())


def status_of(screen: pexpect.spawn) -> int | None:
    screen.expect(pexpect.EOF)
    screen.close()
    status: int | None = screen.exitstatus
    return status


class Looking(threading.Thread):
    """Looks at the words and the environment of all processes, all the time, for some bytes."""

    def __init__(self, secret: str) -> None:
        super().__init__(daemon=True)
        self._secret = secret.encode()
        self._is_over = threading.Event()
        self.seen: set[str] = set()
        self.rounds = 0

    def run(self) -> None:
        while not self._is_over.is_set():
            for process in Path("/proc").glob("[0-9]*"):
                for name in ("cmdline", "environ"):
                    try:
                        if self._secret in (process / name).read_bytes():
                            self.seen.add(f"{name} of {(process / 'cmdline').read_bytes()!r}")
                    except OSError:
                        continue
            self.rounds += 1

    def __enter__(self) -> Looking:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self.join()


def test_shell_has_prompt_size_and_status_and_shows_the_password_nowhere(place: Place, programs: str) -> None:
    with Looking(place.password) as looking, terminal(place, "ssh", "train", PATH=programs) as screen:
        screen.expect(r"[#$] ")
        before = looking.rounds
        assert ask(screen, "echo $((6 * 7))") == "42"
        assert ask(screen, "stty size") == "33 101"
        screen.setwinsize(40, 90)
        eventually(lambda: ask(screen, "stty size") == "40 90")
        eventually(lambda: looking.rounds > before + 1)
        screen.sendline("exit 7")
        assert status_of(screen) == 7
    assert looking.seen == set()


def test_secret_would_be_found(place: Place) -> None:
    with (
        Looking("planted-4711") as looking,
        place.started("exec", "train", "--input", "planted-4711", "--", "sleep 100"),
    ):
        eventually(lambda: looking.seen)


def test_interrupt_is_for_what_runs_there(place: Place, programs: str) -> None:
    with terminal(place, "ssh", "train", PATH=programs) as screen:
        screen.expect(r"[#$] ")
        # It says so itself, so that it is what has the terminal by then.
        screen.sendline("sh -c \"echo go''ing; exec sleep 100\"")
        screen.expect("going")
        screen.sendintr()
        assert ask(screen, "echo $((6 * 7))") == "42", "what ran there has ended, and the shell has not"
        screen.sendline("kill -KILL $$")
        assert status_of(screen) in (137, 255), "OpenSSH has 255 for a shell that was killed"


def test_program_that_says_the_password_is_gone_when_the_shell_is_there(place: Place, tmp_path: Path) -> None:
    if not shutil.which("ssh"):
        pytest.skip("OpenSSH's client is not installed")
    with terminal(place, "ssh", "train", TMPDIR=str(tmp_path)) as screen:
        screen.expect(r"[#$] ")
        assert list(tmp_path.iterdir()) == []
        screen.sendline("exit")
        assert status_of(screen) == 0


@pytest.mark.parametrize("is_piped", [True, False])
def test_shell_that_is_asked_for_reads_what_is_piped_in(is_piped: bool, place: Place, programs: str) -> None:
    done = place.run("ssh", "train", "--shell", given=b"echo $((6 * 7))\nexit 5\n" if is_piped else b"", PATH=programs)
    assert (done.returncode, done.stdout) == ((5, b"42\n") if is_piped else (0, b""))
    assert done.stderr == b""


def test_line_is_printed_in_a_script_and_where_it_is_asked_for(place: Place) -> None:
    line = f"{place.machine.ssh_command}\n".encode()
    assert place.run("ssh", "train").stdout == line
    with terminal(place, "ssh", "train", "--print") as screen:
        screen.expect(pexpect.EOF)
    assert screen.before == line.replace(b"\n", b"\r\n")


def test_machine_that_can_not_be_entered_is_one_sentence(place: Place) -> None:
    done = place.run("ssh", "nobody", "--shell")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"NotReachable: There is no machine 'nobody'" in done.stderr
    both = place.run("ssh", "train", "--shell", "--print")
    assert both.returncode == 2
    assert b"Each of ssh's options is for itself" in both.stderr


def test_changed_host_key_is_refused_and_taken_by_the_line_that_the_refusal_names(place: Place, programs: str) -> None:
    assert place.run("exec", "train", "--", "true").returncode == 0
    (known,) = place.user.rglob("known_machines")
    alias, *right = known.read_text().split()
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key("openssh").decode().split()[:2]
    known.write_text(" ".join((alias, *other)) + "\n")
    refused = place.run("ssh", "train", "--shell", PATH=programs)
    assert (refused.returncode, refused.stdout) == (1, b"")
    found = re.search(r"or in a terminal: glows-nb (ssh \S+ --accept-host-key (\S+))$", refused.stderr.decode().strip())
    assert found, refused.stderr
    wrong = place.run("ssh", "train", "--accept-host-key", "SHA256:wrong")
    assert wrong.returncode == 1
    assert b"which is not SHA256:wrong; nothing was accepted" in wrong.stderr
    assert place.run(*found[1].split()).returncode == 0
    assert known.read_text().split() == [alias, *right]
    assert place.run("ssh", "train", "--shell", given=b"exit 4\n", PATH=programs).returncode == 4


def test_key_of_ours_is_put_there_once(place: Place) -> None:
    for _ in range(2):
        done = place.run("ssh", "train", "--install-key")
        assert done.returncode == 0, done
        assert re.search(rb"^SHA256:\S+$", done.stdout, re.MULTILINE)
    assert len((place.home / ".ssh" / "authorized_keys").read_text().splitlines()) == 1


@pytest.mark.skipif(sshd.PROGRAM is None or os.getuid() != 0, reason="there is no OpenSSH server that gives terminals")
def test_key_of_ours_lets_in_where_it_is_installed(tmp_path: Path, programs: str) -> None:
    with (
        sshd.real_sshd(tmp_path) as way,
        machine_at(way) as machine,
        pexpect.spawn(
            PROGRAM[0],
            [*PROGRAM[1:], "ssh", "ins-boyqp4g8"],
            env=os.environ
            | {
                "GLOWS_BASE_URL": machine._handle._client.base_url,
                "GLOWS_SDK_TOKEN": "token",
                "PATH": programs,
                "TERM": "xterm",
            },
            dimensions=(33, 101),
            timeout=30,
        ) as screen,
    ):
        screen.expect(r"[#$] ")
        assert ask(screen, "stty size") == "33 101"
        screen.sendline("exit 7")
        assert status_of(screen) == 7
