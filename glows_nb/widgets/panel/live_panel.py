"""What all panels share: they read in the background, say since when they can't, and leave nothing behind."""

from __future__ import annotations

import html
from abc import abstractmethod
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, RLock
from typing import Any, Final

import ipywidgets
from IPython.display import display

from glows_nb.api.client import Client
from glows_nb.api.errors import AuthError, InvalidRequest, RateLimited
from glows_nb.connection import current_client
from glows_nb.frames.tables import SANDBOX_BADGE, Table
from glows_nb.widgets import texts
from glows_nb.widgets.controls import all_parts, button
from glows_nb.widgets.front_end import CONTAINER, STYLE_SHEET, FrontEnd
from glows_nb.widgets.lifetime import forget, replace_earlier
from glows_nb.widgets.markup import error_html, escaped, time_html
from glows_nb.widgets.panel.actions import Work
from glows_nb.widgets.panel.polling import Refresher
from glows_nb.widgets.panel.polling_interval import Outcome
from glows_nb.widgets.static_html import StaticForm

FIRST_READING_SECONDS: Final = 3.0
"""A panel is shown with its first reading, but a cell never waits longer than this for it."""

STATUS_LABELS: Final = {
    "glows-message": {"role": "status"},
    "glows-error": {"role": "alert"},
}


def client_for_panel(client: Client | None) -> Client:
    """The client that is given, else the current one.

    Raises:
        InvalidRequest: it is something else, such as an AsyncClient.
        ConfigError: there is none, and no token for one.
    """
    if client is None:
        return current_client()
    if not isinstance(client, Client):
        raise InvalidRequest("client", texts.PANEL_NO_CLIENT.format(kind=type(client).__name__))
    return client


class PanelFrontEnd(FrontEnd):
    """A panel's hands in the page, with what panels look like."""

    _css = "\n".join(path.read_text("utf-8") for path in (STYLE_SHEET, Path(__file__).parent / "panel.css"))  # type: ignore[assignment]  # anywidget takes a text as well


