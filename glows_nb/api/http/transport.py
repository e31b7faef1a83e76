"""Connections for threads."""

from __future__ import annotations

import time
from typing import Any

import httpx

from glows_nb.api.errors import BadResponse, GlowsError
from glows_nb.api.http.exchange import (
    T,
    begin,
    disorder,
    exchange,
    masked_error,
    result_of,
    transport_error,
    without_frames,
)
from glows_nb.api.http.pool import Clients, close_aside, unlocked
from glows_nb.api.http.reply import Body, Reply, reply_of
from glows_nb.api.http.session import Session
from glows_nb.api.observing import Failed
from glows_nb.api.steps import Operation, Pause


class HttpTransport:
    """Connections for threads."""

    def __init__(self, session: Session, timeout: float, transport: httpx.BaseTransport | None) -> None:
        self.session = session
        self._given = transport
        settings = session.settings(timeout)
        if transport is None:
            self._clients = Clients(lambda: unlocked(httpx.Client(**settings)), is_shared=False)
        else:
            self._clients = Clients(lambda: httpx.Client(transport=transport, **settings), is_shared=True)

    def send(self, operation: Operation[T]) -> T:
        """The operation's result, after as many repetitions as its kind allows."""
        begin(operation, self.session)
        steps = exchange(operation, self.session)
        try:
            step = next(steps)
            while True:
                if isinstance(step, Pause):
                    time.sleep(step.seconds)
                    step = steps.send(None)
                    continue
                reply = self.send_once(step)
                step = steps.throw(reply) if isinstance(reply, GlowsError) else steps.send(reply)
        except StopIteration as stop:
            result: T = result_of(operation, stop, self.session)
            return result
        except GlowsError as error:
            failure = masked_error(error, self.session, operation)
        self.session.observers.tell(Failed(operation, failure))
        raise without_frames(failure)

    def close(self) -> None:
        """Give the connections back."""
        for http in self._clients.close():
            http.close()

    def send_once(self, operation: Operation[Any]) -> Reply | GlowsError:
        """What comes back from one try, or the error that httpx met."""
        started = self.session.clock()
        for expired in self._clients.expired():
            expired.close()
        http = self._clients.take()
        # An error is returned, and an interrupt raised only after `except`: within, they would carry httpx's frames
        # along, and those hold the token.
        stopped: GlowsError | BaseException
        try:
            body = Body(operation)
            with http.stream(**self.session.request(operation)) as response:
                for part in response.iter_bytes():
                    body.add(part)
            reply = reply_of(operation, response, body, self.session, started)
        except (httpx.HTTPError, BadResponse) as error:
            stopped = transport_error(operation, self.session, error) if isinstance(error, httpx.HTTPError) else error
        except Exception as error:
            if self._given is not None:
                raise  # a transport of the caller's own, and so its error
            stopped = disorder(operation, self.session, error)
        except BaseException as stop:  # noqa: BLE001 - raised below
            stopped = stop
        else:
            if not self._clients.give_back(http):
                http.close()
            return reply
        if self._given is None:
            close_aside(http)
        if isinstance(stopped, GlowsError):
            return stopped
        raise without_frames(stopped)
