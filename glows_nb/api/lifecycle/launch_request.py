"""What a launch asks for, checked as far as it can be before any request: name, key, regions, cap, and the create."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from glows_nb.api.errors import (
    InvalidRequest,
)
from glows_nb.api.lifecycle.keys import (
    KEY_LIMIT,
    derived_name,
    key_for_name,
    made_from_name,
)
from glows_nb.api.models.specs import Spec
from glows_nb.api.requests.create import CreateInstance, Port, sealed
from glows_nb.api.requests.limits import shortened
from glows_nb.money import Rate


@dataclass(frozen=True)
class LaunchRequest:
    """What a launch asks for, checked: `template` is the create for the first region and generation."""

    template: CreateInstance
    regions: tuple[str, ...]
    max_rate: Rate | None = None
    priced_image_id: str | None = None
    """The image whose offers tell the price, where the source is a snapshot (FACTS 7)."""
    has_generations: bool = True
    """Is the key made of a name, so that the next one is used when its machine has ended?"""

    @property
    def key(self) -> str:
        """The meta key's first generation."""
        return self.template.custom_meta_key

    def request(self, meta_key: str, region: str, pin: Spec | None = None) -> CreateInstance:
        """The create for a region; `pin` fixes the offer where a name means several (FACTS 0.1, fact 5)."""
        fields: dict[str, Any] = {"custom_meta_key": meta_key, "region_name": region}
        if pin is not None:
            fields |= {"base_resource": pin.base_resource, "gpu_name": None, "cpu_name": None}
        return self.template.model_copy(update=fields)


def checked_launch(
    account_mark: str,
    *,
    name: str | None = None,
    meta_key: str | None = None,
    stem: str | None = None,
    regions: Sequence[str] = (),
    region_name: str | None = None,
    max_price_per_hour: float | Decimal | str | None = None,
    priced_image_id: str | None = None,
    **fields: Any,
) -> LaunchRequest:
    """The arguments of a launch, checked as far as they can be before any request.

    `stem` is the first generation of a key that was made of a name, where the name itself is not known (`unpark`).

    Raises:
        InvalidRequest: a field is unknown, missing or over its limit.
    """
    fields = sealed(fields)
    if name is not None and meta_key is not None:
        raise InvalidRequest("name", "give name or meta_key, not both.")
    places = tuple(dict.fromkeys(([region_name] if region_name else []) + _in_order(regions)))
    if not places:
        raise InvalidRequest("region_name", "is required; give it, or regions=[…] in the order to try.")
    if "net_ids" in fields:
        fields["net_ids"] = _in_order(fields["net_ids"])
    # What is one port, or the wire's text of several, the request itself takes apart.
    if isinstance(fields.get("ports"), Iterable) and not isinstance(fields["ports"], str | Port):
        fields["ports"] = _in_order(fields["ports"])
    if name is not None:
        check_name(name, account_mark)
        fields.setdefault("remark", name[:32])
    if stem is not None:
        key = stem
    elif meta_key is not None:
        _check_own_key(meta_key, account_mark)
        key = meta_key
    else:
        key = key_for_name(derived_name(_identity(fields, places)) if name is None else name, account_mark)
    requests = [CreateInstance(**fields, custom_meta_key=key, region_name=place) for place in places]
    max_rate = checked_max_rate(max_price_per_hour)
    return LaunchRequest(requests[0], places, max_rate, priced_image_id, has_generations=meta_key is None)


def check_name(name: str, account_mark: str = "") -> None:
    """Refuse a name that no machine can be launched with.

    Raises:
        InvalidRequest: it is empty, too long, can't be shown as it is, or reads like a key that is made of a name.
    """
    if not 1 <= len(name) <= KEY_LIMIT:
        raise InvalidRequest(
            "name", f"{shortened(name)} of {len(name)} characters is refused: it takes 1 to {KEY_LIMIT}."
        )
    if not name.isprintable() or name != name.strip():
        raise InvalidRequest("name", f"{shortened(name)} holds a control character or a space at its ends.")
    stem = made_from_name(name, account_mark)
    if stem is not None:
        problem = f"{shortened(name)} is a key made of a name; give the name, {_name_in(stem, account_mark)!r}."
        raise InvalidRequest("name", problem)


def checked_max_rate(max_price_per_hour: float | Decimal | str | None) -> Rate | None:
    """A cap in Credits per hour, floored to what prices are counted in; None is no cap.

    Raises:
        InvalidRequest: it is no price.
    """
    if max_price_per_hour is None:
        return None
    try:
        return Rate.cap(max_price_per_hour)
    except ValueError as error:
        problem = f"{error}."
    raise InvalidRequest("max_price_per_hour", problem)


def _check_own_key(meta_key: str, account_mark: str) -> None:
    """A user's own key has no generations, so it may not read like one of those that are made of names.

    Raises:
        InvalidRequest: it does.
    """
    stem = made_from_name(meta_key, account_mark)
    if stem is not None and stem != meta_key:
        raise InvalidRequest(
            "meta_key",
            f"{meta_key!r} reads like a later machine of the name {_name_in(stem, account_mark)!r}; "
            "launch by name=, or choose another key.",
        )


def _identity(fields: Mapping[str, Any], regions: tuple[str, ...]) -> list[Any]:
    """What a launch without a name asks for, as JSON: nothing of it is secret, or in an order that means nothing.

    Of variables the names count: a token that is renewed asks for no other machine.
    """
    request = CreateInstance(**fields, custom_meta_key="derived", region_name=regions[0])
    body = request.wire()
    if request.base_resource is not None:
        # Whether its name stands beside it makes no other machine of it.
        body.pop("gpu_name", None)
        body.pop("cpu_name", None)
    if request.envs:
        body["envs"] = sorted(request.envs)
    if request.ports:
        body["ports"] = sorted(str(port) for port in request.ports)
    return [body, regions]


def _in_order(values: Any) -> Any:
    """One text as a list of it, and what comes in no order (a set's is another in each process) in one."""
    if isinstance(values, str):
        return [values]
    return sorted(values, key=str) if isinstance(values, Set) else list(values)


def _name_in(stem: str, account_mark: str) -> str:
    return stem.removesuffix(f"-{account_mark}")
