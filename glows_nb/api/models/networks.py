"""Private networks and the machines in them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any, ClassVar

from pydantic import AliasChoices, Field

from glows_nb.api.models.wire import Integer, ListOf, Moment, Text, WireModel
from glows_nb.formatting import visible


class NetworkType(IntEnum):
    """`network_type`: 0 is a mesh, 6 an owned public IP; the contract gives no meaning for the others."""

    MESH = 0
    TYPE_1 = 1
    TYPE_2 = 2
    TYPE_3 = 3
    TYPE_4 = 4
    TYPE_5 = 5
    NAT4 = 6
    TYPE_7 = 7


class Network(WireModel):
    """A network of the account (contract: VisibleNetwork)."""

    id_path: ClassVar[tuple[str, ...]] = ("netID",)
    unknown: ClassVar[Mapping[str, Any]] = {"netID": "", "domain": None}

    network_id: str = Field(alias="netID")
    name: Text = ""
    create_time: Moment = Field(
        None,
        validation_alias=AliasChoices("createTime", "create_time"),
        serialization_alias="createTime",
    )
    cluster_type: Text = Field("", alias="clusterType")
    domain: Integer | None = 0

    @property
    def is_told(self) -> bool:
        """Was an id told?"""
        return bool(self.network_id)

    def __str__(self) -> str:
        return visible(f"{self.name} ({self.network_id})")


class Endpoint(WireModel):
    """A machine's place in a network (contract: SDKNetworkEndpoint)."""

    id_path: ClassVar[tuple[str, ...]] = ("endpoint_id",)
    unknown: ClassVar[Mapping[str, Any]] = {"endpoint_id": ""}

    endpoint_id: str
    network_id: Text = ""
    instance_id: Text = ""
    status: Integer | None = None
    cidr: Text = ""
    mac: Text = ""
    create_time: Moment = None

    @property
    def is_told(self) -> bool:
        """Was an id told?"""
        return bool(self.endpoint_id)


class Attached(WireModel):
    """What an attachment made: fewer endpoints than machines are possible (the contract's sample shows it)."""

    network_id: Text = ""
    endpoint_ids: ListOf[str] = ()
