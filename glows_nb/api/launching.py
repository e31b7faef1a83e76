"""Start a machine once: the key, the plan, the safe create, region by region, under a price cap.

Not one fault, and no two kernels that run a cell at once, may lead to two machines (DESIGN, rule 3): every
create carries a meta key that depends on the arguments alone, a create whose answer was lost is looked up by
its key before it is sent again, and a machine found under the key is taken instead of renting another.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final

from pydantic import SecretStr

from glows_nb.api.errors import (
    AmbiguousResult,
    APIError,
    ErrCode,
    GlowsError,
    InvalidDomainInfo,
    InvalidRequest,
    MachineDiffers,
    MetaKeyExists,
    NoResourceAvailable,
    PriceTooHigh,
    RegionAccessDenied,
    StalePlan,
)
from glows_nb.api.ids import bare_id
from glows_nb.api.keys import (
    KEY_LIMIT,
    derived_name,
    find_exact,
    find_newest,
    key_for_name,
    key_of_generation,
    look_up,
    made_from_name,
)
from glows_nb.api.models.instances import Instance
from glows_nb.api.models.specs import Spec
from glows_nb.api.offers import (
    gpu_names,
    has_left,
    in_their_words,
    is_meant,
    known_region,
    rate_for,
    specs_for,
)
from glows_nb.api.operations.instances import create_instance, get_instance
from glows_nb.api.price_watch import is_dearer
from glows_nb.api.requests.create import CreateInstance, Port, sealed
from glows_nb.api.requests.limits import shortened
from glows_nb.api.statuses import LEAVING
from glows_nb.api.steps import Steps, hold_to, perform
from glows_nb.api.writes.lost_answers import write
from glows_nb.gpus import VRAM_GB, called, nearest
from glows_nb.money import Rate
from glows_nb.wording import visible

MOVES_ON: Final = (NoResourceAvailable, InvalidDomainInfo, RegionAccessDenied)
"""The only refusals after which the next region is tried (DESIGN, rule 3)."""

LAUNCH_ATTEMPTS: Final = 3

UNIT_FIELDS: Final = {
    "gpu_name": "GPU",
    "gpus": "number of GPUs",
    "cpu_name": "CPU",
    "cpus": "number of CPUs",
    "ram_mb": "RAM in MB",
    "disk_gb": "disk in GB",
}
"""What a plan shows of an offer's hardware, in words."""


@dataclass(frozen=True)
class Wanted:
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


@dataclass(frozen=True)
class Candidate:
    """One region's way to carry out a plan: `rate` is what all its units cost per hour, with what is added to them."""

    spec: Spec
    request: CreateInstance
    rate: Rate

    @property
    def region_name(self) -> str:
        """Where the machine would be."""
        return self.request.region_name

    def __str__(self) -> str:
        unit, units = self.spec.unit, self.request.unit_qty
        what = f"{units * unit.gpus} × {unit.gpu_name}" if unit.gpus else f"{units} × {unit.cpu_name}"
        more = " and ".join(f"{quantity} more {name}" for name, quantity in (self.request.extra_resource or {}).items())
        what += f" with {more} each" if more else ""
        return visible(f"{what} in {self.region_name} at {self.rate}, {self.rate.per_day:.2f} Credits per day")


@dataclass(frozen=True)
class Plan:
    """What a launch would do: take the machine that is there already, or rent the first candidate that can be had.

    Attributes:
        meta_key: the key that the machine has or would get.
        existing: the machine that is there already under the key, else None.
        candidates: what would be tried, in this order, when nothing exists.
        left_out: one sentence for each region that can't be used.
        cap: the most per hour that was allowed, None for no limit.
    """

    meta_key: str
    existing: Instance | None
    candidates: tuple[Candidate, ...]
    left_out: tuple[str, ...] = ()
    cap: Rate | None = None
    _launch: Callable[[Plan], Any] | None = field(default=None, repr=False, compare=False)

    @property
    def rate(self) -> Rate | None:
        """Credits per hour of the existing machine or the first candidate; None while the service has no price."""
        return self.existing.rate if self.existing else self.candidates[0].rate

    @property
    def highest_rate(self) -> Rate | None:
        """The most per hour that carrying it out may cost, in whichever of its regions; None as for `rate`."""
        return self.existing.rate if self.existing else max(candidate.rate for candidate in self.candidates)

    def launch(self) -> Any:
        """Carry the plan out, if it still holds.

        Returns:
            The Instance; to be awaited where an AsyncClient made the plan.

        Raises:
            StalePlan: price, stock or the machine under the key changed since; nothing was rented.
        """
        if self._launch is None:
            raise GlowsError("This plan was not made by a client, so nothing can carry it out.")
        return self._launch(self)

    def __str__(self) -> str:
        if self.existing is not None:
            return f"Nothing new is rented: {self.existing} is there already.{self._over_cap()}"
        first, *others = self.candidates
        elsewhere = ", ".join(f"{visible(other.region_name)} at {other.rate}" for other in others)
        return f"Rents {first}." + (f" If none is left: {elsewhere}." if others else "")

    def _over_cap(self) -> str:
        """A further sentence where the machine that is there costs more than is allowed, or may."""
        if self.cap is None or (self.rate is not None and not is_dearer(self.rate, self.cap)):
            return ""
        if self.rate is None:
            return f" What it costs is not known yet; the cap is {self.cap}."
        return f" It costs more than the cap of {self.cap}."

    def __repr__(self) -> str:
        return f"<Plan {self.meta_key!r}: {self}>"


