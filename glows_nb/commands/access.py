"""Commands for the way into a machine: ssh, url, open."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from glows_nb.api.ports import JUPYTER_PORT
from glows_nb.api.statuses import LEAVING
from glows_nb.commands.environment import has_front_end
from glows_nb.commands.group import JSON, MAGIC_PROGRAM, CommandError, group, program, say
from glows_nb.commands.parameter_types import MACHINE
from glows_nb.connection import current_client

if TYPE_CHECKING:
    from glows_nb.api.models.instances import Instance
    from glows_nb.api.models.wire import AccessUrl


@group.command(examples=["ssh train"])
@click.argument("machine", type=MACHINE)
@click.option(
    "--shell", "is_shell", is_flag=True, help="In a terminal: open a shell, also where its input is piped in."
)
@click.option("--print", "is_print", is_flag=True, help="In a terminal: only print the line to type.")
@click.option("--password", "is_password", is_flag=True, help="In a terminal: print the password, and only that.")
@click.option("--install-key", is_flag=True, help="Put a key of glows_nb's own there, which is used from then on.")
@click.option(
    "--accept-host-key", metavar="SHA256:…", help="Take the host key that it shows now for right, if it is this."
)
@click.pass_context
def ssh(
    context: click.Context,
    machine: str,
    is_shell: bool,
    is_print: bool,
    is_password: bool,
    install_key: bool,
    accept_host_key: str | None,
) -> str | None:
    """A shell on MACHINE, or in a notebook the line for one.

    A script gets the line too. The password is asked of the service and shown to nobody but the machine. It is not in
    the line, and a notebook keeps what it shows, so there it is not printed; the panel copies it at a click.
    """
    if sum((is_shell, is_print, is_password, install_key, accept_host_key is not None)) > 1:
        raise click.UsageError("Each of ssh's options is for itself; give one of them.", context)
    if accept_host_key is not None or install_key:
        return _change_keys(machine, accept_host_key)
    if is_password and (program() == MAGIC_PROGRAM or context.meta.get(JSON)):
        raise CommandError(
            "The password is not shown here, since notebooks, histories and JSON files keep it. The panel copies it "
            f"({program()} panel), a terminal prints it (glows-nb ssh {machine} --password), and Python has it as "
            "machine.ssh_password.get_secret_value()."
        )
    if is_shell and program() == MAGIC_PROGRAM:
        raise CommandError(f"A shell needs a terminal; type there: glows-nb ssh {machine}")
    is_asked_for = is_print or is_password or context.meta.get(JSON) or program() == MAGIC_PROGRAM
    if is_shell or not (is_asked_for or not sys.stdin.isatty() or not sys.stdout.isatty()):
        from glows_nb.remote.terminal.shell import open_shell

        raise SystemExit(open_shell(current_client(), machine))
    found = current_client().instances.find(machine)
    line, password = found.ssh_command, found.ssh_password
    if is_password and password is not None and password.get_secret_value():
        return password.get_secret_value()
    if line is None or is_password:
        raise _not_there(found, "ssh")
    return line


def _change_keys(word: str, accepted: str | None) -> str | None:
    """Take the machine's key for right, or put ours there; gives the fingerprint of ours."""
    from glows_nb.remote.machine import Machine

    machine = Machine(word, client=current_client())
    if accepted is not None:
        machine.accept_host_key(accepted)
        say(f"The host key {accepted} of {machine.instance.instance_id} is right from now on.")
        return None
    fingerprint = machine.install_key()
    say(f"A key of glows_nb's own is on {machine.instance.instance_id}, and is used from now on; its fingerprint:")
    return fingerprint


@group.command(examples=["url train", "url train --port 8888"])
@click.argument("machine", type=MACHINE)
@click.option("--port", type=int, default=JUPYTER_PORT, show_default=True, help="The port inside the machine.")
def url(machine: str, port: int) -> AccessUrl:
    """The address of a port of MACHINE.

    It may hold a token, which is hidden when it is shown. In a terminal it is printed as it is. In Python,
    address.get_secret_value() is the whole.
    """
    return _address(current_client().instances.find(machine), port)


@group.command(name="open", examples=["open train"])
@click.argument("machine", type=MACHINE)
@click.option("--port", type=int, default=JUPYTER_PORT, show_default=True, help="The port inside the machine.")
def open_machine(machine: str, port: int) -> Any:
    """Open MACHINE's JupyterLab, or a port, in the browser.

    In a notebook a button opens it, so that the address with its token is not kept in the notebook.
    """
    found = current_client().instances.find(machine)
    address = _address(found, port)
    if has_front_end():
        from glows_nb.widgets.open_button import OpenButton

        return OpenButton(found, address)
    if _only_text_browsers() or not address.open():
        raise CommandError(f"There is no browser here; this prints the address: glows-nb url {machine} --port {port}")
    say(f"Opened {address.without_secret} in the browser.")
    return None


def _address(instance: Instance, port: int) -> AccessUrl:
    address = instance.url(port)
    if address is None:
        raise _not_there(instance, f"port {port}")
    return address


def _not_there(instance: Instance, what: str) -> CommandError:
    ports = ", ".join(str(access.listen_port) for access in instance.accesses if access.url)
    next_step = (
        "nothing will answer there any more."
        if instance.status in LEAVING
        else f"it has addresses for {ports}; other ports are opened by launch --port."
        if ports
        else f"run {program()} wait {instance.instance_id} first."
    )
    return CommandError(f"{instance.instance_id} is {instance.status} and has no address for {what}; {next_step}")


def _only_text_browsers() -> bool:
    """Is there no screen? A text browser would take the terminal over, and its history would keep the token."""
    has_screen = any(os.getenv(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
    return sys.platform.startswith("linux") and not has_screen
