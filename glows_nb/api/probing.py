"""Does something answer at a machine's address? Over TCP or HTTP, without the token."""

from __future__ import annotations

import contextlib
import socket
from typing import Final
from urllib.parse import urlsplit

import httpx

from glows_nb.api.http.pool import close_aside, unlocked
from glows_nb.api.steps import Probe

TIMEOUT: Final = 5.0
SSH_GREETING: Final = b"SSH-"


def probe(wanted: Probe) -> bool:
    """Whether it answers, within five seconds."""
    try:
        parts = urlsplit(wanted.url)
    except ValueError:
        return False
    if parts.scheme in ("http", "https"):
        http = unlocked(httpx.Client(timeout=TIMEOUT))
        try:
            return http.get(wanted.url).status_code < 500
        except Exception:  # noqa: BLE001 - whatever the libraries below make of what answers, it is no page
            return False
        finally:
            close_aside(http)
    try:
        with socket.create_connection((parts.hostname, parts.port or 0), TIMEOUT) as connection:
            return not wanted.is_ssh or connection.recv(len(SSH_GREETING)) == SSH_GREETING
    except (OSError, ValueError):
        return False


async def probe_async(wanted: Probe) -> bool:
    """The same, awaited."""
    import asyncio

    try:
        parts = urlsplit(wanted.url)
    except ValueError:
        return False
    if parts.scheme in ("http", "https"):
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT) as http:
                return (await http.get(wanted.url)).status_code < 500
        except Exception:  # noqa: BLE001 - as above
            return False
    try:
        async with asyncio.timeout(TIMEOUT):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 0)
            try:
                return not wanted.is_ssh or await reader.readexactly(len(SSH_GREETING)) == SSH_GREETING
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except (OSError, ValueError, TimeoutError, asyncio.IncompleteReadError):
        return False
