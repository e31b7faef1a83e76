"""Bring a parked machine back: the same hardware, in its region, from its newest available snapshot.

It needs nothing but the service's own records: the ended machine is found by its key, its snapshot by its id. What it
costs may not be more than the machine did, unless a cap says so.
"""

from __future__ import annotations

from typing import Any

from glows_nb.api import launching
from glows_nb.api.errors import InvalidRequest, NoResourceAvailable, PriceTooHigh, SnapshotFailed
from glows_nb.api.keys import age, find_machine, find_newest, key_for_name, made_from_name
from glows_nb.api.models.instances import Instance
from glows_nb.api.models.snapshots import Snapshot
from glows_nb.api.models.specs import Spec
from glows_nb.api.offers import all_specs
from glows_nb.api.parking import Parked, newest_available
from glows_nb.api.ports import SSH_PORT
from glows_nb.api.requests.create import Port
from glows_nb.api.statuses import LEAVING
from glows_nb.api.steps import Steps
from glows_nb.money import MILLICENTS_PER_CENT, Rate


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
    backoff: float = 0.5,
    max_price_per_hour: Any = None,
    **changes: Any,
) -> Steps[Instance]:
    """Start a parked machine again from its newest available snapshot: same hardware, region, ports, environment.

    A machine that is there already under the key is taken, so that calling again rents nothing twice.

    Args:
        machine: its name, key, id, or what `park` gave.
        account_mark: the account's mark in keys of names.
        backoff: seconds before the first repetition of a lost create.
        max_price_per_hour: Credits per hour at most; without it, what the machine cost.
        changes: fields of `launch` to have otherwise, such as `regions`.

    Raises:
        ParamIllegal: there is no such machine.
        SnapshotFailed: no snapshot of it is available.
        NoResourceAvailable: no offer is of the hardware that it had.
        PriceTooHigh: it would cost more than before, or than the cap.
        InvalidRequest: what it cost is not known, and no cap is given.
    """
    newest, wanted = yield from want_again(machine, account_mark, max_price_per_hour=max_price_per_hour, **changes)
    if wanted is None:
        return newest
    if wanted.max_rate is None:
        raise InvalidRequest(
            "max_price_per_hour", f"is required: the service does not tell what {newest.instance_id} cost per hour."
        )
    try:
        return (yield from launching.launch(wanted, adopt=True, backoff=backoff))
    except PriceTooHigh as error:
        dearer = _too_dear(error, newest, is_own_cap=max_price_per_hour is None)
    raise dearer


def plan_unpark(
    machine: str | Parked | Instance, account_mark: str, *, max_price_per_hour: Any = None, **changes: Any
) -> Steps[tuple[launching.Plan, launching.Wanted | None]]:
    """What `unpark` would do, and the launch that carries it out: None where the machine has not ended.

    Where neither a cap is given nor is known what the machine cost, the plan has no cap: it shows the price.

    Raises:
        ParamIllegal, SnapshotFailed, NoResourceAvailable, PriceTooHigh: as for `unpark`.
    """
    newest, wanted = yield from want_again(machine, account_mark, max_price_per_hour=max_price_per_hour, **changes)
    if wanted is None:
        return launching.Plan(newest.meta_key, newest, ()), None
    try:
        return (yield from launching.plan(wanted)), wanted
    except PriceTooHigh as error:
        dearer = _too_dear(error, newest, is_own_cap=max_price_per_hour is None)
    raise dearer


def want_again(
    machine: str | Parked | Instance, account_mark: str, *, max_price_per_hour: Any = None, **changes: Any
) -> Steps[tuple[Instance, launching.Wanted | None]]:
    """The newest machine under a name, key or id, and the launch that brings it back: None where it has not ended.

    Raises:
        ParamIllegal: there is no such machine.
        SnapshotFailed: no snapshot of it is available.
        NoResourceAvailable: no offer is of the hardware that it had.
    """
    newest, stem = yield from find_parked(machine, account_mark)
    if newest.status not in LEAVING:
        return newest, None
    snapshot = yield from newest_available(newest.instance_id)
    if snapshot is None:
        raise SnapshotFailed(f"There is no available snapshot of {newest.instance_id} to start again from.")
    fields = yield from _same_again(newest, snapshot, changes)
    cap = _most(newest) if max_price_per_hour is None else max_price_per_hour
    return newest, launching.want(account_mark, stem=stem, max_price_per_hour=cap, **(fields | changes))


