"""Keys that a machine lets in: ~/.ssh/authorized_keys of a machine and of an sshd's user do the same."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from tests.sandbox.machines.real import Way


class Keys:
    """A key of the caller's, and the file of those that the other side lets in.

    Args:
        way: to the other side.
        home: where its user's home is on this computer.
        folder: for the key.
    """

    def __init__(self, way: Way, home: Path, folder: Path) -> None:
        self._way = way
        self.file = home / ".ssh" / "authorized_keys"
        self.key = folder / "caller"
        private = asyncssh.generate_private_key("ssh-ed25519")
        self.key.touch(0o600)
        private.write_private_key(str(self.key))
        self.public = private.export_public_key().decode().strip()

    def let_in(self, text: str) -> None:
        """Write the file."""
        self.file.parent.mkdir(mode=0o700, exist_ok=True)
        self.file.unlink(missing_ok=True)
        self.file.touch(0o600)
        self.file.write_text(text)

    def ssh(self, *command: str, more: tuple[str, ...] = ()) -> subprocess.CompletedProcess[bytes]:
        """Run a command with the key alone."""
        return self.run("ssh", "-p", str(self._way.port), *more, f"{self._way.user}@{self._way.host}", *command)

    def run(self, program: str, *words: str) -> subprocess.CompletedProcess[bytes]:
        """Run one of OpenSSH's programs with the key alone."""
        options = [
            *("-F", "none", "-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={self._way.folder / 'known'}"),
            *("-i", str(self.key), "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-o", "BatchMode=yes"),
            *("-o", "LogLevel=ERROR"),
        ]
        return self._way.run(program, *options, *words)

    def is_let_in(self) -> bool:
        """Is the key let in?"""
        done = self.ssh("echo in")
        assert (done.returncode, done.stdout) in ((0, b"in\n"), (255, b"")), done
        return done.returncode == 0


@pytest.fixture
def keys(either: Way, tmp_path: Path) -> Iterator[Keys]:
    """A key, and what is let in by it; none afterwards."""
    home = Path(either.ssh('printf %s "$HOME"').stdout.decode())
    keys = Keys(either, home, tmp_path)
    yield keys
    keys.file.unlink(missing_ok=True)


def test_file_is_read_at_each_login(keys: Keys) -> None:
    assert not keys.is_let_in()
    keys.let_in(f"# a comment\n\nno key at all\n{keys.public} me\n")
    assert keys.is_let_in()
    keys.let_in("")
    assert not keys.is_let_in()


def test_forced_command_replaces_what_was_asked_for_which_it_is_told(keys: Keys) -> None:
    command = r"""printf '<%s|%s>' \"$SSH_ORIGINAL_COMMAND\" 'a\tb'; exit 7"""
    keys.let_in(f'command="{command}" {keys.public}\n')
    done = keys.ssh("touch 'not so'")
    assert (done.returncode, done.stdout) == (7, b"<touch 'not so'|a\\tb>")
    assert keys.ssh().stdout == b"<|a\\tb>"
    files = keys.run("ssh", "-p", str(keys._way.port), "-s", f"{keys._way.user}@{keys._way.host}", "sftp")
    assert (files.returncode, files.stdout) == (7, b"<internal-sftp|a\\tb>")


def test_scp_of_old_gets_the_forced_command_too(keys: Keys) -> None:
    keys.let_in(f'command="echo forced >&2; exit 3" {keys.public}\n')
    source = keys.key.with_name("sent")
    source.write_text("sent")
    done = keys.run("scp", "-O", "-P", str(keys._way.port), str(source), f"{keys._way.user}@{keys._way.host}:sent")
    assert done.returncode != 0
    assert not (keys.file.parents[1] / "sent").exists()


def test_restricted_key_forwards_nothing_and_gets_no_terminal(keys: Keys) -> None:
    keys.let_in(f"restrict {keys.public}\n")
    assert keys.is_let_in()
    assert keys.ssh("echo in", more=("-tt",)).returncode == 255
    refused = keys.ssh("echo in", more=("-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:9"))
    assert (refused.returncode, refused.stdout) == (255, b"")

    async def work(line: Any) -> None:
        with pytest.raises(asyncssh.ChannelOpenError):
            await line.open_connection("127.0.0.1", keys._way.port)

    on_line(keys, work)
    keys.let_in(f"restrict,port-forwarding {keys.public}\n")

    async def forwarded(line: Any) -> bytes:
        reader, writer = await line.open_connection("127.0.0.1", keys._way.port)
        greeting: bytes = await reader.readexactly(4)
        writer.close()
        return greeting

    assert on_line(keys, forwarded) == b"SSH-"


def on_line(keys: Keys, work: Callable[[Any], Any]) -> Any:
    async def do() -> Any:
        async with asyncssh.connect(
            keys._way.host, keys._way.port, username=keys._way.user, client_keys=[str(keys.key)],
            known_hosts=None, config=None, agent_path=None,
        ) as line:  # fmt: skip
            return await work(line)

    return asyncio.run(asyncio.wait_for(do(), 30))


