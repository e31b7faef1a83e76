"""What `doctor` looks at: settings, token, service, routes, versions, front end, ledger.

Each check is a value; nothing raises, and what depends on something that failed says that it was not checked: what
can't be seen is never "none". No check names a secret.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import metadata
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from glows_nb.api.credentials import tokens
from glows_nb.api.credentials.config import Connection, is_loopback, resolve
from glows_nb.api.errors import AuthError, BadResponse, ConfigError, ParamIllegal
from glows_nb.api.models.wire import Page
from glows_nb.api.operations.images import list_images
from glows_nb.api.operations.instances import count_instances, get_instance, list_instances
from glows_nb.api.operations.networks import list_endpoints, list_networks
from glows_nb.api.operations.snapshots import list_snapshots
from glows_nb.api.operations.specs import list_specs
from glows_nb.api.routes import ROUTES
from glows_nb.connection import client_in_use
from glows_nb.doctor.routes import Attempt, RouteTester
from glows_nb.embedded import about_machines_here
from glows_nb.ledger.database import Ledger, LedgerError

State = Literal["ok", "warn", "fail", "not checked"]

ASK_SUPPORT: Final = "Ask GLOWS support for an SDK token; the Datadrive CLI token is not one."
SOON: Final = timedelta(days=3)
CLOCKS_DIFFER: Final = 30.0
"""Seconds between two clocks that deserve a word; beyond ten times as many, what they say contradicts each other."""

READS: Final = (
    "list instances",
    "get instance",
    "count instances",
    "list images",
    "list specs",
    "list networks",
    "list endpoints",
    "list snapshots",
)
NOBODYS: Final = "8888dddd"
"""The bare part of ids that nothing has: a refusal of one shows that there is something at the path."""


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: what.
        state: ok, warn (it works, with a limit), fail, or not checked.
        found: what there is, in words.
        next_step: what to do about it; "" where there is nothing to do.
    """

    name: str
    state: State
    found: str
    next_step: str = ""


def examine(connection: Connection | None = None) -> list[Check]:
    """Look at everything, from the settings to the ledger and the sandbox.

    Args:
        connection: where to; without it that of the client in use, else what the environment and profile file say.
    """
    return [*_service(connection), *_versions(), *_front_end(), _ledger(), _sandbox_machines()]


def _service(connection: Connection | None) -> Iterator[Check]:
    try:
        used = client_in_use()
        connection = connection or (used.connection if used is not None else resolve())
    except ConfigError as error:
        yield Check("settings", "fail", str(error), "Do what the sentence says, or rehearse in a sandbox.")
        for name in ("token", "address", "clock", "access", *READS):
            yield _unchecked(name, "there are no settings")
        return
    yield Check("settings", "ok", f"{connection.base_url}, and a token for it")
    with RouteTester(connection) as tester:
        first = tester.attempt(list_instances())
        # By the service's clock, where it tells: this computer's may be the one that is wrong.
        yield from _token(connection, datetime.now(UTC) + timedelta(seconds=first.clock_ahead or 0.0))
        yield _address(connection, first)
        yield _clock(first)
        access = _access(first)
        yield access
        if access.state != "ok":
            reason = access.found if access.state == "not checked" else "there is no access"
            yield from (_unchecked(name, reason) for name in READS)
            return
        yield from _routes(tester, first)


def _token(connection: Connection, now: datetime) -> Iterator[Check]:
    token = connection.token.get_secret_value()
    if tokens.claims(token) is None:
        yield Check("token", "fail", "is no JWT, and every SDK token is one", ASK_SUPPORT)
        return
    if tokens.is_sandbox(token):
        yield Check("token", "ok", "a sandbox's token")
    else:
        yield Check("token", "ok", "a JWT; whether it is an SDK token, only the service can tell")
    expiry = tokens.expiry(token)
    if expiry is None:
        yield Check("expiry", "ok", "the token does not say when it expires")
        return
    remaining, when = expiry - now, f"{expiry:%Y-%m-%d %H:%M} UTC"
    if remaining <= timedelta(0):
        yield Check("expiry", "fail", f"the token expired at {when}", "Get a new one from GLOWS support.")
    elif remaining < SOON:
        yield Check("expiry", "warn", f"the token expires at {when}", "Get a new one from GLOWS support in time.")
    else:
        yield Check("expiry", "ok", f"{when}, in {remaining.days} days")


