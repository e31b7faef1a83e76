"""A machine's port that is open on this computer."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType


class Forward:
    """A port here that leads to one of a machine, until it is closed, or Python ends.

    A context manager, also of `async with`.

    Attributes:
        port: the port on the machine.
        local_port: the port here; only this computer can reach it.
        is_closed: has it been closed?
    """

    def __init__(self, name: str, port: int, local_port: int, close: Callable[[], None]) -> None:
        self.port = port
        self.local_port = local_port
        self.is_closed = False
        self._name = name
        self._close = close

    @property
    def url(self) -> str:
        """Its address for a browser."""
        return f"http://127.0.0.1:{self.local_port}"

    def close(self) -> None:
        """Close it, and what goes through it."""
        self.is_closed = True
        self._close()

    def __enter__(self) -> Forward:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Forward:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Forward {self.url} → port {self.port} of {self._name}{', closed' if self.is_closed else ''}>"

    def _repr_html_(self) -> str:
        from html import escape

        if self.is_closed:
            return escape(repr(self))
        return (
            f'<a href="{self.url}" target="_blank" rel="noopener noreferrer">{self.url}</a> → '
            f"port {self.port} of {escape(self._name)}"
        )
