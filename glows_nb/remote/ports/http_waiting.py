"""Wait until a program on a machine answers over HTTP as it should: through the line, or at its public address."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit, urlunsplit

import httpx
from pydantic import SecretStr

from glows_nb.api.errors import InvalidRequest, WaitTimeout
from glows_nb.api.models.instances import Instance
from glows_nb.api.statuses import LEAVING
from glows_nb.formatting import visible
from glows_nb.remote.calling import Caller
from glows_nb.remote.errors import NotReachable
from glows_nb.remote.ports.forwarding import MOST_PORT, forward
from glows_nb.remote.progress import Progress

if TYPE_CHECKING:
    from glows_nb.remote.lines.line import Line

PAUSE: Final = 1.0
SILENT: Final = "it does not answer to the end."
ANSWER_SECONDS: Final = 10.0


async def wait_http(
    line: Line,
    caller: Caller,
    port: int,
    path: str,
    *,
    timeout: float,
    status: int | None,
    contains: str,
    public: bool,
) -> None:
    """Ask until the answer is as wanted; see `Machine.wait_http`.

    Raises:
        InvalidRequest: port, path or time can't be.
        WaitTimeout: it never was, within `timeout`.
        NotReachable: the machine has ended.
    """
    if not isinstance(port, int) or not 1 <= port <= MOST_PORT:
        raise InvalidRequest("port", f"{port!r} is no port; there are 1 to {MOST_PORT}.")
    if not path.startswith("/"):
        raise InvalidRequest("path", f"{path!r} does not begin with /.")
    if not timeout > 0:
        raise InvalidRequest("timeout", f"{timeout!r} is not a number of seconds above 0.")
    progress, said, last = Progress(caller), "", SILENT
    tunnel = None
    try:
        async with httpx.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False) as http:
            while True:
                try:
                    left = max(timeout - progress.seconds, 0.1)
                    if public:
                        said = await _answer(http, _public(await line.ask(), port, path), status, contains, left)
                    else:
                        tunnel = tunnel or await forward(line, caller, port)
                        said = await _answer(http, SecretStr(f"{tunnel.url}{path}"), status, contains, left)
                except NotReachable as error:
                    if not error.may_pass:
                        raise
                    said = str(error)
                if said == SILENT:
                    # What it answered before says more than that this one had no time left.
                    said = last
                last = said
                if not said:
                    await progress.end(f"{progress.seconds:5.1f} s  {path} at port {port} of {line.name} answers.")
                    return
                if progress.seconds >= timeout:
                    raise WaitTimeout(
                        f"{path} at port {port} of {line.name} did not answer as wanted within {timeout:g} s; last: "
                        f"{said} The machine goes on.",
                        line.instance,
                    )
                await progress.say(f"{progress.seconds:5.1f} s  {path} at port {port} of {line.name}: {said}")
                await asyncio.sleep(min(PAUSE, max(0.05, timeout - progress.seconds)))
    finally:
        if tunnel is not None:
            tunnel.close()


def _public(machine: Instance, port: int, path: str) -> SecretStr:
    """The address outside of a path at a port; it may hold a token.

    Raises:
        InvalidRequest: the port is not open to the outside.
        NotReachable: the machine has ended, or has no address yet.
    """
    if machine.status in LEAVING:
        raise NotReachable(f"{visible(machine.instance_id)} is {machine.status}: nothing answers there any more.")
    if all(access.listen_port != port for access in machine.accesses):
        ports = ", ".join(str(access.listen_port) for access in machine.accesses) or "none"
        raise InvalidRequest(
            "port", f"{port} is not open to the outside; the machine was started with {ports}. Leave public=True out."
        )
    url = machine.url(port)
    if url is None:
        raise NotReachable(f"{visible(machine.instance_id)} has no address for port {port} yet.", may_pass=True)
    return SecretStr(urlunsplit(urlsplit(url.get_secret_value())._replace(path=path)))


async def _answer(http: httpx.AsyncClient, url: SecretStr, status: int | None, contains: str, seconds: float) -> str:
    """What is not as wanted; "" where all is."""
    try:
        async with asyncio.timeout(seconds), http.stream("GET", url.get_secret_value()) as answer:
            is_right = answer.status_code < 400 if status is None else answer.status_code == status
            if not is_right:
                return f"HTTP {answer.status_code}."
            if not contains:
                return ""
            text = ""
            async for piece in answer.aiter_text():
                text += piece
                if contains in text:
                    return ""
                if len(text) > 1 << 20:
                    break
            return f"HTTP {answer.status_code}, without {contains!r}."
    except TimeoutError:
        return SILENT
    except (httpx.RemoteProtocolError, httpx.ReadError):
        return "nothing that speaks HTTP listens there; does the program run, and at this port?"
    except httpx.HTTPError as error:
        return f"{visible(str(error) or type(error).__name__).rstrip('.')}."
    except httpx.InvalidURL:
        return "its address can't be read."