class LivePanel(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """A panel that keeps itself up to date. Each kind says what it reads, and what it shows of that.

    Attributes:
        refresher: reads at a pace of its own; `refresh()` reads at once.
    """

    def __init__(self, client: Client, title: str, labels: dict[str, dict[str, str]] | None = None) -> None:
        self.client = client
        self.refresher: Refresher = Refresher(self._read_and_show, f"glows {title.lower()} panel")
        self.work = Work(self)
        self._lock = RLock()
        self._title = title
        self._seen_at: datetime | None = None
        self._unseen_since: datetime | None = None
        self._is_gone = False
        self._first_reading = Event()
        self._static = StaticForm()
        self._front_end = PanelFrontEnd({**STATUS_LABELS, **(labels or {})})
        self._front_end.on_look(self.refresher.set_seen)
        self._heading = ipywidgets.HTML()
        self._retry = button(texts.REFRESH, self._on_retry, tooltip=texts.PANEL_REFRESH_HINT)
        self._state = ipywidgets.HTML().add_class("glows-state")
        self._trouble = ipywidgets.HTML().add_class("glows-error")
        self._message = ipywidgets.HTML().add_class("glows-message")
        top = ipywidgets.HBox([self._heading, self._state, self._retry]).add_class("glows-panel-top")
        super().__init__([self._front_end, top, self._trouble, *self._build()])
        self.add_class(CONTAINER).add_class("glows-panel")
        self._say_heading("")
        earlier = replace_earlier(self)
        if earlier is not None:
            self._take_over(earlier)
            earlier.close()
        self.refresher.start()
        self._first_reading.wait(FIRST_READING_SECONDS)

    def refresh(self) -> None:
        """Read and show now, and return when that is done."""
        self.refresher.read_now()

    def on_work(self, subject: str, text: str, error: Exception | None, *, is_done: bool) -> None:
        """Work that somebody's click began has got so far, or failed."""
        with self._lock:
            if self._is_gone:
                return
            if error is None:
                self._say(text)
            else:
                self._say_error(subject, error)
            if is_done and error is None:
                self._take_note(subject)
            if self._seen_at is not None:
                self._show()
        self.refresher.hasten()

    def close(self) -> None:
        """Stop reading and let go of all that the panel is made of. What it does to a machine goes on to its end."""
        with self._lock:
            self._is_gone = True
        self.refresher.close()
        forget(self)
        for part in self._parts():
            part.close()
        super().close()

    @abstractmethod
    def _build(self) -> list[ipywidgets.Widget]:
        """The panel's parts, below its heading, `_message` among them; called once, before anything is read."""

    @abstractmethod
    def _read(self) -> Outcome:
        """Ask the service, and keep the answer. Called in the background."""

    @abstractmethod
    def _show(self) -> None:
        """Show what was read last, with the lock held."""

    @abstractmethod
    def _plain(self) -> Table:
        """What was read last as a plain table without secrets. It changes when a fact changes, not with the clock."""

    def _take_over(self, earlier: Any) -> None:
        """The cell was run again: go on where the panel of the run before was."""
        self.work = earlier.work
        self.work.listener = self
        self._message.value = earlier._message.value

    def _parts(self) -> list[ipywidgets.Widget]:
        """All widgets of the panel, those that are not shown now as well."""
        return all_parts(self)

    def _read_and_show(self) -> Outcome:
        trouble: Exception | None = None
        done = self.work.unseen()
        try:
            outcome = self._read()
        except AuthError as error:
            outcome, trouble = Outcome.REFUSED, error
        except RateLimited as error:
            outcome, trouble = Outcome.TOO_MANY, error
        except Exception as error:  # noqa: BLE001 - in the background it is shown, or nobody hears of it
            outcome, trouble = Outcome.UNREADABLE, error
        with self._lock:
            if self._is_gone:
                return outcome
            self.work.was_read(done)
            now = datetime.now(UTC)
            if trouble is None:
                self._seen_at, self._unseen_since = now, None
                try:
                    self._show()
                except Exception as error:  # noqa: BLE001 - as above: the thread must not end of it
                    outcome, trouble = Outcome.UNREADABLE, error
            if trouble is not None:
                self._unseen_since = self._unseen_since or now
            self._say_state(trouble, outcome)
            self._first_reading.set()
            self._static.update(*self._plain_form())
        return outcome

    def _say_state(self, trouble: Exception | None, outcome: Outcome) -> None:
        what = self._title.lower()
        if trouble is None:
            self._trouble.value = ""
            self._state.value = _read_html(texts.PANEL_UPDATED, self._seen_at) if self._seen_at else ""
            self._retry.description = texts.REFRESH
            self.remove_class("glows-old")
            return
        self.add_class("glows-old")
        since = f"{self._unseen_since:%H:%M} UTC"
        said = texts.PANEL_CANT_SEE.format(what=what, since=since, error=trouble)
        rows = (
            texts.PANEL_LAST_KNOWN.format(when=f"{self._seen_at:%H:%M:%S} UTC")
            if self._seen_at
            else texts.PANEL_NEVER_SEEN
        )
        then = texts.PANEL_ASKS_NO_MORE if outcome is Outcome.REFUSED else texts.PANEL_TRIES_AGAIN
        self._trouble.value = "<br>".join(escaped(sentence) for sentence in (said, f"{rows} {then}"))
        self._state.value = _read_html(texts.PANEL_OUT_OF_DATE, self._seen_at) if self._seen_at else ""
        self._retry.description = texts.RETRY

    def _say_heading(self, text: str) -> None:
        badge = f" {SANDBOX_BADGE}" if self.client.is_sandbox else ""
        said = f' <span class="glows-headline">{escaped(text)}</span>' if text else ""
        self._heading.value = f'<span class="glows-title">{escaped(self._title)}</span>{badge}{said}'

    def _label(self, css_class: str, **attributes: str) -> None:
        """Give ARIA attributes to the elements of a CSS class; underscores in names stand for hyphens."""
        named = {name.replace("_", "-"): value for name, value in attributes.items()}
        self._front_end.labels = {**self._front_end.labels, css_class: named}

    def _say(self, text: str) -> None:
        """A sentence on what was done last."""
        self._message.value = escaped(text)

    def _take_note(self, subject: str) -> None:
        """Work on this is done."""

    def _say_error(self, subject: str, error: Exception) -> None:
        """What went wrong when something was done to this."""
        self._message.value = error_html(error)

    def _on_retry(self) -> None:
        self.refresher.hasten()

    def _plain_form(self) -> tuple[str, str]:
        """The panel as HTML and as text, for places without widgets."""
        trouble = self._trouble.value
        body, text = (f"<p>{trouble}</p>", html.unescape(trouble).replace("<br>", "\n")) if trouble else ("", "")
        if self._seen_at is None:
            return f"{body}<p>{escaped(self._title)}</p>", f"{text}\n{self._title}".strip()
        table = self._plain()
        return f"{body}{table._repr_html_()}", f"{text}\n{table!r}".strip()

    def _ipython_display_(self, **options: Any) -> None:
        """The live widget, and below it its plain form."""
        bundle = super()._repr_mimebundle_(**options) or {}
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        data["text/plain"] = f"{self._title} panel"
        display(data, raw=True)
        with self._lock:
            self._static.show(*self._plain_form())


class Fold(ipywidgets.ToggleButton):  # type: ignore[misc]  # ipywidgets has no types
    """A button that unfolds something: a sign before its text says whether it is unfolded."""

    def __init__(self, text: str, tooltip: str = "") -> None:
        super().__init__(tooltip=tooltip, layout={"width": "auto", "align_self": "flex-start"})
        self.text = text
        self.observe(self._sign, "value")

    @property
    def text(self) -> str:
        """What the button says, without its sign."""
        return self._text

    @text.setter
    def text(self, text: str) -> None:
        self._text = text
        self._sign()

    def _sign(self, change: Any = None) -> None:
        self.description = f"{'▾' if self.value else '▸'} {self._text}"


def _read_html(text: str, moment: datetime) -> str:
    """A sentence with how long ago something was read."""
    return f'<span class="glows-quiet">{escaped(text).format(when=time_html(moment))}</span>'
