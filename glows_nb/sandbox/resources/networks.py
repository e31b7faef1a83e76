"""The four network operations, create, list, attach and endpoints; and what a create of a machine may say of networks.

Which refusal comes when several are due is decided here as the contract is silent: what can never work comes before
what works at another time, and a quota comes last.
"""

import time

from glows_nb.sandbox.codes import Code, Refusal, illegal
from glows_nb.sandbox.ids import bare
from glows_nb.sandbox.machines import lifecycle
from glows_nb.sandbox.machines.lifecycle import Machine
from glows_nb.sandbox.parameters import ID_LENGTH
from glows_nb.sandbox.resources import answers
from glows_nb.sandbox.resources.context import Context
from glows_nb.sandbox.store.networks import MESH, NAT4, Network
from glows_nb.sandbox.store.store import Store

_INT32_MAX = 2**31 - 1


def create_network(context: Context) -> dict[str, object]:
    """Make a mesh network; another type can't be made here (contract)."""
    name = context.body.text("name", 32, required=True)
    region = context.body.text("region_name", 128, required=True)
    if context.body.number("network_type", low=0, high=7) != MESH:
        raise illegal("only mesh networks can be created")
    with context.store.transaction():
        domain = domain_of(context, region)
        # Before the quota: with one network for each user a name could never be seen to be taken.
        if context.store.networks.has_name(context.user.uid, name):
            raise Refusal(Code.NET_NAME_REPEAT, "the user has a network of that name")
        if context.store.networks.count(context.user.uid, MESH) >= context.limits.networks:
            raise Refusal(Code.OUT_OF_NET_COUNT_LIMIT, f"{context.limits.networks} networks are there")
        network = _new_network(context.store, context.user.uid, name, region, domain, MESH)
    return {"network_id": f"net-{network.hash}"}


def list_networks(context: Context) -> dict[str, object]:
    """Answer the user's networks of one type in one domain; types that nobody has give an empty list."""
    page = context.query.page()
    type_ = context.query.number("network_type", low=0, high=7) or MESH
    # Left out it is 0, "the default domain", not all of them (contract).
    domain = context.query.number("domain", low=-_INT32_MAX - 1, high=_INT32_MAX) or 0
    total, networks = context.store.networks.networks(context.user.uid, type_, domain, page)
    return {
        "pagination": answers.pagination(total, page),
        "networks": [answers.network(network) for network in networks],
    }


def attach_instances(context: Context) -> dict[str, object]:
    """Attach machines to a mesh network; duplicates are ignored before the quota is looked at.

    The sample asks for two machines and gets one endpoint: here a machine that is in the network already is left
    as it is, and EndpointExist comes when that holds for all of them.
    """
    network_id = context.body.text("network_id", ID_LENGTH, required=True)
    instance_ids = context.body.texts("instance_ids", most=10, limit=ID_LENGTH)
    if not instance_ids:
        raise illegal("instance_ids is required")
    with context.store.transaction():
        network = _find_own(context, network_id)
        if network.type != MESH:
            raise illegal("not a mesh network")
        hashes = dict.fromkeys(bare(instance_id, "ins-") for instance_id in instance_ids)
        machines = [_attachable(context, network, hash_) for hash_ in hashes]
        there = context.store.networks.machines_in(network.hash)
        new = [machine for machine in machines if machine.hash not in there]
        if not new:
            raise Refusal(Code.ENDPOINT_EXIST, "all of them are in the network")
        if any(machine.status != lifecycle.RUNNING for machine in new):
            raise Refusal(Code.ILLEGAL_STATUS, "only a running machine can be attached")
        if len(there) + len(new) > context.limits.endpoints:
            raise Refusal(Code.OUT_OF_NET_ENDPOINT_COUNT_LIMIT, f"the network has {context.limits.endpoints} places")
        endpoints = [_attach(context, network, machine, context.now) for machine in new]
        context.store.changes += 1
    return {
        "network_id": f"net-{network.hash}",
        "endpoint_ids": [f"ept-{endpoint}" for endpoint in endpoints],
    }


def list_endpoints(context: Context) -> dict[str, object]:
    """Answer one page of what is attached to one of the user's networks, newest first."""
    network_id = context.query.text("network_id", ID_LENGTH, required=True)
    page = context.query.page()
    network = _find_own(context, network_id)
    total, endpoints = context.store.networks.endpoints(network.hash, page)
    return {
        "pagination": answers.pagination(total, page),
        "endpoints": [answers.endpoint(endpoint, context.now) for endpoint in endpoints],
    }


def domain_of(context: Context, region: str) -> int:
    """Return the domain of a region in which the user may have something."""
    domain = context.catalogue.regions.get(region)
    if domain is None:
        raise Refusal(Code.INVALID_DOMAIN_INFO, "unknown region")
    if context.limits.regions is not None and region not in context.limits.regions:
        raise Refusal(Code.REGION_ACCESS_DENIED, "not for this user")
    return domain


def grant_public_ip(store: Store, owner: int, region: str, domain: int) -> Network:
    """Make a public IP, which users can't do themselves: on the service they buy one elsewhere."""
    with store.transaction():
        name = f"public-ip-{store.networks.count(owner, NAT4) + 1}"
        return _new_network(store, owner, name, region, domain, NAT4)


def network_of_request(
    context: Context, region: str, net_ids: list[str], public_ip_id: str, type_: int
) -> Network | None:
    """Return the network that a new machine is to be in, None for none.

    A public IP sets the type to NAT4 (contract) and is had by one machine at a time. A mesh network beside it is
    refused, since it would be silently left out.
    """
    if public_ip_id and net_ids:
        raise illegal("net_ids beside public_ip_id")
    if not public_ip_id and not net_ids:
        return None
    network = _find_own(context, public_ip_id or net_ids[0])
    if network.type != (NAT4 if public_ip_id else type_):
        raise illegal("the network is of another type")
    if network.region != region:
        raise illegal("the network is in another region")
    there = context.store.networks.machines_in(network.hash)
    if network.type == NAT4 and there:
        raise Refusal(Code.ENDPOINT_EXIST, "the public IP is another machine's")
    if len(there) >= context.limits.endpoints:
        raise Refusal(Code.OUT_OF_NET_ENDPOINT_COUNT_LIMIT, f"the network has {context.limits.endpoints} places")
    return network


def attach_new(context: Context, network: Network, machine: Machine) -> None:
    """Give a new machine its place in a network; it connects when the machine runs."""
    _attach(context, network, machine, None)


def _new_network(store: Store, owner: int, name: str, region: str, domain: int, type_: int) -> Network:
    network = Network(
        hash=store.ids.new(),
        owner=owner,
        name=name,
        region=region,
        domain=domain,
        type=type_,
        created=time.time(),
    )
    store.networks.add(network)
    return network


def _attach(context: Context, network: Network, machine: Machine, runs_since: float | None) -> str:
    return context.store.networks.attach(
        network, machine.hash, context.store.ids.new(), created=time.time(), runs_since=runs_since
    )


def _find_own(context: Context, network_id: str) -> Network:
    network = context.store.networks.network(bare(network_id, "net-"))
    if network is None or network.owner != context.user.uid:
        raise illegal("no such network of this user")
    return network


def _attachable(context: Context, network: Network, hash_: str) -> Machine:
    machine = context.store.machine_by_hash(hash_)
    if machine is None or machine.owner != context.user.uid:
        raise illegal("no such machine of this user")
    if machine.region != network.region:
        raise illegal("the machine is in another region than the network")
    return machine
