"""Machines: their status, hardware, ways in and price."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final
from urllib.parse import urlsplit

from pydantic import AliasChoices, BeforeValidator, Field, SecretStr

from glows_nb.api.models.wire import (
    AccessUrl,
    ElseUnknown,
    Integer,
    ListOf,
    Moment,
    NullMeans,
    Page,
    Text,
    WireModel,
    note_on,
)
from glows_nb.api.ports import JUPYTER_PORT, SSH_PORT
from glows_nb.api.statuses import ENDED, InstanceStatus
from glows_nb.formatting import visible
from glows_nb.money import HIGHEST, MILLICENTS_PER_CENT, Rate

USER: Final = re.compile(r"\w[\w.-]*")
HOST: Final = re.compile(r"[\w:][\w.:%-]*")
"""What may stand in a line for a shell; IPv6 has colons and perhaps a zone."""

PLAIN_SSH_URL: Final = re.compile(r"ssh://([a-z0-9.-]+):([1-9][0-9]{0,3}|[1-5][0-9]{4})")


class Hardware(WireModel):
    """What a machine has; all zero until the service has placed it."""

    gpu_name: Text = Field("", alias="gpuName")
    cpu_name: Text = Field("", alias="cpuName")
    gpus: Integer = Field(0, alias="gpuNum")
    gpu_ram_mb: Integer = Field(0, alias="gpuRamMB")
    cpus: Integer = Field(0, alias="cpuCoresNum")
    ram_mb: Integer = Field(0, alias="ramMB")
    disk_gb: Integer = Field(0, alias="diskGB")


class BaseImage(WireModel):
    """The image that a machine was started from."""

    image_id: Text = Field("", alias="imageID")
    image_name: Text = Field("", alias="imageName")


class BaseSnap(WireModel):
    """The snapshot that a machine was started from; the contract shows only null, so the names are inferred."""

    snapshot_id: Text = Field("", validation_alias=AliasChoices("snapID", "snapshotID", "snapshot_id"))


class SshCredentials(WireModel):
    """How to log in; the password is masked wherever the model is shown."""

    user: Text = ""
    password: SecretStr = SecretStr("")


class Access(WireModel):
    """One open port: `listen_port` is inside the machine; host and port outside are only in `url` (FACTS 0.1)."""

    protocol: Text = ""
    listen_port: Integer = Field(0, alias="listenPort")
    url: AccessUrl = AccessUrl("")

    @property
    def is_ssh(self) -> bool:
        """Does it lead to SSH, or to another service as it is; the wire does not tell these apart (FACTS 3.3)."""
        return self.protocol == "ssh" or self.url.get_secret_value().startswith("ssh://")


class NetworkEndpoint(WireModel):
    """A machine's place in a private network, as the machine reports it."""

    network_id: Text = Field("", alias="netID")
    cidr: Text = ""
    mac: Text = ""
    status: Text = ""


