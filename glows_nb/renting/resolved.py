"""What exactly is to be rented: every word resolved to ids and full names, and from there to a plan or a machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from pydantic import SecretStr

from glows_nb.api.client import Client
from glows_nb.api.lifecycle.planning import Plan
from glows_nb.api.models.images import Image
from glows_nb.api.models.instances import Instance
from glows_nb.api.models.specs import BaseResource
from glows_nb.api.requests.create import Port
from glows_nb.ledger.recorder import recorder_of


@dataclass(frozen=True, kw_only=True)
class ResolvedLaunch:
    """The arguments of a launch, complete.

    Attributes:
        name: what the machine is called, or what its key is derived to where nobody named it.
        meta_key: a key of the user's own instead.
        image_id: the image to start from; beside a snapshot, the image below it, whose offers tell the price (FACTS 7).
        snapshot_id: the snapshot to start from.
        gpu_name, cpu_name: the hardware, by its full name.
        offer: instead of a name, one offer of a region where the name means several.
        region_name: where; first of all, and before `regions`.
        regions: where, in this order.
        max_price: Credits per hour at most.
        image: the image with its name, where that was looked for.
    """

    name: str | None = None
    meta_key: str | None = None
    image_id: str | None = None
    snapshot_id: str = ""
    gpu_name: str | None = None
    cpu_name: str | None = None
    offer: BaseResource | None = None
    region_name: str | None = None
    regions: Sequence[str] = ()
    category: str = "container"
    units: int = 1
    ports: Sequence[Port | str | int] = ()
    envs: Mapping[str, SecretStr] = field(default_factory=dict)
    cmd: str = ""
    network_id: str = ""
    public_ip_id: str = ""
    extra: Mapping[str, int] = field(default_factory=dict)
    remark: str = ""
    max_price: float | Decimal | str | None = None
    image: Image | None = None

    def plan(self, client: Client) -> Plan:
        """What renting this would do, and to the budget: reads only.

        Raises:
            NoResourceAvailable, PriceTooHigh, InvalidRequest: it can't be had, or not so.
        """
        recorder_of(client)
        return client.instances.plan(**self.arguments())

    def launch(self, client: Client, *, wait: bool = False, adopt: bool = False, over_budget: bool = False) -> Instance:
        """Rent this, or find the machine that is there: the safe create.

        Raises:
            GlowsError: as for `client.instances.launch`.
        """
        recorder_of(client)
        return client.instances.launch(wait=wait, adopt=adopt, over_budget=over_budget, **self.arguments())

    def arguments(self) -> dict[str, Any]:
        """The same as arguments of `client.instances.plan` and `.launch`."""
        arguments: dict[str, Any] = {"meta_key": self.meta_key} if self.meta_key else {"name": self.name}
        if self.snapshot_id:
            arguments |= {"from_snap_id": self.snapshot_id, "priced_image_id": self.image_id or None}
        else:
            arguments["from_image_id"] = self.image_id
        if self.offer is not None:
            arguments["base_resource"] = self.offer
        arguments |= given(gpu_name=self.gpu_name, cpu_name=self.cpu_name, region_name=self.region_name)
        arguments |= {"instance_category": self.category, "unit_qty": self.units}
        return arguments | given(
            regions=list(self.regions),
            ports=list(self.ports),
            envs=dict(self.envs),
            cmd=self.cmd,
            net_ids=[self.network_id] if self.network_id else [],
            public_ip_id=self.public_ip_id,
            extra_resource=dict(self.extra),
            remark=self.remark,
            max_price_per_hour=self.max_price,
        )


def given(**arguments: Any) -> dict[str, Any]:
    """The arguments that say something."""
    return {name: value for name, value in arguments.items() if value not in (None, "", [], {})}
