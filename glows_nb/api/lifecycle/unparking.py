"""Bring a parked machine back: the same hardware, in its region, from its newest snapshot.

It needs nothing but the service's own records: the ended machine is found by its key, its snapshot by its id. Units
come from the offer that is taken alone, region by region, since an offer's id means something only in its own; what it
costs may not be more than the machine did, unless a cap says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from pydantic import SecretStr

from glows_nb.api.errors import (
    AmbiguousResult,
    InvalidRequest,
    NoResourceAvailable,
    PriceTooHigh,
    SnapshotFailed,
    StalePlan,
)
from glows_nb.api.ids import bare_id
from glows_nb.api.lifecycle import creating, planning
from glows_nb.api.lifecycle.budget import how_it_stands
from glows_nb.api.lifecycle.keys import age, find_machine, find_newest, key_for_name, key_of_generation, made_from_name
from glows_nb.api.lifecycle.launch_request import LaunchRequest, checked_launch, checked_max_rate
from glows_nb.api.lifecycle.parking import Parked, is_being_taken
from glows_nb.api.lifecycle.planning import Candidate, Plan
from glows_nb.api.models.instances import Hardware, Instance
from glows_nb.api.models.specs import Spec
from glows_nb.api.offers import has_left, rate_for, specs_for
from glows_nb.api.ports import SSH_PORT
from glows_nb.api.requests.create import Port, sealed
from glows_nb.api.statuses import LEAVING
from glows_nb.api.steps import Steps, hold_to
from glows_nb.api.writes.snapshots import snapshots_of
from glows_nb.money import MILLICENTS_PER_CENT, Rate

HARDWARE_FIELDS: Final = frozenset({"gpu_name", "cpu_name", "base_resource"})

Cap = float | Decimal | str | None
"""Credits per hour at most."""


@dataclass(frozen=True)
class PlanAgain(Plan):
    """A plan to bring a machine back, that also says what it would have otherwise."""

    differences: Mapping[str, str] = field(default_factory=dict)
    """By region, what its candidate has otherwise than the machine had, such as "150 CPUs instead of 160"."""

    def __str__(self) -> str:
        regions = [candidate.region_name for candidate in self.candidates]
        said = [f"In {region} it has {self.differences[region]}." for region in regions if region in self.differences]
        return " ".join([super().__str__(), *said])

    __repr__ = Plan.__repr__


@dataclass(frozen=True)
class Again:
    """What brings an ended machine back. `wanted` names no offer, where the hardware is to be that of `ended`."""

    ended: Instance
    wanted: LaunchRequest
    names_hardware: bool
    """Did the caller say which hardware? Then it is launched as anything else is."""
    has_own_cap: bool
    """Is the cap what the machine cost, since the caller gave none?"""


def find_parked(machine: str | Parked | Instance, account_mark: str) -> Steps[tuple[Instance, str]]:
    """The newest machine under a name, key or id, and the key's first generation.

    Raises:
        ParamIllegal: there is none.
    """
    if isinstance(machine, Parked | Instance):
        machine = machine.meta_key
    found = yield from find_machine(machine, account_mark)
    stem = stem_of(found, account_mark)
    if found.status not in LEAVING:
        return found, stem
    # It may have come back under a later key already, and been parked again.
    newest, _ = yield from find_newest(stem)
    is_later = newest is not None and (newest.status not in LEAVING or age(newest) >= age(found))
    return (newest if newest is not None and is_later else found), stem


def stem_of(machine: Instance, account_mark: str) -> str:
    """The key of the machine that comes after this one, first generation: a key of the user's own counts as a name."""
    key = machine.meta_key
    return made_from_name(key, account_mark) or key_for_name(key or machine.instance_id, account_mark)


def unpark(
    machine: str | Parked | Instance,
    account_mark: str,
    *,
    max_price_per_hour: Cap = None,
    over_budget: bool = False,
    backoff: float = 0.5,
    **changes: Any,
) -> Steps[Instance]:
    """Start a parked machine again from its newest snapshot: same hardware, region, ports, environment.

    A machine that is there already under the key is taken, so that calling again rents nothing twice.

    Args:
        machine: its name, key, id, or what `park` gave.
        account_mark: the account's mark in keys of names.
        max_price_per_hour: Credits per hour at most; without it, what the machine cost.
        over_budget: rent it though the budget would be passed.
        backoff: seconds before the first repetition of a lost create.
        changes: fields of `launch` to have otherwise, such as `regions`.

    Raises:
        ParamIllegal: there is no such machine.
        SnapshotFailed: its newest snapshot is not available.
        NoResourceAvailable: no offer has all of its hardware; one with less is rented by its plan alone.
        PriceTooHigh: it would cost more than before, or than the cap.
        InvalidRequest: what it cost is not known, and no cap is given.
        BudgetReached: the budget is used up, or would be passed, and `over_budget` is False.
    """
    changes = sealed(changes)
    newest, again = yield from want_again(machine, account_mark, max_price_per_hour=max_price_per_hour, **changes)
    if again is None:
        yield from hold_to(newest.meta_key, newest, checked_max_rate(max_price_per_hour))
        return newest
    cap = again.wanted.max_rate
    if cap is None:
        raise InvalidRequest(
            "max_price_per_hour", f"is required: the service does not tell what {newest.instance_id} cost per hour."
        )
    for _ in range(creating.LAUNCH_ATTEMPTS):
        planned = yield from plan_again(again, only_no_less=True)
        instance, is_new = yield from creating.carry_out(planned, over_budget=over_budget, backoff=backoff)
        if is_new:
            return instance
        if instance.status not in LEAVING:
            yield from hold_to(instance.meta_key, instance, cap)
            return instance
    raise AmbiguousResult(f"The machine under the key {again.wanted.key!r} is released as fast as it is started.")


