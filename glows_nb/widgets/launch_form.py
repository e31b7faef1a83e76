"""The launch form: choose what fits together, see the price, press Launch, get the SSH command."""

from __future__ import annotations

import html
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, Thread
from typing import Any, Final

import ipywidgets

from glows_nb.api.client import Client
from glows_nb.api.errors import GlowsError, InvalidRequest
from glows_nb.api.keys import derived_name
from glows_nb.api.models import Instance, Spec
from glows_nb.api.offers import choose_default_image
from glows_nb.api.requests import Port
from glows_nb.connection import current_client
from glows_nb.money import Rate
from glows_nb.tables import SANDBOX_BADGE
from glows_nb.widgets.choices import ANYWHERE, Choices, OfferId, offer_id, offer_label, price_words

# A dict, not a Layout: that would be a widget, and `Widget.close_all()` in a notebook would end it for all forms.
WIDE: Final = {"width": "44em", "max_width": "100%"}
LABELS: Final = {"description_width": "6em"}
PROGRESS: Final = {"SchedInit": 1, "SchedQueued": 1, "Pending": 2, "Running": 3}


def launch_form(*, name: str = "", client: Client | None = None) -> LaunchForm:
    """A form that starts a machine; its choices always fit together.

    Args:
        name: the machine's name, to begin with; without one the key comes from what is chosen.
        client: the client to use; without it the current one.

    Returns:
        The form: a widget to show. `.launch()` does what the button does and waits; `.instance` is the machine.

    Raises:
        ConfigError: there is no client and no token for one.
        GlowsError: images or offers can't be read.
    """
    return LaunchForm(client or current_client(), name)


