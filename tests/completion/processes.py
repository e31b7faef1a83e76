"""What tests of completion share: a machine, and what a new process begins with."""

from __future__ import annotations

import glows_nb as glows
from glows_nb.completion.cache import NameCache
from glows_nb.connection import names_of

RTX_4090 = "NVIDIA GeForce RTX 4090"


def another_process(client: glows.Client) -> NameCache:
    """What a new process would begin with, after this one has ended."""
    names_of(client).save()
    return NameCache(client.base_url, client.account_mark)


def launch(client: glows.Client, name: str = "train") -> glows.Instance:
    image = client.images.default().image_id
    return client.instances.launch(from_image_id=image, gpu_name=RTX_4090, region_name="TW-01", name=name, wait=True)
