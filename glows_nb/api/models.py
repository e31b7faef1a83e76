"""What the service answers, as frozen typed models.

Attributes are snake_case whatever the wire says; aliases carry the wire's own spelling both ways. Tomorrow's
server is fine: unknown fields are kept, unknown status words pass through as text, null stands for an empty
list. Requests are in `requests.py`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from typing import Annotated, Any, Final, Generic, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PrivateAttr,
    SecretStr,
)

from glows_nb.money import Rate

SSH_PORT: Final = 22
JUPYTER_PORT: Final = 8888


class InstanceStatus(StrEnum):
    """The status words of the contract; a word it lacks stays plain text."""

    INVALID = "InvalidNodeStatus"
    PENDING = "Pending"
    RUNNING = "Running"
    EXITED = "Exited"
    FINISHED = "Finished"
    REBOOTED = "Rebooted"
    CANCELING = "Canceling"
    UNAVAIL = "Unavail"
    PAUSING = "Pausing"
    PAUSED = "Paused"
    RESUMING = "Resuming"
    SNAPSHOTTED = "Snapshotted"
    EXIT_SNAPSHOTTED = "ExitSnapshotted"
    MIGRATING = "Migrating"
    CHECKPOINTED = "Checkpointed"
    SCHED_INIT = "SchedInit"
    SCHED_QUEUED = "SchedQueued"
    PRICE_CHANGED = "PriceChanged"


class MachineCategory(IntEnum):
    """`machine_category`: 0 is GPU; the contract gives no meaning for 1 to 3, CPU is inferred (FACTS 8)."""

    GPU = 0
    CPU = 1
    CATEGORY_2 = 2
    CATEGORY_3 = 3


ENDED: Final = frozenset({InstanceStatus.FINISHED, InstanceStatus.EXITED})
"""No machine comes back from these. Exited (its command ended) is released by the service itself (FACTS 4.2)."""

LEAVING: Final = ENDED | {InstanceStatus.CANCELING}
"""Ended, or on the way there: no use can be made of such a machine any more."""


class AccessUrl(str):
    """The address of an open port. Its query can hold a token, so its repr hides that; `str` is the whole."""

    __slots__ = ()

    @property
    def without_secret(self) -> str:
        """The address with no query, fit to be shown."""
        return self.partition("?")[0]

    def __repr__(self) -> str:
        return f"AccessUrl('{self.without_secret}{'?…' if '?' in self else ''}')"


T = TypeVar("T")
ListOf = Annotated[tuple[T, ...], BeforeValidator(lambda value: () if value is None else value)]
Text = Annotated[str, BeforeValidator(lambda value: "" if value is None else value)]
SecretUrl = Annotated[
    str,
    BeforeValidator(lambda value: "" if value is None else value),
    AfterValidator(AccessUrl),
    PlainSerializer(lambda url: AccessUrl(url).without_secret, when_used="json"),
]


def _moment(value: Any) -> Any:
    """Both of the wire's ways to write a time: {"seconds": 1726810944} and 1726810944 (FACTS 8)."""
    if isinstance(value, dict):
        value = value.get("seconds")
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return datetime.fromtimestamp(value, UTC)
        except (OverflowError, OSError, ValueError) as error:
            raise ValueError(f"{value} seconds is no date") from error
    return value


Moment = Annotated[datetime, BeforeValidator(_moment)]


class WireModel(BaseModel):
    """Settings shared by everything that the service answers."""

    model_config = ConfigDict(extra="allow", frozen=True, populate_by_name=True)


class Hardware(WireModel):
    """What a machine has; all zero until the service has placed it."""

    gpu_name: Text = Field("", alias="gpuName")
    cpu_name: Text = Field("", alias="cpuName")
    gpus: int = Field(0, alias="gpuNum")
    gpu_ram_mb: int = Field(0, alias="gpuRamMB")
    cpus: int = Field(0, alias="cpuCoresNum")
    ram_mb: int = Field(0, alias="ramMB")
    disk_gb: int = Field(0, alias="diskGB")


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
    listen_port: int = Field(0, alias="listenPort")
    url: SecretUrl = ""


class NetworkEndpoint(WireModel):
    """A machine's place in a private network, as the machine reports it."""

    network_id: Text = Field("", alias="netID")
    cidr: Text = ""
    mac: Text = ""
    status: Text = ""