def plan_unpark(
    machine: str | Parked | Instance, account_mark: str, *, max_price_per_hour: Cap = None, **changes: Any
) -> Steps[tuple[Plan, Again | None]]:
    """What `unpark` would do, and what carries it out: None where the machine has not ended.

    Where neither a cap is given nor is known what the machine cost, the plan has no cap: it shows the price. Where no
    offer is quite like the machine, it shows the nearest with as many GPUs, and says what is different.

    Raises:
        ParamIllegal, SnapshotFailed, NoResourceAvailable, PriceTooHigh: as for `unpark`.
    """
    changes = sealed(changes)
    newest, again = yield from want_again(machine, account_mark, max_price_per_hour=max_price_per_hour, **changes)
    if again is None:
        return Plan(newest.meta_key, newest, (), cap=checked_max_rate(max_price_per_hour)), None
    return (yield from plan_again(again)), again


def launch_planned(again: Again, planned: Plan, *, over_budget: bool = False, backoff: float = 0.5) -> Steps[Instance]:
    """Carry out a plan that was shown, if it still holds.

    Raises:
        StalePlan: price, stock, offer or the machine under the key changed since; nothing was rented.
    """
    now = yield from plan_again(again)
    changed = planning.changes(planned, now)
    if changed:
        raise StalePlan(changed, now.existing)
    shown = planning.as_shown(planned, now)
    instance, _ = yield from creating.carry_out(shown, over_budget=over_budget, backoff=backoff)
    if instance.status in LEAVING:
        raise StalePlan([f"machine {instance.instance_id} was started under the key and released meanwhile"])
    return instance


def want_again(
    machine: str | Parked | Instance, account_mark: str, *, max_price_per_hour: Cap = None, **changes: Any
) -> Steps[tuple[Instance, Again | None]]:
    """The newest machine under a name, key or id, and what brings it back: None where it has not ended.

    Raises:
        ParamIllegal: there is no such machine.
        SnapshotFailed: its newest snapshot is not available.
        InvalidRequest: units without an offer; they come from the offer that is taken.
    """
    changes = sealed(changes)
    newest, stem = yield from find_parked(machine, account_mark)
    if newest.status not in LEAVING:
        return newest, None
    names_hardware = any(changes.get(name) for name in HARDWARE_FIELDS)
    if "unit_qty" in changes and not names_hardware:
        raise InvalidRequest(
            "unit_qty", "comes from the offer that is taken; give gpu_name= or base_resource= with it for another."
        )
    fields = _same_again(newest)
    if names_hardware:
        del fields["gpu_name"], fields["cpu_name"]
    if not changes.get("from_snap_id"):
        fields["from_snap_id"] = yield from _newest_snapshot(newest, machine)
    cap = _most(newest) if max_price_per_hour is None else max_price_per_hour
    wanted = checked_launch(account_mark, stem=stem, max_price_per_hour=cap, **(fields | changes))
    return newest, Again(newest, wanted, names_hardware, has_own_cap=max_price_per_hour is None)


