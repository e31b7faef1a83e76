"""The request that rents: `CreateInstance`, its ports and its environment variables."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    StringConstraints,
    field_validator,
    model_validator,
)

from glows_nb.api.errors import InvalidRequest
from glows_nb.api.models.specs import BaseResource, OfferedResource, Spec, UnitSpec
from glows_nb.api.ports import SSH_PORT
from glows_nb.api.requests.limits import HardwareName, Identifier, NetworkTypeNumber, RegionName, RequestModel

T = TypeVar("T")

CMD_LIMIT = 512
ENVS_LIMIT = 512
PROTOCOL_NUMBERS = {"ssh": 1, "tcp": 1, "http": 2}
"""SSH and what is passed through as it is are one to the wire (FACTS 3.3)."""


class Port(RequestModel):
    """A port to open: "http" is served as HTTPS outside, "tcp" and "ssh" are passed through (FACTS 3.3).

    Without a protocol 22 is SSH and all others HTTP. The contract's numbers mean the same: 1 is "tcp", 2 "http".
    """

    port: Annotated[int, Field(ge=1, le=65535)]
    protocol: Literal["http", "tcp", "ssh"] = "http"

    @model_validator(mode="before")
    @classmethod
    def _protocol_in_words(cls, fields: Any) -> Any:
        return _with_protocol(fields) if isinstance(fields, dict) else fields

    @classmethod
    def parse(cls, text: str) -> Port:
        """A port from a `text` such as `8000`, `8000/http` or `3306/tcp`.

        Raises:
            InvalidRequest: it is none.
        """
        number, _, protocol = text.strip().casefold().partition("/")
        if not number.isdecimal() or protocol not in ("", *PROTOCOL_NUMBERS):
            raise InvalidRequest(
                "ports", f"{text.strip()!r} is not a port such as 8000, 8000/http, 3306/tcp or 22/ssh."
            )
        return cls(port=int(number), **({"protocol": protocol} if protocol else {}))

    def __str__(self) -> str:
        return f"{self.port}/{self.protocol}"


def _with_protocol(fields: dict[str, Any]) -> dict[str, Any]:
    """A port's fields, with the protocol in words: the contract's number for one, and what goes without saying."""
    protocol = fields.get("protocol")
    if protocol is None:
        return {**fields, "protocol": "ssh" if fields.get("port") == SSH_PORT else "http"}
    if type(protocol) is not int:
        return fields
    through = "ssh" if fields.get("port") == SSH_PORT else "tcp"
    return {**fields, "protocol": {1: through, 2: "http"}.get(protocol, protocol)}


def _ports(value: Any) -> Any:
    """Ports may also be written as numbers or text, [8000, "3306/tcp"], or as the JSON text that the wire has."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise ValueError("is not the JSON text of a list of ports") from error
    if isinstance(value, str | int | Port):
        value = [value]
    if not isinstance(value, list | tuple):
        return value
    return [Port.parse(str(item)) if isinstance(item, str | int) else item for item in value]


class Unreadable:
    """What was given for the value of a variable and is no text; what it was is not kept."""

    def __init__(self, value: object) -> None:
        self.kind = type(value).__name__

    def __repr__(self) -> str:
        return f"<{self.kind}>"


