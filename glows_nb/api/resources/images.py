"""Images to start machines from."""

from __future__ import annotations

import builtins

from glows_nb.api import offers
from glows_nb.api.interrupting import noting_write
from glows_nb.api.models.images import Image, SubmittedImage
from glows_nb.api.models.wire import Page
from glows_nb.api.operations import images as operations
from glows_nb.api.paging import one_page
from glows_nb.api.runner import Runner
from glows_nb.api.writes import images as writes


class Images:
    """Images to start machines from."""

    def __init__(self, client: Runner) -> None:
        self._client = client

    def submit(self, image_link: str) -> SubmittedImage:
        """Make a private image of a registry link (contract: image submission).

        Args:
            image_link: such as "registry.example.com/team/runtime:cuda12.2"; at most 512 characters, no white space.

        Raises:
            InvalidRequest: the link is over its limit; nothing was sent.
            ImageAlreadyExists: it was submitted before.
            ImagePendingLimitExceeded: too many are still being fetched.
            AmbiguousResult: the answer was lost and the image can't be found.
        """
        with noting_write("The image may be made", "client.images.all(owned=True)"):
            return self._client.run(writes.submit_image(image_link, backoff=self._client.backoff))

    def delete(self, image_id: str) -> None:
        """Delete a private image of one's own.

        Args:
            image_id: such as "img-87p9kq26".

        Raises:
            ParamIllegal: there is none, or it is public or somebody else's.
        """
        with noting_write("The image may be deleted", "client.images.all(owned=True)"):
            self._client.run(writes.delete_image(image_id, backoff=self._client.backoff))

    def list(
        self,
        page: int = 1,
        per_page: int = 20,
        owned: bool = False,
        keywords: str = "",
        *,
        strict: bool = False,
    ) -> Page[Image]:
        """A page of images.

        Args:
            page: which page, from 1.
            per_page: how many on a page, 1 to 20.
            owned: only one's own.
            keywords: only images whose names hold this; at most 100 characters.
            strict: refuse a list with a row that can't be read; else such a row stands there as far as it can be, its
                fields in `unread`, and a warning names it.

        Raises:
            InvalidRequest: an argument is over its limit; nothing was sent.
        """
        return self._client.run(one_page(operations.list_images(page, per_page, owned, keywords, strict=strict)))

    def all(
        self, owned: bool = False, keywords: str = "", limit: int | None = None, *, strict: bool = False
    ) -> builtins.list[Image]:
        """Every image.

        Args:
            owned: only one's own.
            keywords: only images whose names hold this; at most 100 characters.
            limit: at most so many; None is all.
            strict: refuse a list with a row that can't be read; else such a row stands there as far as it can be, its
                fields in `unread`, and a warning names it.
        """
        return self._client.run(operations.all_images(owned, keywords, limit, strict=strict))

    def default(self) -> Image:
        """The image that is taken where none is named: the newest plain PyTorch base image."""
        return self._client.run(offers.default_image())
