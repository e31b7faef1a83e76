"""Images: what machines are started from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from glows_nb.api.models.wire import Integer, Moment, Text, WireModel
from glows_nb.formatting import visible


class Image(WireModel):
    """An image to start from (contract: SDKImageInfo)."""

    id_path: ClassVar[tuple[str, ...]] = ("image_id",)
    unknown: ClassVar[Mapping[str, Any]] = {"image_id": ""}

    image_id: str
    name: Text = ""
    status: Integer | None = None
    create_time: Moment = None

    @property
    def is_told(self) -> bool:
        """Was an id told?"""
        return bool(self.image_id)

    def __str__(self) -> str:
        return visible(f"{self.name} ({self.image_id})")


class SubmittedImage(WireModel):
    """What a submitted link became (contract: image submission)."""

    image_id: str
    name: Text = ""
