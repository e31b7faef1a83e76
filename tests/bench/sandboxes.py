"""The sandbox as a server: how many requests it answers in a second, and what a late page of a long list costs."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from tests.bench.measuring import ROOT, Figures, Size, environment, in_turns

CONNECTIONS = 8
PER_PAGE = 20
PAGES_IN_A_RUN = 20


def requests_per_second(size: Size) -> Figures:
    """GET /instance over eight connections, against a bare route that checks the token and has the same bytes."""
    with _process() as sandbox:
        body = json.dumps(sandbox["answer"], separators=(",", ":"))
        with _process("--bare", body) as bare:
            path = f"/instance?request_id={sandbox['instance_id']}"

            def rate(server: dict[str, Any]) -> float:
                return asyncio.run(_requests_per_second(server, path, size.requests))

            rate(sandbox), rate(bare)
            return in_turns(lambda: rate(sandbox), lambda: rate(bare), size.runs, "requests/s")


def late_page(size: Size) -> Figures:
    """The last page of a long list, against the first."""
    with _process("--machines", str(size.many)) as sandbox:
        last = size.many // PER_PAGE
        connection = HTTPConnection(urlsplit(sandbox["base_url"]).netloc, timeout=30)

        def page(number: int) -> float:
            return median(_page_seconds(connection, sandbox["token"], number) for _ in range(PAGES_IN_A_RUN)) * 1000

        page(1), page(last)
        figures = in_turns(lambda: page(last), lambda: page(1), size.runs, "ms")
        connection.close()
        return figures


@contextmanager
def _process(*arguments: str) -> Iterator[dict[str, Any]]:
    command = [sys.executable, "-m", "tests.bench.sandbox_process", *arguments]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, env=environment(), text=True, **pipes) as process:  # noqa: S603
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()


async def _requests_per_second(server: dict[str, Any], path: str, requests: int) -> float:
    """Over streams and not by a client, so that little of the machine goes into asking."""
    address = urlsplit(server["base_url"])
    head = f"GET {address.path}{path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {server['token']}\r\n\r\n"

    async def ask(times: int) -> None:
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        for _ in range(times):
            writer.write(head.encode())
            answer = await reader.readuntil(b"\r\n\r\n")
            length = int(answer.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            body = await reader.readexactly(length)
            assert body.startswith(b'{"code":0,'), body
        writer.close()
        await writer.wait_closed()

    begun = time.perf_counter()
    await asyncio.gather(*(ask(requests // CONNECTIONS) for _ in range(CONNECTIONS)))
    return requests / (time.perf_counter() - begun)


def _page_seconds(connection: HTTPConnection, token: str, number: int) -> float:
    begun = time.perf_counter()
    connection.request(
        "GET",
        f"/sdk/v1/instance/list?page={number}&per_page={PER_PAGE}",
        headers={"Authorization": f"Bearer {token}"},
    )
    body = connection.getresponse().read()
    taken = time.perf_counter() - begun
    assert len(json.loads(body)["instances"]) == PER_PAGE
    return taken