def plan_again(again: Again, *, only_no_less: bool = False) -> Steps[Plan]:
    """Find out what bringing the machine back would do; reads only.

    Args:
        again: what is wanted.
        only_no_less: take no offer with fewer CPUs, less RAM or less disk than the machine had.

    Raises:
        NoResourceAvailable: no region sells the same, or none has enough left; the text has the nearest offer.
        PriceTooHigh: what can be had costs more than the cap.
    """
    if again.names_hardware:
        try:
            return (yield from planning.plan(again.wanted))
        except PriceTooHigh as error:
            dearer = _too_dear(str(error), again)
        raise dearer
    wanted, had = again.wanted, again.ended.hardware
    newest, generation = yield from find_newest(wanted.key)
    if newest is not None and newest.status not in LEAVING:
        return Plan(newest.meta_key or key_of_generation(wanted.key, generation), newest, (), cap=wanted.max_rate)
    meta_key = key_of_generation(wanted.key, generation + 1)
    _check_known(again.ended)
    specs = yield from specs_for(wanted.template, wanted.priced_image_id)
    candidates: list[Candidate] = []
    differences: dict[str, str] = {}
    left_out: list[str] = []
    over_cap = False
    for region in wanted.regions:
        here = [spec for spec in specs if spec.region_name == region and units_of(spec, had)]
        usable = [spec for spec in here if not (only_no_less and _gives_less(spec, had))]
        sold = [spec for spec in usable if has_left(spec, units_of(spec, had))]
        priced = [(rate, spec) for spec in sold if (rate := _rate(spec, again)) is not None]
        allowed = [each for each in priced if wanted.max_rate is None or each[0] <= wanted.max_rate]
        if not allowed:
            over_cap = over_cap or bool(priced)
            left_out.append(f"{region} {_why_not(again, here, usable, sold, priced)}")
            continue
        rate, spec = min(allowed, key=lambda each: (_fitness(each[1], had), each[0].millicents_per_hour))
        request = wanted.request(meta_key, region, pin=spec).model_copy(update={"unit_qty": units_of(spec, had)})
        candidates.append(Candidate(spec, request, rate))
        if _differs(spec, had):
            differences[region] = _differs(spec, had)
    if candidates:
        budget = yield from how_it_stands()
        return PlanAgain(
            meta_key, None, tuple(candidates), tuple(left_out), wanted.max_rate, budget, differences=differences
        )
    reasons = f"Nothing was rented: {'; '.join(left_out)}"
    if over_cap:
        raise _too_dear(f"{reasons}.", again)
    raise NoResourceAvailable.in_offers(f"{reasons}; {_nearest(specs, again)}")


def units_of(spec: Spec, had: Hardware) -> int:
    """How many units of an offer have exactly a machine's GPUs, or its CPUs where it has no GPU; 0 for none."""
    unit = spec.unit
    if had.gpu_name:
        wanted, each, is_like = had.gpus, unit.gpus, unit.gpu_name == had.gpu_name
    else:
        wanted, each, is_like = had.cpus, unit.cpus, not unit.gpus and unit.cpu_name == had.cpu_name
    return wanted // each if is_like and wanted > 0 and each > 0 and wanted % each == 0 else 0


def _same_again(ended: Instance) -> dict[str, Any]:
    """The fields of a launch that gives the same machine again, but its snapshot; units come with the offer."""
    had = ended.hardware
    return {
        "priced_image_id": (ended.base_image.image_id if ended.base_image else None) or None,
        "instance_category": ended.category or "container",
        "region_name": ended.region_name,
        "remark": ended.remark,
        "cmd": ended.cmd,
        "envs": _envs(ended),
        "ports": [
            Port(port=access.listen_port, protocol="http" if access.protocol == "http" else "tcp")
            for access in ended.accesses
            if access.listen_port not in (0, SSH_PORT)
        ],
        "gpu_name": had.gpu_name or None,
        "cpu_name": None if had.gpu_name else had.cpu_name or "unknown",
    }


def _newest_snapshot(ended: Instance, asked: str | Parked | Instance) -> Steps[str]:
    """The id of a machine's newest snapshot; what `park` said stands, where the list does not show it yet.

    Raises:
        SnapshotFailed: there is none, or the newest is still being taken: an older one has not all of the work.
    """
    listed = yield from snapshots_of(ended.instance_id)
    parked_as = ""
    if isinstance(asked, Parked) and bare_id(asked.instance_id) == bare_id(ended.instance_id):
        parked_as = asked.snapshot_id
    if parked_as and parked_as not in {each.snapshot_id for each in listed}:
        return parked_as
    alive = [each for each in listed if not each.has_failed and each.snapshot_id != parked_as]
    at_work = max((each for each in alive if is_being_taken(each)), key=lambda each: each.taken_at, default=None)
    known = [each for each in listed if each.is_available or each.snapshot_id == parked_as]
    newest = max(known, key=lambda each: each.taken_at, default=None)
    if at_work is not None and (newest is None or at_work.taken_at > newest.taken_at):
        older = f"; from_snap_id={newest.snapshot_id!r} starts from an older one" if newest else ""
        raise SnapshotFailed(
            f"The newest snapshot of {ended.instance_id}, {at_work.snapshot_id}, is not available yet{older}."
        )
    if newest is None:
        raise SnapshotFailed(f"There is no available snapshot of {ended.instance_id} to start again from.")
    return newest.snapshot_id


