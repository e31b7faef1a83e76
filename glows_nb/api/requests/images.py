"""What is asked of images."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints, field_validator

from glows_nb.api.requests.limits import Identifier, PageOf, RequestModel


class ListImages(PageOf):
    """A page of images."""

    owned: bool = False
    keywords: Annotated[str, StringConstraints(max_length=100)] = ""


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