def _most(ended: Instance) -> Any:
    """What a machine cost per hour, in Credits: it tells whole cents, which drop the third decimal (FACTS 5.1)."""
    if ended.rate is None:
        return None
    return (ended.rate + Rate(MILLICENTS_PER_CENT - 1)).per_hour


def _too_dear(error: PriceTooHigh, ended: Instance, *, is_own_cap: bool) -> PriceTooHigh:
    if not is_own_cap:
        return error
    return PriceTooHigh(f"{error} {ended.instance_id} cost {ended.rate}; max_price_per_hour= allows more.")


def _same_again(ended: Instance, snapshot: Snapshot, changes: dict[str, Any]) -> Steps[dict[str, Any]]:
    """The fields of a launch that gives the same machine again."""
    image_id = ended.base_image.image_id if ended.base_image else None
    hardware: dict[str, Any] = {}
    if not {"base_resource", "gpu_name", "cpu_name"} & changes.keys():
        specs = yield from all_specs(image_id or None, instance_category=ended.category or "container")
        regions = changes.get("regions") or ()
        places = [ended.region_name, *([regions] if isinstance(regions, str) else regions)]
        spec, units = _same_hardware(ended, specs, places)
        hardware = {"base_resource": spec.base_resource, "unit_qty": units}
    return {
        "from_snap_id": snapshot.snapshot_id,
        "priced_image_id": image_id or None,
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
        **hardware,
    }


def _same_hardware(ended: Instance, specs: list[Spec], places: list[str]) -> tuple[Spec, int]:
    """The offer that the machine was an instance of, or one with no less, and how many units of it make the machine.

    Units come from the offer alone: what is wanted, divided by what one unit has, without a rest.

    Raises:
        NoResourceAvailable: there is none; the text says what is missing, and what comes nearest.
    """
    had = ended.hardware
    if not had.gpus and not had.cpus:
        raise NoResourceAvailable.in_offers(
            f"Nothing was rented: the service does not tell what hardware {ended.instance_id} had; "
            "say base_resource= and unit_qty= as a spec gives them."
        )
    enough: list[tuple[tuple[int, ...], Spec, int]] = []
    less: list[tuple[tuple[int, ...], Spec, int]] = []
    for spec in specs:
        units = _units_of(spec, ended)
        if spec.region_name not in places or not units:
            continue
        more_cpus = spec.unit.cpus * units - had.cpus
        more_ram = spec.unit.ram_mb * units - had.ram_mb
        order = (abs(more_ram), abs(more_cpus), places.index(spec.region_name), spec.price_order)
        (enough if min(more_cpus, more_ram) >= 0 else less).append((order, spec, units))
    if enough:
        _, spec, units = min(enough, key=lambda each: each[0])
        return spec, units
    wanted = _words(had.gpus, had.gpu_name or had.cpu_name, had.cpus, had.ram_mb)
    near = "no offer there has so many of it"
    if less:
        _, spec, units = min(less, key=lambda each: each[0])
        unit = spec.unit
        has = _words(unit.gpus * units, spec.hardware_name, unit.cpus * units, unit.ram_mb * units)
        near = f"the nearest is {units} × the offer {spec.resource_id} in {spec.region_name}, {has}"
    raise NoResourceAvailable.in_offers(
        f"Nothing was rented: {ended.instance_id} had {wanted}, and {' and '.join(dict.fromkeys(places))} offers "
        f"nothing with all of that; {near}. To take another: base_resource= and unit_qty=."
    )


def _units_of(spec: Spec, ended: Instance) -> int:
    """How many units of an offer have exactly the machine's GPUs, or its CPUs where it has no GPU; 0 for none."""
    had, unit = ended.hardware, spec.unit
    if had.gpus:
        wanted, each, is_like = had.gpus, unit.gpus, unit.gpu_name == had.gpu_name
    else:
        wanted, each, is_like = had.cpus, unit.cpus, not unit.gpus and unit.cpu_name == had.cpu_name
    return wanted // each if is_like and each > 0 and wanted % each == 0 else 0


def _words(gpus: int, name: str, cpus: int, ram_mb: int) -> str:
    return f"{f'{gpus} × ' if gpus else ''}{name} with {cpus} CPUs and {ram_mb / 1024:g} GB"


def _envs(ended: Instance) -> dict[str, str]:
    pairs = [part.partition("=") for part in ended.envs.get_secret_value().split(";") if "=" in part]
    return {name: value for name, _, value in pairs}
