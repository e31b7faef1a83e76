"""The SSH server of one machine: password, commands, terminals, SFTP, forwarding to and from loopback."""

import asyncio
import contextlib
import hmac
import ipaddress
import logging
import os
import pty
import signal
import socket
import subprocess
from typing import IO, Any

import asyncssh

from glows_nb.sandbox.machines.addresses import SSH_GREETING, SSH_VERSION
from glows_nb.sandbox.machines.processes import Processes, Terminal, resize

_TRIES = 3
_LOGIN_SECONDS = 120
_AT_ONCE = 256 * 1024
_KNOWN_SIGNALS = {name: number for name, number in signal.__dict__.items() if isinstance(number, signal.Signals)}

_log = logging.getLogger("glows_nb.sandbox")


class Greeted(socket.socket):
    """A connection whose caller was greeted already: the server's own greeting, its first words, is not sent."""

    _is_greeted = False

    def send(self, data: Any, *flags: int) -> int:
        """Send, but for the greeting."""
        if not self._is_greeted:
            self._is_greeted = True
            if bytes(data[: len(SSH_GREETING)]) == SSH_GREETING:
                rest = data[len(SSH_GREETING) :]
                return len(SSH_GREETING) + (super().send(rest, *flags) if len(rest) else 0)
        return super().send(data, *flags)


class Login(asyncssh.SSHServer):
    """One caller: the machine's user and password, three tries, and forwarding that stays on this computer."""

    def __init__(self, user: str, password: str) -> None:
        self._user = user
        self._password = password
        self._failures = 0

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """Keep the connection, to end it after too many tries."""
        self._connection = conn

    def begin_auth(self, username: str) -> bool:
        """Everybody has to say the password."""
        return True

    def password_auth_supported(self) -> bool:
        """There is no other way in."""
        return True

    def validate_password(self, username: str, password: str) -> bool:
        """Is it the machine's?"""
        is_right = username == self._user and hmac.compare_digest(password.encode(), self._password.encode())
        self._failures += not is_right
        if self._failures >= _TRIES:
            self._connection.disconnect(
                asyncssh.DISC_NO_MORE_AUTH_METHODS_AVAILABLE, "Too many authentication failures"
            )
        return is_right

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> bool:
        """Forward to this computer's loopback alone."""
        return _is_loopback(dest_host)

    def server_requested(self, listen_host: str, listen_port: int) -> bool:
        """Listen on loopback alone; an empty name is that too."""
        return _is_loopback(listen_host or "localhost")


class Files(asyncssh.SFTPServer):
    """SFTP in the machine's home; a path is confined by the process that it is served in, not here."""

    def exit(self) -> None:
        """Say how it ended, without which scp takes it for a failure."""
        self.channel.exit(0)


async def serve(
    connection: socket.socket, processes: Processes, key: asyncssh.SSHKey, user: str, password: str
) -> None:
    """Serve one caller, who was greeted, until the line ends."""
    greeted = Greeted(fileno=connection.detach())
    try:
        served = await asyncssh.run_server(
            greeted,
            server_factory=lambda: Login(user, password),
            server_host_keys=[key],
            server_version=SSH_VERSION,
            process_factory=lambda process: _run(process, processes),
            sftp_factory=Files,
            allow_scp=True,
            encoding=None,
            line_editor=False,
            login_timeout=_LOGIN_SECONDS,
            encryption_algs=[
                "aes256-gcm@openssh.com",
                "aes128-gcm@openssh.com",
                "chacha20-poly1305@openssh.com",
                "aes256-ctr",
                "aes128-ctr",
            ],
        )
    except (OSError, asyncssh.Error, TimeoutError) as error:
        _log.debug("a caller of a machine was not served: %s", error)
        return
    await served.wait_closed()


