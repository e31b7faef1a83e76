"""The launch form: choose what fits together, see price and plan, press Launch, get the way in.

Reading and launching go on in the background; what stands in the form is in `fields`, what it means in
`model`, the machine that comes of it in `machine_card`.
"""

from __future__ import annotations

from threading import RLock
from typing import Any, Final

import ipywidgets

from glows_nb.api.client import Client
from glows_nb.api.errors import GlowsError, InvalidRequest
from glows_nb.api.lifecycle.planning import Plan
from glows_nb.api.models.instances import Instance
from glows_nb.api.models.specs import Spec
from glows_nb.connection import current_client
from glows_nb.money import Rate
from glows_nb.widgets import lifetime, texts
from glows_nb.widgets.confirmation import Question
from glows_nb.widgets.controls import button, set_shown
from glows_nb.widgets.form import model
from glows_nb.widgets.form.choices import OfferId, offer_id_of
from glows_nb.widgets.form.code_box import CodeBox
from glows_nb.widgets.form.fields import MAIN, MORE, SNAPSHOT, FormFields, name_length
from glows_nb.widgets.form.form_box import FormBox, FormFrontEnd
from glows_nb.widgets.form.launch_worker import FormLaunching
from glows_nb.widgets.form.machine_card import MachineCard
from glows_nb.widgets.form.messages import FormMessages
from glows_nb.widgets.form.model import Filled
from glows_nb.widgets.form.offer_menu import OfferMenu
from glows_nb.widgets.form.reading import FormReading
from glows_nb.widgets.markup import error_html, escaped

SETTLED_SECONDS: Final = 0.5
"""So long nothing is typed before the service is asked for the plan."""


def launch_form(*, spec: Any = None, name: str = "", client: Client | None = None) -> LaunchForm:
    """A form that starts a machine; its choices always fit together.

    It reads what there is in the background and answers meanwhile. A cell that runs again goes on with what was typed
    into the form before, and with its machine.

    Args:
        spec: the offer to begin with: a `Spec`, such as `spec_picker().value`, or a row of `glows.specs()`.
        name: the machine's name, to begin with; without one the key comes from what is chosen.
        client: the client to use; without it the current one.

    Returns:
        The form: a widget to show. `.launch()` does what the buttons do and waits; `.instance` is the machine.

    Raises:
        ConfigError: there is no client and no token for one.
        InvalidRequest: `spec` is no offer.
    """
    offer = None if spec is None else offer_id_of(spec)
    image_id = str(getattr(spec, "attrs", {}).get("image_id", ""))
    return LaunchForm(client or current_client(), name, offer, image_id=image_id, client_is_given=client is not None)


