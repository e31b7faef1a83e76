"""A key by which one machine may send one stream of files to another, once.

The private half lies on the one machine, and the public half on the other, where it does nothing but unpack into one
folder, and nothing after an hour. No password is needed on either. Both halves are taken away again at the end; what
was left because a line broke is known by its name, and goes with the next transfer.
"""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final, NamedTuple

import asyncssh

from glows_nb.api.errors import TransportError
from glows_nb.api.models.instances import Instance
from glows_nb.formatting import visible
from glows_nb.remote.calling import Caller, in_time
from glows_nb.remote.errors import RemoteError
from glows_nb.remote.lines.address import address_of
from glows_nb.remote.lines.control_shell import Answer, quoted

if TYPE_CHECKING:
    from glows_nb.remote.lines.line import Line

MARK: Final = "glows-once"
ALIAS: Final = "glows-other-machine"
WORTH_SECONDS: Final = 3600
CLEAN_SECONDS: Final = 20.0

_NOT_THERE: Final = 3
"""The status of a script that finds no ssh."""

_FORGET: Final = r"""
f=.ssh/authorized_keys; now=$(date +%s)
if grep -q ' {mark}-' $f 2>/dev/null; then
  f=$(readlink -f $f) && cp -p "$f" "$f.{mark}" || exit 1
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in
      *' {mark}-{name}-'*) continue ;;
      *' {mark}-'*) end=${{line##*-}}; case $end in ''|*[!0-9]*) ;; *) [ "$end" -lt "$now" ] && continue ;; esac ;;
    esac
    printf '%s\n' "$line" || exit 1
  done <"$f" >"$f.{mark}" && mv -f "$f.{mark}" "$f"
fi
"""
"""Take away the lines of this transfer, and those whose time is over."""

_ALLOW: Final = r"""
umask 077
mkdir -p .ssh && touch .ssh/authorized_keys || exit 1
[ -z "$(tail -c 1 .ssh/authorized_keys)" ] || echo >>.ssh/authorized_keys
end=$((now + {seconds})); time=$(date -d "@$end" +%Y%m%d%H%M%S) || exit 1
printf 'restrict,expiry-time="%s",command="%s" %s {mark}-{name}-%s\n' "$time" {command} {key} "$end" \
  >>.ssh/authorized_keys
"""

_GIVE: Final = """
command -v ssh >/dev/null || exit {not_there}
umask 077
find . -maxdepth 1 -name '.{mark}-*' -mmin +60 -exec rm -rf -- {{}} + 2>/dev/null
rm -rf ./.{mark}-{name} && mkdir ./.{mark}-{name} && cd ./.{mark}-{name} || exit 1
cat >key <<'END' && cat >known <<'END2'
{key}END
{known}END2
"""

_OPTIONS: Final = (
    *("BatchMode=yes", "IdentitiesOnly=yes", "IdentityAgent=none", "StrictHostKeyChecking=yes"),
    *("UserKnownHostsFile=known", "GlobalKnownHostsFile=/dev/null", f"HostKeyAlias={ALIAS}", "UpdateHostKeys=no"),
    *("PreferredAuthentications=publickey", "ControlPath=none", "Compression=no", "LogLevel=ERROR"),
    *("ConnectTimeout=10", "ServerAliveInterval=15", "ServerAliveCountMax=4"),
)


class NoWay(Exception):
    """Files don't go straight from the one machine to the other; the text says why, as the end of a sentence."""


class Mesh(NamedTuple):
    """A private network that two machines are in, and the address of the second one there."""

    network_id: str
    host: str


def mesh_of(one: Instance, other: Instance) -> Mesh | None:
    """The first network in which both are connected."""
    networks = {each.network_id for each in one.network_endpoints if _is_connected(each.status)} - {""}
    for endpoint in other.network_endpoints:
        if endpoint.network_id in networks and _is_connected(endpoint.status):
            try:
                return Mesh(endpoint.network_id, str(ipaddress.ip_interface(endpoint.cidr).ip))
            except ValueError:
                continue
    return None


@asynccontextmanager
async def key_of_one_use(
    line: Line, to: Line, caller: Caller, name: str, command: str, mesh: Mesh, notes: list[str]
) -> AsyncIterator[str]:
    """A key from one machine to the other; gives the command that runs ssh with it on the first.

    Args:
        line: the machine that gets the private half.
        to: the one that lets it in.
        caller: where both are needed.
        name: letters and digits by which this transfer is known.
        command: what the key does there, whatever is asked for.
        mesh: where the other is.
        notes: gets a sentence where a half could not be taken away.

    Raises:
        NoWay: it can't be had.
        RemoteError: a line broke.
    """
    if "\n" in command:
        raise NoWay(f"the folder on {to.name} has a line's end in its name")
    if to.instance is None:
        raise NoWay(f"nothing is known of {to.name}")
    connection = await to.connected(caller)
    host_key = connection.get_server_host_key()
    if host_key is None:
        raise NoWay(f"{to.name} has shown no host key")
    key = asyncssh.generate_private_key("ssh-ed25519")
    public = " ".join(key.export_public_key("openssh").decode("ascii").split()[:2])
    known = f"{ALIAS} {host_key.export_public_key('openssh').decode('ascii').strip()}\n"
    forget = _FORGET.format(mark=MARK, name=name)
    allow = _ALLOW.format(
        mark=MARK, name=name, seconds=WORTH_SECONDS, command=quoted(command.replace('"', '\\"')), key=quoted(public)
    )
    give = _GIVE.format(
        mark=MARK, name=name, not_there=_NOT_THERE, key=key.export_private_key("openssh").decode("ascii"), known=known
    )
    try:
        given = await run_on(line, caller, give)
        if given.status == _NOT_THERE:
            raise NoWay(f"{line.name} has no ssh")
        if given.status:
            raise NoWay(f"{line.name} can't keep a key ({_last_line(given)})")
        allowed = await run_on(to, caller, forget + allow)
        if allowed.status:
            raise NoWay(f"{to.name} can't let in a key ({_last_line(allowed)})")
        options = " ".join(f"-o {option}" for option in _OPTIONS)
        user = address_of(to.instance).user
        yield f"cd; cd ./.{MARK}-{name} && exec ssh -F none -T -i key {options} -l {quoted(user)} {mesh.host} unpack"
    finally:
        for side, script, half in (
            (to, f"{forget}rm -f .ssh/authorized_keys.{MARK}", "the public half"),
            (line, f"rm -rf ./.{MARK}-{name}", "the private half"),
        ):
            is_gone = False
            with suppress(RemoteError, TransportError, TimeoutError):
                is_gone = not (await in_time(run_on(side, caller, script), CLEAN_SECONDS)).status
            if not is_gone:
                notes.append(
                    f"{half} of a key of one use is still on {side.name}: it is worth nothing after an hour, and the "
                    "next call takes it away"
                )


async def run_on(line: Line, caller: Caller, script: str) -> Answer:
    """Run a script in the machine's control shell.

    Raises:
        RemoteError: there is none, or the line broke.
    """
    async with line.unbroken("a transfer was prepared"):
        shell = await line.shell(caller)
        if shell is None:
            raise RemoteError(f"{line.name} gives no shell any more.")
        return await shell.run(script)


def _is_connected(status: str) -> bool:
    return status.lower() == "connected"


def _last_line(answer: Answer) -> str:
    return visible((answer.errors.splitlines() or ["it said nothing"])[-1][-200:])