def want(
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
) -> Wanted:
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
    return Wanted(requests[0], places, max_rate, priced_image_id, has_generations=meta_key is None)


def plan(wanted: Wanted) -> Steps[Plan]:
    """Find out what launching would do; reads only.

    Raises:
        NoResourceAvailable: no region sells it, or none has enough left.
        PriceTooHigh: what can be had costs more than the cap.
    """
    if wanted.has_generations:
        newest, generation = yield from find_newest(wanted.key)
    else:
        newest, generation = (yield from find_exact(wanted.key)), 0
    if newest is not None and newest.status not in LEAVING:
        return Plan(newest.meta_key or key_of_generation(wanted.key, generation), newest, (), cap=wanted.max_rate)
    if newest is not None and not wanted.has_generations:
        raise _used_key(newest)
    meta_key = key_of_generation(wanted.key, generation + 1)
    specs = yield from specs_for(wanted.template, wanted.priced_image_id)
    wanted = replace(
        wanted,
        template=in_their_words(wanted.template, specs),
        regions=tuple(dict.fromkeys(known_region(region, specs) for region in wanted.regions)),
    )
    template, units = wanted.template, wanted.template.unit_qty
    offers = [spec for spec in specs if is_meant(spec, template)]
    _check_regions(wanted.regions, {spec.region_name for spec in specs})
    candidates: list[Candidate] = []
    left_out: list[str] = []
    over_cap, unsold = False, None
    for region in wanted.regions:
        here = [spec for spec in offers if spec.region_name == region]
        available = [spec for spec in here if has_left(spec, units)]
        if not available:
            left_out.append(f"{region} {_why_not(here, units)}")
            continue
        chosen = min(available, key=lambda spec: spec.price_order)
        try:
            rate = rate_for(chosen, units, template.extra_resource)
        except InvalidRequest as error:
            unsold = unsold or error
            left_out.append(f"{region}: {error}".rstrip("."))
            continue
        if rate is None:
            left_out.append(f"{region} tells no price for it")
            continue
        candidate = Candidate(chosen, wanted.request(meta_key, region, pin=chosen if len(here) > 1 else None), rate)
        if wanted.max_rate is not None and candidate.rate > wanted.max_rate:
            over_cap = True
            left_out.append(f"{region} costs {candidate.rate}, the cap is {wanted.max_rate}")
            continue
        candidates.append(candidate)
    if not candidates:
        reasons = "; ".join(left_out)
        if unsold is not None and len(left_out) == 1:
            raise unsold
        if over_cap:
            raise PriceTooHigh(f"Nothing was rented: {reasons}.")
        elsewhere = ", ".join(dict.fromkeys(spec.region_name for spec in offers if has_left(spec, units)))
        near = None if offers or not template.gpu_name else nearest(gpu_names(specs), template.gpu_name)
        raise NoResourceAvailable.in_offers(
            f"Nothing was rented: {reasons}; regions that have it: {elsewhere or 'none'}."
            + (f" No GPU is called like {template.gpu_name!r}; the nearest is {near!r}." if near else "")
        )
    return Plan(meta_key, None, tuple(candidates), tuple(left_out), wanted.max_rate)


def launch(wanted: Wanted, *, adopt: bool = False, backoff: float = 0.5) -> Steps[Instance]:
    """The safe create: plan, then carry out; the machine that is there already, or a new one.

    Raises:
        MachineDiffers: the machine under the key is not what was asked for, and `adopt` is False.
        MetaKeyExists: the key is somebody else's.
        AmbiguousResult: it can't be known whether a machine was started; the text has its key.
    """
    for _ in range(LAUNCH_ATTEMPTS):
        instance, is_new = yield from carry_out((yield from plan(wanted)), backoff=backoff)
        if is_new:
            return instance
        if instance.status in LEAVING:
            # Another kernel started and released it between our look-up and our create: its generation is used up.
            continue
        if not adopt:
            yield from check_same(wanted, instance)
        yield from _tell_differences(wanted, instance)
        return instance
    raise AmbiguousResult(f"The machine under the key {wanted.key!r} is released as fast as it is started.")


