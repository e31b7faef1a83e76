"""The three image operations: submit, delete and list; and how an image is found by its id."""

import time
from collections.abc import Sequence

from glows_nb.sandbox.codes import Code, Refusal, illegal
from glows_nb.sandbox.ids import bare
from glows_nb.sandbox.image_catalogue import Image
from glows_nb.sandbox.parameters import ID_LENGTH
from glows_nb.sandbox.resources import answers
from glows_nb.sandbox.resources.context import Context
from glows_nb.sandbox.store.images import PENDING_SECONDS, READY, OwnImage

_FIRST_IMAGE_TIME = 1735689600  # 2025-01-01, when the oldest screenshots were taken; the times are invented
_DAY = 24 * 3600


def submit_image(context: Context) -> dict[str, object]:
    """Let the service fetch an image from a registry."""
    link = context.body.text("image_link", 512, required=True)
    if any(character.isspace() for character in link):
        raise illegal("image_link has whitespace in it")
    with context.store.transaction():
        if context.store.images.has_link(context.user.uid, link):
            raise Refusal(Code.IMAGE_ALREADY_EXISTS, "this link is there already")
        if context.store.images.pending_count(context.user.uid, context.now) >= context.limits.pending_images:
            raise Refusal(Code.IMAGE_PENDING_LIMIT_EXCEEDED, f"{context.limits.pending_images} are being fetched")
        created = time.time()
        image = OwnImage(
            hash=context.store.ids.new(),
            owner=context.user.uid,
            link=link,
            # As in the sample, whose nanoseconds are those of a full second.
            name=f"sdk-{context.user.uid}-{int(created)}000000000-{_repository(link)}",
            created=created,
            ready_at=context.now + PENDING_SECONDS,
        )
        context.store.images.add(image)
    return {"image_id": f"img-{image.hash}", "name": image.name}


def delete_image(context: Context) -> dict[str, object]:
    """Delete one of the user's own images; the id may come in the body or in the query (FACTS 1)."""
    image_id = context.body.text("image_id", ID_LENGTH) or context.query.text("image_id", ID_LENGTH, required=True)
    with context.store.transaction():
        image = context.store.images.image(bare(image_id, "img-"))
        # Public images aren't among them, and are rejected like somebody else's.
        if image is None or image.owner != context.user.uid:
            raise illegal("no such image of this user")
        context.store.images.delete(image.hash)
    return {}


def list_images(context: Context) -> dict[str, object]:
    """Answer the images that the user can start from, newest first: own ones, then public ones."""
    page = context.query.page()
    # How the service matches keywords isn't known: here each word must be in the name, in any case.
    words = context.query.text("keywords", 100).casefold().split()
    public: Sequence[Image] = () if context.query.flag("owned") else context.catalogue.images
    images = [
        answers.image(f"img-{own.hash}", own.name, own.status(context.now), own.created)
        for own in context.store.images.images(context.user.uid)
        if _matches(own.name, words)
    ] + [
        answers.image(image.id, image.name, READY, _FIRST_IMAGE_TIME + (len(public) - position) * _DAY)
        for position, image in enumerate(public)
        if _matches(image.name, words)
    ]
    return {
        "pagination": answers.pagination(len(images), page),
        "images": images[page.offset : page.offset + page.size],
    }


def find_image(context: Context, image_id: str) -> Image:
    """Return the image of an id: a public one or the user's own."""
    hash_ = bare(image_id, "img-")
    public = context.catalogue.image_by_hash.get(hash_)
    if public is not None:
        return public
    own = context.store.images.image(hash_)
    if own is None or own.owner != context.user.uid:
        raise illegal("no such image, public or of this user")
    # What it serves isn't known to the service, so it has no ports but those that are asked for.
    return Image(own.hash, own.name)


def _repository(link: str) -> str:
    """Return the last part of a link's path, without tag and digest."""
    return link.rsplit("/", 1)[-1].split("@", 1)[0].split(":", 1)[0]


def _matches(name: str, words: Sequence[str]) -> bool:
    return all(word in name.casefold() for word in words)
