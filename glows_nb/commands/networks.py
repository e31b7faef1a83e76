"""Commands for private networks: networks, network create, network attach, network endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from glows_nb.commands.group import group, program, say, saying_on_interrupt
from glows_nb.commands.parameter_types import MACHINE, NETWORK, REGION
from glows_nb.connection import current_client
from glows_nb.formatting import counted

if TYPE_CHECKING:
    import pandas as pd

    from glows_nb.api.client import Client
    from glows_nb.api.models.networks import Attached


@group.command(examples=["networks", "networks --public-ip"])
@click.option("--public-ip", "is_public_ip", is_flag=True, help="Your public IPs, not the meshes.")
def networks(is_public_ip: bool) -> pd.DataFrame:
    """Your networks in all regions that are known."""
    from glows_nb.api.models.networks import NetworkType
    from glows_nb.frames import queries

    return queries.networks(network_type=NetworkType.NAT4 if is_public_ip else NetworkType.MESH)


@group.group()
def network() -> None:
    """Private networks between machines: create one, attach machines, see who is in it."""


@network.command(examples=["network create team --region TW-01"])
@click.argument("name")
@click.option("--region", type=REGION, required=True, metavar="NAME", help="Where; machines join from the same region.")
def create(name: str, region: str) -> str:
    """Make a mesh network called NAME; gives its id."""
    with saying_on_interrupt(f"Interrupted; the network may be made all the same. To look: {program()} networks"):
        return current_client().networks.create(name, region)


@network.command(examples=["network attach team train"])
@click.argument("network", type=NETWORK)
@click.argument("machines", nargs=-1, required=True, type=MACHINE, metavar="MACHINE...")
def attach(network: str, machines: tuple[str, ...]) -> Attached:
    """Put running machines into NETWORK.

    NETWORK is its id or name.
    """
    from glows_nb.api.requests.networks import AttachInstances

    AttachInstances(network_id=network, instance_ids=machines)  # refuses too many before anything is asked
    client = current_client()
    id_ = _id_of(client, network)
    found = [client.instances.find(machine).instance_id for machine in machines]
    with saying_on_interrupt(
        f"Interrupted; they may be attached all the same. To look: {program()} network endpoints {network}"
    ):
        attached = client.networks.attach(id_, found)
    if len(attached.endpoint_ids) < len(set(found)):
        joined = counted(len(attached.endpoint_ids), "machine")
        say(f"{joined} of {len(set(found))} joined; network endpoints {network} shows which.")
    return attached


@network.command(examples=["network endpoints team"])
@click.argument("network", type=NETWORK)
def endpoints(network: str) -> pd.DataFrame:
    """The machines in NETWORK, with their addresses there."""
    from glows_nb.frames import queries

    client = current_client()
    return queries.endpoints(_id_of(client, network), client=client)


def _id_of(client: Client, network: str) -> str:
    from glows_nb.renting.names import network_named

    found = network_named(client, network)
    return found if isinstance(found, str) else found.network_id
