"""Making and deleting images, when the answer may be lost."""

from __future__ import annotations

from glows_nb.api.errors import ImageAlreadyExists, ParamIllegal
from glows_nb.api.ids import bare_id
from glows_nb.api.models.images import Image, SubmittedImage
from glows_nb.api.operations import images as operations
from glows_nb.api.operations.images import all_images
from glows_nb.api.steps import Steps
from glows_nb.api.writes.lost_answers import write


def submit_image(image_link: str, *, backoff: float = 0.5) -> Steps[SubmittedImage]:
    """Make an image of a link. After a lost answer, the newest image that was not there before is the one."""
    operation = operations.submit_image(image_link)
    before = {image.image_id for image in (yield from all_images(owned=True))}
    repository = image_link.rpartition("/")[2].partition(":")[0].partition("@")[0]

    def look_up() -> Steps[SubmittedImage | None]:
        images: list[Image] = yield from all_images(owned=True)
        new = [image for image in images if image.image_id not in before and repository in image.name]
        if len(new) != 1:
            return None
        return SubmittedImage(image_id=new[0].image_id, name=new[0].name)

    return (
        yield from write(
            operation,
            look_up,
            "client.images.all(owned=True) lists your images; the service refuses the same link twice, so that "
            "submitting it again does no harm.",
            done_already=(ImageAlreadyExists,),
            backoff=backoff,
        )
    )


def delete_image(image_id: str, *, backoff: float = 0.5) -> Steps[None]:
    """Delete an image. After a lost answer, an image that was there before and is gone has been deleted."""
    operation = operations.delete_image(image_id)
    was_there = yield from _owns(image_id)

    def look_up() -> Steps[bool | None]:
        is_there = yield from _owns(image_id)
        return True if was_there and not is_there else None

    yield from write(
        operation,
        look_up,
        "client.images.all(owned=True) lists your images; deleting it again does no harm.",
        done_already=(ParamIllegal,),
        backoff=backoff,
    )


def _owns(image_id: str) -> Steps[bool]:
    images = yield from all_images(owned=True)
    return any(bare_id(image.image_id) == bare_id(image_id) for image in images)
