"""What can be asked of the service, with the contract's limits.

Each request is a frozen model with the contract's own field names; `build` makes one or refuses with the
field, the value and the limit in one sentence, before anything is sent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from glows_nb.api.errors import InvalidRequest
from glows_nb.api.models import BaseResource

Identifier = Annotated[str, StringConstraints(min_length=1, max_length=64)]
RegionName = Annotated[str, StringConstraints(min_length=1, max_length=128)]
HardwareName = Annotated[str, StringConstraints(min_length=1, max_length=128)]

ENVS_LIMIT = 512
PROTOCOL_NUMBERS = {"tcp": 1, "http": 2}
"""1 also means SSH; the contract's sample shows 2 for http, FACTS 3.3 the rest."""


class RequestModel(BaseModel):
    """Settings shared by all requests."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Port(RequestModel):
    """A port to open: "http" is served as HTTPS outside, "tcp" is passed through as it is (FACTS 3.3)."""

    port: Annotated[int, Field(ge=1, le=65535)]
    protocol: Literal["http", "tcp"] = "http"

    @classmethod
    def parse(cls, text: str) -> Port:
        """A port written as `8000`, `8000/http` or `3306/tcp`."""
        number, _, protocol = text.strip().partition("/")
        if not number.isdecimal() or protocol not in ("", *PROTOCOL_NUMBERS):
            raise InvalidRequest("ports", f"{text.strip()!r} is not a port such as 8000, 8000/http or 3306/tcp.")
        return build(cls, port=int(number), protocol=protocol or "http")

    def __str__(self) -> str:
        return f"{self.port}/{self.protocol}"


def _ports(value: Any) -> Any:
    """Ports may also be written as numbers or text: [8000, "3306/tcp"]."""
    if isinstance(value, str | int | Port):
        value = [value]
    if not isinstance(value, list | tuple):
        return value
    return [Port.parse(str(item)) if isinstance(item, str | int) else item for item in value]


class CreateInstance(RequestModel):
    """A machine to start (contract: "Create a container or VM instance from an image or snapshot").

    Exactly one source (`from_image_id` or `from_snap_id`) and one hardware choice (`gpu_name`, `cpu_name`,
    or `base_resource` as a spec gives it). `envs` is a mapping; `ports` takes `Port`s, numbers or "3306/tcp".
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
    cmd: Annotated[str, StringConstraints(max_length=512)] = ""
    envs: Mapping[str, SecretStr] = Field(default_factory=dict)
    ports: Annotated[tuple[Port, ...], BeforeValidator(_ports)] = ()
    unit_qty: Annotated[int, Field(ge=1)] = 1
    net_ids: Annotated[tuple[Identifier, ...], Field(max_length=1)] = ()
    public_ip_id: Identifier | None = None

    @field_validator("envs")
    @classmethod
    def _envs_can_be_written(cls, envs: Mapping[str, SecretStr]) -> Mapping[str, SecretStr]:
        for name, value in envs.items():
            if not name or any(sign in name for sign in "=;"):
                raise ValueError(f"the name {name!r} is empty or holds '=' or ';', which the wire can't carry")
            if ";" in value.get_secret_value():
                raise ValueError(f"the value of {name} holds ';', which the wire can't carry")
        if len(encode_envs(envs)) > ENVS_LIMIT:
            raise ValueError(f"{len(encode_envs(envs))} characters as a=b;c=d, the limit is {ENVS_LIMIT}")
        return envs

    @model_validator(mode="after")
    def _one_source_one_hardware(self) -> CreateInstance:
        sources = [name for name in ("from_image_id", "from_snap_id") if getattr(self, name)]
        if len(sources) != 1:
            raise ValueError(f"give exactly one of from_image_id and from_snap_id, not {len(sources)}")
        choices = [name for name in ("gpu_name", "cpu_name", "base_resource") if getattr(self, name)]
        if len(choices) != 1:
            raise ValueError(f"give exactly one of gpu_name, cpu_name and base_resource, not {len(choices)}")
        if self.cmd and self.instance_category != "container":
            raise ValueError("cmd is for containers only")
        return self

    def wire(self) -> dict[str, Any]:
        """The JSON body: only what was given, ports and envs encoded to the wire's strings."""
        body = self.model_dump(exclude_none=True, exclude_defaults=True, exclude={"ports", "envs"})
        body["instance_category"] = self.instance_category
        body["unit_qty"] = self.unit_qty
        if self.base_resource is not None:
            body["base_resource"] = self.base_resource.model_dump(by_alias=True)
        if self.ports:
            body["ports"] = encode_ports(self.ports)
        if self.envs:
            body["envs"] = encode_envs(self.envs)
        return body


