"""The five instance operations: query, create, cancel, stats and list."""

import time
from collections.abc import Sequence
from dataclasses import replace

from glows_nb.sandbox.catalogue import Offer
from glows_nb.sandbox.codes import Code, Refusal, illegal
from glows_nb.sandbox.ids import bare
from glows_nb.sandbox.machines import lifecycle
from glows_nb.sandbox.machines.lifecycle import Hardware, Machine
from glows_nb.sandbox.parameters import ID_LENGTH
from glows_nb.sandbox.resources import answers
from glows_nb.sandbox.resources.context import Context
from glows_nb.sandbox.resources.create_request import CreateRequest, read_create_request
from glows_nb.sandbox.resources.networks import attach_new, domain_of, network_of_request
from glows_nb.sandbox.resources.snapshots import refuse_unfinished
from glows_nb.sandbox.resources.stock import choose_offer


def query_instance(context: Context) -> dict[str, object]:
    """Answer one machine, by request_id or meta_key."""
    return {"instance": _shown(context, [_find_own(context)])[0]}


def create_instance(context: Context) -> dict[str, object]:
    """Start a machine: it is queued when this is answered, and the rest happens by itself."""
    request = read_create_request(context)
    # One transaction, so that of two creates with one key, or for a last unit, only one gets through. The key
    # comes first: a client that repeats a create whose answer was lost must learn that the machine is there,
    # also when its region has sold out meanwhile.
    with context.store.transaction():
        _refuse_taken_key(context, request.meta_key)
        domain = domain_of(context, request.region)
        network = network_of_request(
            context, request.region, request.net_ids, request.public_ip_id, request.network_type
        )
        if context.store.live_count(context.user.uid) >= context.limits.instances:
            raise Refusal(Code.USER_NODE_QTY_EXCEED_QUOTA, f"{context.limits.instances} machines are there")
        if request.snapshot is not None:
            refuse_unfinished(request.snapshot)
        states = context.offer_states()
        offer = choose_offer(request, context.catalogue.offers, states)
        price = states[offer.resource_id].millicent_per_hour + (offer.price_of_extras(request.extra_cpus) or 0)
        machine = _new_machine(context, request, offer, domain, price)
        context.store.add(machine)
        if network is not None:
            attach_new(context, network, machine)
    return {"instance": answers.instance(machine, None, context.now)}


def cancel_instance(context: Context) -> dict[str, object]:
    """Begin to release a machine.

    Cancelling one that is ending or has ended succeeds and changes nothing. The contract doesn't say; a DELETE
    may be repeated when its answer was lost, and on the sister service 0 only means accepted (FACTS 4.2, 8).
    """
    with context.store.transaction():
        machine = _find_own(context)
        if machine.source != "SourceSDK":
            raise illegal("not made with the SDK")
        if machine.status in lifecycle.SNAPSHOTTING:
            raise Refusal(Code.ILLEGAL_STATUS, "a snapshot is being taken")
        if machine.status not in (lifecycle.CANCELING, lifecycle.FINISHED):
            context.store.enter(machine, lifecycle.CANCELING, context.now)
    return {}


def instance_stats(context: Context) -> dict[str, object]:
    """Answer how many machines are in each status that occurs."""
    return {"stats": context.store.status_counts(context.user.uid)}


def list_instances(context: Context) -> dict[str, object]:
    """Answer one page of the user's machines, newest first unless `ascending`; ended ones are among them."""
    page = context.query.required_page()
    # Unknown names are ignored (contract), so a filter of nothing but unknown names is an empty one: all.
    statuses = [name for name in context.query.texts("statuses") if name in lifecycle.STATUS_NAMES]
    ascending = context.query.flag("ascending")
    total, machines = context.store.machines(context.user.uid, page, statuses, ascending=ascending)
    return {
        "pagination": answers.pagination(total, page),
        "instances": _shown(context, machines),
    }


def _find_own(context: Context) -> Machine:
    """Return the machine that is asked for; not there and not one's own look the same.

    When both parameters are given, request_id counts: it is the more exact one, and the contract is silent.
    """
    request_id = context.query.text("request_id", ID_LENGTH)
    meta_key = context.query.text("meta_key", ID_LENGTH)
    if request_id:
        machine = context.store.machine_by_hash(bare(request_id, "ins-"))
    elif meta_key:
        machine = context.store.machine_by_meta_key(meta_key, context.user.uid)
    else:
        raise illegal("request_id or meta_key is required")
    if machine is None or machine.owner != context.user.uid:
        raise illegal("no such machine of this user")
    return machine


def _shown(context: Context, machines: Sequence[Machine]) -> list[dict[str, object]]:
    endpoints = context.store.networks.endpoints_of([machine.hash for machine in machines])
    return [answers.instance(machine, endpoints[machine.hash], context.now) for machine in machines]


def _refuse_taken_key(context: Context, meta_key: str) -> None:
    """Refuse a key that a machine of any user has, or has had unless ended machines free theirs."""
    holder = context.store.machine_by_meta_key(meta_key)
    if holder is None or (context.switches.frees_meta_keys and holder.status == lifecycle.FINISHED):
        return
    raise Refusal(Code.META_KEY_EXIST, "some user has or had a machine of that key")


def _new_machine(
    context: Context, request: CreateRequest, offer: Offer, domain: int, millicent_per_hour: int
) -> Machine:
    snapshot = request.snapshot
    machine = Machine(
        hash=context.store.ids.new(),
        owner=context.user.uid,
        meta_key=request.meta_key,
        resource_id=offer.resource_id,
        units=request.units,
        millicent_per_hour=millicent_per_hour,
        hardware=_hardware(offer, request.units, request.extra_cpus),
        region=offer.region,
        domain=domain,
        category=request.category,
        image_id=request.image.id,
        image_name=request.image.name,
        snap_id="" if snapshot is None else f"snap-{snapshot.hash}",
        snap_name="" if snapshot is None else snapshot.name,
        remark=request.remark,
        cmd=request.cmd,
        envs=request.envs,
        ssh_user="glows" if request.category == "vm" else "root",
        password=lifecycle.new_password(context.store.chance),
        accesses=request.accesses,
        # Real, unlike the times of the lifecycle: clients reckon ages by their own clock, and on one that runs
        # ten times as fast every machine would soon be created hours ahead.
        created=time.time(),
        status=lifecycle.SCHED_QUEUED,
        changed=context.now,
        command_left=None if context.runs_commands else lifecycle.command_seconds(request.cmd),
    )
    queued = lifecycle.enter(machine, lifecycle.SCHED_QUEUED, context.now, lambda machine: machine.accesses)
    own_image = context.store.images.image(bare(request.image.id, "img-"))
    # A machine waits in the queue until its image has been fetched, without a word about it (FACTS 4.2).
    if own_image is None or queued.next_at is None or own_image.ready_at <= queued.next_at:
        return queued
    return replace(queued, next_at=own_image.ready_at)


def _hardware(offer: Offer, units: int, extra_cpus: int) -> Hardware:
    """Multiply a unit and what is added to it: GPUs, cpus and RAM grow, the disk doesn't (FACTS 3.3)."""
    return Hardware(
        gpu_name=offer.gpu_name,
        cpu_name=offer.cpu_name,
        gpus=offer.gpus * units,
        gpu_ram_mb=offer.gpu_ram_mb,
        cpus=(offer.cpus + extra_cpus) * units,
        ram_mb=offer.ram_mb * units,
        disk_gb=offer.disk_gb,
    )