@pytest.mark.parametrize("is_utc", [False, True])
@pytest.mark.parametrize(("hours", "is_let_in"), [(1, True), (-1, False)])
def test_key_is_worth_nothing_after_its_time(keys: Keys, hours: int, is_let_in: bool, is_utc: bool) -> None:
    end = datetime.now(UTC) + timedelta(hours=hours)
    text = end.strftime("%Y%m%d%H%M%SZ") if is_utc else end.astimezone().strftime("%Y%m%d%H%M%S")
    keys.let_in(f'expiry-time="{text}" {keys.public}\n')
    assert keys.is_let_in() is is_let_in


@pytest.mark.parametrize(
    "options",
    [
        "nobody-knows-this", 'nobody-knows-this="x"', 'expiry-time="tomorrow"', "command=\"echo in", "restrict ,pty",
        'command="echo in",command="echo in"', "restrict=\"x\"", "command",
    ],
)  # fmt: skip
def test_line_with_an_option_that_is_none_lets_nobody_in(keys: Keys, options: str) -> None:
    keys.let_in(f"{options} {keys.public}\n")
    assert not keys.is_let_in()


def test_many_keys_that_nobody_knows_end_the_line(keys: Keys) -> None:
    keys.let_in(f"{keys.public}\n")
    others = [asyncssh.generate_private_key("ssh-ed25519") for _ in range(8)]

    async def do() -> None:
        await asyncssh.connect(
            keys._way.host, keys._way.port, username=keys._way.user, client_keys=[*others, str(keys.key)],
            known_hosts=None, config=None, agent_path=None,
        )  # fmt: skip

    with pytest.raises((asyncssh.DisconnectError, asyncssh.ConnectionLost)):
        asyncio.run(asyncio.wait_for(do(), 30))


@pytest.fixture
def own_keys(entered: Way, tmp_path: Path) -> Iterator[Keys]:
    """The same of a machine alone, which looks closer than the sshd of these tests."""
    keys = Keys(entered, Path(entered.ssh('printf %s "$HOME"').stdout.decode()), tmp_path)
    yield keys
    keys.file.unlink(missing_ok=True)


def link_to_outside(keys: Keys) -> None:
    outside = keys.key.with_name("outside")
    outside.write_text(keys.public)
    keys.file.unlink()
    keys.file.symlink_to(outside)


def pipe(keys: Keys) -> None:
    keys.file.unlink()
    os.mkfifo(keys.file, 0o600)


def huge(keys: Keys) -> None:
    with keys.file.open("ab") as file:
        file.truncate(8 << 30)


def for_others_to_write(keys: Keys) -> None:
    keys.file.chmod(0o622)


def folder_for_others_to_write(keys: Keys) -> None:
    keys.file.parent.chmod(0o777)


def no_text(keys: Keys) -> None:
    keys.file.write_bytes(os.urandom(200_000).replace(b"s", b"\0"))


@pytest.mark.parametrize(
    "spoil", [link_to_outside, pipe, huge, for_others_to_write, folder_for_others_to_write, no_text]
)
def test_file_that_is_none_is_no_key_and_holds_nobody_up(own_keys: Keys, spoil: Callable[[Keys], None]) -> None:
    own_keys.let_in(f"{own_keys.public}\n")
    assert own_keys.is_let_in()
    try:
        spoil(own_keys)
        began = time.monotonic()
        assert not own_keys.is_let_in()
        assert time.monotonic() - began < 10
    finally:
        own_keys.file.parent.chmod(0o700)


def test_password_lets_in_without_what_a_key_that_was_only_shown_forbids(own_keys: Keys, entered: Way) -> None:
    own_keys.let_in(f'restrict,command="echo forced" {own_keys.public}\n')

    class Shown(asyncssh.SSHClient):
        """Shows the key, can't sign with it, and says the password then."""

        def password_auth_requested(self) -> str:
            return entered.password

    async def do() -> Any:
        connection, _ = await asyncssh.create_connection(
            Shown, entered.host, entered.port, username=entered.user, known_hosts=None, config=None, agent_path=None,
            client_keys=[Unsigned(own_keys.key)],
        )  # fmt: skip
        async with connection:
            return (await connection.run("echo asked for")).stdout

    assert asyncio.run(asyncio.wait_for(do(), 30)) == "asked for\n"


class Unsigned(asyncssh.SSHKeyPair):
    """A key of which its holder has only the public half."""

    def __init__(self, key: Path) -> None:
        public = asyncssh.read_private_key(key).convert_to_public()
        super().__init__(b"ssh-ed25519", b"ssh-ed25519", (b"ssh-ed25519",), (b"ssh-ed25519",), public.public_data, None)

    def sign(self, data: bytes) -> bytes:
        """Anything."""
        return asyncssh.generate_private_key("ssh-ed25519").sign(data, b"ssh-ed25519")
