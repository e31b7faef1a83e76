"""What stands in a launch form, and what it means: problems by field, the launch's arguments, the same as Python.

Pure; nothing of widgets or of the service here. The limits are those of the launch itself, which is asked about each
field alone, so that every problem is known at once.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from pydantic import SecretStr

from glows_nb.api.errors import InvalidRequest, MachineDiffers, MetaKeyExists, NoResourceAvailable, PriceTooHigh
from glows_nb.api.lifecycle.keys import derived_name
from glows_nb.api.lifecycle.launch_request import checked_launch
from glows_nb.api.models.specs import Spec
from glows_nb.api.offers import rate_for
from glows_nb.api.ports import JUPYTER_PORT
from glows_nb.api.requests.create import Port
from glows_nb.money import Rate
from glows_nb.renting.resolved import ResolvedLaunch, given
from glows_nb.renting.words import WORD_OF_ARGUMENT
from glows_nb.widgets import texts
from glows_nb.widgets.form.choices import Choices, offer_id

SOUND: Final[Mapping[str, Any]] = {
    "name": "n",
    "from_image_id": "img-x",
    "gpu_name": "x",
    "region_name": "x",
    "instance_category": "container",
}
"""A launch that nothing is wrong with; one field of the form at a time is put into it."""
FIELD_OF_ARGUMENT: Final = WORD_OF_ARGUMENT | {"cmd": "command", "regions": "fallbacks", "max_price_per_hour": "cap"}
"""Where the form's field has another name than the argument."""
FIELD_OF_ERROR: Final[Mapping[type[Exception], str]] = {
    MetaKeyExists: "name",
    MachineDiffers: "name",
    NoResourceAvailable: "gpu",
    PriceTooHigh: "cap",
}


@dataclass(frozen=True)
class Filled:
    """What stands in the form; texts are as they were typed."""

    image_id: str = ""
    snapshot_id: str = ""
    """Where the machine starts from a snapshot; `image_id` is then the image below it."""
    category: str = "container"
    offer: Spec | None = None
    units: int = 1
    name: str = ""
    ports: tuple[tuple[str, str], ...] = ()
    """Number and protocol."""
    envs: tuple[tuple[str, SecretStr], ...] = ()
    command: str = ""
    network_id: str = ""
    public_ip_id: str = ""
    fallbacks: tuple[str, ...] = ()
    cap: str = ""
    extra: tuple[tuple[str, int], ...] = ()
    """What is added to each unit."""
    remark: str = ""
    meta_key: str = ""

    @property
    def rate(self) -> Rate | None:
        """What the chosen units cost per hour, with what is added to them."""
        return None if self.offer is None else self.rate_of(self.offer)

    def rate_of(self, offer: Spec) -> Rate | None:
        """What the same costs per hour of another offer; None where nobody can say."""
        try:
            return rate_for(offer, self.units, dict(self.extra))
        except InvalidRequest:
            return None

    def dearest(self, choices: Choices) -> Spec | None:
        """The dearest offer that may be taken, among the chosen one and those of the other regions to try."""
        if self.offer is None:
            return None
        elsewhere = choices.elsewhere(self.offer)
        return max(
            [self.offer, *(elsewhere[region] for region in self.fallbacks if region in elsewhere)],
            key=lambda spec: rate.millicents_per_hour if (rate := self.rate_of(spec)) else 0,
        )


def problems(filled: Filled, choices: Choices) -> dict[str, str]:
    """What is wrong, one sentence a field; nothing where it can be launched."""
    found: dict[str, str] = {}
    tried: dict[str, Any] = {
        "ports": {"ports": _ports(filled)},
        "envs": {"envs": dict(filled.envs)},
        "command": {"cmd": filled.command},
        "cap": {"max_price_per_hour": filled.cap.strip() or None},
        "fallbacks": {"regions": filled.fallbacks},
    }
    if filled.remark.strip():
        tried["remark"] = {"remark": filled.remark.strip()}
    if filled.meta_key.strip():
        tried["meta_key"] = {"name": None, "meta_key": filled.meta_key.strip()}
    if filled.name.strip():
        tried["name"] = {"name": filled.name.strip()}
    for field, arguments in tried.items():
        try:
            if field == "cap":
                arguments = {"max_price_per_hour": _cap(filled)}
            checked_launch("", **{**SOUND, **arguments})
        except InvalidRequest as error:
            found[field] = reason(error)
    found |= _contradictions(filled, choices)
    if filled.offer is None:
        found["gpu"] = texts.FORM_NOTHING_LEFT
    return found


def hints(filled: Filled) -> dict[str, str]:
    """What is worth knowing, though nothing is wrong with it."""
    is_taken = any(number.strip() == str(JUPYTER_PORT) for number, _ in filled.ports)
    return {"ports": texts.FORM_JUPYTER_PORT} if is_taken else {}


def resolved(filled: Filled, choices: Choices) -> ResolvedLaunch:
    """What the form describes, at no more than the price it shows.

    Raises:
        InvalidRequest: a field is wrong; the first one.
    """
    wrong = problems(filled, choices)
    if filled.offer is None:
        raise InvalidRequest("gpu", texts.FORM_NOTHING_LEFT)
    if wrong:
        raise InvalidRequest(*next(iter(wrong.items())))
    offer, dearest = filled.offer, filled.dearest(choices)
    is_pinned, own_key = choices.is_ambiguous(offer), filled.meta_key.strip()
    cap = _cap(filled)
    if cap is None and dearest is not None and (most := filled.rate_of(dearest)) is not None:
        cap = most.per_hour
    return ResolvedLaunch(
        name=None if own_key else filled.name.strip() or _derived(filled, offer),
        meta_key=own_key or None,
        image_id=filled.image_id,
        snapshot_id=filled.snapshot_id,
        gpu_name=offer.hardware_name if offer.unit.gpus and not is_pinned else None,
        cpu_name=offer.hardware_name if not offer.unit.gpus and not is_pinned else None,
        offer=offer.base_resource if is_pinned else None,
        region_name=offer.region_name,
        regions=filled.fallbacks,
        category=filled.category,
        units=filled.units,
        ports=_ports(filled),
        envs=dict(filled.envs),
        cmd=filled.command,
        network_id=filled.network_id,
        public_ip_id=filled.public_ip_id,
        extra=dict(filled.extra),
        remark=filled.remark.strip(),
        max_price=cap,
    )