class Instance(WireModel):
    """A rented machine (contract: VisibleInstance)."""

    id_path: ClassVar[tuple[str, ...]] = ("instanceID",)
    unknown: ClassVar[Mapping[str, Any]] = {"instanceID": "", "status": "", "domain": None}
    price_path: ClassVar[tuple[str, ...]] = ("priceCent",)

    instance_id: str = Field(alias="instanceID")
    status: str
    category: Text = ""
    price_cent: Annotated[int, Field(strict=True, ge=0, lt=HIGHEST // MILLICENTS_PER_CENT), ElseUnknown()] | None = (
        Field(None, alias="priceCent")
    )
    hardware: Annotated[Hardware, NullMeans(Hardware())] = Hardware()
    base_image: BaseImage | None = Field(None, alias="baseImage")
    base_snap: BaseSnap | None = Field(None, alias="baseSnap")
    ssh_credentials: SshCredentials | None = Field(None, alias="sshCred")
    accesses: ListOf[Access] = ()
    domain: Integer | None = 0
    create_time: Moment = Field(
        None,
        validation_alias=AliasChoices("createTime", "create_time"),
        serialization_alias="createTime",
    )
    cmd: Text = ""
    envs: Annotated[SecretStr, BeforeValidator(lambda value: "" if value is None else value)] = SecretStr("")
    remark: Text = ""
    meta_key: Text = Field("", alias="metaKey")
    source_type: Text = Field("", alias="sourceType")
    network_endpoints: ListOf[NetworkEndpoint] = Field((), alias="netEndpointInfos")
    region_name: Text = Field("", alias="regionName")

    @property
    def is_sandbox(self) -> bool:
        """Does the machine live in a sandbox, where nothing costs money?"""
        return "_is_sandbox" in (self.__pydantic_private__ or ())

    @property
    def has_price(self) -> bool:
        """Was a price told that can be one; 0 while the machine is queued is one?"""
        return self.price_cent is not None

    @property
    def is_told(self) -> bool:
        """Were an id and a price told that can be one?"""
        # Of each machine of a list: not by way of another property.
        return bool(self.instance_id) and self.price_cent is not None

    @property
    def rate(self) -> Rate | None:
        """What the machine costs per hour; None while the service has not placed it (priceCent 0, FACTS 5.1)."""
        return Rate.from_cents(self.price_cent) if self.price_cent else None

    @property
    def is_terminal(self) -> bool:
        """Has the machine ended for good?"""
        return self.status in ENDED

    @property
    def is_billed(self) -> bool:
        """Does the machine cost money now? Only Running does (FACTS 4.1)."""
        return self.status == InstanceStatus.RUNNING

    @property
    def may_be_billed(self) -> bool:
        """Does it cost money now, or is it not known whether it does?"""
        return self.is_billed or bool(self.unread)

    @property
    def ssh_command(self) -> str | None:
        """The line to type for a shell, `ssh -p 24243 root@host`; None until the service has given an address.

        Host and port come from the access's URL, never from `listen_port` or the region (FACTS 9, P4 and P14).
        """
        url = next((way.url for way in self.accesses if way.listen_port == SSH_PORT and way.url and way.is_ssh), None)
        if url is None:
            return None
        user = self.ssh_credentials.user if self.ssh_credentials else ""
        # Nearly all look like this, and taking an address apart by all of its rules takes ten times as long.
        is_plain_user = user == "root" or USER.fullmatch(user)
        if is_plain_user and (plain := PLAIN_SSH_URL.fullmatch(url.get_secret_value())):
            host, port = plain.groups()
            return f"ssh -p {port} {user}@{host}"
        try:
            target = urlsplit(url.get_secret_value())
            host, number = target.hostname, target.port
        except ValueError:
            return None
        if not host or not HOST.fullmatch(host) or (user and not USER.fullmatch(user)):
            return None
        return shlex.join(["ssh", *(["-p", str(number)] if number else []), f"{user}@{host}" if user else host])

    @property
    def ssh_password(self) -> SecretStr | None:
        """The password for `ssh_command`, masked; `.get_secret_value()` shows it."""
        return self.ssh_credentials.password if self.ssh_credentials else None

    def url(self, port: int = JUPYTER_PORT) -> AccessUrl | None:
        """The address outside of `port` inside the machine; None while there is none.

        It may hold a token, so that whatever shows it leaves that out; `.get_secret_value()` is the whole, `.open()`
        opens it.
        """
        for access in self.accesses:
            if access.listen_port == port and access.url:
                return access.url
        return None

    def __str__(self) -> str:
        hardware = self.hardware
        what = f"{hardware.gpus or '?'} × {hardware.gpu_name}" if hardware.gpu_name else hardware.cpu_name
        price = f" at {self.rate}" if self.rate else ""
        return visible(
            f"{self.instance_id or '?'} ({self.meta_key}) {self.status or '?'}: {what} in {self.region_name}{price}"
        )

    def __repr__(self) -> str:
        return f"<Instance {self}>"


def mark_sandbox(result: object) -> None:
    """Let the machines in a sandbox's answer know where they are, so that they can say so when shown."""
    if isinstance(result, Instance):
        note_on(result, _is_sandbox=True)
    elif isinstance(result, Page):
        for item in result.items:
            mark_sandbox(item)