def launch_planned(wanted: Wanted, planned: Plan, *, backoff: float = 0.5) -> Steps[Instance]:
    """Carry out a plan that was shown, if it still holds."""
    now = yield from plan(wanted)
    changes = _changes(planned, now)
    if changes:
        if now.existing is not None:
            yield from check_same(wanted, now.existing)
        raise StalePlan(changes, now.existing)
    instance, is_new = yield from carry_out(_as_shown(planned, now), backoff=backoff)
    if not is_new:
        if instance.status in LEAVING:
            raise StalePlan([f"machine {instance.instance_id} was started under the key and released meanwhile"])
        yield from check_same(wanted, instance)
        yield from _tell_differences(wanted, instance)
    return instance


def look_again(planned: Plan) -> Steps[Instance]:
    """The machine of a plan that only takes one, as it is now.

    Raises:
        StalePlan: it has ended since.
    """
    instance = yield from perform(get_instance(planned.existing.instance_id if planned.existing else None))
    if instance.status in LEAVING:
        raise StalePlan([f"machine {instance.instance_id} has ended"])
    yield from hold_to(instance.meta_key, instance, planned.cap)
    return instance


def carry_out(planned: Plan, *, backoff: float) -> Steps[tuple[Instance, bool]]:
    """The existing machine and False, or one rented from the first candidate that the service grants and True."""
    if planned.existing is not None:
        return planned.existing, False
    refused: APIError | None = None
    for candidate in planned.candidates:
        try:
            return (yield from create(candidate.request, promised=candidate.rate, backoff=backoff)), True
        except MetaKeyExists as error:
            found = yield from look_up(planned.meta_key)
            if found is None:
                raise _foreign_key(error, planned.meta_key) from None
            return found, False
        except MOVES_ON as error:
            refused = error
    assert refused is not None  # noqa: S101 - a plan has a candidate or an existing machine
    raise refused


def create(request: CreateInstance, *, promised: Rate | None = None, backoff: float = 0.5) -> Steps[Instance]:
    """One create, sent again only when its outcome was looked up and nothing was found.

    Args:
        request: what to start.
        promised: what it costs per hour by the plan; a machine that turns out dearer is said loudly (`PriceWatch`).
        backoff: seconds before the first repetition.

    Raises:
        MetaKeyExists: the key was taken before.
        AmbiguousResult: answers were lost and no machine can be found under the key.
    """
    key = request.custom_meta_key
    return (
        yield from write(
            replace(create_instance(request), promised=promised),
            lambda: look_up(key),
            f"A machine may be there under the key {key!r}: client.instances.get(meta_key={key!r}) finds it; "
            "launching again with the same arguments is safe.",
            done_already=(MetaKeyExists,),
            backoff=backoff,
        )
    )


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


def check_same(wanted: Wanted, instance: Instance) -> Steps[None]:
    """Is the machine found what was asked for: GPU, units, category, image?

    Raises:
        MachineDiffers: it is not, with each difference.
    """
    asked = wanted.template
    found = instance.hardware
    differences = []
    gpu_name = asked.base_resource.unit_spec.gpu_name if asked.base_resource else asked.gpu_name
    if gpu_name and found.gpu_name and found.gpu_name not in called({found.gpu_name, *VRAM_GB}, gpu_name):
        differences.append(f"its GPU is {found.gpu_name}, asked was {gpu_name}")
    elif found.gpus not in (0, asked.unit_qty) and found.gpus not in (yield from _gpu_counts(asked)):
        differences.append(f"it has {found.gpus} GPUs, asked were {asked.unit_qty} units")
    if instance.category and instance.category != asked.instance_category:
        differences.append(f"it is a {instance.category}, asked was a {asked.instance_category}")
    image_id = instance.base_image.image_id if instance.base_image else ""
    if asked.from_image_id and image_id and bare_id(image_id) != bare_id(asked.from_image_id):
        differences.append(f"its image is {image_id}, asked was {asked.from_image_id}")
    if differences:
        raise MachineDiffers(instance, differences)


def _tell_differences(wanted: Wanted, found: Instance) -> Steps[None]:
    """Warn of what the machine that is there has otherwise, where that is no reason to rent another or to stop."""
    yield from hold_to(found.meta_key, found, wanted.max_rate)
    others = _other_values(wanted.template.envs, found)
    if others:
        warnings.warn(
            f"Machine {found.instance_id} was started with another value of {', '.join(sorted(others))}, and keeps it.",
            stacklevel=2,
        )


