"""The five instance operations: query, create, cancel, stats and list."""

import time

from glows_nb.sandbox import answers, lifecycle
from glows_nb.sandbox.call import Call
from glows_nb.sandbox.catalogue import Offer
from glows_nb.sandbox.codes import Code, Refusal, illegal
from glows_nb.sandbox.lifecycle import Hardware, Machine
from glows_nb.sandbox.orders import Order, choose_offer, read_order
from glows_nb.sandbox.parameters import ID_LENGTH

MAX_LIVE_INSTANCES = 20
"""As the team page shows; that it holds for SDK users is inferred (FACTS 2)."""


def query_instance(call: Call) -> dict[str, object]:
    """Answer one machine, by request_id or meta_key."""
    return {"instance": answers.instance(_find_own(call))}


def create_instance(call: Call) -> dict[str, object]:
    """Start a machine: it is queued when this is answered, and the rest happens by itself."""
    order = read_order(call.body, call.catalogue)
    # One transaction, so that of two creates with one key, or for a last unit, only one gets through. The key
    # comes first: a client that repeats a create whose answer was lost must learn that the machine is there,
    # also when its region has sold out meanwhile.
    with call.store.transaction():
        if call.store.machine_by_meta_key(order.meta_key) is not None:
            raise Refusal(Code.META_KEY_EXIST, "some user has or had a machine of that key")
        if order.region not in call.catalogue.regions:
            raise Refusal(Code.INVALID_DOMAIN_INFO, "unknown region")
        if call.store.live_count(call.user.uid) >= MAX_LIVE_INSTANCES:
            raise Refusal(Code.USER_NODE_QTY_EXCEED_QUOTA, f"{MAX_LIVE_INSTANCES} machines are there")
        offer = choose_offer(order, call.catalogue.offers, call.store.offer_states())
        machine = _new_machine(call, order, offer)
        call.store.add(machine)
    return {"instance": answers.instance(machine, just_created=True)}


def cancel_instance(call: Call) -> dict[str, object]:
    """Begin to release a machine.

    Cancelling one that is ending or has ended succeeds and changes nothing. The contract doesn't say; a DELETE
    may be repeated when its answer was lost, and on the sister service 0 only means accepted (FACTS 4.2, 8).
    """
    with call.store.transaction():
        machine = _find_own(call)
        if machine.status not in (lifecycle.CANCELING, lifecycle.FINISHED):
            canceling = lifecycle.enter(machine, lifecycle.CANCELING, call.now, call.store.chance)
            call.store.change(machine, canceling)
    return {}


def instance_stats(call: Call) -> dict[str, object]:
    """Answer how many machines are in each status that occurs."""
    return {"stats": call.store.status_counts(call.user.uid)}


def list_instances(call: Call) -> dict[str, object]:
    """Answer one page of the user's machines, newest first unless `ascending`; ended ones are among them."""
    page = call.query.required_page()
    # Unknown names are ignored (contract), so a filter of nothing but unknown names is an empty one: all.
    statuses = [name for name in call.query.texts("statuses") if name in lifecycle.STATUS_NAMES]
    ascending = call.query.flag("ascending")
    total, machines = call.store.machines(call.user.uid, page, statuses, ascending=ascending)
    return {
        "pagination": answers.pagination(total, page),
        "instances": [answers.instance(machine) for machine in machines],
    }


def _find_own(call: Call) -> Machine:
    """Return the machine that is asked for; not there and not one's own look the same.

    When both parameters are given, request_id counts: it is the more exact one, and the contract is silent.
    """
    request_id = call.query.text("request_id", ID_LENGTH)
    meta_key = call.query.text("meta_key", ID_LENGTH)
    if request_id:
        machine = call.store.machine_by_hash(request_id.removeprefix("ins-"))
    elif meta_key:
        machine = call.store.machine_by_meta_key(meta_key)
    else:
        raise illegal("request_id or meta_key is required")
    if machine is None or machine.owner != call.user.uid:
        raise illegal("no such machine of this user")
    return machine


def _new_machine(call: Call, order: Order, offer: Offer) -> Machine:
    chance = call.store.chance
    machine = Machine(
        hash=call.store.new_hash(),
        owner=call.user.uid,
        meta_key=order.meta_key,
        resource_id=offer.resource_id,
        units=order.units,
        millicent_per_hour=call.store.offer_states()[offer.resource_id].millicent_per_hour,
        hardware=_hardware(offer, order.units),
        region=offer.region,
        domain=call.catalogue.regions[offer.region],
        category=order.category,
        image_id=order.image.id,
        image_name=order.image.name,
        remark=order.remark,
        cmd=order.cmd,
        envs=order.envs,
        ssh_user="glows" if order.category == "vm" else "root",
        password=lifecycle.new_password(chance),
        accesses=order.accesses,
        # Real, unlike the times of the lifecycle: clients reckon ages by their own clock, and on one that runs
        # ten times as fast every machine would soon be created hours ahead.
        created=time.time(),
        status=lifecycle.SCHED_QUEUED,
        changed=call.now,
    )
    return lifecycle.enter(machine, lifecycle.SCHED_QUEUED, call.now, chance)


def _hardware(offer: Offer, units: int) -> Hardware:
    """Multiply a unit: GPUs, cpus and RAM grow with the units, the disk doesn't (FACTS 3.3)."""
    return Hardware(
        gpu_name=offer.gpu_name,
        cpu_name=offer.cpu_name,
        gpus=offer.gpus * units,
        gpu_ram_mb=offer.gpu_ram_mb,
        cpus=offer.cpus * units,
        ram_mb=offer.ram_mb * units,
        disk_gb=offer.disk_gb,
    )
