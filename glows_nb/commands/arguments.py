"""What the words of commands stand for: one click type for each kind of thing that can be named.

A command declares an option or argument with one of these, as in `type=MACHINE`; how such a word is completed is
told here once, for the notebook and the terminal alike.
"""

from __future__ import annotations

from typing import Final

import click


class Named(click.ParamType[str]):
    """A word that names a thing: any text is taken, the service knows whether the thing exists."""

    def __init__(self, name: str) -> None:
        self.name = name

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The word as it was typed."""
        return value


MACHINE: Final = Named("machine")
"""A machine's id, its meta key or the name it was launched with."""
GPU: Final = Named("gpu")
REGION: Final = Named("region")
IMAGE: Final = Named("image")
OWN_IMAGE: Final = Named("image")
SNAPSHOT: Final = Named("snapshot")
NETWORK: Final = Named("network")
PROFILE: Final = Named("profile")
STATUS: Final = Named("status")
SPEC_COLUMN: Final = Named("column")
