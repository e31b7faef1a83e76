"""What all answers share: how the wire's nulls, times and secrets are read, and pages of things."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Final, Generic, NamedTuple, TypeVar

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    TypeAdapter,
)
from pydantic_core import CoreSchema, core_schema


class AccessUrl:
    """The address of an open port. Its query can hold a token, so it is no text: whatever shows it shows the rest.

    `get_secret_value()` is the whole, as of pydantic's SecretStr; `open()` opens it in the browser.
    """

    __slots__ = ("_address",)

    def __init__(self, address: str) -> None:
        self._address = address

    def get_secret_value(self) -> str:
        """The whole address, with its token."""
        return self._address

    @property
    def without_secret(self) -> str:
        """The address with no query, fit to be shown."""
        return self._address.partition("?")[0]

    def open(self) -> bool:
        """Open it in the browser of this computer; False where there is none."""
        import webbrowser

        return webbrowser.open(self._address)

    def __bool__(self) -> bool:
        return bool(self._address)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AccessUrl) and self._address == other._address

    def __hash__(self) -> int:
        return hash(self._address)

    def __str__(self) -> str:
        return f"{self.without_secret}{'?…' if '?' in self._address else ''}"

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __repr__(self) -> str:
        return f"AccessUrl('{self}')"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        # One for each port of each machine: as much as can be is done without a call of Python's.
        text = core_schema.with_default_schema(core_schema.str_schema(), default="", on_error="default")
        return core_schema.no_info_after_validator_function(
            cls,
            core_schema.chain_schema([core_schema.nullable_schema(core_schema.str_schema()), text]),
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda address, info: address.without_secret if info.mode == "json" else address, info_arg=True
            ),
        )


class NullMeans(NamedTuple):
    """Read the wire's null as this value.

    In pydantic's own terms, without a Python function: these fields are most of what is read, and calls would take
    longer than all the rest. What is null fails the second step, which then gives its default. Whatever else came
    through the first step must pass the second one, so this is for texts, tuples and models, and not for secrets.
    """

    value: Any

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = handler(source)
        given = core_schema.with_default_schema(schema, default=self.value, on_error="default")
        return core_schema.chain_schema([core_schema.nullable_schema(schema), given])


class ElseUnknown:
    """Read whatever breaks the field's own rules as None: a number that nobody should reckon with.

    What is missing altogether is still refused where the field has no default.
    """

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        sound = core_schema.with_default_schema(handler(source), default=None, on_error="default")
        return core_schema.chain_schema([core_schema.any_schema(), sound])


T = TypeVar("T")
ListOf = Annotated[tuple[T, ...], NullMeans(())]
Text = Annotated[str, NullMeans("")]


def _moment(value: Any) -> Any:
    """Both of the wire's ways to write a time: {"seconds": 1726810944} and 1726810944 (FACTS 8).

    Zero is no time: protobuf's JSON leaves it out, so that {} is zero, too.
    """
    if isinstance(value, dict):
        value = value.get("seconds")
    # One for each machine of a list: a union of types would be made anew, and looked through, each time.
    if type(value) is int or type(value) is float:
        if not value:
            return None
        if not -LATEST_SECOND < value < LATEST_SECOND:
            raise ValueError(f"{value} seconds is no date")
        return datetime.fromtimestamp(value, UTC)
    return value if value is None else TEXT_MOMENT.validate_python(value)


LATEST_SECOND: Final = 9_200_000_000
"""After and before 1970: what no table of pandas can hold, whose times are counted in nanoseconds."""
_Bounded = Annotated[
    AwareDatetime,
    Field(gt=datetime.fromtimestamp(-LATEST_SECOND, UTC), lt=datetime.fromtimestamp(LATEST_SECOND, UTC)),
]
TEXT_MOMENT: Final[TypeAdapter[datetime]] = TypeAdapter(_Bounded, config=ConfigDict(defer_build=True))
Moment = Annotated[datetime | None, BeforeValidator(_moment)]
"""None where the wire tells none."""

Integer = Annotated[int, Field(ge=-(2**63), lt=2**63)]
"""The widest of the wire's whole numbers; what is none of them fits into no table."""


class WireModel(BaseModel):
    """Settings shared by everything that the service answers."""

    # Validators are built when first needed: a process that reads offers has no use for those of machines.
    model_config = ConfigDict(extra="allow", frozen=True, populate_by_name=True, defer_build=True)

    id_path: ClassVar[tuple[str, ...]] = ()
    """Where the wire tells the id of one."""
    unknown: ClassVar[Mapping[str, Any]] = {}
    """By the wire's names: what stands for a field of a list's row that can't be read, where its default would lie."""
    rows: ClassVar[Mapping[str, type[WireModel]]] = {}
    """Which fields are lists of rows themselves."""
    price_path: ClassVar[tuple[str, ...]] = ()
    """Where the wire tells the price of one."""

    @property
    def unread(self) -> tuple[str, ...]:
        """The wire's names of the fields that came in no readable form; only rows of lists can have any.

        They are unknown here. Such a row is shown, and nothing is rented, released or reckoned by it.
        """
        fields: tuple[str, ...] = (self.__pydantic_private__ or {}).get("_unread", ())
        return fields

    @property
    def has_price(self) -> bool:
        """Was a price told that can be one, where the wire has one at all?"""
        return True

    @property
    def is_told(self) -> bool:
        """Were an id, and a price where the wire has one, told that can be one?"""
        return True

    @classmethod
    def in_place_of(cls, field: str, row: Mapping[str, Any]) -> Any:
        """What stands for this field of a row where it can't be read, so that the rest can.

        Args:
            field: the wire's name of the field.
            row: what came, as JSON.
        """
        return cls.unknown[field]


def note_on(model: WireModel, **notes: Any) -> None:
    """Let a model know something that the wire does not tell.

    A private attribute that is declared would cost every model a call when it is made.
    """
    object.__setattr__(model, "__pydantic_private__", (model.__pydantic_private__ or {}) | notes)


Claim = Annotated[Integer, ElseUnknown()] | None
"""A number about a list that the service says, and that no row depends on; None where it can't be read."""


class Pagination(WireModel):
    """Where a page stands among all, as the service says."""

    total: Claim = None
    num_pages: Claim = Field(None, alias="numPages")
    page: Claim = None
    per_page: Claim = Field(None, alias="perPage")


Item = TypeVar("Item")


class Page(BaseModel, Generic[Item]):
    """One page of a list: `items`, and in `pagination` how many there are in all, as the service says.

    `problems` has a sentence for each row that could not be read, or not wholly.
    """

    model_config = ConfigDict(frozen=True)

    pagination: Pagination
    items: tuple[Item, ...]
    problems: tuple[str, ...] = ()
