"""Domains: the numbers by which networks are listed; everything else names its region (FACTS 8).

The service lists neither regions nor domains, so what is known of their pairs comes from FACTS and from machines,
which carry both.
"""

from __future__ import annotations

from typing import Final

from glows_nb.api.models.networks import Network
from glows_nb.api.operations.instances import all_instances
from glows_nb.api.operations.networks import all_networks
from glows_nb.api.steps import Steps

DOMAIN_OF_REGION: Final = {"TW-01": 0, "TW-02": 1, "TW-03": 2, "TW-04": 3, "TW-05": 4}
"""FACTS 5.2: TW-03 is documented, TW-04 interpolated, the others seen in an app; TW-07 and JP-01 are unknown."""


def domains_of_region(region_name: str) -> Steps[list[int]]:
    """The domains that may be a region's: the one known, and those of the account's machines there."""
    known = [DOMAIN_OF_REGION[region_name]] if region_name in DOMAIN_OF_REGION else []
    machines = yield from all_instances()
    seen = [machine.domain for machine in machines if machine.region_name == region_name]
    return list(dict.fromkeys([*known, *seen]))


def known_domains() -> Steps[list[int]]:
    """Every domain that is known: those of FACTS and those of the account's machines."""
    machines = yield from all_instances()
    return list(dict.fromkeys([*DOMAIN_OF_REGION.values(), *(machine.domain for machine in machines)]))


def networks_everywhere(network_type: int = 0, limit: int | None = None) -> Steps[list[Network]]:
    """Every network of a type in every domain that is known, or the first `limit`."""
    found: dict[str, Network] = {}
    for domain in (yield from known_domains()):
        for network in (yield from all_networks(network_type, domain)):
            found.setdefault(network.network_id, network)
    return list(found.values())[:limit]
