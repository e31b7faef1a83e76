"""The operations on images, and every page of their list."""

from __future__ import annotations

from glows_nb.api.models.images import Image, SubmittedImage
from glows_nb.api.models.wire import Page
from glows_nb.api.operations import parsing
from glows_nb.api.operations.lists import page_of
from glows_nb.api.paging import all_items
from glows_nb.api.requests.images import DeleteImage, ListImages, SubmitImage
from glows_nb.api.routes import ROUTES
from glows_nb.api.steps import Operation, Steps


def submit_image(image_link: str) -> Operation[SubmittedImage]:
    """Make a private image of a registry link: not repeatable by itself, `writes.images.submit_image` knows how."""
    request = SubmitImage(image_link=image_link)
    read = parsing.whole("submit image", SubmittedImage)
    return Operation(ROUTES["submit image"], read, body=request.model_dump(), is_repeatable=False)


def delete_image(image_id: str) -> Operation[bool]:
    """Delete a private image: not repeatable by itself, since the second answer would be an error."""
    request = DeleteImage(image_id=image_id)
    return Operation(ROUTES["delete image"], parsing.done, body=request.model_dump(), is_repeatable=False)


def list_images(
    page: int = 1, per_page: int = 20, owned: bool = False, keywords: str = "", *, strict: bool = True
) -> Operation[Page[Image]]:
    """A page of images, all or one's own, whose names hold the keywords."""
    request = ListImages(page=page, per_page=per_page, owned=owned, keywords=keywords)
    return page_of("list images", "images", Image, request, strict=strict)


def all_images(
    owned: bool = False, keywords: str = "", limit: int | None = None, *, strict: bool = True
) -> Steps[list[Image]]:
    """Every image, or the first `limit`."""
    return all_items(
        lambda page: list_images(page, owned=owned, keywords=keywords, strict=strict),
        identity=lambda image: image.image_id or None,
        limit=limit,
    )