class LaunchForm(FormBox):
    """The form. Launching goes through the safe create: pressed or run twice, it rents once."""

    def __init__(
        self,
        client: Client,
        name: str = "",
        offer: OfferId | None = None,
        *,
        image_id: str = "",
        client_is_given: bool = True,
    ) -> None:
        self._client = client
        self._client_is_given = client_is_given
        self._given = (name, offer)
        self._state = RLock()
        self._edits = 0
        self._is_wrong = False
        self._launching = FormLaunching(self)
        self.fields = FormFields()
        self._reading = FormReading(
            client,
            self.fields,
            self._state,
            pinned_image=image_id,
            begun=self._on_reading,
            offered=self._on_offered,
            ended=self._on_read,
        )
        self._menu = OfferMenu(self.fields, self._reading, offer)
        self._failed: Exception | None = None
        front_end = FormFrontEnd()
        self._messages = FormMessages()
        self.price, self.plan = self._messages.price, self._messages.plan
        self.message, self.loading = self._messages.message, self._messages.loading
        self.retry = button(texts.RETRY, self._read_all)
        self.button = button(texts.FORM_LAUNCH, self._on_launch, button_style="primary")
        self.refresh_button = button(texts.REFRESH, self._on_refresh, tooltip=texts.FORM_REFRESH_HINT)
        self.question = Question()
        self.more = ipywidgets.ToggleButton(description=texts.FORM_MORE).add_class("glows-more")
        self.code = CodeBox(front_end, self._say_copied, self._label)
        self.card = MachineCard(client, front_end, changed=self._update_static, ended=self._on_edit)
        super().__init__(
            texts.FORM_TITLE,
            front_end,
            [
                ipywidgets.HBox([self.loading, self.retry]).add_class("glows-actions"),
                self.fields.main,
                self.more,
                self.fields.more,
                self.price,
                self.plan,
                ipywidgets.HBox([self.button, self.code.toggle, self.refresh_button]).add_class("glows-actions"),
                self.question.box,
                self.message,
                self.code,
                self.card,
            ],
            is_sandbox=client.is_sandbox,
        )
        self.add_class("glows-launch-form")
        for hidden in (self.fields.more, self.retry):
            set_shown(hidden, False)
        self.fields.name.value = name
        self._take_over(lifetime.replace_earlier(self))
        self._observe()
        self._read_all()

    @property
    def instance(self) -> Instance | None:
        """The machine that the form has launched, or found under the name; None while there is none."""
        return self.card.instance

    @property
    def offer(self) -> Spec | None:
        """The offer that is chosen, None where nothing is left to choose."""
        return self._menu.offer

    @property
    def rate(self) -> Rate | None:
        """What the chosen units cost per hour."""
        return self._filled().rate

    @property
    def _is_read(self) -> bool:
        """Is everything known that the form offers?"""
        return not self._reading.is_under_way and self._reading.error is None

    def ready(self, timeout: float = 60) -> LaunchForm:
        """Wait until the form has read what it offers.

        Args:
            timeout: seconds to wait at most.

        Raises:
            GlowsError: images or offers can't be read; the form shows it too.
            WaitTimeout: the service has not answered yet.
        """
        self._reading.wait(timeout)
        return self

    def launch(self, timeout: float = 600, *, over_budget: bool = False) -> Instance:
        """What Launch and the yes after it do, without the question, waiting until the machine is Running.

        Args:
            timeout: seconds to wait at most.
            over_budget: rent though the budget would be passed.

        Raises:
            GlowsError: what went wrong; the form shows it too.
        """
        try:
            self.ready(timeout)
            with self._launching.lock:
                resolved = model.resolved(self._filled(), self._menu.choices)
                instance: Instance = resolved.plan(self._client).launch(over_budget=over_budget)
            self._say_launched(instance)
            self.card.is_found = False
            try:
                instance = self._client.instances.wait(instance.instance_id, timeout=timeout, on_change=self.card.show)
            finally:
                # Also where the wait was interrupted: the machine goes on, and the card with it.
                self.card.follow(instance)
        except GlowsError as error:
            self.show_error(error)
            raise
        return instance

    def close(self) -> None:
        """Stop all that goes on in the background, and let go of the widgets; the machine goes on."""
        self._reading.close()
        self._launching.close()
        for part in self.question.parts():
            part.close()
        super().close()

    def show_error(self, error: Exception) -> None:
        """Say what went wrong with a launch, beside the field that it is about."""
        with self._state:
            field = model.field_of(error)
            if field in (*MAIN, *MORE):
                text = model.reason(error) if isinstance(error, InvalidRequest) else str(error)
                self.fields.note(field, text, is_error=True)
                self._label()
            self.plan.value = ""
            self.message.value = error_html(error)
            self._ask_nothing()
        self._update_static()

    def on_planned(self, planned: Plan, edits: int) -> None:
        """Ask whether this is to be rented, unless something else stands in the form by now."""
        with self._state:
            self.message.value = ""
            self._update_button()
            if edits != self._edits:
                return
            self.question.ask(
                "plan",
                (texts.FORM_CONFIRM_OVER if planned.is_over_budget else texts.FORM_CONFIRM).format(plan=planned),
                texts.FORM_RENT_OVER if planned.is_over_budget else texts.FORM_RENT,
                lambda field: self._rent(planned),
                asked_by=self.button,
                then=self.code.toggle,
            )

    def on_launched(self, instance: Instance) -> None:
        """Show the machine that was launched."""
        self._say_launched(instance)
        self.card.follow(instance)

    def on_launch_failed(self, error: Exception) -> None:
        """Say what became of the launch, and again once all is read: reading clears what was said."""
        with self._state:
            self._failed = error if self._reading.is_under_way else None
            self.show_error(error)

    def _take_over(self, earlier: LaunchForm | None) -> None:
        """Go on with what was typed into the form that this one replaces, with its machine, and a launch under way."""
        if earlier is None:
            return
        # The launch that may be under way goes on here; the other form closes the one that has nothing to do.
        self._launching, earlier._launching = earlier._launching, self._launching
        self._launching.hand_over(self)
        self._edits = earlier._edits
        self.fields.take_over(earlier.fields)
        name, wanted = self._given
        # An argument that was changed in the cell is meant, whatever was typed before.
        if name != earlier._given[0]:
            self.fields.name.value = name
        is_same_offer = wanted == earlier._given[1]
        self._menu.wanted = (earlier.fields.gpu.value or earlier._menu.wanted) if is_same_offer else wanted
        self.more.value, self.code.toggle.value = earlier.more.value, earlier.code.toggle.value
        self.card.place.take_over(earlier.card.place)
        if earlier.instance is not None and self.instance is None:
            self.card.follow(earlier.instance, is_found=earlier.card.is_found)
        earlier.close()

    def _observe(self) -> None:
        fields = self.fields
        fields.on_change(["search"], fields.show_found)
        fields.on_change(["source"], self._on_source)
        fields.on_change(["image", "snapshot"], self._reading.read_specs)
        fields.on_change(["category", "region"], self._on_offered)
        fields.on_change(["gpu", "units", "name", "ports", *MORE], self._on_edit)
        self.more.observe(self._on_more, "value")
        set_shown(self.fields.more, bool(self.more.value))

    def _read_all(self) -> None:
        self._reading.read_all(with_networks=bool(self.more.value))

    def _on_refresh(self) -> None:
        """Prices and stock may have changed; what is chosen stays, and says so if it is sold out."""
        with self._state:
            self._menu.hold()
        self._read_all()

    def _on_reading(self) -> None:
        """Until all is read the form says so and launches nothing."""
        set_shown(self.retry, False)
        self.refresh_button.disabled = True
        self.loading.value = escaped(texts.LOADING)
        self._ask_nothing()

    def _on_read(self) -> None:
        error = self._reading.error
        self.loading.value = "" if error is None else error_html(error)
        set_shown(self.retry, error is not None)
        self.refresh_button.disabled = False
        self._on_edit()
        failed, self._failed = self._failed, None
        if failed is not None:
            self.show_error(failed)
        self._update_static()

    def _on_source(self) -> None:
        self.fields.show_source()
        if self.fields.source.value == SNAPSHOT:
            self._reading.read_snapshots()
        else:
            self._reading.read_specs()

    def _on_more(self, change: Any) -> None:
        set_shown(self.fields.more, bool(self.more.value))
        self._label()
        if self.more.value and not self._reading.networks:
            self._reading.read_networks()

    def _on_offered(self) -> None:
        """There are other offers, or others fit."""
        with self._state:
            self._menu.update()
            self._on_edit()

    def _filled(self) -> Filled:
        return self.fields.filled(self.offer, self._reading.image_id)

    def _on_edit(self) -> None:
        """Something else stands in the form: say what it means, and ask for the plan once nothing more is typed."""
        with self._state:
            self._menu.let_go()
            offer = self.offer
            self.fields.limit_to(offer, self._menu.choices)
            filled = self._filled()
            wrong = model.problems(filled, self._menu.choices)
            if not self._is_read:
                # What can't be seen, or not yet, is not wrong.
                for name in ("source", "gpu"):
                    wrong.pop(name, None)
            elif self._menu.wanted is not None:
                wrong["gpu"] = texts.FORM_SPEC_GONE.format(offer=self._menu.label)
            self.fields.show_notes(filled, wrong, {**model.hints(filled), **self._menu.unseen()})
            self._label()
            is_known = self._is_read and self._menu.wanted is None
            self._messages.show_price(filled, self._menu.choices, is_known=is_known)
            self._show_code(filled)
            self._say_nothing()
            self._is_wrong = bool(wrong)
            self._edits += 1
            self._ask_nothing()
            if wrong or not self._is_read:
                self._update_static()
                return
            edits = self._edits
            self.plan.value = escaped(texts.FORM_PLANNING)
            if filled.name.strip():
                self.fields.note("name", texts.FORM_NAME_CHECKING.format(length=name_length(filled.name)))
        self._reading.background.start_when_settled(lambda: self._look_ahead(edits), SETTLED_SECONDS)

    def _look_ahead(self, edits: int) -> None:
        """Ask what launching would do, and show it if nothing was changed meanwhile."""
        try:
            planned = self._plan_now()
        except GlowsError as error:
            if edits == self._edits:
                self.show_error(error)
            return
        with self._state:
            if edits == self._edits:
                self._show_plan(planned)
        self._update_static()

    def _plan_now(self) -> Plan:
        with self._state:
            resolved = model.resolved(self._filled(), self._menu.choices)
        return resolved.plan(self._client)

    def _show_plan(self, planned: Plan) -> None:
        self._messages.show_plan(planned)
        existing, card = planned.existing, self.card
        self._note_name(existing)
        if existing is not None and (card.instance is None or card.instance.instance_id != existing.instance_id):
            card.follow(existing, is_found=True)
        elif existing is None and card.is_found:
            card.hide()

    def _note_name(self, machine: Instance | None) -> None:
        """Say beside the name whether a machine has it."""
        length = name_length(str(self.fields.name.value))
        if length:
            taken = texts.FORM_NAME_TAKEN.format(length=length, machine=machine.instance_id) if machine else ""
            self.fields.note("name", taken or texts.FORM_NAME_FREE.format(length=length))

    def _show_code(self, filled: Filled) -> None:
        try:
            code = model.as_python(filled, self._menu.choices, client_is_given=self._client_is_given)
            self.code.show(code)
        except InvalidRequest:
            self.code.show("")

    def _say_copied(self, is_done: bool) -> None:
        self.message.value = escaped(texts.COPIED if is_done else texts.COPY_REFUSED)

    def _on_launch(self) -> None:
        with self._state:
            if self._is_wrong:
                self.message.value = escaped(texts.FORM_MEND)
                self.fields.focus_wrong()
                return
            edits = self._edits
            self._launching.plan(self._plan_now, edits)
            self._ask_nothing()
            self.message.value = escaped(texts.FORM_PLANNING)

    def _rent(self, planned: Plan) -> None:
        with self._state:
            self._launching.rent(planned)
            self._say_nothing()
            self._update_button()

    def _say_launched(self, instance: Instance) -> None:
        with self._state:
            # A plan that was asked for before knows nothing of the machine.
            self._edits += 1
            self._ask_nothing()
            self._say_nothing()
            self._note_name(instance)

    def _say_nothing(self) -> None:
        """What was said of an earlier state holds no more; only a launch may be under way."""
        self._messages.clear(is_launching=self._launching.is_under_way)

    def _ask_nothing(self) -> None:
        self.question.close()
        self._update_button()

    def _update_button(self) -> None:
        self.button.disabled = self._launching.is_under_way or not self._is_read or self.offer is None

    def _label(self) -> None:
        self.front_end.labels = {
            "glows-message": {"role": "status"},
            "glows-more": {"aria-expanded": str(bool(self.more.value)).lower()},
            **self.code.labels(),
            **self.card.labels(),
            **self.fields.labels(),
        }

    def _plain(self) -> str:
        lines = [self._plain_title(), *(escaped(line) for line in self.fields.plain())]
        lines += self._messages.plain()
        lines.append(self.card.plain())
        return "".join(f"<div>{line}</div>" for line in lines if line)

    def _summary(self) -> str:
        return str(self.instance or self.fields.gpu.label or texts.FORM_NO_OFFER)