def _address(connection: Connection, first: Attempt) -> Check:
    parts = urlsplit(connection.base_url)
    if first.status is None:
        next_step = (
            "Is base_url right, and does this computer reach the network? A sandbox that was started ends with it."
        )
        return Check("address", "fail", str(first.error), next_step)
    if first.is_missing:
        return Check("address", "fail", str(first.error), "Set base_url; it ends in /sdk/v1.")
    if parts.scheme == "https" or is_loopback(parts.hostname or ""):
        return Check(
            "address", "ok", f"answers over {parts.scheme}{'' if parts.scheme == 'https' else ', on this machine'}"
        )
    return Check("address", "warn", "answers, and the token goes there unencrypted", "Use https where it is to be had.")


def _clock(first: Attempt) -> Check:
    if first.status is None:
        return _unchecked("clock", "nothing answers")
    ahead = first.clock_ahead
    if ahead is None:
        return _unchecked("clock", "the answer has no date")
    if abs(ahead) <= CLOCKS_DIFFER:
        return Check("clock", "ok", "agrees with the service's")
    found = f"the service's is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} this computer's"
    state: State = "warn" if abs(ahead) <= 10 * CLOCKS_DIFFER else "fail"
    return Check("clock", state, found, "Let this computer set its clock by the network: costs and expiry go by it.")


def _access(first: Attempt) -> Check:
    if first.status is None:
        return _unchecked("access", "nothing answers")
    if first.is_missing:
        return _unchecked("access", "there is no such service at the address")
    if isinstance(first.error, AuthError):
        return Check("access", "fail", str(first.error), ASK_SUPPORT)
    if isinstance(first.error, BadResponse):
        next_step = "Is base_url right? A proxy, or the login page of a network, answers like this."
        return Check("access", "fail", str(first.error), next_step)
    if first.error is not None:
        return Check("access", "fail", str(first.error), "Try again later; if it stays so, tell GLOWS support.")
    return Check("access", "ok", "the service accepts the token")


def _routes(tester: RouteTester, first: Attempt) -> Iterator[Check]:
    yield _route(tester, list_instances(), first)
    yield _route(tester, get_instance(f"ins-{NOBODYS}"))
    yield _route(tester, count_instances())
    images = list_images()
    seen = tester.attempt(images)
    yield _route(tester, images, seen)
    yield _route(tester, list_specs(0, _first_id(seen, "image_id", f"img-{NOBODYS}")))
    networks = list_networks()
    seen = tester.attempt(networks)
    yield _route(tester, networks, seen)
    yield _route(tester, list_endpoints(_first_id(seen, "network_id", f"net-{NOBODYS}")))
    yield _route(tester, list_snapshots())


def _route(tester: RouteTester, operation: Any, seen: Attempt | None = None) -> Check:
    usual = ROUTES[operation.name]
    seen = seen or tester.attempt(operation)
    path = f"{seen.route.method} {seen.route.path}"
    if seen.is_missing:
        other = tester.attempt_elsewhere(operation)
        if other is None:
            tried = "and its alternatives" if usual.alternatives else "there"
            return Check(usual.name, "fail", f"nothing at {path} {tried}", "Ask GLOWS support for the path.")
        return Check(
            usual.name,
            "warn",
            f"answers at {other.route.path}, not at {seen.route.path}",
            f'Add to the profile: routes = {{ "{usual.name}" = "{other.route.path}" }}',
        )
    if seen.error is not None and not isinstance(seen.error, ParamIllegal):
        return Check(usual.name, "fail", str(seen.error), "Try again later; if it stays so, tell GLOWS support.")
    if seen.route != usual:
        return Check(usual.name, "ok", f"{path} answers, as set in routes")
    return Check(usual.name, "ok", f"{path} answers{'' if usual.is_confirmed else ', as was inferred'}")


