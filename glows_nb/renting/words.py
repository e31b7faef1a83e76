"""What somebody asks for, in words: checked before any request, and the name that is derived from it."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from pydantic import SecretStr

from glows_nb.api.errors import InvalidRequest
from glows_nb.api.lifecycle.keys import derived_name
from glows_nb.api.lifecycle.launch_request import check_name, checked_max_rate
from glows_nb.api.requests.create import CreateInstance, Port
from glows_nb.renting.resolved import given

WORD_OF_ARGUMENT: Final = {
    "from_image_id": "image",
    "from_snap_id": "snapshot",
    "instance_category": "category",
    "unit_qty": "units",
    "net_ids": "network",
    "public_ip_id": "public_ip",
    "regions": "region",
    "region_name": "region",
    "gpu_name": "gpu",
    "cpu_name": "cpu",
    "extra_resource": "extra",
    "custom_meta_key": "meta_key",
    "max_price_per_hour": "max_price",
}
"""Where a launch's argument has another name than the word for it."""


@dataclass(frozen=True, kw_only=True)
class Words:
    """A machine as people ask for it.

    Attributes:
        gpu: part of a GPU's name, such as "4090".
        cpu: instead, part of a CPU's name: a machine without a GPU.
        name: a name; the same name finds the machine that is there.
        meta_key: a key of the user's own instead of a name.
        image: an image's id or name; without it a base image is chosen.
        snapshot: instead, a snapshot's id or name.
        regions: where, in the order to try; none is the cheapest that has it.
        units: how many units of the offer.
        extra: what is added to each unit.
        category: container or vm.
        ports: ports to open.
        cmd: the start command.
        envs: environment variables, masked.
        network: a network's id or name.
        public_ip: an owned public IP's id or name.
        remark: a remark that the service keeps.
        max_price: Credits per hour at most.

    Raises:
        InvalidRequest: something is wrong with it, as far as that can be seen without a request.
    """

    gpu: str | None = None
    cpu: str | None = None
    name: str | None = None
    meta_key: str | None = None
    image: str | None = None
    snapshot: str | None = None
    regions: Sequence[str] = ()
    units: int = 1
    extra: Mapping[str, int] = field(default_factory=dict)
    category: str = "container"
    ports: Sequence[Port | str | int] = ()
    cmd: str = ""
    envs: Mapping[str, SecretStr] = field(default_factory=dict)
    network: str | None = None
    public_ip: str | None = None
    remark: str | None = None
    max_price: float | Decimal | str | None = None

    def __post_init__(self) -> None:
        for word in ("gpu", "cpu", "name", "meta_key", "image", "snapshot", "network", "public_ip", "remark"):
            value = getattr(self, word)
            if value is not None and not isinstance(value, str):
                raise InvalidRequest(word, f"{value!r} is no text.")
            if value is not None and not value.strip() and word not in ("name", "remark"):
                raise InvalidRequest(word, "is empty; leave it out, or say which.")
        for region in self.regions:
            if not isinstance(region, str) or not region.strip():
                raise InvalidRequest("region", f"{region!r} is no region's name.")
        if self.gpu is not None and self.cpu is not None:
            raise InvalidRequest("cpu", "is for a machine without a GPU; give gpu or cpu, not both.")
        if self.gpu is None and self.cpu is None:
            raise InvalidRequest("gpu", 'say what hardware to rent: gpu="4090", or cpu= for a machine without a GPU.')
        if self.image and self.snapshot:
            raise InvalidRequest("snapshot", "give image or snapshot, not both.")
        if self.name is not None and self.meta_key is not None:
            raise InvalidRequest("name", "give name or meta_key, not both.")
        if self.name is not None:
            check_name(self.name)
        if self.category == "vm" and self.image is None and self.snapshot is None:
            raise InvalidRequest("image", "is required for a VM; the images list shows them, such as: images docker")
        object.__setattr__(self, "units", _whole("units", self.units, 1))
        object.__setattr__(self, "extra", {name: _whole("extra", number, 0) for name, number in self.extra.items()})
        for variable, text in self.envs.items():
            if not isinstance(text, SecretStr):
                raise InvalidRequest("envs", f"the value of {str(variable).partition('=')[0]} is no text.")
        checked_max_rate(self.max_price)
        for region in self.regions or ("any",):
            CreateInstance(
                gpu_name="any",
                from_image_id="any",
                custom_meta_key="any" if self.meta_key is None else self.meta_key,
                region_name=region,
                ports=self.ports,
                unit_qty=self.units,
                instance_category=self.category,
                cmd=self.cmd,
                envs=self.envs,
                **given(remark=self.remark, extra_resource=dict(self.extra), public_ip_id=self.public_ip),
            )

    def derived_name(self, regions: Sequence[str]) -> str:
        """The name where nobody gave one: from what was typed, since what is chosen for it may be another tomorrow.

        Of variables the names count, so that a renewed token rents no second machine. A cap is no part of a machine.

        Args:
            regions: those that were typed, as the service spells them.
        """
        seldom: dict[str, Any] = given(
            cmd=self.cmd,
            envs=sorted(self.envs),
            network=self.network,
            snapshot=self.snapshot,
            public_ip=self.public_ip,
            cpu=self.cpu,
            extra=sorted(f"{name}={number}" for name, number in self.extra.items()),
        )
        ports = sorted(str(port) for port in self.ports)
        typed = [self.gpu, list(regions), self.image, self.units, self.category, ports]
        return derived_name([*typed, seldom] if seldom else typed)


def _whole(word: str, number: Any, least: int) -> int:
    """A whole number, of whatever kind: equal ones are one machine.

    Raises:
        InvalidRequest: it is none, or too small.
    """
    try:
        whole = None if isinstance(number, bool) else operator.index(number)
    except TypeError:
        whole = None
    if whole is None or whole < least:
        raise InvalidRequest(word, f"{number!r} is no whole number of at least {least}.")
    return whole
