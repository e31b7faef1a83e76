"""Values of commands as JSON: tables as records, models by the wire's names, times in ISO 8601, secrets masked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
from pydantic import BaseModel, SecretStr

from glows_nb.api.client import Client
from glows_nb.api.errors import InvalidRequest
from glows_nb.api.lifecycle.budget import Budget
from glows_nb.api.lifecycle.planning import Candidate, Plan
from glows_nb.api.models.wire import AccessUrl
from glows_nb.commands.descriptions import COMPLETED, FORWARD, JOB, TRANSFER, is_a
from glows_nb.formatting import visible
from glows_nb.money import Rate

if TYPE_CHECKING:
    from glows_nb.remote.files.transfer import Transfer

JOB_FIELDS: Final = ("machine", "name", "status", "started", "took", "exit_status", "signal", "command", "was_there")


class Json(str):
    """A JSON text; shown as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def as_json(value: Any) -> str:
    """A command's value as an indented JSON text.

    Raises:
        InvalidRequest: it is something to look at, such as a form.
    """
    text = json.dumps(_plain(value), indent=2, ensure_ascii=False, allow_nan=False)
    return text if visible(text.replace("\n", "")) == text.replace("\n", "") else "".join(map(_escaped, text))


def _escaped(sign: str) -> str:
    """A sign that nobody would see, or that a terminal obeys, as JSON writes it; the lines stay."""
    return sign if sign == "\n" or visible(sign) == sign else json.dumps(sign)[1:-1]


def _plain(value: Any) -> Any:
    match value:
        case pd.DataFrame():
            return [{str(name): _plain(cell) for name, cell in row.items()} for row in value.to_dict(orient="records")]
        case Plan():
            return _plan(value)
        case Budget():
            return _budget(value)
        case _ if is_a(value, COMPLETED):
            return {name: getattr(value, name) for name in ("exit_status", "signal", "stdout", "stderr", "seconds")}
        case _ if is_a(value, TRANSFER):
            return _transfer(value)
        case _ if is_a(value, FORWARD):
            return {"url": value.url, "port": value.port, "local_port": value.local_port}
        case _ if is_a(value, JOB):
            return {name: _plain(getattr(value, name)) for name in JOB_FIELDS}
        case AccessUrl():
            return value.without_secret
        case SecretStr():
            return str(value)
        case BaseModel():
            return value.model_dump(mode="json", by_alias=True)
        case Client():
            return {"base_url": value.base_url, "is_sandbox": value.is_sandbox}
        case Mapping():
            return {str(name): _plain(part) for name, part in value.items()}
        case list() | tuple():
            return [_plain(part) for part in value]
        case timedelta():
            return None if pd.isna(value) else value.total_seconds()
        case _ if is_dataclass(value) and not isinstance(value, type):
            return _plain(asdict(value))
    return _scalar(value)


def _scalar(value: Any) -> Any:
    if value is None or pd.isna(value) is True:
        return None
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str | bool | int | float):
        return value
    if hasattr(value, "item"):  # NumPy's numbers
        return value.item()
    raise InvalidRequest("json", f"a {type(value).__name__} is there to be looked at and has no JSON.")


def _transfer(transfer: Transfer) -> dict[str, Any]:
    told = asdict(transfer)
    del told["rows"]
    return {**told, "files": [row._asdict() for row in transfer.rows]}


def _plan(plan: Plan) -> dict[str, Any]:
    return {
        "meta_key": plan.meta_key,
        "existing": _plain(plan.existing),
        "candidates": [_candidate(candidate) for candidate in plan.candidates],
        "left_out": list(plan.left_out),
        "budget": _plain(plan.budget),
        "is_over_budget": plan.is_over_budget,
        **_price(plan.rate),
    }


def _budget(budget: Budget) -> dict[str, Any]:
    return {
        "credits": float(budget.credits),
        "per": budget.per,
        "begins": _plain(budget.begins),
        "ends": _plain(budget.ends),
        "credits_spent": None if budget.spent is None else float(budget.spent.credits),
        "credits_spent_at_least": float(budget.spent_at_least.credits),
        "credits_left": None if budget.left is None else float(budget.left),
        "is_reached": budget.is_reached,
        "lasts_until": _plain(budget.lasts_until),
        "machines": list(budget.machines),
        "unknown": list(budget.unknown),
        **_price(budget.rate),
    }


def _candidate(candidate: Candidate) -> dict[str, Any]:
    return {
        "region_name": candidate.region_name,
        "unit_qty": candidate.request.unit_qty,
        "base_resource": _plain(candidate.spec.base_resource),
        **_price(candidate.rate),
    }


def _price(rate: Rate | None) -> dict[str, float | None]:
    return {
        "credits_per_hour": None if rate is None else float(rate.per_hour),
        "credits_per_day": None if rate is None else float(rate.per_day),
    }
