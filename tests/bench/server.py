"""The server that the client is measured against: a process of its own that answers lists after a set latency.

Raw HTTP/1.1 over asyncio's protocols and nothing else, so that it takes as little of the machine as can be: answers are
made before the first request, and a request costs some forty microseconds. It is no test of what is sent: it looks that
a token comes along, and which page is asked for.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.bench import wire

PAGE = re.compile(rb"[?&]page=(\d+)")


class Answers:
    """The bytes of every answer, by path and page."""

    def __init__(self, machines: int) -> None:
        pages = -(-machines // wire.PER_PAGE)
        self._pages = [_with_head(wire.page_of_machines(page, machines)) for page in range(1, pages + 1)]
        self._specs, self._no_specs = _with_head(wire.specs()), _with_head(wire.no_specs())
        self._images = _with_head(wire.images())
        self._refusal = _with_head(b'{"code":176,"msg":"check jwt token failed"}')

    def to(self, head: bytes) -> bytes:
        """The answer to a request, of which these are the lines before its body."""
        if b"bearer " not in head.lower():
            return self._refusal
        target = head.split(b" ", 2)[1]
        if b"/instance/list" in target:
            found = PAGE.search(target)
            return self._pages[int(found[1]) - 1 if found else 0]
        if b"/spec/list" in target:
            return self._specs if b"machine_category=0" in target else self._no_specs
        return self._images


class Connection(asyncio.Protocol):
    """One client's connection; requests have no bodies and come one after another."""

    def __init__(self, answers: Answers, latency: float) -> None:
        self._answers = answers
        self._latency = latency
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            answer = self._answers.to(head)
            if self._latency:
                asyncio.get_running_loop().call_later(self._latency, self._transport.write, answer)
            else:
                self._transport.write(answer)


@contextmanager
def serving(machines: int, latency: float = 0.0) -> Iterator[str]:
    """A server with so many machines, and so many seconds before each answer; gives its address."""
    command = [sys.executable, "-m", "tests.bench.server", str(machines), str(latency)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, cwd=root) as process:  # noqa: S603
        assert process.stdout is not None
        try:
            port = process.stdout.readline().decode().strip()
            yield f"http://127.0.0.1:{port}/sdk/v1"
        finally:
            process.terminate()


async def serve(machines: int, latency: float) -> None:
    """Serve until the process is ended; the port is printed."""
    answers = Answers(machines)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(answers, latency), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main(arguments: Sequence[str] | None = None) -> None:
    """`python -m tests.bench.server MACHINES LATENCY`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("machines", type=int)
    parser.add_argument("latency", type=float)
    given = parser.parse_args(arguments)
    asyncio.run(serve(given.machines, given.latency))


def _with_head(body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


if __name__ == "__main__":
    main()
