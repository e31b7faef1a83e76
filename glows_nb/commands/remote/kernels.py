"""Commands for kernels on machines in JupyterLab's menu: kernel add, kernel list, kernel remove."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import click

from glows_nb.api.credentials.config import profile_names
from glows_nb.api.errors import ConfigError, GlowsError, ParamIllegal
from glows_nb.commands.group import CommandError, group, program, say
from glows_nb.commands.parameter_types import MACHINE
from glows_nb.connection import current_client

if TYPE_CHECKING:
    from glows_nb.api.client import Client
    from glows_nb.frames.tables import Table


@group.group()
def kernel() -> None:
    """Machines as kernels in JupyterLab's menu: add one, list them, remove one."""


@kernel.command(examples=["kernel add train"])
@click.argument("machine", type=MACHINE)
@click.option("--trust", is_flag=True, help="Show HTML, scripts and all widgets that come from there as they are.")
def add(machine: str, trust: bool) -> None:
    """Put MACHINE into JupyterLab's menu of kernels.

    It is “MACHINE (GLOWS)” there. A notebook with that kernel runs on the machine, and its file stays here. Each
    notebook has a kernel of its own there, which goes on while the line is down: what it says meanwhile comes later. It
    ends as any kernel does: shut down in JupyterLab, or with JupyterLab's server.
    """
    from glows_nb.remote.errors import no_machine
    from glows_nb.remote.handle import Handle
    from glows_nb.remote.kernels.kernelspec import add_kernel

    Handle.refuse_without_library()
    client = current_client()
    try:
        client.instances.find(machine)
    except ParamIllegal:
        raise no_machine(machine) from None
    made = add_kernel(machine, profile=_profile_of(client), trust=trust)
    say(
        f"JupyterLab's menu of kernels now has “{machine} (GLOWS)”; a page that is open shows it when it is loaded "
        f"again. {program()} kernel remove {machine} takes it out." + (" It is trusted." if made.is_trusted else "")
    )


@kernel.command("list", examples=["kernel list"])
def list_() -> Table:
    """The machines in JupyterLab's menu of kernels."""
    import pandas as pd

    from glows_nb.frames.tables import captioned
    from glows_nb.remote.kernels.kernelspec import kernels

    rows = [(each.machine, each.profile, each.is_trusted, each.name) for each in kernels()]
    table = pd.DataFrame(rows, columns=["machine", "profile", "trusted", "kernel"])
    return captioned(table, "In JupyterLab's menu of kernels", is_sandbox=False)


@kernel.command(examples=["kernel remove train"])
@click.argument("machine", type=MACHINE)
def remove(machine: str) -> None:
    """Take MACHINE out of JupyterLab's menu of kernels.

    The machine goes on, and so do notebooks that run there.
    """
    from glows_nb.remote.kernels.kernelspec import remove_kernel

    remove_kernel(machine)
    say(f"JupyterLab's menu of kernels no longer has “{machine} (GLOWS)”.")


def _profile_of(client: Client) -> str:
    """The profile by which JupyterLab's server can be this client too; "" where the environment says the same.

    Raises:
        CommandError: its token is known in this process alone.
    """
    with suppress(ConfigError):
        for profile in profile_names():
            if _is_same(client, profile):
                return profile
    if _is_same(client, None):
        return ""
    raise CommandError(
        "JupyterLab's server begins kernels, and doesn't know the token that is in use here alone: "
        f"{program()} login keeps it in a profile; add the kernel again after that."
    )


def _is_same(client: Client, profile: str | None) -> bool:
    from glows_nb.api.client import Client

    try:
        with Client(profile=profile) as other:
            return (other.base_url, other.account_mark) == (client.base_url, client.account_mark)
    except GlowsError:
        return False
