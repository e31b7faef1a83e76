"""What the ledger knows of one machine, one order, one snapshot; times are milliseconds since the epoch, UTC."""

from __future__ import annotations

from typing import NamedTuple

from glows_nb.money import Rate


class Account(NamedTuple):
    """Whose machines these are; a sandbox's never mix with those that cost money."""

    mark: str
    base_url: str
    is_sandbox: bool


class Order(NamedTuple):
    """A machine that was ordered from here: `outcome` is sent (nothing more is known), started or refused."""

    order_id: int
    at_ms: int
    meta_key: str
    outcome: str
    instance_id: str | None
    notebook: str | None
    region: str
    hardware: str
    millicents: int | None


class Sighting(NamedTuple):
    """A machine was seen in this status from `at_ms` to `until_ms`, at this price (None: the service did not say)."""

    at_ms: int
    until_ms: int
    status: str
    millicents: int | None
    is_exact: bool = True
    """Is the price known to the millicent, and not only in the cents that machines report?"""

    @property
    def rate(self) -> Rate | None:
        """Credits per hour, None where the service did not say."""
        return None if self.millicents is None else Rate(self.millicents)


class MachineRecord(NamedTuple):
    """A machine that was started or seen from here, with all sightings, oldest first; there is at least one."""

    instance_id: str
    meta_key: str
    remark: str
    region: str
    gpu: str
    gpus: int | None
    image_id: str
    image_name: str
    created_ms: int | None
    sightings: tuple[Sighting, ...]
    order: Order | None = None

    @property
    def is_from_here(self) -> bool:
        """Was it started by this ledger's user on this computer?"""
        return self.order is not None

    @property
    def last(self) -> Sighting:
        """The newest sighting."""
        return self.sightings[-1]


class SnapshotRecord(NamedTuple):
    """What the service does not tell of a snapshot (FACTS 7); "" where it was not taken from here."""

    name: str
    image_id: str
    image_name: str


class Discrepancy(NamedTuple):
    """One thing that ledger and service say differently."""

    instance_id: str | None
    meta_key: str | None
    what: str
    in_ledger: str | None
    on_service: str | None