class LaunchForm(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """The form. Launching goes through the safe create: pressed or run twice, it rents once."""

    def __init__(self, client: Client, name: str = "") -> None:
        self.instance: Instance | None = None
        self._client = client
        self._lock = Lock()
        self._is_refreshing = False
        self._choices = Choices((), "container")
        images = client.images.all()
        self._specs: list[Spec] = []
        self.image = _menu("Image", [(str(image), image.image_id) for image in images])
        self.image.value = choose_default_image(images).image_id
        self.category = _menu("Category", [])
        self.region = _menu("Region", [])
        self.gpu = _menu("GPU", [])
        self.units = ipywidgets.BoundedIntText(value=1, min=1, max=1, description="Units", style=LABELS, layout=WIDE)
        self.name = ipywidgets.Text(
            value=name,
            description="Name",
            placeholder="none: one machine for each choice",
            style=LABELS,
            layout=WIDE,
        )
        self.ports = ipywidgets.Text(
            description="Ports", placeholder="such as 8000/http, 3306/tcp", style=LABELS, layout=WIDE
        )
        self.price = ipywidgets.HTML()
        self.button = ipywidgets.Button(description="Launch", button_style="primary")
        self.progress = ipywidgets.IntProgress(
            min=0, max=3, layout=ipywidgets.Layout(width="12em", visibility="hidden")
        )
        self.message = ipywidgets.HTML()
        self._load_specs()
        self._observe()
        title = ipywidgets.HTML(f"<b>Launch a machine</b> {SANDBOX_BADGE if client.is_sandbox else ''}")
        fields = [self.image, self.category, self.region, self.gpu, self.units, self.name, self.ports]
        super().__init__([title, *fields, self.price, ipywidgets.HBox([self.button, self.progress]), self.message])

    @property
    def offer(self) -> Spec | None:
        """The offer that is chosen, None where nothing is left to choose."""
        chosen: OfferId | None = self.gpu.value
        return next((spec for spec in self._choices.offers if offer_id(spec) == chosen), None)

    @property
    def rate(self) -> Rate | None:
        """What the chosen units cost per hour."""
        offer = self.offer
        return None if offer is None else offer.rate * int(self.units.value)

    def launch(self, timeout: float = 600) -> Instance:
        """What the button does, waiting until the machine is Running.

        Args:
            timeout: seconds to wait at most.

        Raises:
            GlowsError: what went wrong; the form shows it too.
        """
        with self._lock:
            self.button.disabled = True
            try:
                return self._launch(timeout)
            except GlowsError as error:
                self._show_error(error)
                raise
            finally:
                self.button.disabled = self.offer is None

    def _launch(self, timeout: float) -> Instance:
        fields = self._fields()
        self.progress.value, self.progress.bar_style = 0, ""
        self.progress.layout.visibility = "visible"
        self._say("Looking for the machine, or a place for it…")
        planned = self._client.instances.plan(**fields)
        self._say(html.escape(str(planned)))
        started: Instance = planned.launch()
        self.instance = started
        self.instance = self._client.instances.wait(started.instance_id, timeout=timeout, on_change=self._show_progress)
        self.progress.bar_style = "success"
        self._say(_way_in(self.instance))
        return self.instance

    def _fields(self) -> dict[str, Any]:
        """The launch that the form describes, at no more than the price it shows."""
        offer, rate = self.offer, self.rate
        if offer is None or rate is None:
            raise InvalidRequest("gpu", "nothing is left to choose with this image, category and region.")
        ports = [Port.parse(text) for text in str(self.ports.value).replace(",", " ").split()]
        fields: dict[str, Any] = {
            "from_image_id": self.image.value,
            "instance_category": self.category.value,
            "region_name": offer.region_name,
            "unit_qty": int(self.units.value),
            "ports": ports,
            "max_price_per_hour": rate.per_hour,
        }
        # The key of a form without a name comes from the choices themselves, not from how they are sent:
        # whether an offer has to be pinned depends on what else is there.
        chosen = [self.image.value, self.category.value, offer_id(offer), fields["unit_qty"], [str(p) for p in ports]]
        fields["name"] = str(self.name.value).strip() or derived_name(chosen)
        if self._choices.is_ambiguous(offer):
            return fields | {"base_resource": offer.base_resource}
        return fields | {"gpu_name" if offer.unit.gpus else "cpu_name": offer.hardware_name}

    def _observe(self) -> None:
        self.image.observe(self._on_image, "value")
        for menu in (self.category, self.region):
            menu.observe(self._on_choice, "value")
        self.gpu.observe(self._on_offer, "value")
        self.units.observe(self._on_offer, "value")
        self.button.on_click(self._on_click)

    def _on_image(self, change: Any) -> None:
        with self._errors_shown():
            self._load_specs()

    def _on_choice(self, change: Any) -> None:
        if not self._is_refreshing:
            self._refresh()

    def _on_offer(self, change: Any) -> None:
        if not self._is_refreshing:
            self._show_price()

    def _on_click(self, button: ipywidgets.Button) -> None:
        if self.button.disabled:
            return
        self.button.disabled = True
        Thread(target=self._launch_quietly, name="glows launch form", daemon=True).start()

    def _launch_quietly(self) -> None:
        """In the background there is nobody to raise to: every error ends in the form."""
        with self._errors_shown():
            self.launch()

    def _load_specs(self) -> None:
        """The offers for the chosen image; where they can't be read, those of another image are not kept."""
        self._specs = []
        try:
            self._specs = self._client.specs.all(from_image_id=self.image.value)
        finally:
            self._refresh()

    def _refresh(self) -> None:
        """Give every menu the choices that fit the others, keeping what was chosen where it still fits."""
        category, region, offer = self.category.value or "container", self.region.value or ANYWHERE, self.gpu.value
        self._choices = choices = Choices.among(self._specs, category, region)
        offers = [
            (offer_label(spec, with_region=choices.region == ANYWHERE), offer_id(spec)) for spec in choices.offers
        ]
        self._is_refreshing = True
        try:
            _choose(self.category, [(name, name) for name in choices.categories], choices.category)
            _choose(self.region, [("anywhere", ANYWHERE), *((name, name) for name in choices.regions)], choices.region)
            _choose(self.gpu, offers, offer)
        finally:
            self._is_refreshing = False
        self._show_price()

    def _show_price(self) -> None:
        offer = self.offer
        self.button.disabled = offer is None or self._lock.locked()
        if offer is None:
            self.price.value = "Nothing is left with this image, category and region."
            return
        left = offer.max_available_units or 1
        self.units.max = left
        rate = offer.rate * int(self.units.value)
        self.price.value = f"<b>{price_words(rate)}</b> in {html.escape(offer.region_name)}, {left} left"

    def _show_progress(self, instance: Instance) -> None:
        self.progress.value = PROGRESS.get(instance.status, self.progress.value)
        self._say(html.escape(str(instance)))

    def _say(self, text: str) -> None:
        self.message.value = text

    @contextmanager
    def _errors_shown(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 - a callback has nobody else to tell
            self._show_error(error)

    def _show_error(self, error: Exception) -> None:
        self.progress.bar_style = "danger"
        self._say(f"<b>{type(error).__name__}</b>: {html.escape(str(error))}")

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """The widget, and for places without a widget front end what the form says as plain HTML."""
        bundle = super()._repr_mimebundle_(**options)
        if isinstance(bundle, dict):
            bundle["text/html"] = (
                f"<p>Launch form{f' {SANDBOX_BADGE}' if self._client.is_sandbox else ''}: "
                f"{html.escape(self.gpu.label or '')}: {self.price.value}. {self.message.value}</p>"
            )
        return bundle


def _menu(label: str, options: list[tuple[str, Any]]) -> ipywidgets.Dropdown:
    return ipywidgets.Dropdown(options=options, description=label, style=LABELS, layout=WIDE)


def _choose(menu: ipywidgets.Dropdown, options: list[tuple[str, Any]], wanted: Any) -> None:
    """Set a menu's options, keeping `wanted` where it is among them, else the first."""
    values = [value for _, value in options]
    if list(menu.options) != options:
        menu.options = options
    menu.value = wanted if wanted in values else (values[0] if values else None)


def _way_in(instance: Instance) -> str:
    price = f" at {instance.rate}" if instance.rate else ""
    ssh = f"<br><code>{html.escape(instance.ssh_command)}</code>" if instance.ssh_command else ""
    return f"<b>{instance.status}</b>: {html.escape(instance.instance_id)}{price}{ssh}"