async def _run(process: asyncssh.SSHServerProcess[bytes], processes: Processes) -> None:
    """Run what a channel asks for, and say how it ended."""
    more = {name.decode(): value.decode() for name, value in process.channel.get_environment_bytes().items()}
    terminal = None
    if process.term_type is not None:
        more["TERM"] = process.term_type
        ours, terminal = pty.openpty()
        resize(ours, Terminal(*process.term_size))
    try:
        started = processes.start(process.command, more, terminal)
    except OSError as error:
        process.stderr.write(f"{error}\n".encode())
        process.exit(126)
        return
    if terminal is not None:
        os.close(terminal)
        pumps = [_pump_out(ours, process.stdout, is_kept=True)]
        feeding = asyncio.create_task(_feed(process, started, ours, is_terminal=True))
    else:
        stdin, stdout, stderr = (_taken(stream) for stream in (started.stdin, started.stdout, started.stderr))
        pumps = [_pump_out(stdout, process.stdout), _pump_out(stderr, process.stderr)]
        feeding = asyncio.create_task(_feed(process, started, stdin, is_terminal=False))
    sending = asyncio.gather(*pumps)
    try:
        status = await processes.wait(started)
        # What it left running may keep its streams open; the channel ends with the command, as OpenSSH's does.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(sending, 0.5)
    finally:
        feeding.cancel()
        sending.cancel()
        if terminal is not None:
            os.close(ours)
    with contextlib.suppress(OSError, asyncssh.Error):
        if status < 0:
            process.exit_with_signal(signal.Signals(-status).name.removeprefix("SIG"))
        else:
            process.exit(status)


def _taken(stream: IO[bytes] | None) -> int:
    """The descriptor of a pipe, from now on the caller's own."""
    if stream is None:
        raise ValueError("the command was started without this stream")
    with stream:
        return os.dup(stream.fileno())


async def _pump_out(descriptor: int, to: asyncssh.SSHWriter[bytes], *, is_kept: bool = False) -> None:
    """Send what a stream holds until it ends, and close it unless it is kept."""
    loop = asyncio.get_running_loop()
    os.set_blocking(descriptor, False)
    ready = asyncio.Event()
    loop.add_reader(descriptor, ready.set)
    try:
        while True:
            try:
                data = os.read(descriptor, _AT_ONCE)
            except BlockingIOError:
                ready.clear()
                await ready.wait()
                continue
            except OSError:
                return  # a terminal whose last program has gone
            if not data:
                return
            to.write(data)
            await to.drain()
    except (OSError, asyncssh.Error):
        return  # nobody listens any more
    finally:
        loop.remove_reader(descriptor)
        if not is_kept:
            os.close(descriptor)


async def _feed(
    process: asyncssh.SSHServerProcess[bytes], started: subprocess.Popen[bytes], descriptor: int, *, is_terminal: bool
) -> None:
    """Give a command what its caller sends: data, signals, the size of the window, the end; a hang-up too."""
    os.set_blocking(descriptor, False)
    try:
        while True:
            try:
                data = await process.stdin.read(_AT_ONCE)
            except asyncssh.TerminalSizeChanged as changed:
                if is_terminal:
                    resize(descriptor, Terminal(*changed.term_size))
                continue
            except asyncssh.SignalReceived as received:
                _signal(started, _KNOWN_SIGNALS.get(f"SIG{received.signal}"))
                continue
            except asyncssh.BreakReceived:
                _signal(started, signal.SIGINT)
                continue
            if not data:
                break
            await _write(descriptor, data)
        if is_terminal and process.channel.is_closing():
            _signal(started, signal.SIGHUP)
    except (OSError, asyncssh.Error):
        if is_terminal:
            _signal(started, signal.SIGHUP)
    finally:
        if not is_terminal:
            os.close(descriptor)


async def _write(descriptor: int, data: bytes) -> None:
    loop = asyncio.get_running_loop()
    left = memoryview(data)
    while left:
        try:
            left = left[os.write(descriptor, left) :]
        except BlockingIOError:
            ready = asyncio.Event()
            loop.add_writer(descriptor, ready.set)
            try:
                await ready.wait()
            finally:
                loop.remove_writer(descriptor)


def _signal(started: subprocess.Popen[bytes], number: int | None) -> None:
    """Send a signal to a command and all that it started in its session."""
    if number is not None and started.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(started.pid, number)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False