def _other_values(asked: Mapping[str, SecretStr | None], found: Instance) -> list[str]:
    """The names of the variables that a machine has with another value; a frame of its own, which raises nothing."""
    has = dict(part.partition("=")[::2] for part in found.envs.get_secret_value().split(";") if "=" in part)
    return [name for name, value in asked.items() if value and name in has and has[name] != value.get_secret_value()]


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


def _check_regions(wanted: Sequence[str], known: set[str]) -> None:
    """The contract lists no regions; those with an offer are all that is known of them."""
    if not known.intersection(wanted):
        raise InvalidRequest(
            "region_name", f"{' and '.join(wanted)} offers nothing; there are {', '.join(sorted(known)) or 'none'}."
        )


def _why_not(here: Sequence[Spec], units: int) -> str:
    if not here:
        return "does not offer it"
    if all(spec.rate is None for spec in here):
        return "tells no price for it"
    if all(spec.unread for spec in here):
        return "offers it in no form that can be read"
    known = [spec.max_available_units for spec in here if spec.max_available_units is not None]
    return f"has {max(known)} left, asked were {units}" if known else "has none left"


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


def _name_in(stem: str, account_mark: str) -> str:
    return stem.removesuffix(f"-{account_mark}")


def _used_key(ended: Instance) -> MetaKeyExists:
    error = MetaKeyExists(ErrCode.MetaKeyExist, "", "create instance")
    error.args = (
        f"The key {ended.meta_key!r} was that of {ended.instance_id}, which is {ended.status}. A key of your own is "
        "used once: choose another, or launch by name=, which counts on by itself.",
    )
    return error


def _gpu_counts(asked: CreateInstance) -> Steps[set[int]]:
    """How many GPUs the asked units may mean: a unit can hold several (FACTS 5.2, row 7)."""
    if asked.base_resource is not None:
        return {asked.unit_qty * asked.base_resource.unit_spec.gpus}
    specs = yield from specs_for(asked)
    asked = in_their_words(asked, specs)
    return {asked.unit_qty * spec.unit.gpus for spec in specs if is_meant(spec, asked)}


def _foreign_key(error: MetaKeyExists, key: str) -> MetaKeyExists:
    return MetaKeyExists(
        error.code,
        f"the key {key} exists and can't be read, so it is somebody else's; choose another name",
        error.operation,
        error.http_status,
    )


def _changes(planned: Plan, now: Plan) -> list[str]:
    """What is different now from what a plan said."""
    if planned.existing is not None or now.existing is not None:
        before = planned.existing.instance_id if planned.existing else None
        after = now.existing.instance_id if now.existing else None
        if before == after:
            return []
        return [f"machine {after} is there by now" if after else f"machine {before} has ended"]
    promised, offered = planned.candidates[0], now.candidates[0]
    region = promised.region_name
    if region != offered.region_name:
        return [next((why for why in now.left_out if why.startswith(f"{region} ")), f"{region} has none left")]
    there = {candidate.region_name: candidate for candidate in now.candidates}
    return [
        change
        for shown in planned.candidates
        if shown.region_name in there
        for change in _differences(shown, there[shown.region_name])
    ]


def _differences(shown: Candidate, now: Candidate) -> list[str]:
    """What of a candidate is no longer as it was shown."""
    region, before, after = shown.region_name, shown.request, now.request
    found = []
    if shown.rate != now.rate:
        found.append(f"the price in {region} is {now.rate}, it was {shown.rate}")
    for what, was, is_now in (
        ("the key", before.custom_meta_key, after.custom_meta_key),
        ("the image", before.from_image_id or before.from_snap_id, after.from_image_id or after.from_snap_id),
        ("the number of units", before.unit_qty, after.unit_qty),
        ("the offer's id", shown.spec.resource_id, now.spec.resource_id),
        *(
            (f"the offer's {label}", getattr(shown.spec.unit, name), getattr(now.spec.unit, name))
            for name, label in UNIT_FIELDS.items()
        ),
    ):
        if was != is_now:
            found.append(f"{what} in {region} is {is_now}, it was {was}")
    if not found and before != after:
        found.append(f"what would be ordered in {region} is not what was shown")
    return found


def _as_shown(planned: Plan, now: Plan) -> Plan:
    """The plan of now without the regions that the user was not shown."""
    shown = {candidate.region_name for candidate in planned.candidates}
    return replace(now, candidates=tuple(each for each in now.candidates if each.region_name in shown))
