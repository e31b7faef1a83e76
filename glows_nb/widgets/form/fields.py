"""The launch form's fields: inputs with their labels, and beside each what is wrong with it or worth knowing.

Nothing of the service here: which choices there are comes from outside, and `filled` says what stands in the fields.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import local
from typing import Any, Final

import ipywidgets
from pydantic import SecretStr

from glows_nb.api.lifecycle.keys import KEY_LIMIT
from glows_nb.api.models.specs import Spec
from glows_nb.api.offers import extras_sold
from glows_nb.widgets import texts
from glows_nb.widgets.controls import choose, set_shown
from glows_nb.widgets.form.choices import ANYWHERE, Choices, offer_id, offer_label
from glows_nb.widgets.form.model import Filled
from glows_nb.widgets.form.rows import Column, Rows
from glows_nb.widgets.markup import escaped

COMMAND_LIMIT: Final = 512
IMAGE: Final = "image"
SNAPSHOT: Final = "snapshot"
MENUS: Final = ("source", "image", "snapshot", "category", "region", "gpu", "extra", "network", "public_ip")
TEXTS: Final = ("search", "units", "name", "command", "cap", "remark", "meta_key")
ROWS: Final = ("ports", "envs", "fallbacks")
MAIN: Final = ("source", "search", "image", "snapshot", "category", "region", "gpu", "units", "name", "ports")
MORE: Final = ("envs", "command", "network", "public_ip", "fallbacks", "cap", "extra", "remark", "meta_key")
MOST_UNITS: Final = 1000
"""Where the service does not tell how many units are left, or tells what nobody could rent."""


class FormFields:
    """All fields of a form. `main` and `more` are the boxes in which they stand."""

    def __init__(self) -> None:
        self._id = uuid.uuid4().hex[:8]
        # Of the thread: what somebody types while another thread fills in is heard all the same.
        self._filling = local()
        self._notes: dict[str, ipywidgets.HTML] = {}
        self._wrong: frozenset[str] = frozenset()
        self._options: dict[str, list[tuple[str, str]]] = {IMAGE: [], SNAPSHOT: []}
        kinds = [(texts.FORM_IMAGE_SOURCE, IMAGE), (texts.FORM_SNAPSHOT_SOURCE, SNAPSHOT)]
        none = [(texts.FORM_NONE, "")]
        self.source = _menu(texts.FORM_SOURCE, kinds)
        self.search = _text(texts.FORM_SEARCH, texts.FORM_SEARCH_PLACEHOLDER)
        self.image = _menu(texts.FORM_IMAGE, [])
        self.snapshot = _menu(texts.FORM_SNAPSHOT, [])
        self.category = _menu(texts.FORM_CATEGORY, [])
        self.region = _menu(texts.FORM_REGION, [])
        self.gpu = _menu(texts.FORM_GPU, [])
        self.units = ipywidgets.BoundedIntText(
            value=1, min=1, max=1, description=texts.FORM_UNITS, continuous_update=True
        )
        self.name = _text(texts.FORM_NAME, texts.FORM_NAME_PLACEHOLDER)
        port = Column("port", texts.FORM_PORT, "number", "8000")
        protocol = Column("protocol", texts.FORM_PROTOCOL, "choice", choices=("http", "tcp"))
        self.ports = Rows(texts.FORM_PORTS, texts.FORM_ADD_PORT, [port, protocol])
        variable = Column("name", texts.FORM_ENV, placeholder="HF_TOKEN")
        secret = Column("value", texts.FORM_ENV_VALUE, "secret", "…")
        self.envs = Rows(texts.FORM_ENVS, texts.FORM_ADD_ENV, [variable, secret])
        self.command = ipywidgets.Textarea(
            description=texts.FORM_COMMAND, placeholder=texts.FORM_COMMAND_PLACEHOLDER, rows=2
        )
        self.network = _menu(texts.FORM_NETWORK, none)
        self.public_ip = _menu(texts.FORM_PUBLIC_IP, none)
        fallback = Column("region", texts.FORM_FALLBACK, "choice", is_unique=True)
        self.fallbacks = Rows(texts.FORM_FALLBACKS, texts.FORM_ADD_FALLBACK, [fallback], is_ordered=True)
        self.cap = _text(texts.FORM_CAP, texts.FORM_CAP_PLACEHOLDER)
        self.extra = _menu(texts.FORM_EXTRA, [(texts.FORM_NONE, ())])
        self.remark = _text(texts.FORM_REMARK, texts.FORM_REMARK_PLACEHOLDER)
        self.meta_key = _text(texts.FORM_META_KEY, texts.FORM_META_KEY_PLACEHOLDER)
        self.main = ipywidgets.Box([self._field(name) for name in MAIN]).add_class("glows-grid")
        self.more = ipywidgets.Box([self._field(name) for name in MORE]).add_class("glows-grid")
        self.search.on_msg(self._on_search_message)
        self.show_source()

    @property
    def is_filling(self) -> bool:
        """Are the fields being set from here, and not by somebody who types?"""
        return getattr(self._filling, "is_so", False)

    def on_change(self, names: Sequence[str], changed: Callable[[], None]) -> None:
        """Call this when one of these fields is changed, but not while it is filled from here."""

        def heard(change: Any) -> None:
            if not self.is_filling:
                changed()

        for name in names:
            field = getattr(self, name)
            field.observe(heard, ["rows", "edited"] if name in ROWS else "value")

    @contextmanager
    def filling(self) -> Iterator[None]:
        """While fields are set from here, nobody is told."""
        before, self._filling.is_so = self.is_filling, True
        try:
            yield
        finally:
            self._filling.is_so = before

    def filled(self, offer: Spec | None, image_id: str) -> Filled:
        """What stands in the fields; rows in which nothing stands are left out."""
        ports = [(str(row["port"]).strip(), str(row["protocol"])) for row in self.ports.values]
        envs = [(str(row["name"]).strip(), row["value"]) for row in self.envs.values]
        return Filled(
            image_id=image_id,
            snapshot_id=(self.snapshot.value or "") if self.source.value == SNAPSHOT else "",
            category=self.category.value or "container",
            offer=offer,
            units=int(self.units.value),
            name=str(self.name.value),
            ports=tuple((number, protocol) for number, protocol in ports if number),
            envs=tuple(
                (name, value)
                for name, value in envs
                if isinstance(value, SecretStr) and (name or value.get_secret_value())
            ),
            command=str(self.command.value),
            network_id=self.network.value or "",
            public_ip_id=self.public_ip.value or "",
            fallbacks=tuple(str(row["region"]) for row in self.fallbacks.values if row["region"]),
            cap=str(self.cap.value),
            extra=self.extra.value or (),
            remark=str(self.remark.value),
            meta_key=str(self.meta_key.value),
        )

    def take_over(self, earlier: FormFields) -> None:
        """Fill in what stands in the fields of another form; what its menus offer comes along."""
        with self.filling():
            self._options = earlier._options
            for name in MENUS:
                theirs = getattr(earlier, name)
                choose(getattr(self, name), list(theirs.options), theirs.value)
            self.units.max = earlier.units.max
            for name in TEXTS:
                getattr(self, name).value = getattr(earlier, name).value
            for name in ROWS:
                rows, theirs = getattr(self, name), getattr(earlier, name)
                rows.columns = theirs.columns
                rows.values = theirs.values
        self.show_source()

    def chosen_source(self) -> str:
        """The id of the image or snapshot to start from, "" where none is chosen."""
        return str(getattr(self, self.source.value).value or "")

    def offer_sources(self, kind: str, options: list[tuple[str, str]], wanted: str | None) -> None:
        """The images or snapshots that there are; those found by the search are in the menu."""
        self._options[kind] = options
        self._show_found(kind, wanted)

    def show_found(self) -> None:
        """Bring into the menus what the search finds; what is chosen stays in, whether it is found or not."""
        for kind in (IMAGE, SNAPSHOT):
            self._show_found(kind, getattr(self, kind).value)

    def show_source(self) -> None:
        """Show the menu of images or that of snapshots, whichever the machine starts from."""
        for kind in (IMAGE, SNAPSHOT):
            set_shown(self._box(kind), self.source.value == kind)
        self.show_found()

    def offer_choices(self, choices: Choices, wanted: tuple[str, str] | None, *, keeps_gone: bool) -> bool:
        """Give each menu the choices that fit the others; says whether the wanted offer is among them.

        Args:
            choices: what fits together.
            wanted: the id of the offer to choose.
            keeps_gone: where the wanted offer is not there, choose none instead of the first.
        """
        offers = [
            (offer_label(spec, with_region=choices.region == ANYWHERE), offer_id(spec)) for spec in choices.offers
        ]
        is_there = wanted is None or wanted in [value for _, value in offers]
        regions = [(texts.FORM_ANYWHERE, ANYWHERE), *((name, name) for name in choices.regions)]
        with self.filling():
            categories = [(texts.FORM_CATEGORIES.get(word, word), word) for word in choices.categories]
            choose(self.category, categories, choices.category)
            choose(self.region, regions, choices.region)
            choose(self.gpu, offers, wanted)
            if keeps_gone and not is_there:
                self.gpu.value = None
        return is_there

    def offer_networks(self, networks: Mapping[str, list[tuple[str, str]]]) -> None:
        """The private networks ("network") and public IPs ("public_ip") that a machine can be put into."""
        with self.filling():
            for name, options in networks.items():
                menu = getattr(self, name)
                choose(menu, [(texts.FORM_NONE, ""), *options], menu.value)

    def note(self, name: str, text: str, *, is_error: bool = False) -> None:
        """Say something beside a field."""
        sign, kind = ("✗ ", "glows-error") if is_error else ("", "glows-quiet")
        self._notes[name].value = f'<span class="{kind}">{sign}{escaped(text)}</span>' if text else ""
        self._wrong = self._wrong | {name} if is_error else self._wrong - {name}

    def show_notes(self, filled: Filled, wrong: Mapping[str, str], hints: Mapping[str, str]) -> None:
        """Beside each field what is wrong with it, else what is worth knowing."""
        left = COMMAND_LIMIT - len(filled.command)
        known = {
            "name": name_length(filled.name) or texts.FORM_NO_NAME,
            "command": texts.FORM_COMMAND_LEFT.format(left=left, limit=COMMAND_LIMIT),
            "units": _left(filled.offer) if filled.offer else "",
            "extra": "" if len(self.extra.options) > 1 else texts.FORM_NO_EXTRA,
            "fallbacks": texts.FORM_FALLBACKS_HINT if self.fallbacks.most else texts.FORM_NO_FALLBACKS,
            **hints,
        }
        for name in self._notes:
            if name == "search":
                continue
            self.note(name, wrong.get(name) or known.get(name, ""), is_error=name in wrong)

    def limit_to(self, offer: Spec | None, choices: Choices) -> None:
        """Let units and other regions go no further than an offer allows."""
        with self.filling():
            most = offer.max_available_units if offer else 1
            self.units.max = MOST_UNITS if most is None else min(max(most, 1), MOST_UNITS)
            sold = _extras(offer) if offer else []
            choose(self.extra, [(texts.FORM_NONE, ()), *sold], self.extra.value)
            elsewhere = list(choices.elsewhere(offer)) if offer else []
            self.fallbacks.offer("region", elsewhere)
            self.fallbacks.most = len(elsewhere)

    def focus_wrong(self) -> None:
        """Bring the first field with something wrong into focus."""
        wrong = next((getattr(self, name) for name in self._notes if name in self._wrong and name not in ROWS), None)
        if wrong is not None:
            wrong.focus()

    def labels(self) -> dict[str, dict[str, str]]:
        """What ties the notes to their fields for those who can't see the page."""
        found: dict[str, dict[str, str]] = {}
        for name in self._notes:
            note_id, field = f"glows-{self._id}-{name}", f"glows-field-{name}"
            found[f"{field} .glows-note"] = {"id": note_id, "role": "status"}
            state = {"aria-describedby": note_id, "aria-invalid": str(name in self._wrong).lower()}
            found[f"{field} :is(input, select, textarea)"] = state
        return found

    def plain(self) -> list[str]:
        """What stands in the fields, a line each. Neither values of variables nor the command, which may hold some."""
        lines = []
        for name in (*MAIN, *MORE):
            field = getattr(self, name)
            if name in ROWS:
                value = ", ".join(_row_words(row) for row in field.values)
            elif name in MENUS:
                is_shown = name not in (IMAGE, SNAPSHOT) or name == self.source.value
                value = (field.label or "") if is_shown and field.value else ""
            else:
                value = "" if name in ("search", "command") else str(field.value).strip()
            if value:
                label = field.heading if name in ROWS else field.description
                lines.append(texts.FORM_PLAIN.format(label=label, value=value))
        return lines

    def _found(self, kind: str) -> list[tuple[str, str]]:
        words = str(self.search.value).lower().split()
        return [option for option in self._options[kind] if all(word in option[0].lower() for word in words)]

    def _show_found(self, kind: str, kept: str | None) -> None:
        everything, found = self._options[kind], self._found(kind)
        with self.filling():
            choose(getattr(self, kind), [option for option in everything if option[1] == kept or option in found], kept)
        if self.source.value != kind:
            return
        if not everything:
            said = texts.FORM_NO_SNAPSHOT if kind == SNAPSHOT else ""
        elif not str(self.search.value).strip():
            said = texts.FORM_SOURCES.format(all=len(everything))
        else:
            said = (texts.FORM_FOUND if found else texts.FORM_FOUND_NONE).format(found=len(found), all=len(everything))
        self.note("search", said)

    def _on_search_message(self, widget: Any, content: Any, buffers: Any) -> None:
        """Enter takes the first that is found."""
        found = self._found(self.source.value)
        if content == {"event": "submit"} and found:
            getattr(self, self.source.value).value = found[0][1]

    def _field(self, name: str) -> ipywidgets.VBox:
        field = getattr(self, name)
        self._notes[name] = note = ipywidgets.HTML().add_class("glows-note")
        heading = [ipywidgets.HTML(escaped(field.heading)).add_class("glows-heading")] if name in ROWS else []
        return ipywidgets.VBox([*heading, field, note]).add_class("glows-field").add_class(f"glows-field-{name}")

    def _box(self, name: str) -> ipywidgets.VBox:
        field = getattr(self, name)
        return next(box for box in (*self.main.children, *self.more.children) if field in box.children)


