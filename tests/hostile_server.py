"""A little HTTP server over raw sockets that can break its answers in every way a real one does."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any


@dataclass(frozen=True)
class Request:
    """What was asked."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """An answer; `cut_at` ends it after so many bytes of its body, `drip` waits that long between bytes."""

    body: bytes = b""
    status: int = 200
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    cut_at: int | None = None
    drip: float = 0


class Reset(Exception):
    """Raised by a handler to break the connection off instead of answering."""


def json_answer(answer: Any, **more: Any) -> Answer:
    """An answer with a JSON body."""
    return Answer(json.dumps(answer).encode(), **more)


Handler = Callable[[Request], Answer]


class HostileServer:
    """Serves each connection one request; where `resets_unread` says so of its first bytes, it does not even read."""

    def __init__(self, handler: Handler, *, resets_unread: Callable[[bytes], bool] = lambda peeked: False) -> None:
        self.requests: list[Request] = []
        self._handler = handler
        self._resets_unread = resets_unread
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._stopping = threading.Event()
        self._acceptor = threading.Thread(target=self._accept, daemon=True)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}/sdk/v1"

    def __enter__(self) -> HostileServer:
        self._acceptor.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopping.set()
        # Closing a listener does not wake an accept; a last connection does.
        socket.create_connection(self._listener.getsockname()).close()
        self._acceptor.join()
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self._stopping.is_set():
                connection.close()
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads = [running for running in self._threads if running.is_alive()]
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            if self._resets_unread(peek_request(connection)):
                reset(connection)
                return
            request = read_request(connection)
            if request is None:
                return
            self.requests.append(request)
            try:
                answer = self._handler(request)
            except Reset:
                reset(connection)
                return
            try:
                self._send(connection, answer)
            except OSError:
                return  # the client has had enough

    def _send(self, connection: socket.socket, answer: Answer) -> None:
        headers = {
            "Content-Type": answer.content_type,
            "Content-Length": str(len(answer.body)),
            "Connection": "close",
            **answer.headers,
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        connection.sendall(f"HTTP/1.1 {answer.status} X\r\n{head}\r\n".encode())
        body = answer.body if answer.cut_at is None else answer.body[: answer.cut_at]
        if not answer.drip:
            connection.sendall(body)
            return
        for position in range(len(body)):
            connection.sendall(body[position : position + 1])
            if self._stopping.wait(answer.drip):
                return


def reset(connection: socket.socket) -> None:
    """Close with a TCP reset instead of a goodbye."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def peek_request(connection: socket.socket) -> bytes:
    """The bytes of a request, left unread in the socket; head and body may come apart, so until all are there."""
    while True:
        data = connection.recv(65536, socket.MSG_PEEK)
        head, _, body = data.partition(b"\r\n\r\n")
        length = next(
            (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        if not data or (b"\r\n\r\n" in data and len(body) >= length):
            return data


def read_request(connection: socket.socket) -> Request | None:
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(65536)
        if not chunk:
            return None
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        body += connection.recv(65536)
    return Request(method, target, headers, body)