def launch_arguments(filled: Filled, choices: Choices) -> dict[str, Any]:
    """The same as arguments of `client.instances.launch`.

    Raises:
        InvalidRequest: a field is wrong; the first one.
    """
    return resolved(filled, choices).arguments()


def as_python(filled: Filled, choices: Choices, *, client_is_given: bool = True) -> str:
    """The launch as code to paste into a cell; values of environment variables are read from the environment there.

    Args:
        filled: what stands in the form.
        choices: what fits together.
        client_is_given: does the user have a `client`? Without one the code takes the one in use.

    Raises:
        InvalidRequest: a field is wrong; the first one.
    """
    arguments = launch_arguments(filled, choices)
    before = ["import os", ""] if "envs" in arguments else []
    if not client_is_given:
        before += ["import glows_nb as glows", "", "client = glows.current_client()"]
    if "base_resource" in arguments:
        image = f"from_image_id={_quoted(filled.image_id)}" if filled.image_id else ""
        resource_id = _quoted(arguments["base_resource"].resource_id)
        before.append(f"spec = next(s for s in client.specs.all({image}) if s.resource_id == {resource_id})")
    lines = [f"    {name}={_written(name, value)}," for name, value in arguments.items() if value is not None]
    return "\n".join([*before, "client.instances.launch(", *lines, ")"])


def reason(error: InvalidRequest) -> str:
    """An error's sentence without the name of the field beside which it will stand."""
    text = str(error).removeprefix(f"{error.field}: ")
    return text[:1].upper() + text[1:]


def field_of(error: Exception) -> str | None:
    """The form's field that an error is about, None for none."""
    if not isinstance(error, InvalidRequest):
        return FIELD_OF_ERROR.get(type(error))
    argument = error.field.partition(".")[0]
    return FIELD_OF_ARGUMENT.get(argument, argument)


def _contradictions(filled: Filled, choices: Choices) -> dict[str, str]:
    """What is wrong with fields that are sound, each for itself."""
    found: dict[str, str] = {}
    if not filled.image_id and not filled.snapshot_id:
        found["source"] = texts.FORM_NO_SOURCE
    for field, named in (
        ("ports", [number.strip() for number, _ in filled.ports]),
        ("envs", [name for name, _ in filled.envs]),
        ("fallbacks", list(filled.fallbacks)),
    ):
        twice = [what for what, count in Counter(named).items() if count > 1]
        if twice:
            found[field] = texts.FORM_NAMED_TWICE.format(what=twice[0])
    if filled.name.strip() and filled.meta_key.strip():
        found["meta_key"] = texts.FORM_NAME_AND_KEY
    if filled.command and filled.category != "container":
        found["command"] = texts.FORM_COMMAND_CONTAINER
    if filled.network_id and filled.public_ip_id:
        found["public_ip"] = texts.FORM_ONE_NETWORK
    if filled.offer is not None and filled.fallbacks and choices.is_ambiguous(filled.offer):
        found["fallbacks"] = texts.FORM_PINNED.format(region=filled.offer.region_name)
    return found


def _ports(filled: Filled) -> list[Port | str]:
    return [f"{number.strip()}/{protocol}" for number, protocol in filled.ports]


def _cap(filled: Filled) -> Decimal | None:
    text = filled.cap.strip()
    if not text:
        return None
    try:
        cap = Decimal(text)
    except InvalidOperation:
        cap = Decimal(0)
    if not cap.is_finite() or cap <= 0:
        raise InvalidRequest("max_price_per_hour", texts.FORM_NO_PRICE.format(text=text))
    if filled.rate is not None and cap < filled.rate.per_hour:
        raise InvalidRequest("max_price_per_hour", texts.FORM_CAP_BELOW.format(rate=filled.rate))
    return cap


def _derived(filled: Filled, offer: Spec) -> str:
    """The key of a form without a name comes from the choices themselves, not from how they are sent.

    Whether an offer has to be pinned depends on what else is there, and a cap is no part of a machine. What a form
    seldom has counts only where it has it. Of variables the names count and not the secrets.
    """
    ports = sorted(str(port) for port in _ports(filled))
    chosen: list[Any] = [filled.image_id, filled.category, offer_id(offer), filled.units, ports]
    seldom = given(
        snapshot=filled.snapshot_id,
        envs=sorted(name for name, _ in filled.envs),
        cmd=filled.command,
        network=filled.network_id,
        public_ip=filled.public_ip_id,
        extra=sorted(filled.extra),
    )
    return derived_name([*chosen, seldom] if seldom else chosen)


def _written(name: str, value: Any) -> str:
    if name == "base_resource":
        return "spec.base_resource"
    if name == "envs":
        return "{" + ", ".join(f"{_quoted(env)}: os.environ[{_quoted(env)}]" for env in value) + "}"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return _quoted(value)


def _quoted(value: str | int | list[str] | dict[str, int]) -> str:
    """As Python: JSON's texts, numbers and lists of these are Python's too, with the quotes that formatters like."""
    return json.dumps(value, ensure_ascii=False)
