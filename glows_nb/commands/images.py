"""Commands for images: images, image submit, image rm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from glows_nb.commands.group import group, program, say, saying_on_interrupt
from glows_nb.commands.parameter_types import OWN_IMAGE
from glows_nb.commands.prompts import ask
from glows_nb.connection import current_client

if TYPE_CHECKING:
    import pandas as pd

    from glows_nb.api.models.images import SubmittedImage


@group.command(examples=["images torch", "images --owned"])
@click.argument("keywords", nargs=-1)
@click.option("--owned", is_flag=True, help="Only your own.")
def images(keywords: tuple[str, ...], owned: bool) -> pd.DataFrame:
    """Images to start from, those whose names hold KEYWORDS."""
    from glows_nb.frames import queries

    return queries.images(keywords=" ".join(keywords), owned=owned)


@group.group()
def image() -> None:
    """Images of your own: submit a link, remove one."""


@image.command(examples=["image submit registry.example.com/team/runtime:cuda12.2"])
@click.argument("link")
def submit(link: str) -> SubmittedImage:
    """Make a private image of a registry LINK.

    Anybody must be able to pull it, since there is no way to give the service a password. It is fetched after this.
    """
    with saying_on_interrupt(f"Interrupted; the image may be made all the same. To look: {program()} images --owned"):
        return current_client().images.submit(link)


@image.command(examples=["image rm img-9x8y7z6w --yes"])
@click.argument("image_id", type=OWN_IMAGE, metavar="IMAGE")
@click.option("--yes", is_flag=True, help="Remove it without asking.")
def rm(image_id: str, yes: bool) -> None:
    """Delete an image of your own.

    Machines that run keep theirs.
    """
    if not yes:
        ask(f"Delete image {image_id}? It can't be brought back.")
    with saying_on_interrupt(f"Interrupted; it may be deleted all the same. To look: {program()} images --owned"):
        current_client().images.delete(image_id)
    say(f"Deleted image {image_id}.")