class Instance(WireModel):
    """A rented machine (contract: VisibleInstance)."""

    instance_id: str = Field(alias="instanceID")
    status: str
    category: Text = ""
    price_cent: int | None = Field(None, alias="priceCent")
    hardware: Annotated[Hardware, BeforeValidator(lambda value: {} if value is None else value)] = Hardware()
    base_image: BaseImage | None = Field(None, alias="baseImage")
    base_snap: BaseSnap | None = Field(None, alias="baseSnap")
    ssh_credentials: SshCredentials | None = Field(None, alias="sshCred")
    accesses: ListOf[Access] = ()
    domain: int = 0
    create_time: Moment | None = Field(
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

    _is_sandbox: bool = PrivateAttr(default=False)

    @property
    def is_sandbox(self) -> bool:
        """Does the machine live in a sandbox, where nothing costs money?"""
        return self._is_sandbox

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
    def ssh_command(self) -> str | None:
        """The line to type for a shell, `ssh -p 24243 root@host`; None until the service has given an address.

        Host and port come from the access's URL, never from `listen_port` or the region (FACTS 9, P4 and P14).
        """
        url = self.url(SSH_PORT)
        if url is None:
            return None
        target = urlsplit(url)
        user = self.ssh_credentials.user if self.ssh_credentials else ""
        port = f"-p {target.port} " if target.port else ""
        return f"ssh {port}{user + '@' if user else ''}{target.hostname}"

    @property
    def ssh_password(self) -> SecretStr | None:
        """The password for `ssh_command`, masked; `.get_secret_value()` shows it."""
        return self.ssh_credentials.password if self.ssh_credentials else None

    def url(self, port: int = JUPYTER_PORT) -> AccessUrl | None:
        """The address outside of `port` inside the machine; None while there is none.

        It may hold a token: its repr hides it, `print` and use as a string show it.
        """
        for access in self.accesses:
            if access.listen_port == port and access.url:
                return AccessUrl(access.url)
        return None

    def __str__(self) -> str:
        hardware = self.hardware
        what = f"{hardware.gpus or '?'} × {hardware.gpu_name}" if hardware.gpu_name else hardware.cpu_name
        price = f" at {self.rate}" if self.rate else ""
        return f"{self.instance_id} ({self.meta_key}) {self.status}: {what} in {self.region_name}{price}"

    def __repr__(self) -> str:
        return f"<Instance {self}>"


class UnitSpec(WireModel):
    """The hardware of one unit."""

    gpu_name: Text = ""
    gpus: int = 0
    cpu_name: Text = ""
    cpus: int = 0
    ram_mb: int = 0
    disk_gb: int = 0


class BaseResource(WireModel):
    """What can be rented, with the id that pins it where a GPU's name alone is ambiguous (FACTS 0.1, fact 5)."""

    resource_id: str
    unit_qty: int = 1
    unit_spec: UnitSpec


class Price(WireModel):
    """A price per hour and unit."""

    millicent_per_hour: int


class ExtraResource(WireModel):
    """Something that can be added to a unit, and what that costs."""

    resource: dict[str, Any] = Field(default_factory=dict)
    price: Price | None = None


class Spec(WireModel):
    """An offer: hardware in a region, at a price, with what is left of it (contract: SpecInfo)."""

    region_name: str
    base_resource: BaseResource
    price: Price
    machine_category: int = MachineCategory.GPU
    instance_categories: ListOf[int] = ()
    extra_resources: ListOf[ExtraResource] = ()
    avail: bool = False
    max_available_units: int = 0

    @property
    def resource_id(self) -> str:
        """The id that tells this offer from others with the same GPU in the same region."""
        return self.base_resource.resource_id

    @property
    def unit(self) -> UnitSpec:
        """The hardware of one unit."""
        return self.base_resource.unit_spec

    @property
    def rate(self) -> Rate:
        """What one unit costs per hour."""
        return Rate(self.price.millicent_per_hour)

    @property
    def hardware_name(self) -> str:
        """The GPU's name, or the CPU's where there is no GPU."""
        return self.unit.gpu_name or self.unit.cpu_name

    @property
    def categories(self) -> tuple[str, ...]:
        """What can be started on it, in the words that a create takes: "container", "vm"."""
        return tuple(SPEC_CATEGORIES.get(number, str(number)) for number in self.instance_categories)


SPEC_CATEGORIES: Final = {0: "container", 1: "vm"}
"""SpecInstanceCategory numbers against InstanceCategory words; inferred from the enums' order (FACTS 8)."""


class Image(WireModel):
    """An image to start from (contract: SDKImageInfo)."""

    image_id: str
    name: Text = ""
    status: int | None = None
    create_time: Moment | None = None

    def __str__(self) -> str:
        return f"{self.name} ({self.image_id})"


class Pagination(WireModel):
    """Where a page stands among all."""

    total: int
    num_pages: int = Field(0, alias="numPages")
    page: int = 1
    per_page: int = Field(20, alias="perPage")


def mark_sandbox(result: object) -> None:
    """Let the machines in a sandbox's answer know where they are, so that they can say so when shown."""
    if isinstance(result, Instance):
        result._is_sandbox = True
    elif isinstance(result, Page):
        for item in result.items:
            mark_sandbox(item)


Item = TypeVar("Item")


class Page(BaseModel, Generic[Item]):
    """One page of a list: `items`, and in `pagination` how many there are in all."""

    model_config = ConfigDict(frozen=True)

    pagination: Pagination
    items: tuple[Item, ...]
