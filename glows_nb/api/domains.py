"""Domains: the numbers by which networks are listed; everything else names its region (FACTS 8).

The service lists neither regions nor domains, so what is known of their pairs comes from FACTS and from machines,
which carry both.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Final

from glows_nb.api.models.instances import Instance
from glows_nb.api.models.networks import Network
from glows_nb.api.operations.instances import all_instances
from glows_nb.api.operations.networks import all_networks
from glows_nb.api.steps import Steps

DOMAIN_OF_REGION: Final = {"TW-01": 0, "TW-02": 1, "TW-03": 2, "TW-04": 3, "TW-05": 4}
"""FACTS 5.2: TW-03 is documented, TW-04 interpolated, the others seen in an app; TW-07 and JP-01 are unknown."""

REGIONS_WITHOUT_NUMBER: Final = ("JP-01", "TW-07")
"""Regions that FACTS 5.2 names and whose number nobody has told."""


class RegionsNotAsked(UserWarning):
    """Networks there may be in regions whose number is not known, so that they could not be asked for."""


def domains_of_region(region_name: str) -> Steps[list[int]]:
    """The domains that may be a region's: the one known, and those of the account's machines there."""
    known = [DOMAIN_OF_REGION[region_name]] if region_name in DOMAIN_OF_REGION else []
    seen = regions_of((yield from all_instances(strict=False)))
    return list(dict.fromkeys([*known, *(domain for domain, region in seen if region == region_name)]))


def regions_of(machines: Iterable[Instance]) -> list[tuple[int, str]]:
    """Domains and their regions, as machines tell them."""
    pairs = ((machine.domain, machine.region_name) for machine in machines)
    return [(domain, region) for domain, region in dict.fromkeys(pairs) if domain is not None]


def not_asked(machines: Iterable[Instance]) -> list[str]:
    """The regions that are known by name and whose networks can't be asked for."""
    seen = {region for _, region in regions_of(machines)}
    return [region for region in REGIONS_WITHOUT_NUMBER if region not in seen]


def networks_everywhere(
    network_type: int = 0, limit: int | None = None, *, strict: bool = True
) -> Steps[list[Network]]:
    """Every network of a type in every domain that is known, or the first `limit`; a warning names the other regions.

    What can't be asked for may still be there: an empty list alone would say that it is not.
    """
    found, regions = yield from networks_and_regions_not_asked(network_type, strict=strict)
    if regions:
        warnings.warn(
            f"Networks in {' and '.join(regions)} were not asked for: the numbers of these regions are not known. "
            "client.networks.all(domain=…) asks for a number, and a machine of yours there tells it.",
            RegionsNotAsked,
            stacklevel=2,
        )
    return found[:limit]


def networks_and_regions_not_asked(
    network_type: int = 0, *, strict: bool = True
) -> Steps[tuple[list[Network], list[str]]]:
    """Every network of a type in every domain that is known, and the regions that could not be asked for theirs."""
    machines = yield from all_instances(strict=False)
    return (yield from networks_near(machines, network_type, strict=strict)), not_asked(machines)


def networks_near(machines: Iterable[Instance], network_type: int = 0, *, strict: bool = True) -> Steps[list[Network]]:
    """Every network of a type in the domains of FACTS and in those of these machines, each once."""
    found: dict[str, Network] = {}
    nameless: list[Network] = []
    for domain in dict.fromkeys([*DOMAIN_OF_REGION.values(), *(domain for domain, _ in regions_of(machines))]):
        for network in (yield from all_networks(network_type, domain, strict=strict)):
            if network.network_id:
                found.setdefault(network.network_id, network)
            else:
                nameless.append(network)
    return [*found.values(), *nameless]
