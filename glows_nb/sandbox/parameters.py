"""Reading requests: typed, checked values out of a query string or a JSON body, or a refusal with code 6.

The rules are those of the contract and of a Go binding: an empty value is a missing one, null is too, unknown
names are ignored, nothing is converted from another type. What the values mean is not known here.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from glows_nb.sandbox.codes import illegal

ID_LENGTH = 64
MAX_PER_PAGE = 20
UINT32_MAX = 2**32 - 1
INT64_MAX = 2**63 - 1

_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,20}")
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"", "0", "f", "F", "FALSE", "false", "False"})


@dataclass(frozen=True)
class Page:
    """Which part of a list is wanted: 1-based `number` and `size`."""

    number: int
    size: int

    @property
    def offset(self) -> int:
        """How many entries come before this page."""
        return (self.number - 1) * self.size


class Query:
    """The parameters of a query string. Of a repeated name that isn't a list, the first one counts."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            self._values.setdefault(name, []).append(value)

    def text(self, name: str, limit: int, *, required: bool = False) -> str:
        """Return a text of at most `limit` characters, "" when it is absent."""
        return _checked_text(name, self._values.get(name, [""])[0], limit, required)

    def texts(self, name: str) -> list[str]:
        """Return all values of a repeatable name."""
        return self._values.get(name, [])

    def number(self, name: str, *, low: int, high: int) -> int | None:
        """Return a whole number from `low` to `high`, None when it is absent."""
        raw = self._values.get(name, [""])[0]
        if raw == "":
            return None
        if not _WHOLE_NUMBER.fullmatch(raw):
            raise illegal(f"{name} is not a whole number")
        return _checked_number(name, int(raw), low, high)

    def numbers(self, name: str, *, low: int, high: int) -> list[int]:
        """Return all values of a repeatable name as whole numbers; empty ones don't count."""
        single = [Query([(name, raw)]).number(name, low=low, high=high) for raw in self.texts(name)]
        return [number for number in single if number is not None]

    def flag(self, name: str) -> bool:
        """Return a boolean, False when it is absent."""
        raw = self._values.get(name, [""])[0]
        if raw not in _TRUE and raw not in _FALSE:
            raise illegal(f"{name} is not a boolean")
        return raw in _TRUE

    def page(self) -> Page:
        """Return the page wanted, where both parameters may be left out or 0: page 1 of 20."""
        number = self.number("page", low=0, high=UINT32_MAX) or 1
        return Page(number, self.number("per_page", low=0, high=MAX_PER_PAGE) or MAX_PER_PAGE)

    def required_page(self) -> Page:
        """Return the page wanted, where both parameters are required and start at 1: the instance list."""
        number = self.number("page", low=1, high=UINT32_MAX)
        size = self.number("per_page", low=1, high=MAX_PER_PAGE)
        if number is None or size is None:
            raise illegal("page and per_page are required")
        return Page(number, size)


class Body:
    """The fields of a JSON object."""

    def __init__(self, fields: Mapping[str, object]) -> None:
        self._fields = fields

    @classmethod
    def parse(cls, raw: bytes) -> "Body":
        """Read the bytes of a request's body."""
        fields = parse_json(raw)
        if not isinstance(fields, dict):
            raise illegal("the body is not a JSON object")
        return cls(fields)

    def text(self, name: str, limit: int, *, required: bool = False) -> str:
        """Return a text of at most `limit` characters, "" when it is absent."""
        value = self._fields.get(name)
        if value is not None and not isinstance(value, str):
            raise illegal(f"{name} is not a text")
        return _checked_text(name, value or "", limit, required)

    def number(self, name: str, *, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`, 0 when it is absent."""
        value = self._fields.get(name)
        if value is None:
            return 0
        if not isinstance(value, int) or isinstance(value, bool):
            raise illegal(f"{name} is not a whole number")
        return _checked_number(name, value, low, high)

    def texts(self, name: str, *, most: int, limit: int) -> list[str]:
        """Return a list of at most `most` texts, empty when it is absent."""
        value = self._fields.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or len(value) > most:
            raise illegal(f"{name} is not a list of at most {most}")
        return [Body({name: item}).text(name, limit, required=True) for item in value]

    def object(self, name: str) -> "Body | None":
        """Return an object inside this one, None when it is absent."""
        value = self._fields.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise illegal(f"{name} is not an object")
        return Body(value)

    def __len__(self) -> int:
        return len(self._fields)


def parse_json(raw: bytes | str) -> object:
    """Parse JSON from a client, who may have sent anything."""
    try:
        parsed: object = json.loads(raw)
    # ValueError: no JSON, no UTF-8, or a number of thousands of digits.
    except (ValueError, RecursionError):
        raise illegal("not valid JSON") from None
    return parsed


def _checked_text(name: str, value: str, limit: int, required: bool) -> str:
    if required and not value:
        raise illegal(f"{name} is required")
    if len(value) > limit:
        raise illegal(f"{name} is longer than {limit} characters")
    # JSON can spell half a surrogate pair, which is no character and can't be stored.
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise illegal(f"{name} is not valid text")
    return value


def _checked_number(name: str, value: int, low: int, high: int) -> int:
    if not low <= value <= high:
        raise illegal(f"{name} is not from {low} to {high}")
    return value
