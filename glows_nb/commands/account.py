"""Commands around the account: login, logout, use, budget."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from glows_nb.api.credentials.config import (
    BASE_URL_VARIABLE,
    DEFAULT_PROFILE,
    LIVE_BASE_URL,
    PROFILE_VARIABLE,
    TOKEN_VARIABLE,
    checked_base_url,
    checked_token,
    profiles_path,
    stored_base_url,
)
from glows_nb.api.credentials.tokens import Token, expiry, is_sandbox
from glows_nb.api.errors import AuthError, ConfigError
from glows_nb.commands.environment import shell
from glows_nb.commands.group import CommandError, SecretInLine, group, program, sandbox_word, say
from glows_nb.commands.parameter_types import PROFILE, SANDBOX_PROFILE, USABLE
from glows_nb.commands.prompts import ask_for_token
from glows_nb.connection import about_sandbox_machines, connect, connect_to_sandbox, current_client, forget_client

if TYPE_CHECKING:
    from glows_nb.api.client import Client
    from glows_nb.api.lifecycle.budget import Budget


@group.command(examples=["login", "login --profile lab"])
@click.argument("token", nargs=-1, metavar="")
@click.option("--profile", type=PROFILE, help="The profile to keep the token in; the default one without it.")
@click.option("--base-url", metavar="URL", help="The service's address, where it is not the live one.")
@click.option("--keyring", "in_keyring", is_flag=True, help="Keep the token in the system's keyring, not in the file.")
def login(token: tuple[str, ...], profile: str | None, base_url: str | None, in_keyring: bool) -> Client:
    """Ask for the SDK token unseen, check it, and keep it.

    It is checked by one request that only reads, and kept in a profile.

    Never write the token into the line: notebooks and histories keep lines.
    """
    if token:
        raise SecretInLine(
            "A token does not belong into a line, which notebook and history keep; it was not used. "
            f"Take it out, and ask for a new one if others may have seen it. Then run {program()} login alone: "
            "it asks for the token unseen."
        )
    from glows_nb.api.credentials.profiles import check_profile_name, has_keyring, store_token

    name = profile or os.getenv(PROFILE_VARIABLE) or DEFAULT_PROFILE
    try:
        check_profile_name(name)
    except ConfigError as error:
        raise SecretInLine(str(error)) from None
    address = _address(base_url, name)
    if in_keyring and not has_keyring():
        raise ConfigError('The keyring needs an extra that is not installed; run: pip install "glows-nb[keyring]"')
    given = checked_token(ask_for_token())
    _check_belongs(given, address, base_url, name)
    _check(given, address)
    path = store_token(name, given, address, in_keyring=in_keyring)
    client = connect(profile=name)
    place = "the keyring" if in_keyring else f"{path}, which only you can read"
    say(f"Logged in at {client.base_url}{_kind(client)}{_until(given)}. The token is in {place}, profile {name!r}.")
    if os.getenv(TOKEN_VARIABLE):
        say(f"{TOKEN_VARIABLE} is set too and counts first in new sessions; there, say: {program()} use {name}")
    return client


@group.command(examples=["logout", "logout --profile lab"])
@click.option("--profile", type=PROFILE, help="The profile to take the token out of; the default one without it.")
def logout(profile: str | None) -> None:
    """Remove a profile's token.

    It goes from the profile file and the keyring; the profile's other settings stay. The token itself stays valid
    until it expires.
    """
    from glows_nb.api.credentials.profiles import remove_token

    name = profile or os.getenv(PROFILE_VARIABLE) or DEFAULT_PROFILE
    if remove_token(name):
        say(f"The token of profile {name!r} is removed; it stays valid until it expires.")
    else:
        say(f"Profile {name!r} has no token in {profiles_path()}.")
    forget_client()
    if os.getenv(TOKEN_VARIABLE):
        say(f"{TOKEN_VARIABLE} is still set in the environment, and is used without a profile.")


@group.command(examples=["use sandbox", "use lab"])
@click.argument("profile", type=USABLE, metavar="PROFILE|sandbox")
def use(profile: str) -> Client:
    """Use PROFILE from now on, or the sandbox.

    PROFILE is one of the profile file, or `sandbox`, which needs no account and costs nothing.
    """
    if profile == SANDBOX_PROFILE:
        from glows_nb.embedded import sandbox_of_environment

        if shell() is None and program() != "%glows" and not sandbox_of_environment():
            raise CommandError(
                f"A sandbox ends with the program that started it; start one of its own: {program()} sandbox"
            )
        client = connect_to_sandbox()
        say(f"SANDBOX at {client.base_url}: nothing here costs money. {about_sandbox_machines()}".rstrip())
        return client
    client = connect(profile=profile)
    say(f"Profile {profile!r} at {client.base_url}{_kind(client)}.")
    if program() != "%glows":
        say(f"This ends with this command; for the whole shell: export {PROFILE_VARIABLE}={profile}")
    return client


@group.command(examples=["budget 20 --per day", "budget", "budget 0"])
@click.argument("credits", required=False, metavar="[CREDITS]")
@click.option(
    "--per", type=click.Choice(["day", "week", "month"]), default="day", show_default=True, help="In what time."
)
@click.option("--tz", metavar="ZONE", help="Whose days, such as Asia/Taipei; this computer's without it.")
def budget(credits: str | None, per: str, tz: str | None) -> Budget | None:
    """What may be spent in a day, a week or a month.

    Alone it says how that stands, with CREDITS it sets it, and 0 takes it away. What would pass it, if all machines ran
    until the day ends, is asked for by name, and --yes alone does not rent it; where it is used up, nothing is rented.
    Machines that run are left as they are.
    """
    from glows_nb.frames import costs

    stands = costs.budget() if credits is None else costs.set_budget(credits, per, tz=tz)
    if stands is None:
        say(f"{sandbox_word(current_client())}There is no budget; to set one: {program()} budget 20 --per day")
    return stands


def _address(base_url: str | None, profile: str) -> str:
    """Where the token is to be checked: the address given, the profile's, the environment's, the live service's."""
    address = base_url or stored_base_url(profile) or os.getenv(BASE_URL_VARIABLE) or LIVE_BASE_URL
    with suppress(ConfigError):
        return checked_base_url(address)
    # What was given is not repeated: it may be a token in the wrong place.
    raise SecretInLine(f"--base-url takes an address such as {LIVE_BASE_URL}; http is for this machine alone.")