def sealed(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields of a launch, with the values of variables masked, so that no frame that they come through shows them.

    It is the first statement of whatever takes variables, and never raises: what is none is refused later.
    """
    envs = fields.get("envs")
    if not envs:
        return {**fields, "envs": {}} if envs == "" else fields
    try:
        masked = (
            _sealed(envs)
            if not isinstance(envs, Mapping)
            else {
                re.split("=", name)[0] + "=" * ("=" in name) if isinstance(name, str) else name: _sealed(value)
                for name, value in envs.items()
            }
        )
    except Exception:  # noqa: BLE001 - anything may have been given
        masked = Unreadable(envs)
    return {**fields, "envs": masked}


def _sealed(value: object) -> object:
    if isinstance(value, SecretStr):
        return value
    return SecretStr(value) if isinstance(value, str) else Unreadable(value)


def _with_units(fields: dict[str, Any]) -> dict[str, Any]:
    """The number of units may stand in the resource, too; what is asked for is the greater one."""
    resource, units = fields.get("base_resource"), fields.get("unit_qty", 1)
    within = resource.get("unit_qty") if isinstance(resource, Mapping) else getattr(resource, "unit_qty", None)
    is_more = type(within) is int and type(units) is int and within > units
    return {**fields, "unit_qty": within} if is_more else fields


def _envs(value: Any) -> Any:
    """Variables may also come as the wire's text, a=b;c=d."""
    if not isinstance(value, SecretStr):
        return value
    parts = [part.partition("=") for part in value.get_secret_value().split(";") if part]
    names = [name for name, _, _ in parts]
    if len(set(names)) < len(names):
        raise ValueError("a variable stands there twice")
    return {name: SecretStr(given) if sign else None for name, sign, given in parts}


class CreateInstance(RequestModel):
    """A machine to start (contract: "Create a container or VM instance from an image or snapshot").

    Exactly one source (`from_image_id` or `from_snap_id`) and one hardware choice (`gpu_name`, `cpu_name`, or
    `base_resource` as a spec gives it, beside which its name may stand). `envs` is a mapping or the wire's "a=b;c=d";
    `ports` takes `Port`s, numbers, "3306/tcp", or the wire's JSON text. That `cpu_name` and `base_resource` can stand
    for the contract's `gpu_name`, and how the snapshot's field is called, is inferred (FACTS 3.2).
    """

    from_image_id: Identifier | None = None
    from_snap_id: Identifier | None = None
    gpu_name: HardwareName | None = None
    cpu_name: HardwareName | None = None
    base_resource: BaseResource | None = None
    custom_meta_key: Identifier
    instance_category: Literal["container", "vm"] = "container"
    region_name: RegionName
    remark: Annotated[str, StringConstraints(max_length=32)] = ""
    cmd: Annotated[str, StringConstraints(max_length=CMD_LIMIT)] = ""
    envs: Annotated[Mapping[str, SecretStr | None], BeforeValidator(_envs)] = Field(default_factory=dict)
    ports: Annotated[tuple[Port, ...], BeforeValidator(_ports)] = ()
    unit_qty: Annotated[int, Field(ge=0, lt=2**63), AfterValidator(lambda quantity: quantity or 1)] = 1
    extra_resource: Mapping[str, Annotated[int, Field(ge=0, lt=2**63)]] | None = None
    net_ids: Annotated[tuple[Identifier, ...], Field(max_length=1)] = ()
    network_type: NetworkTypeNumber | None = None
    public_ip_id: Identifier | None = None

    def __init__(self, **fields: Any) -> None:
        fields = sealed(fields)
        super().__init__(**_with_units(fields))

    @classmethod
    def from_spec(cls, spec: Any, /, **fields: Any) -> CreateInstance:
        """A request for exactly this offer, pinned by its resource id.

        Args:
            spec: a `Spec`, or a row of `glows.specs()` such as `specs.iloc[0]`.
            fields: the other fields; without `instance_category` a container where the offer takes one.

        Raises:
            InvalidRequest: a field is missing or over its limit, or the row is none of an offer.
        """
        fields = sealed(fields)
        if isinstance(spec, Spec):
            resource, region, categories = spec.base_resource, spec.region_name, spec.categories
        else:
            resource, region, categories = _of_row(spec)
        category = "vm" if categories and "container" not in categories else "container"
        given = {"base_resource": resource, "region_name": region, "instance_category": category}
        return cls(**(given | fields))

    @field_validator("envs")
    @classmethod
    def _envs_can_be_written(cls, envs: Mapping[str, SecretStr | None]) -> Mapping[str, SecretStr | None]:
        for name, value in envs.items():
            if not name or any(sign in name for sign in "=;"):
                # What follows may be the value, in the wrong place.
                shown = re.split("[=;]", name)[0]
                raise ValueError(f"the name {shown!r} is empty or holds '=' or ';', which the wire can't carry")
            if value is not None and ";" in value.get_secret_value():
                raise ValueError(f"the value of {name} holds ';', which the wire can't carry")
        if len(encode_envs(envs)) > ENVS_LIMIT:
            raise ValueError(f"{len(encode_envs(envs))} characters as a=b;c=d, the limit is {ENVS_LIMIT}")
        return envs

    @model_validator(mode="after")
    def _one_source_one_hardware(self) -> CreateInstance:
        sources = [name for name in ("from_image_id", "from_snap_id") if getattr(self, name)]
        if len(sources) != 1:
            raise InvalidRequest(
                "from_image_id", f"give exactly one of from_image_id and from_snap_id, not {len(sources)}."
            )
        self._check_hardware()
        numbers = [port.port for port in self.ports]
        twice = next((number for number in numbers if numbers.count(number) > 1), None)
        if twice is not None:
            raise InvalidRequest("ports", f"{twice} stands there twice; each port once.")
        if self.cmd and self.instance_category != "container":
            raise InvalidRequest("cmd", "is for containers only.")
        return self

    def _check_hardware(self) -> None:
        named = [name for name in ("gpu_name", "cpu_name") if getattr(self, name)]
        if len(named) != 1 and (named or self.base_resource is None):
            raise InvalidRequest(
                "gpu_name", f"give exactly one of gpu_name, cpu_name and base_resource, not {len(named)}."
            )
        if not named or self.base_resource is None:
            return
        asked, pinned = getattr(self, named[0]), getattr(self.base_resource.unit_spec, named[0])
        if pinned and asked != pinned:
            raise InvalidRequest(named[0], f"{asked!r} is not what base_resource has, {pinned!r}.")

    def wire(self) -> dict[str, Any]:
        """The JSON body: only what was given, ports and envs encoded to the wire's strings, envs masked."""
        body = self.model_dump(exclude_none=True, exclude_defaults=True, exclude={"ports", "envs"})
        body["instance_category"] = self.instance_category
        body["unit_qty"] = self.unit_qty
        if self.base_resource is not None:
            body["base_resource"] = self.base_resource.model_dump(by_alias=True)
            if self.base_resource.unit_spec.gpu_name:
                # The contract requires the name, whatever pins the offer beside it.
                body["gpu_name"] = self.base_resource.unit_spec.gpu_name
        if self.ports:
            body["ports"] = encode_ports(self.ports)
        if self.envs:
            body["envs"] = SecretStr(encode_envs(self.envs))
        return body


def _of_row(row: Any) -> tuple[OfferedResource, str, tuple[str, ...]]:
    """Resource, region and categories from a row of a specs frame, whose unknown numbers are NA."""
    try:
        unit = UnitSpec(
            gpu_name=_known(str, row["gpu"], ""),
            gpus=_known(int, row["gpus"], 0),
            cpu_name=_known(str, row["cpu"], ""),
            cpus=_known(int, row["cpus"], 0),
            ram_mb=round(1024 * _known(float, row["ram_gb"], 0.0)),
            disk_gb=_known(int, row["disk_gb"], 0),
        )
        resource = OfferedResource(resource_id=str(row["resource_id"]), unit_spec=unit)
        return resource, str(row["region"]), tuple(_known(str, row["instance_categories"], "").split(", "))
    except (KeyError, TypeError, IndexError) as error:
        raise InvalidRequest("spec", f"is neither a Spec nor a row of glows.specs(): {error}.") from None


def _known(kind: Callable[[Any], T], value: Any, unknown: T) -> T:
    """A cell's value; NA and NaN differ from themselves, or can't be compared at all."""
    try:
        return kind(value) if value is not None and bool(value == value) else unknown
    except TypeError:
        return unknown


def encode_ports(ports: tuple[Port, ...]) -> str:
    """Ports as the JSON string that the wire wants: [{"port":7890,"protocol":2}]."""
    rows = [{"port": port.port, "protocol": PROTOCOL_NUMBERS[port.protocol]} for port in ports]
    return json.dumps(rows, separators=(",", ":"))


def encode_envs(envs: Mapping[str, SecretStr | None]) -> str:
    """Environment variables as the wire's a=b;c=d; one without a value has no equals sign."""
    return ";".join(name if value is None else f"{name}={value.get_secret_value()}" for name, value in envs.items())
