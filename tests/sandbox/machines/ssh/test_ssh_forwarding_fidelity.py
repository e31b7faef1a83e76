"""Ports over SSH: a machine's and an sshd's are forwarded alike, by OpenSSH's client and by asyncssh's."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from typing import Any

import asyncssh
import pytest

from tests.sandbox.machines.real import Way, eventually


@contextlib.contextmanager
def greeter() -> Iterator[int]:
    """A server on loopback that greets, then says back what it hears until that ends; yields its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection, contextlib.suppress(OSError):
                    connection.sendall(b"hello ")
                    while data := connection.recv(65536):
                        connection.sendall(data)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            # Closing alone wakes nobody who waits in accept.
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


@contextlib.contextmanager
def forwarding(way: Way, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """OpenSSH's client, which forwards ports and runs nothing."""
    program = ["ssh", "-o", "LogLevel=INFO", *way.options(), "-o", "ExitOnForwardFailure=yes", "-N", *options]
    with subprocess.Popen(  # noqa: S603
        [*program, "-p", str(way.port), f"{way.user}@{way.host}"],
        env=way.variables(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    ) as ssh:  # fmt: skip
        try:
            yield ssh
        finally:
            ssh.kill()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def answers(port: int, host: str = "127.0.0.1") -> bool:
    with contextlib.suppress(OSError), socket.create_connection((host, port), 5):
        return True
    return False


def talk(port: int) -> bytes:
    """Say something, end it, and return all that came back: a half-closed line goes through as one."""
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.settimeout(10)
        connection.sendall(b"and back")
        connection.shutdown(socket.SHUT_WR)
        heard = b""
        while data := connection.recv(65536):
            heard += data
        return heard


def said_port(ssh: subprocess.Popen[bytes]) -> int:
    """The port that the server gave, as the client says it."""
    assert ssh.stderr is not None
    for text in ssh.stderr:
        if found := re.search(rb"Allocated port (\d+)", text):
            return int(found[1])
    raise AssertionError("no port was given")


def own_addresses() -> list[str]:
    """This computer's addresses beside loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unsent:
        try:
            unsent.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            return []
        return [unsent.getsockname()[0]]


def test_local_port_leads_to_the_other_sides_loopback(either: Way) -> None:
    port = free_port()
    with greeter() as target, forwarding(either, "-L", f"127.0.0.1:{port}:localhost:{target}"):
        eventually(lambda: answers(port))
        assert talk(port) == b"hello and back"

    async def work(line: Any) -> bytes:
        reader, writer = await line.open_connection("127.0.0.1", target)
        writer.write(b"and back")
        writer.write_eof()
        heard: bytes = await reader.read()
        return heard

    with greeter() as target:
        assert either.on_line(work) == b"hello and back"


def test_port_where_nobody_listens_is_refused_and_the_line_goes_on(either: Way) -> None:
    closed = free_port()

    async def work(line: Any) -> Any:
        with pytest.raises(asyncssh.ChannelOpenError):
            await line.open_connection("127.0.0.1", closed)
        return (await line.run("echo fine")).stdout

    assert either.on_line(work) == "fine\n"


@pytest.mark.parametrize("bind", ["", "localhost:", "0.0.0.0:", "*:", "192.0.2.1:"])
def test_remote_port_is_given_and_is_on_loopback_alone(bind: str, either: Way) -> None:
    with greeter() as target, forwarding(either, "-R", f"{bind}0:127.0.0.1:{target}") as ssh:
        port = said_port(ssh)
        assert talk(port) == b"hello and back"
        assert not any(answers(port, address) for address in own_addresses())
    eventually(lambda: not answers(port))


@pytest.mark.parametrize("host", ["", "127.0.0.1", "0.0.0.0"])  # noqa: S104 - it must not be had
def test_remote_port_of_asyncssh_goes_when_it_is_given_back(host: str, either: Way) -> None:
    async def work(line: Any) -> int:
        with greeter() as target:
            listener = await line.forward_remote_port(host, 0, "127.0.0.1", target)
            port: int = listener.get_port()
            assert await asyncio.to_thread(talk, port) == b"hello and back"
            assert not any(answers(port, address) for address in own_addresses())
            listener.close()
            await listener.wait_closed()
        assert (await line.run("echo fine")).stdout == "fine\n"
        return port

    port = either.on_line(work)
    eventually(lambda: not answers(port))


def test_remote_port_that_is_taken_is_refused(either: Way) -> None:
    async def work(line: Any) -> Any:
        with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(asyncssh.ChannelListenError):
            await line.forward_remote_port("127.0.0.1", taken.getsockname()[1], "127.0.0.1", 9)
        return (await line.run("echo fine")).stdout

    assert either.on_line(work) == "fine\n"


@pytest.mark.parametrize("version", [4, 5])
def test_socks_leads_to_the_other_sides_loopback(version: int, either: Way) -> None:
    port = free_port()
    with greeter() as target, forwarding(either, "-D", f"127.0.0.1:{port}"):
        eventually(lambda: answers(port))
        with socket.create_connection(("127.0.0.1", port), 10) as connection, connection.makefile("rb") as heard:
            if version == 5:
                connection.sendall(b"\5\1\0")
                assert heard.read(2) == b"\5\0"
                connection.sendall(b"\5\1\0\3\x09localhost" + target.to_bytes(2, "big"))
                assert heard.read(10)[:2] == b"\5\0"
            else:
                connection.sendall(b"\4\1" + target.to_bytes(2, "big") + socket.inet_aton("127.0.0.1") + b"\0")
                assert heard.read(8)[:2] == b"\0Z"
            connection.sendall(b"and back")
            connection.shutdown(socket.SHUT_WR)
            assert heard.read() == b"hello and back"
