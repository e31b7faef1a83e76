"""The spec picker: every offer in a table, filters above it, and `.value`, the offer that is chosen."""

from __future__ import annotations

import math
import uuid
from datetime import UTC, datetime
from threading import Event, RLock
from typing import Any, Final

import ipywidgets
import pandas as pd
import traitlets

from glows_nb import frames
from glows_nb.api.client import Client
from glows_nb.api.errors import GlowsError, WaitTimeout
from glows_nb.api.models.specs import Spec
from glows_nb.api.offers import has_left
from glows_nb.connection import current_client
from glows_nb.frames.queries import Limits
from glows_nb.frames.tables import captioned
from glows_nb.widgets import lifetime, texts
from glows_nb.widgets.background import Background
from glows_nb.widgets.controls import button, choose, set_shown
from glows_nb.widgets.form.choices import offer_id, offer_label
from glows_nb.widgets.form.form_box import FormBox, FormFrontEnd
from glows_nb.widgets.markup import error_html, escaped, time_html
from glows_nb.widgets.table.table import TableWidget

SHOWN: Final = (
    *("gpu", "gpus", "vram_gb", "region", "price_per_hour", "stock", "price_per_gpu_hour"),
    *("cpus", "ram_gb", "disk_gb", "cpu", "instance_categories", "resource_id"),
)
"""The table's columns; `stock` is made here."""
FILTERS: Final = ("gpu", "vram", "count", "region", "price", "available")
ANY: Final = ""
"""A menu's value for no limit; None would be no choice at all."""


def spec_picker(
    *,
    gpu: str = "",
    image_id: str | None = None,
    available: bool = False,
    client: Client | None = None,
) -> SpecPicker:
    """A table of everything that can be rented, to filter, sort and choose from by mouse or keys.

    It reads the offers in the background. A cell that runs again goes on with filters and choice of before.

    Args:
        gpu: only GPUs whose name holds this, to begin with.
        image_id: the image that is to run; without it a base image is chosen.
        available: only what is to be had now, to begin with.
        client: the client to ask; without it the current one.

    Returns:
        The picker: a widget to show. `.value` is the chosen `Spec`, observable, None before something is chosen; of
        an offer that is gone it stays, with `avail` False.

    Raises:
        ConfigError: there is no client and no token for one.
    """
    return SpecPicker(client or current_client(), gpu, image_id, available)