def _check_belongs(token: Token, address: str, base_url: str | None, profile: str) -> None:
    """Refuse to send a token of the live service to where only the environment points, such as a sandbox.

    Raises:
        CommandError: that is where it would go.
    """
    is_asked = base_url or stored_base_url(profile) or address == LIVE_BASE_URL
    if not is_asked and not is_sandbox(token.get_secret_value()):
        raise CommandError(
            f"{BASE_URL_VARIABLE} is set to {address}; the token was not sent there and not kept. "
            f"If it belongs there, say --base-url {address}; for the live service, --base-url {LIVE_BASE_URL}."
        )


def _check(token: Token, address: str) -> None:
    """One request that only reads: is the token taken there?"""
    from glows_nb.api.client import Client

    try:
        with Client(token, address) as client:
            client.instances.list(per_page=1)
    except AuthError:
        say("The token was not kept.")
        raise


def _kind(client: Client) -> str:
    return ", a SANDBOX where nothing costs money" if client.is_sandbox else ""


def _until(token: Token) -> str:
    moment = expiry(token.get_secret_value())
    if moment is None:
        return "; the token does not say when it expires"
    days = (moment - datetime.now(UTC)).total_seconds() / 86400
    return f"; the token expires on {moment:%Y-%m-%d %H:%M} UTC, in {days:.1f} days"
