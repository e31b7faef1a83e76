"""Work on one machine by clicks: send, fetch, and one command with its output, each off the kernel's main thread.

What is typed, how far it is and what comes back goes between here and the page as messages. None of it is a trait, so
that none of it is kept in a notebook that is saved with the state of its widgets.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock, Timer
from typing import Any, Final

import anywidget
import traitlets

from glows_nb.api.client import Client
from glows_nb.api.models.instances import Instance
from glows_nb.formatting import visible
from glows_nb.remote.cells.kernel_status import known_kernel
from glows_nb.remote.errors import Stopped, TransferError
from glows_nb.remote.machine import Machine
from glows_nb.widgets import texts
from glows_nb.widgets.background import Background
from glows_nb.widgets.work.output_text import OutputText

SHOW_SECONDS: Final = 0.2
"""So often the page is told what a command has written."""


@dataclass
class State:
    """How one kind of work stands.

    Attributes:
        is_running: is it under way?
        message: what is said of it.
        error: the kind of the error, where the message is one.
        is_bad: has it failed?
    """

    is_running: bool = False
    message: str = ""
    error: str = ""
    is_bad: bool = False


class MachineWork(anywidget.AnyWidget):
    """The buttons, the lines that they open, and what came of it. Each kind of work goes on beside the others.

    Args:
        client: whose machine it is; may be another one later.
        instance: the machine.
    """

    _esm = Path(__file__).parent / "work.js"
    _css = Path(__file__).parent / "work.css"

    words: traitlets.Dict[str, str] = traitlets.Dict(texts.WORK_WORDS).tag(sync=True)
    is_enabled = traitlets.Bool().tag(sync=True)

    def __init__(self, client: Client, instance: Instance) -> None:
        super().__init__()
        self.client = client
        self._instance = instance
        self._output = OutputText()
        self._shown_kernel = ""
        self._showing: Timer | None = None
        self._lock = Lock()
        self._kinds: dict[str, Callable[[dict[str, str], Event], State]] = {
            "send": self._send_files,
            "fetch": self._fetch_files,
            "command": self._run_command,
        }
        self._states = {kind: State() for kind in self._kinds}
        self._stops = {kind: Event() for kind in self._kinds}
        self.on_msg(self._on_message)

    @property
    def states(self) -> dict[str, State]:
        """How each kind of work stands: send, fetch, command."""
        return dict(self._states)

    @property
    def output(self) -> str:
        """The last of what the command wrote, as it is shown."""
        return self._output.text()

    @property
    def kernel(self) -> str:
        """That a cell runs there, and since when; nothing where none does, or nobody here would know."""
        known = known_kernel(self.client, self._instance.instance_id)
        is_busy = known is not None and known.state == "busy"
        return texts.WORK_BUSY.format(since=known.since.astimezone()) if known is not None and is_busy else ""

    def look_at_kernel(self) -> None:
        """Tell the page whether a cell runs there, where that is something else than before."""
        if self.kernel != self._shown_kernel:
            self._shown_kernel = self.kernel
            self.send({"kernel": self._shown_kernel})

    def start(self, kind: str, given: dict[str, str]) -> None:
        """Begin this, unless the same is under way or the machine can't be entered now.

        Args:
            kind: send, fetch or command.
            given: what stands in the fields, by name: local and remote, or command.
        """
        with self._lock:
            if self._states[kind].is_running or not self.is_enabled:
                return
            stop = self._stops[kind] = Event()
            self._states[kind] = State(is_running=True, message=texts.WORK_DOING[kind])
        if kind == "command":
            self._output.clear()
            self._show_output()
        self._tell(kind)
        Background("glows machine work", lambda error: self._put(kind, _failed(kind, error))).start(
            lambda: self._put(kind, self._kinds[kind](given, stop))
        )

    def stop(self, kind: str) -> None:
        """Stop this; it is over when what it began on the machine has ended."""
        with self._lock:
            if not self._states[kind].is_running:
                return
            self._stops[kind].set()
            self._states[kind] = State(is_running=True, message=texts.WORK_STOPPING)
        self._tell(kind)

    def close(self) -> None:
        """Let go of it. What is under way is stopped: nobody could see or stop it any more."""
        for kind in self._kinds:
            self.stop(kind)
        super().close()

    def _send_files(self, given: dict[str, str], stop: Event) -> State:
        transfer = self._machine().send(
            given["local"], given["remote"], ask=self._refuse("send"), on_progress=self._say("send", stop), stop=stop
        )
        return State(message=str(transfer))

    def _fetch_files(self, given: dict[str, str], stop: Event) -> State:
        transfer = self._machine().fetch(
            given["remote"],
            given["local"] or ".",
            ask=self._refuse("fetch"),
            on_progress=self._say("fetch", stop),
            stop=stop,
        )
        return State(message=str(transfer))

    def _run_command(self, given: dict[str, str], stop: Event) -> State:
        try:
            completed = self._machine().exec(
                given["command"], check=False, on_output=self._on_output, on_progress=self._output.note, stop=stop
            )
        finally:
            self._output.end()
            self._show_output()
        ended = texts.WORK_SIGNAL if completed.signal else texts.WORK_STATUS
        message = ended.format(status=completed.exit_status, signal=completed.signal, seconds=completed.seconds)
        return State(message=message, is_bad=completed.exit_status != 0)

    def _machine(self) -> Machine:
        return Machine(self._instance, client=self.client)

    def _refuse(self, kind: str) -> Callable[[str], bool]:
        def refuse(question: str) -> bool:
            raise TransferError(texts.WORK_ASKS.format(question=question, id=self._instance.instance_id, call=kind))

        return refuse

    def _say(self, kind: str, stop: Event) -> Callable[[str], None]:
        def say(words: str) -> None:
            with self._lock:
                # That it is being stopped stands there until it is.
                if stop.is_set():
                    return
                self._states[kind] = State(is_running=True, message=words)
            self._tell(kind)

        return say

    def _on_output(self, piece: bytes, is_error: bool) -> None:
        self._output.add(piece, is_error)
        with self._lock:
            if self._showing is None:
                self._showing = Timer(SHOW_SECONDS, self._show_output)
                self._showing.daemon = True
                self._showing.start()

    def _show_output(self) -> None:
        with self._lock:
            if self._showing is not None:
                self._showing.cancel()
            self._showing = None
        self.send({"output": self._output.text()})

    def _put(self, kind: str, state: State) -> None:
        with self._lock:
            self._states[kind] = state
        self._tell(kind)

    def _tell(self, *kinds: str) -> None:
        self.send({"states": {kind: vars(self._states[kind]) for kind in kinds}})

    def _on_message(self, widget: Any, content: Any, buffers: Any) -> None:
        if not isinstance(content, dict):
            return
        begun, stopped = str(content.get("do", "")), str(content.get("stop", ""))
        if "ask" in content:
            self._tell(*self._kinds)
            self._shown_kernel = self.kernel
            self.send({"kernel": self._shown_kernel})
            self._show_output()
        elif begun in self._kinds:
            self.start(begun, {name: str(content.get(name, "")).strip() for name in ("local", "remote", "command")})
        elif stopped in self._kinds:
            self.stop(stopped)


def _failed(kind: str, error: Exception) -> State:
    if isinstance(error, Stopped):
        said = str(error) if kind == "command" else texts.WORK_GOES_ON
        return State(message=visible(said))
    return State(message=visible(str(error)), error=type(error).__name__, is_bad=True)