def encode_ports(ports: tuple[Port, ...]) -> str:
    """Ports as the JSON string that the wire wants: [{"port":7890,"protocol":2}]."""
    rows = [{"port": port.port, "protocol": PROTOCOL_NUMBERS[port.protocol]} for port in ports]
    return json.dumps(rows, separators=(",", ":"))


def encode_envs(envs: Mapping[str, SecretStr]) -> str:
    """Environment variables as the wire's a=b;c=d."""
    return ";".join(f"{name}={value.get_secret_value()}" for name, value in envs.items())


class WhichInstance(RequestModel):
    """The machine meant, by exactly one of its id and its meta key."""

    request_id: Identifier | None = None
    meta_key: Identifier | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> WhichInstance:
        if (self.request_id is None) == (self.meta_key is None):
            raise ValueError("give exactly one of request_id and meta_key")
        return self


class PageOf(RequestModel):
    """Which page: from 1, of at most 20 items."""

    page: Annotated[int, Field(ge=1)] = 1
    per_page: Annotated[int, Field(ge=1, le=20)] = 20


class ListInstances(PageOf):
    """A page of machines."""

    ascending: bool = False
    statuses: tuple[str, ...] = ()


class ListImages(PageOf):
    """A page of images."""

    owned: bool = False
    keywords: Annotated[str, StringConstraints(max_length=100)] = ""


class ListSpecs(PageOf):
    """A page of offers for an image."""

    machine_category: Annotated[int, Field(ge=0, le=3)]
    from_image_id: Identifier
    region_name: RegionName | None = None
    instance_category: Literal["container", "vm"] | None = None


Request = TypeVar("Request", bound=RequestModel)


def build(model: type[Request], /, **fields: Any) -> Request:
    """The request with these fields, or InvalidRequest naming the field, the value and the limit."""
    try:
        return model(**fields)
    except ValidationError as error:
        raise _refusal(model, error, fields) from None


def _refusal(model: type[RequestModel], error: ValidationError, fields: Mapping[str, Any]) -> InvalidRequest:
    problem = error.errors(include_url=False, include_input=False)[0]
    path = [str(part) for part in problem["loc"]]
    field = path[0] if path else model.__name__
    cause = problem.get("ctx", {}).get("error")
    if isinstance(cause, InvalidRequest):  # a part of the field was refused, with its own reason
        return InvalidRequest(field, str(cause).removeprefix(f"{cause.field}: "))
    if problem["type"] == "extra_forbidden":
        near = get_close_matches(field, model.model_fields, n=1, cutoff=0.4)
        hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(model.model_fields)}."
        return InvalidRequest(field, f"no such field{hint}")
    if problem["type"] == "missing":
        return InvalidRequest(field, "is required.")
    reason = problem["msg"].removeprefix("Value error, ")
    if field not in fields or field == "envs":
        return InvalidRequest(field, f"{reason}.")
    value = fields[field]
    size = f" of {len(value)} characters" if isinstance(value, str) else ""
    return InvalidRequest(".".join(path), f"{shortened(value)}{size} is refused: {_sentence(reason)}.")


def shortened(value: object, limit: int = 60) -> str:
    """A value for an error's sentence, cut where it is long."""
    text = repr(value)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _sentence(reason: str) -> str:
    return (reason[:1].lower() + reason[1:]).rstrip(".")
