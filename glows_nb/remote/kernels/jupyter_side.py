"""The five sockets at which Jupyter finds a kernel: who is not Jupyter is not heard, and replies find their way."""

from __future__ import annotations

import hmac
import json
import sys
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import zmq
import zmq.asyncio
from jupyter_client.session import DELIM, Session

from glows_nb.remote import keeper

Parts = list[bytes]

MOST_ASKED: Final = 100_000
LINGER_MS: Final = 1000
PORTS: Final = {
    keeper.SHELL: "shell_port",
    keeper.CONTROL: "control_port",
    keeper.STDIN: "stdin_port",
    keeper.IOPUB: "iopub_port",
}


class Asked(NamedTuple):
    """Something that Jupyter has asked for: on which channel, who, and its header."""

    channel: bytes
    identities: Parts
    header: dict[str, Any]


class JupyterSide:
    """The sockets.

    Args:
        settings: what the connection file says.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.asked: OrderedDict[str, Asked] = OrderedDict()
        """What has had no reply yet."""
        scheme = settings.get("signature_scheme", "hmac-sha256")
        self._session = Session(key=str(settings["key"]).encode(), signature_scheme=scheme)
        self._context = zmq.asyncio.Context()
        self._sockets: dict[bytes, zmq.asyncio.Socket] = {}
        for channel, port in PORTS.items():
            kind = zmq.PUB if channel == keeper.IOPUB else zmq.ROUTER
            self._sockets[channel] = self._bound(kind, settings, port)
        self._heart = self._bound(zmq.ROUTER, settings, "hb_port")

    def _bound(self, kind: int, settings: Mapping[str, Any], port: str) -> zmq.asyncio.Socket:
        made: zmq.asyncio.Socket = self._context.socket(kind)
        # Nothing is dropped on the last step either.
        made.rcvhwm = made.sndhwm = 0
        made.linger = LINGER_MS
        separator = "-" if settings["transport"] == "ipc" else ":"
        made.bind(f"{settings['transport']}://{settings['ip']}{separator}{settings[port]}")
        return made

    async def beat(self) -> None:
        """Answer Jupyter's heartbeats."""
        while True:
            await self._heart.send_multipart(await self._heart.recv_multipart())

    async def taken(self, channel: bytes) -> tuple[Asked, Parts]:
        """What Jupyter says next on a channel, if it is signed: who, and the message."""
        while True:
            frames: Parts = await self._sockets[channel].recv_multipart()
            try:
                end = frames.index(DELIM)
                identities, signature, parts = frames[:end], frames[end + 1], frames[end + 2 :]
                if hmac.compare_digest(self._session.sign(parts[:4]), signature):
                    return self._noted(Asked(channel, identities, json.loads(parts[0]))), parts
            except (ValueError, LookupError, TypeError):
                pass
            print("a message without a right signature was dropped", file=sys.stderr, flush=True)

    def _noted(self, asked: Asked) -> Asked:
        if asked.header["msg_type"].endswith("_request"):
            self.asked[asked.header["msg_id"]] = asked
            if len(self.asked) > MOST_ASKED:
                self.asked.popitem(last=False)
        return asked

    def running(self) -> list[Asked]:
        """The cells that have not ended, the one that runs first."""
        return [asked for asked in self.asked.values() if asked.header["msg_type"] == "execute_request"]

    async def pass_on(self, channel: bytes, kind: str, parent: Mapping[str, Any], parts: Parts) -> None:
        """Send a message to all who listen, or to who asked for it."""
        if channel == keeper.IOPUB:
            await self._send(channel, [f"kernel.{kind}".encode()], parts)
            return
        asked = self.asked.get(str(parent.get("msg_id")))
        if asked is None or (channel != keeper.STDIN and asked.channel != channel):
            return
        if channel != keeper.STDIN:
            del self.asked[asked.header["msg_id"]]
        await self._send(channel, asked.identities, parts)

    async def say(self, channel: bytes, kind: str, content: Mapping[str, Any], parent: Mapping[str, Any]) -> None:
        """Send a message of our own."""
        header = keeper.header(kind)
        await self.pass_on(
            channel, kind, parent, [json.dumps(each).encode() for each in (header, dict(parent), {}, dict(content))]
        )

    async def _send(self, channel: bytes, identities: Parts, parts: Parts) -> None:
        await self._sockets[channel].send_multipart([*identities, DELIM, self._session.sign(parts[:4]), *parts])

    def close(self) -> None:
        """Close them, when all that was sent has gone, or nobody takes it."""
        self._context.destroy(LINGER_MS)