def _most(ended: Instance) -> Decimal | None:
    """What a machine cost per hour, in Credits: it tells whole cents, which drop the third decimal (FACTS 5.1)."""
    if ended.rate is None:
        return None
    return (ended.rate + Rate(MILLICENTS_PER_CENT - 1)).per_hour


def _check_known(ended: Instance) -> None:
    had = ended.hardware
    if not (had.gpu_name and had.gpus > 0) and not (
        not had.gpu_name and had.gpus == 0 and had.cpu_name and had.cpus > 0
    ):
        raise NoResourceAvailable.in_offers(
            f"Nothing was rented: the service does not tell what hardware {ended.instance_id} had; "
            "say base_resource= and unit_qty= as a spec gives them."
        )


def _rate(spec: Spec, again: Again) -> Rate | None:
    return rate_for(spec, units_of(spec, again.ended.hardware), again.wanted.template.extra_resource)


def _amounts(spec: Spec, had: Hardware) -> list[tuple[str, int, int]]:
    """What the units of an offer give and what the machine had, in words; what the service never told is left out."""
    units, unit = units_of(spec, had), spec.unit
    pairs = [
        ("CPUs", unit.cpus * units, had.cpus),
        ("MB of RAM", unit.ram_mb * units, had.ram_mb),
        ("GB of disk", unit.disk_gb * units, had.disk_gb),
    ]
    return [(word, gives, was) for word, gives, was in pairs if was > 0]


def _differs(spec: Spec, had: Hardware) -> str:
    """What an offer gives otherwise, as "150 CPUs instead of 160"; "" for nothing."""
    return ", ".join(f"{gives} {word} instead of {was}" for word, gives, was in _amounts(spec, had) if gives != was)


def _fitness(spec: Spec, had: Hardware) -> tuple[bool, bool]:
    """An order in which the same comes first, and then what has no less."""
    return bool(_differs(spec, had)), _gives_less(spec, had)


def _gives_less(spec: Spec, had: Hardware) -> bool:
    return any(gives < was for _, gives, was in _amounts(spec, had))


def _why_not(
    again: Again,
    here: Sequence[Spec],
    usable: Sequence[Spec],
    sold: Sequence[Spec],
    priced: Sequence[tuple[Rate, Spec]],
) -> str:
    had = again.ended.hardware
    if priced:
        return f"costs {min(rate for rate, _ in priced)}, the cap is {again.wanted.max_rate}"
    if sold:
        return "tells no price for it"
    if usable:
        spec = max(usable, key=lambda each: (each.max_available_units or 0) / units_of(each, had))
        return f"has {spec.max_available_units or 0} left, asked were {units_of(spec, had)}"
    what = f"{had.gpus} × {had.gpu_name}" if had.gpu_name else f"{had.cpus} CPUs, {had.cpu_name}"
    return f"offers {what} with less CPUs, RAM or disk only" if here else f"does not offer {what} in whole units"


def _nearest(specs: Sequence[Spec], again: Again) -> str:
    """A sentence's end on the offer most like the machine, anywhere."""
    had, regions = again.ended.hardware, again.wanted.regions
    named = [spec for spec in specs if spec.hardware_name == (had.gpu_name or had.cpu_name)]
    if not named:
        return f"nobody offers {had.gpu_name or had.cpu_name}."
    spec = min(
        named,
        key=lambda each: (
            not units_of(each, had),
            not has_left(each, units_of(each, had) or 1),
            each.region_name not in regions,
            _fitness(each, had),
            abs(each.unit.gpus - had.gpus),
            each.price_order,
        ),
    )
    units, unit = units_of(spec, had) or 1, spec.unit
    gpus = f"{unit.gpus * units} × {unit.gpu_name}, " if unit.gpus else ""
    rate = _rate(spec, again) if units_of(spec, had) else spec.rate
    found = (
        f"the nearest is {gpus}{unit.cpus * units} CPUs, {unit.ram_mb * units} MB of RAM and {unit.disk_gb * units} GB "
        f"of disk in {spec.region_name} at {rate or 'no price that is told'}"
    )
    if not units_of(spec, had):
        return f"{found}."
    if spec.region_name not in regions:
        return f"{found}: regions=[{spec.region_name!r}] takes it."
    return f"{found}: plan_unpark() shows it, and the plan's launch() rents it."


def _too_dear(reasons: str, again: Again) -> PriceTooHigh:
    if not again.has_own_cap:
        return PriceTooHigh(reasons)
    ended = again.ended
    return PriceTooHigh(f"{reasons} {ended.instance_id} cost {ended.rate}; max_price_per_hour= allows more.")


def _envs(ended: Instance) -> dict[str, SecretStr]:
    pairs = [part.partition("=") for part in ended.envs.get_secret_value().split(";") if "=" in part]
    return {name: SecretStr(value) for name, _, value in pairs}
