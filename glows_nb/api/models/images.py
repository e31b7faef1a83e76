"""Images: what machines are started from."""

from __future__ import annotations

from glows_nb.api.models.wire import Moment, Text, WireModel
from glows_nb.wording import visible


class Image(WireModel):
    """An image to start from (contract: SDKImageInfo)."""

    image_id: str
    name: Text = ""
    status: int | None = None
    create_time: Moment | None = None

    def __str__(self) -> str:
        return visible(f"{self.name} ({self.image_id})")


class SubmittedImage(WireModel):
    """What a submitted link became (contract: image submission)."""

    image_id: str
    name: Text = ""