class SpecPicker(FormBox):
    """The picker. What is chosen is known by region and resource id, so that reading again never changes it."""

    value = traitlets.Instance(Spec, allow_none=True)

    def __init__(self, client: Client, gpu: str = "", image_id: str | None = None, available: bool = False) -> None:
        self._client = client
        self._given = (gpu, image_id, available)
        self._image_id = image_id
        self._image_words = image_id or ""
        self._state = RLock()
        self._loaded = Event()
        self._load_error: Exception | None = None
        self._read_at: datetime | None = None
        self._specs: list[Spec] = []
        self._reading = Background("glows spec picker", self._show_error)
        self._is_filling = False
        self.gpu = ipywidgets.Text(value=gpu, description=texts.PICKER_GPU, placeholder=texts.PICKER_GPU_PLACEHOLDER)
        any_: list[tuple[str, Any]] = [(texts.PICKER_ANY, ANY)]
        self.vram = ipywidgets.Dropdown(options=any_, description=texts.PICKER_VRAM)
        self.count = ipywidgets.Dropdown(options=any_, description=texts.PICKER_COUNT)
        self.region = ipywidgets.Dropdown(options=any_, description=texts.PICKER_REGION)
        self.price = ipywidgets.Text(description=texts.PICKER_PRICE, placeholder=texts.PICKER_PRICE_PLACEHOLDER)
        self.price_note = ipywidgets.HTML().add_class("glows-note")
        self._id = uuid.uuid4().hex[:8]
        self.available = ipywidgets.Checkbox(
            value=available, description=texts.PICKER_AVAILABLE, indent=False
        ).add_class("glows-check")
        self.refresh_button = button(texts.REFRESH, self._on_refresh)
        self.message = ipywidgets.HTML(escaped(texts.LOADING)).add_class("glows-message")
        self.problem = ipywidgets.HTML().add_class("glows-message")
        self.table = TableWidget(pd.DataFrame())
        self.table.sort_column = "price_per_hour"
        set_shown(self.table, False)
        price = ipywidgets.VBox([self.price, self.price_note]).add_class("glows-field-price")
        fields = [widget.add_class("glows-field") for widget in (self.gpu, self.vram, self.count, self.region, price)]
        super().__init__(
            texts.PICKER_TITLE,
            FormFrontEnd(self._labels(is_price_wrong=False)),
            [
                ipywidgets.Box(fields).add_class("glows-grid"),
                ipywidgets.HBox([self.available, self.refresh_button]).add_class("glows-actions"),
                self.problem,
                self.table,
                self.message,
            ],
            is_sandbox=client.is_sandbox,
        )
        self.add_class("glows-picker")
        self._take_over(lifetime.replace_earlier(self))
        for name in FILTERS:
            getattr(self, name).observe(self._on_filter, "value")
        self.table.observe(self._on_selected, "selected")
        self.observe(self._on_value, "value")
        self.table.observe(lambda change: self._update_static(), ["query", "sort_column", "is_descending"])
        self._on_refresh()

    def ready(self, timeout: float = 60) -> SpecPicker:
        """Wait until the picker has read the offers.

        Args:
            timeout: seconds to wait at most.

        Raises:
            GlowsError: they can't be read; the picker shows it too.
            WaitTimeout: the service has not answered yet.
        """
        if not self._loaded.wait(timeout):
            raise WaitTimeout(texts.PICKER_UNREAD.format(seconds=timeout), None)
        if self._load_error is not None:
            raise self._load_error
        return self

    def refresh(self) -> None:
        """Read the offers again, now; what is chosen stays chosen, and says so if it is sold out.

        Raises:
            GlowsError: they can't be read; the picker shows it too, and keeps those of before.
        """
        try:
            image_id = self._image_id
            if image_id is None:
                image = self._client.images.default()
                image_id, self._image_words = image.image_id, str(image)
            specs = self._client.specs.all(from_image_id=image_id)
        except GlowsError as error:
            self._show_error(error)
            raise
        with self._state:
            self._image_id = image_id
            self._specs, self._load_error, self._read_at = specs, None, datetime.now(UTC)
            self._renew_value()
            self._offer_filters()
            set_shown(self.table, True)
            self.problem.value = ""
            self.refresh_button.description = texts.REFRESH
            self.refresh_button.disabled = False
            self._show_rows()
        self._loaded.set()

    def close(self) -> None:
        """Stop reading, and let go of the widgets."""
        self._reading.close()
        self._loaded.set()
        super().close()

    def _take_over(self, earlier: SpecPicker | None) -> None:
        """Go on with the filters and the choice of the picker that this one replaces."""
        if earlier is None:
            return
        if self._given == earlier._given:
            for name in FILTERS:
                mine, theirs = getattr(self, name), getattr(earlier, name)
                if hasattr(theirs, "options"):
                    mine.options = theirs.options
                mine.value = theirs.value
        self.table.sort_column, self.table.is_descending = earlier.table.sort_column, earlier.table.is_descending
        self.value = earlier.value
        earlier.close()

    def _on_refresh(self) -> None:
        self.refresh_button.disabled = True
        self.message.value = escaped(texts.LOADING)
        self._loaded.clear()
        self._reading.start(self._refresh_quietly)

    def _refresh_quietly(self) -> None:
        try:
            self.refresh()
        except GlowsError:
            # It is shown already, and there is nobody to raise to.
            return

    def _show_error(self, error: Exception) -> None:
        with self._state:
            self._load_error = error
            self.problem.value = error_html(error)
            self.refresh_button.description = texts.RETRY
            self.refresh_button.disabled = False
            self._show_message()
        self._loaded.set()
        self._update_static()

    def _renew_value(self) -> None:
        """The chosen offer as it is now; one that is listed no more is kept as sold out."""
        chosen = self.value
        if chosen is None:
            return
        now = next((spec for spec in self._specs if offer_id(spec) == offer_id(chosen)), None)
        if now is None:
            now = chosen.model_copy(update={"avail": False, "max_available_units": 0})
            self._specs = [*self._specs, now]
        self.value = now

    def _offer_filters(self) -> None:
        everything = frames.specs(self._specs)
        vram = sorted(float(size) for size in everything["vram_gb"].dropna().unique())
        counts = sorted(int(count) for count in everything["gpus"].dropna().unique())
        regions = sorted(str(region) for region in everything["region"].dropna().unique())
        any_: list[tuple[str, Any]] = [(texts.PICKER_ANY, ANY)]
        self._is_filling = True
        try:
            sizes = [(texts.PICKER_VRAM_AT_LEAST.format(vram=size), size) for size in vram]
            choose(self.vram, [*any_, *sizes], self.vram.value)
            choose(self.count, [*any_, *((str(count), count) for count in counts)], self.count.value)
            choose(self.region, [*any_, *((region, region) for region in regions)], self.region.value)
        finally:
            self._is_filling = False

    def _on_filter(self, change: Any) -> None:
        if not self._is_filling and self._read_at is not None:
            with self._state:
                self._show_rows()

    def _show_rows(self) -> None:
        """The offers that keep the filters' limits, and with them the chosen one, whether it does or not."""
        everything = frames.specs(self._specs)
        units = everything["max_units"].where(everything["available"].fillna(False), 0).fillna(0).astype(int)
        everything["stock"] = _stock(units)
        fitting = self._limits().among(everything)
        shown = len(fitting)
        chosen = everything["resource_id"].eq(self.value.resource_id) if self.value is not None else None
        if chosen is not None and self.value is not None:
            chosen &= everything["region"].eq(self.value.region_name)
            fitting = everything[everything.index.isin(fitting.index) | chosen]
        caption = texts.PICKER_COUNTED.format(shown=shown, all=len(everything), image=self._image_words)
        if shown < len(fitting):
            caption = texts.PICKER_AND_CHOSEN.format(counted=caption)
        frame = fitting[list(SHOWN)].reset_index(drop=True)
        frame["gpu"] = frame["gpu"].astype("string").fillna(texts.PICKER_NO_GPU)
        self.table.frame = captioned(frame, caption, is_sandbox=False)
        self.table.selected = None if self.value is None else "/".join(offer_id(self.value))
        self._show_message()
        self._update_static()

    def _limits(self) -> Limits:
        text = str(self.price.value).strip()
        try:
            price = float(text) if text else None
        except ValueError:
            price = math.nan
        is_wrong = price is not None and not price >= 0
        wrong = escaped(texts.PICKER_NO_NUMBER.format(text=text))
        self.price_note.value = f'<span class="glows-error">✗ {wrong}</span>' if is_wrong else ""
        self.front_end.labels = self._labels(is_price_wrong=is_wrong)
        return Limits(
            gpu=str(self.gpu.value).strip() or None,
            region=self.region.value or None,
            min_vram_gb=self.vram.value or None,
            max_price=None if is_wrong else price,
            gpus=None if self.count.value == ANY else self.count.value,
            available=bool(self.available.value),
        )

    def _labels(self, *, is_price_wrong: bool) -> dict[str, dict[str, str]]:
        """What ties the note to the price for those who can't see the page."""
        note_id = f"glows-{self._id}-price"
        return {
            "glows-message": {"role": "status"},
            "glows-field-price .glows-note": {"id": note_id, "role": "status"},
            "glows-field-price input": {"aria-describedby": note_id, "aria-invalid": str(is_price_wrong).lower()},
        }

    def _on_selected(self, change: Any) -> None:
        with self._state:
            selected = self.table.selected
            if selected is None:
                return
            self.value = next((spec for spec in self._specs if "/".join(offer_id(spec)) == selected), self.value)
            self._show_message()
        self._update_static()

    def _on_value(self, change: Any) -> None:
        """Chosen by code, it is marked in the table as well."""
        with self._state:
            self.table.selected = None if self.value is None else "/".join(offer_id(self.value))
            self._show_message()

    def _show_message(self) -> None:
        read = texts.PICKER_READ_AT.format(moment=time_html(self._read_at)) if self._read_at else ""
        chosen = escaped(texts.PICKER_NOTHING_CHOSEN) if self._read_at else ""
        if self.value is not None:
            offer = escaped(offer_label(self.value, with_region=True))
            if has_left(self.value):
                left = self.value.max_available_units
                chosen = f"<b>{texts.PICKER_CHOSEN.format(offer=offer, left=left)}</b>"
            else:
                chosen = f'<b class="glows-error">✗ {texts.PICKER_SOLD_OUT.format(offer=offer)}</b>'
        self.message.value = f'{chosen} <span class="glows-quiet">{read}</span>'

    def _plain(self) -> str:
        caption = texts.PICKER_PRICES.format(counted=self.table.caption)
        table = (
            captioned(self.table.fitting.reset_index(drop=True), caption, is_sandbox=False)._repr_html_()
            if self._read_at
            else ""
        )
        return f"{self._plain_title()}{table}<p>{self.problem.value}{self.message.value}</p>"

    def _summary(self) -> str:
        return offer_label(self.value, with_region=True) if self.value else texts.PICKER_NOTHING_CHOSEN


def _stock(units: pd.Series[int]) -> pd.Series[Any]:
    """How much is left in words, which sort by how much that is."""
    words = {count: texts.LEFT.format(units=count) if count else texts.SOLD_OUT for count in sorted(set(units))}
    return pd.Series(pd.Categorical(units.map(words), categories=list(words.values()), ordered=True), index=units.index)
