"""What the other operations take: ids, pages, filters, and the small bodies of images, networks and snapshots."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from glows_nb.api.errors import InvalidRequest
from glows_nb.api.requests.limits import Identifier, RegionName, RequestModel

MOST_ATTACHED = 10


class WhichInstance(RequestModel):
    """The machine meant, by exactly one of its id and its meta key."""

    request_id: Identifier | None = None
    meta_key: Identifier | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> WhichInstance:
        if (self.request_id is None) == (self.meta_key is None):
            raise InvalidRequest("request_id", "give exactly one of request_id and meta_key.")
        return self


class PageOf(RequestModel):
    """Which page: from 1, of at most 20 items."""

    page: Annotated[int, Field(ge=1)] = 1
    per_page: Annotated[int, Field(ge=1, le=20)] = 20


class ListInstances(PageOf):
    """A page of machines."""

    ascending: bool = False
    statuses: tuple[str, ...] = ()


class ListImages(PageOf):
    """A page of images."""

    owned: bool = False
    keywords: Annotated[str, StringConstraints(max_length=100)] = ""


class ListSpecs(PageOf):
    """A page of offers for an image."""

    machine_category: Annotated[int, Field(ge=0, le=3)]
    from_image_id: Identifier
    region_name: RegionName | None = None
    instance_category: Literal["container", "vm"] | None = None
    by_region: bool = False


class SubmitImage(RequestModel):
    """A registry link to make an image of (contract: white space is rejected)."""

    image_link: Annotated[str, StringConstraints(min_length=1, max_length=512)]

    @field_validator("image_link")
    @classmethod
    def _no_white_space(cls, image_link: str) -> str:
        if image_link.split() != [image_link]:
            raise ValueError("an image link holds no white space")
        return image_link


class DeleteImage(RequestModel):
    """A private image of one's own to delete."""

    image_id: Identifier


class CreateNetwork(RequestModel):
    """A mesh network to make."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=32)]
    region_name: RegionName


class ListNetworks(PageOf):
    """A page of networks: meshes, or with `network_type` 6 the owned public IPs; `domain` is a region's number."""

    network_type: Annotated[int, Field(ge=0, le=7)] = 0
    domain: Annotated[int, Field(ge=0)] = 0


class AttachInstances(RequestModel):
    """Machines to put into a network; one named twice counts once."""

    network_id: Identifier
    instance_ids: Annotated[tuple[Identifier, ...], Field(min_length=1, max_length=MOST_ATTACHED)]


class ListEndpoints(PageOf):
    """A page of the machines in a network."""

    network_id: Identifier


class CreateSnapshot(RequestModel):
    """A snapshot to take of a running machine."""

    instance_id: Identifier
    name: Annotated[str, StringConstraints(max_length=32)] = ""


class ListSnapshots(PageOf):
    """A page of snapshots in any of these statuses; none means the service's own choice."""

    status: tuple[Annotated[int, Field(ge=0, le=7)], ...] = ()
