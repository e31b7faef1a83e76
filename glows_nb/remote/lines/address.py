"""Where a machine's SSH is, and who logs in: from `accesses`, not from listenPort or the region (FACTS 9, P4, P14)."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from pydantic import SecretStr

from glows_nb.api.models.instances import HOST, USER, Instance
from glows_nb.api.ports import SSH_PORT
from glows_nb.formatting import visible
from glows_nb.remote.errors import NotReachable


class Address(NamedTuple):
    """Host, port, user and password; the last is masked wherever it is shown."""

    host: str
    port: int
    user: str
    password: SecretStr


def address_of(machine: Instance) -> Address:
    """The address of a machine that runs.

    Raises:
        NotReachable: it has none for SSH, or one that can't be read.
    """
    name = visible(machine.instance_id)
    if not any(access.listen_port == SSH_PORT for access in machine.accesses):
        ports = ", ".join(str(access.listen_port) for access in machine.accesses) or "none"
        raise NotReachable(
            f"{name} has no port {SSH_PORT}, and nobody gets onto it without; it was started with the ports {ports}."
        )
    url = next((way.url for way in machine.accesses if way.listen_port == SSH_PORT and way.url and way.is_ssh), None)
    if url is None:
        raise NotReachable(f"{name} has no address for SSH yet.", may_pass=True)
    try:
        target = urlsplit(url.get_secret_value())
        host, port = target.hostname, target.port
    except ValueError:
        host = port = None
    credentials = machine.ssh_credentials
    user = credentials.user if credentials is not None and credentials.user else "root"
    if not host or not HOST.fullmatch(host) or not USER.fullmatch(user):
        raise NotReachable(f"{name} has an address for SSH that can't be read: {url.without_secret}")
    return Address(host, port or SSH_PORT, user, credentials.password if credentials is not None else SecretStr(""))
