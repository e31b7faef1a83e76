"""What can be rented, at which price.

The methods of `resources/specs.py`, awaited.

Made from that file by tools/make_async_resources.py; change that one, and make this again.
"""

from __future__ import annotations

import builtins

from glows_nb.api import offers
from glows_nb.api.models.specs import RegionSpecs, Spec
from glows_nb.api.models.wire import Page
from glows_nb.api.operations import specs as operations
from glows_nb.api.paging import one_page
from glows_nb.api.runner import AsyncRunner


class AsyncSpecs:
    """What can be rented, at which price."""

    def __init__(self, client: AsyncRunner) -> None:
        self._client = client

    async def list(
        self,
        machine_category: int,
        from_image_id: str,
        page: int = 1,
        per_page: int = 20,
        region_name: str | None = None,
        instance_category: str | int | None = None,
        *,
        strict: bool = False,
    ) -> Page[Spec]:
        """A page of the offers of one machine category that an image can run on.

        Args:
            machine_category: 0 is GPU, 1 (as inferred) CPU.
            from_image_id: the image; offers depend on it.
            page: which page, from 1.
            per_page: how many on a page, 1 to 20.
            region_name: only this region.
            instance_category: only offers for "container" or "vm", or 0 or 1.
            strict: refuse a list with a row that can't be read; else such a row stands there as far as it can be, its
                fields in `unread`, and a warning names it.

        Raises:
            InvalidRequest: an argument is over its limit; nothing was sent.
        """
        return await self._client.run(
            one_page(
                operations.list_specs(
                    machine_category, from_image_id, page, per_page, region_name, instance_category, strict=strict
                )
            )
        )

    async def all(
        self,
        machine_category: int | None = None,
        from_image_id: str | None = None,
        region_name: str | None = None,
        instance_category: str | int | None = None,
        *,
        strict: bool = False,
    ) -> builtins.list[Spec]:
        """Every offer, with prices in Credits per hour.

        Args:
            machine_category: 0 is GPU, 1 (as inferred) CPU; None is every category.
            from_image_id: the image that is to run; None is the default image.
            region_name: only this region.
            instance_category: only offers for "container" or "vm", or 0 or 1.
            strict: refuse a list with a row that can't be read; else such a row stands there as far as it can be, its
                fields in `unread`, and a warning names it.
        """
        return await self._client.run(
            offers.all_specs(from_image_id, machine_category, region_name, instance_category, strict=strict)
        )

    async def list_by_region(
        self,
        machine_category: int,
        from_image_id: str,
        page: int = 1,
        per_page: int = 20,
        region_name: str | None = None,
        instance_category: str | int | None = None,
        *,
        strict: bool = False,
    ) -> Page[RegionSpecs]:
        """A page of regions, each with all its offers of one machine category for an image (contract: `by_region`).

        Args:
            machine_category: 0 is GPU, 1 (as inferred) CPU.
            from_image_id: the image; offers depend on it.
            page: which page of regions, from 1.
            per_page: how many regions on a page, 1 to 20.
            region_name: only this region.
            instance_category: only offers for "container" or "vm", or 0 or 1.
            strict: refuse a list with a row that can't be read; else such a row stands there as far as it can be, its
                fields in `unread`, and a warning names it.

        Raises:
            InvalidRequest: an argument is over its limit; nothing was sent.
        """
        return await self._client.run(
            one_page(
                operations.list_region_specs(
                    machine_category,
                    from_image_id,
                    page,
                    per_page=per_page,
                    region_name=region_name,
                    instance_category=instance_category,
                    strict=strict,
                )
            )
        )

    async def by_region(
        self,
        machine_category: int,
        from_image_id: str,
        region_name: str | None = None,
        instance_category: str | int | None = None,
        *,
        strict: bool = False,
    ) -> builtins.list[RegionSpecs]:
        """Every region with its offers of one machine category for an image, as the service groups them.

        Args:
            machine_category: 0 is GPU, 1 (as inferred) CPU.
            from_image_id: the image; offers depend on it.
            region_name: only this region.
            instance_category: only offers for "container" or "vm", or 0 or 1.
            strict: refuse a list with a row that can't be read; else such a row stands there as far as it can be, its
                fields in `unread`, and a warning names it.
        """
        return await self._client.run(
            offers.all_region_specs(machine_category, from_image_id, region_name, instance_category, strict=strict)
        )
