"""The plan of a launch: the machine that is there already, or what would be rented, region by region, under a cap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from glows_nb.api.errors import (
    ErrCode,
    GlowsError,
    InvalidRequest,
    MetaKeyExists,
    NoResourceAvailable,
    PriceTooHigh,
)
from glows_nb.api.lifecycle.budget import Budget, how_it_stands
from glows_nb.api.lifecycle.keys import (
    find_exact,
    find_newest,
    key_of_generation,
)
from glows_nb.api.lifecycle.launch_request import LaunchRequest
from glows_nb.api.lifecycle.price_watch import is_dearer
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
from glows_nb.api.requests.create import CreateInstance
from glows_nb.api.statuses import LEAVING
from glows_nb.api.steps import Steps
from glows_nb.formatting import visible
from glows_nb.gpus import nearest
from glows_nb.money import Rate

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
        budget: how the user's budget stands, where something would be rented; None for none.
    """

    meta_key: str
    existing: Instance | None
    candidates: tuple[Candidate, ...]
    left_out: tuple[str, ...] = ()
    cap: Rate | None = None
    budget: Budget | None = field(default=None, repr=False, compare=False)
    _launch: Callable[[Plan, bool], Any] | None = field(default=None, repr=False, compare=False)

    @property
    def rate(self) -> Rate | None:
        """Credits per hour of the existing machine or the first candidate; None while the service has no price."""
        return self.existing.rate if self.existing else self.candidates[0].rate

    @property
    def highest_rate(self) -> Rate | None:
        """The most per hour that carrying it out may cost, in whichever of its regions; None as for `rate`."""
        return self.existing.rate if self.existing else max(candidate.rate for candidate in self.candidates)

    @property
    def is_over_budget(self) -> bool:
        """Would the budget be passed, or is it used up, so that carrying it out takes `over_budget`, or is refused?"""
        return self.existing is None and self.budget is not None and self.budget.is_passed_by(self.candidates[0].rate)

    def within_budget(self, *, over_budget: bool = False) -> Plan:
        """The plan without the regions where the budget would be passed.

        Args:
            over_budget: it may be passed; one that is used up is refused all the same.

        Raises:
            BudgetReached: it is used up, or would be passed in the first region already.
        """
        budget = self.budget
        if self.existing is not None or budget is None:
            return self
        first = self.candidates[0].rate
        if budget.is_reached or (budget.is_passed_by(first) and not over_budget):
            raise budget.refusal(first)
        if over_budget:
            return self
        return replace(self, candidates=tuple(each for each in self.candidates if not budget.is_passed_by(each.rate)))

    def launch(self, *, over_budget: bool = False) -> Any:
        """Carry the plan out, if it still holds.

        Args:
            over_budget: rent it though the budget would be passed.

        Returns:
            The Instance; to be awaited where an AsyncClient made the plan.

        Raises:
            StalePlan: price, stock or the machine under the key changed since; nothing was rented.
            MachineDiffers: the machine that is there under the key is not what was asked for.
            BudgetReached: the budget is used up, or would be passed, and `over_budget` is False.
        """
        if self._launch is None:
            raise GlowsError("This plan was not made by a client, so nothing can carry it out.")
        return self._launch(self, over_budget)

    def __str__(self) -> str:
        if self.existing is not None:
            return f"Nothing new is rented: {self.existing} is there already.{self._over_cap()}"
        first, *others = self.candidates
        elsewhere = ", ".join(f"{visible(other.region_name)} at {other.rate}" for other in others)
        budget = f" {self.budget.with_more(first.rate)}" if self.budget is not None else ""
        return f"Rents {first}." + (f" If none is left: {elsewhere}." if others else "") + budget

    def _over_cap(self) -> str:
        """A further sentence where the machine that is there costs more than is allowed, or may."""
        if self.cap is None or (self.rate is not None and not is_dearer(self.rate, self.cap)):
            return ""
        if self.rate is None:
            return f" What it costs is not known yet; the cap is {self.cap}."
        return f" It costs more than the cap of {self.cap}."

    def __repr__(self) -> str:
        return f"<Plan {self.meta_key!r}: {self}>"


def plan(wanted: LaunchRequest) -> Steps[Plan]:
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
    budget = yield from how_it_stands()
    return Plan(meta_key, None, tuple(candidates), tuple(left_out), wanted.max_rate, budget)


def changes(planned: Plan, now: Plan) -> list[str]:
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


def as_shown(planned: Plan, now: Plan) -> Plan:
    """The plan of now without the regions that the user was not shown."""
    shown = {candidate.region_name for candidate in planned.candidates}
    return replace(now, candidates=tuple(each for each in now.candidates if each.region_name in shown))


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


def _used_key(ended: Instance) -> MetaKeyExists:
    error = MetaKeyExists(ErrCode.MetaKeyExist, "", "create instance")
    error.args = (
        f"The key {ended.meta_key!r} was that of {ended.instance_id}, which is {ended.status}. A key of your own is "
        "used once: choose another, or launch by name=, which counts on by itself.",
    )
    return error