def _first_id(attempt: Attempt, field: str, otherwise: str) -> str:
    items = attempt.result.items if isinstance(attempt.result, Page) else ()
    return str(getattr(items[0], field)) if items else otherwise


def _versions() -> Iterator[Check]:
    own = "glows-nb"
    try:
        needs, version = metadata.requires(own) or [], metadata.version(own)
        python = metadata.metadata(own)["Requires-Python"]
    except metadata.PackageNotFoundError:
        yield Check("versions", "warn", "glows-nb is not installed as a package", 'Run: pip install "glows-nb"')
        return
    minimum = _least(f"python{python}")
    is_new_enough = minimum is None or _numbers(platform.python_version()) >= _numbers(minimum[1])
    next_step = "" if is_new_enough else f"Use Python {python}."
    yield Check("python", "ok" if is_new_enough else "fail", platform.python_version(), next_step)
    fine = [f"{own} {version}"]
    for least in filter(None, map(_least, needs)):
        name, wanted, is_extra = least
        try:
            there = metadata.version(name)
        except metadata.PackageNotFoundError:
            if not is_extra:
                yield Check(name, "fail", "is not installed", f'Run: pip install "{name}>={wanted}"')
            continue
        if _numbers(there) < _numbers(wanted):
            state: State = "warn" if is_extra else "fail"
            yield Check(name, state, f"{there} is older than {wanted}", f'Run: pip install "{name}>={wanted}"')
        elif f"{name} {there}" not in fine:
            fine.append(f"{name} {there}")
    yield Check("versions", "ok", ", ".join(fine))


def _least(requirement: str) -> tuple[str, str, bool] | None:
    """A package, its least version, and whether only an extra of ours that users meet needs it."""
    found = re.match(r"([\w.-]+)(?:\[[\w,-]+\])?\s*>=\s*([\d.]+)[^;]*(?:;.*extra == ['\"](\w+)['\"])?", requirement)
    if found is None or found[3] == "test":
        return None
    return found[1], found[2], found[3] is not None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _front_end() -> Iterator[Check]:
    interactive = sys.modules.get("IPython.core.getipython")
    shell = interactive.get_ipython() if interactive is not None else None
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        kind = "IPython in a terminal" if shell is not None else "a terminal or a script, without IPython"
        can_ask = sys.stdin is not None and sys.stdin.isatty()
    else:
        kind = f"a notebook's kernel ({type(kernel).__module__.partition('.')[0]})"
        can_ask = bool(getattr(kernel, "_allow_stdin", False))
    yield Check("front end", "ok", kind)
    if can_ask:
        yield Check("questions", "ok", "can be asked here")
    else:
        yield Check("questions", "warn", "nobody can be asked here", "Commands that ask need --yes.")
    if kernel is None:
        yield Check("widgets", "ok", "none here: tables and forms show as text")
    elif importlib.util.find_spec("comm") is None or importlib.util.find_spec("ipywidgets") is None:
        yield Check("widgets", "fail", "ipywidgets or comm is not installed", "Run: pip install ipywidgets comm")
    else:
        yield Check("widgets", "ok", "this kernel can show them; whether the page does, only a look at one tells")


def _ledger() -> Check:
    ledger = Ledger()
    if not ledger.path.exists():
        return Check("ledger", "ok", f"none yet; it will be at {ledger.path}")
    try:
        counts = ledger.verify()
    except LedgerError as error:
        return Check(
            "ledger", "fail", str(error), "Copy the file away and begin a new one; machines go on as they are."
        )
    there = ", ".join(f"{count} {name if count != 1 else name.removesuffix('s')}" for name, count in counts.items())
    found = f"{ledger.path}: {there}"
    if os.name == "posix" and ledger.path.stat().st_mode & 0o077:
        return Check("ledger", "warn", f"{found}; others can read it", f"Run: chmod 600 '{ledger.path}'")
    return Check("ledger", "ok", found)


def _sandbox_machines() -> Check:
    are_real, sentence = about_machines_here()
    return Check("sandbox machines", "ok" if are_real else "warn", sentence)


def _unchecked(name: str, reason: str) -> Check:
    return Check(name, "not checked", reason)
