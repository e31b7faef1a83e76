"""What the real service was seen to do, fit to be sent to others: routes, fields and their types, words of enums.

Values are kept of a few fields alone, whose words the contract or the service defines; no id, name, address, password
or token of anybody is among them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from glows_nb.api.routes import Route

KEPT = {
    *("category", "clusterType", "cpu_name", "cpuName", "domain", "gpu_name", "gpuName", "gpus", "gpuNum"),
    *("instance_categories", "machine_category", "protocol", "region_name", "regionName", "sourceType", "status"),
    *("type", "unit_qty"),
}
"""The fields whose values are kept."""
ID = re.compile(r"\b(ins|img|net|ept|snap|snp|vol)-\w+|token|://|@", re.IGNORECASE)
OF_SOMEBODY = re.compile(r"""\b(?:ins|img|net|ept|snap|snp|vol)-\w+|'[^']*'|"[^"]*"|\S*(?:://|@)\S*|\S*\d{4}\S*""")
"""What in the service's own words could be an id, a name, an address or a secret."""
FIELD = re.compile(r"[A-Za-z_]\w{0,39}")
TYPES = {
    dict: "object",
    list: "array",
    str: "text",
    bool: "boolean",
    int: "integer",
    float: "number",
    type(None): "null",
}


@dataclass
class Learned:
    """Everything that was learned in one run."""

    service: str
    is_sandbox: bool
    unknown_path: str = ""
    routes: dict[str, dict[str, Any]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    fields: dict[str, dict[str, set[str]]] = field(default_factory=dict)
    values: dict[str, dict[str, set[Any]]] = field(default_factory=dict)
    unknown_fields: dict[str, set[str]] = field(default_factory=dict)

    def route(self, usual: Route, path: str, answer: str, tried: dict[str, str]) -> None:
        """Note where an operation was found, what it answered, and what came from where it was not."""
        self.routes[usual.name] = {
            "method": usual.method,
            "path": path,
            "answer": answer,
            "tried in vain": tried,
            "was confirmed before": usual.is_confirmed,
        }

    def error(self, operation: str, words: str) -> None:
        """Note what went wrong, without what could be anybody's in it."""
        self.errors[operation] = OF_SOMEBODY.sub("…", words)

    def answer(self, operation: str, answer: dict[str, Any], result: Any) -> None:
        """Note an answer's fields, the words in it, and what our models don't know of it."""
        fields, values = self.fields.setdefault(operation, {}), self.values.setdefault(operation, {})
        for path, value in _leaves(answer):
            fields.setdefault(path, set()).add(TYPES[type(value)])
            name = path.rpartition(".")[2].removesuffix("[]")
            if name in KEPT and isinstance(value, str | int) and not ID.search(str(value)):
                values.setdefault(path, set()).add(value)
        self.unknown_fields.setdefault(operation, set()).update(_unknown(result))

    def write(self, path: Path) -> None:
        """Write all of it as JSON."""
        found = {name: value for name, value in vars(self).items() if value not in ("", {})}
        text = json.dumps(found, indent=2, ensure_ascii=False, default=lambda words: sorted(words, key=str))
        path.write_text(text + "\n", encoding="utf-8")


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Each value in an answer, with its path: `instances[].hardware.gpuNum`."""
    if path:
        yield path, value
    if isinstance(value, dict):
        for name, part in value.items():
            # A name that is no field's is a value: of an object that is a table by ids, say.
            shown = name if FIELD.fullmatch(name) else "…"
            yield from _leaves(part, f"{path}.{shown}" if path else shown)
    elif isinstance(value, list):
        for part in value:
            yield from _leaves(part, f"{path}[]")


def _unknown(result: Any) -> Iterator[str]:
    """The fields in a result that its models have not."""
    if isinstance(result, BaseModel):
        fields = type(result).model_fields
        # A field that comes under two names at once is one of them (FACTS 8).
        yield from (f"{type(result).__name__}.{name}" for name in result.model_extra or {} if name not in fields)
        for name in fields:
            yield from _unknown(getattr(result, name))
    elif isinstance(result, list | tuple):
        for part in result:
            yield from _unknown(part)
