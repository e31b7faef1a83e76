"""The budgets that the user has set, one for each account, in a file each: and how one stands by the ledger.

They stand beside the ledger and not in it: where that can't be used, it is known that there is a budget, and nothing is
rented by a guess.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final, NamedTuple

from glows_nb.api.credentials.config import data_folder
from glows_nb.api.credentials.private_file import replace_file
from glows_nb.api.errors import InvalidRequest
from glows_nb.api.lifecycle.budget import Budget
from glows_nb.api.models.instances import Instance
from glows_nb.api.statuses import LEAVING
from glows_nb.ledger.accounting import cost_since, rate_now
from glows_nb.ledger.database import Ledger, LedgerError
from glows_nb.ledger.days import PERIODS, days_in
from glows_nb.ledger.records import Account
from glows_nb.money import Cost, Rate, exact_amount, millicents

MOST: Final = 10**18
"""Millicents; more than that nobody has set."""


class Chosen(NamedTuple):
    """A budget as it was set: so many millicents in each day, week or month of a zone; None is the one in use."""

    millicents: int
    per: str
    tz: str | None


def checked(credits: Decimal | float | str | None, per: str, tz: str | None) -> Chosen | None:
    """A budget from what the user says; None for none.

    Raises:
        InvalidRequest: it is no amount, no period or no time zone.
    """
    if per not in PERIODS:
        raise InvalidRequest("per", f"{per!r} is no period of a budget; there are {', '.join(PERIODS)}.")
    if tz is not None:
        days_in(tz)
    try:
        exact = exact_amount(0 if credits is None else credits)
    except ValueError as error:
        problem = f"{error}."
    else:
        if not exact:
            return None
        if 0 < (amount := millicents(credits)) <= MOST:
            return Chosen(amount, per, tz)
        problem = f"{credits!r} is no budget: it takes at least 0.00001 Credits, and None or 0 for no budget."
    raise InvalidRequest("credits", problem)


def choose(account: Account, chosen: Chosen | None) -> None:
    """Keep an account's budget from now on, in one step; None takes it away.

    Raises:
        LedgerError: the file can't be written.
    """
    path = _path(account)
    try:
        if chosen is None:
            path.unlink(missing_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_file(path, json.dumps(chosen._asdict()))
    except OSError as error:
        raise LedgerError(f"The budget at {path} can't be written: {error.strerror or error}.") from None


def chosen_for(account: Account) -> Chosen | None:
    """The budget of an account; None where none was set.

    Raises:
        LedgerError: there is one that can't be read.
    """
    path = _path(account)
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        chosen = Chosen(kept["millicents"], kept["per"], kept["tz"])
        is_sound = type(chosen.millicents) is int and 0 < chosen.millicents <= MOST and chosen.per in PERIODS
        if is_sound and isinstance(chosen.tz, str | None):
            days_in(chosen.tz)
            return chosen
        problem = "it holds no budget"
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, LookupError, RecursionError) as error:
        problem = str(error)
    raise LedgerError(f"The budget at {path} can't be read: {problem}; glows.set_budget(…) writes it anew.")


def how_it_stands(ledger: Ledger, account: Account, chosen: Chosen, listed: Sequence[Instance], now_ms: int) -> Budget:
    """How a budget stands, by what the ledger knows and of the machines that the service lists now.

    Raises:
        LedgerError: the ledger can't be used, so that nobody knows what was spent.
    """
    days, limit = days_in(chosen.tz), Cost.from_millicents(chosen.millicents)
    begins_ms, ends_ms = days.period(now_ms, chosen.per)
    try:
        records = {record.instance_id: record for record in ledger.machines(account)}
    except LedgerError as error:
        raise LedgerError(
            f"{error} So it is not known what of the budget of {limit} per {chosen.per} is spent; "
            "glows.set_budget(None) takes it away."
        ) from None
    unread = {machine.instance_id for machine in listed if machine.unread}
    costs = {id_: cost_since([record], begins_ms, now_ms, is_read=id_ not in unread) for id_, record in records.items()}
    alive = [machine for machine in listed if machine.unread or machine.status not in LEAVING]
    rates = {machine.instance_id: rate_now(machine, records.get(machine.instance_id)) for machine in alive}
    known = [most for most, _ in costs.values() if most is not None]
    priced = [rate for rate in rates.values() if rate is not None]
    unknown = [id_ for id_, (most, _) in costs.items() if most is None]
    return Budget(
        limit=limit,
        per=chosen.per,
        begins=days.moment(begins_ms),
        ends=days.moment(ends_ms),
        now=days.moment(now_ms),
        spent=sum(known, Cost()) if len(known) == len(costs) else None,
        spent_at_least=sum((least for _, least in costs.values()), Cost()),
        rate=sum(priced, Rate(0)) if len(priced) == len(rates) else None,
        machines=tuple(_words(machine, rates[machine.instance_id]) for machine in alive),
        unknown=tuple(dict.fromkeys([*unknown, *(id_ for id_, rate in rates.items() if rate is None)])),
        is_sandbox=account.is_sandbox,
    )


def _words(machine: Instance, rate: Rate | None) -> str:
    return f"{machine.remark or machine.meta_key} ({machine.instance_id}) at {rate or 'a price that is not known'}"


def _path(account: Account) -> Path:
    """The file of one account: a sandbox's is another than that of an account whose machines cost money."""
    whose = json.dumps([account.mark, account.base_url, account.is_sandbox])
    return data_folder() / "budgets" / f"{hashlib.sha256(whose.encode()).hexdigest()[:32]}.json"