def _extras(offer: Spec) -> list[tuple[str, tuple[tuple[str, int], ...]]]:
    """What can be added to a unit of an offer, one step of each, for a menu."""
    return [
        (texts.FORM_EXTRA_STEP.format(quantity=step.quantity, name=step.name, rate=step.rate), (step[:2],))
        for step in extras_sold(offer)
    ]


def _left(offer: Spec) -> str:
    left = offer.max_available_units
    return texts.FORM_UNITS_UNKNOWN if left is None else texts.FORM_UNITS_LEFT.format(left=left)


def name_length(name: str) -> str:
    """How long a name is, of how long it may be; nothing for none."""
    return texts.FORM_NAME_LENGTH.format(length=len(name.strip()), limit=KEY_LIMIT) if name.strip() else ""


def _row_words(row: Mapping[str, str | SecretStr]) -> str:
    """A row on one line, without its secret."""
    words = "/".join(value for value in row.values() if isinstance(value, str))
    is_masked = any(isinstance(value, SecretStr) for value in row.values())
    return texts.FORM_ENV_MASKED.format(name=words) if is_masked else words


def _menu(label: str, options: list[tuple[str, Any]]) -> ipywidgets.Dropdown:
    return ipywidgets.Dropdown(options=options, description=label)


def _text(label: str, placeholder: str) -> ipywidgets.Text:
    return ipywidgets.Text(description=label, placeholder=placeholder)
