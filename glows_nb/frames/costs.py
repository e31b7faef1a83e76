"""What the ledger tells: `glows.spending()`, `.burn_rate()`, `.balance()`, `.discrepancies()`, `.timeline()`; budgets.

Each asks the service first what there is now; how the amounts are worked out is in `ledger.spending`.
"""

from __future__ import annotations

from datetime import date, datetime, tzinfo
from decimal import Decimal

from glows_nb.api.client import Client
from glows_nb.api.lifecycle.budget import Budget, how_it_stands
from glows_nb.connection import current_client
from glows_nb.formatting import counted
from glows_nb.frames import from_models
from glows_nb.frames.tables import Table, captioned
from glows_nb.ledger import budgets
from glows_nb.ledger.days import days_in
from glows_nb.ledger.recorder import recorder_of
from glows_nb.ledger.spending import (
    Balance,
    BurnRate,
    balance_of,
    burn_rate_now,
    discrepancies_of,
    enter_balance,
    spending_of,
)


def spending(
    *, since: date | datetime | None = None, tz: str | tzinfo | None = None, client: Client | None = None
) -> Table:
    """What each machine cost on each day; see `glows_nb.frames.spending` for the columns.

    Asks the service first what there is now. `attrs` holds the sum of all as "glows_total" (Credits; NaN when one of
    the amounts is unknown) and "glows_total_at_least".

    Args:
        since: count from here, a day or a moment; without it all that is known, and of machines that ended before this
            ledger began that their cost is not known.
        tz: whose days: a time zone, such as "Asia/Taipei"; without it that of `%config Glows.tz`, or the computer's.
        client: the client to ask; without it the current one.

    Raises:
        InvalidRequest: there is no such time zone, or a moment has none.
        LedgerError: the ledger can't be used.
    """
    service, days = client or current_client(), days_in(tz)
    spent = spending_of(service, since, days)
    table = from_models.spending(spent.rows, days)
    unknown = len(spent.unknown)
    table.attrs["glows_total"] = float("nan") if unknown else float(spent.known.credits)
    table.attrs["glows_total_at_least"] = float(spent.at_least.credits)
    machines = counted(len({machine.instance_id for machine, _ in spent.rows}), "machine")
    caption = f"{'at least ' if unknown else ''}{spent.at_least if unknown else spent.known} for {machines}"
    if spent.estimated:
        caption += f", estimated for {len(spent.estimated)} of them"
    if unknown:
        caption += f"; what {counted(unknown, 'machine')} cost is not known in full"
    if spent.differing:
        caption += f"; glows.discrepancies() lists {spent.differing} things to look at"
    return captioned(table, caption, is_sandbox=service.is_sandbox)


def burn_rate(*, client: Client | None = None) -> BurnRate:
    """What all running machines cost per hour now, read from the service.

    Where the service can't be read, `rate` is None and a warning says why.

    Args:
        client: the client to ask; without it the current one.
    """
    return burn_rate_now(client or current_client())


def set_balance(credits: Decimal | float | str, *, client: Client | None = None) -> Balance:
    """Say what the account holds now, as the console shows it; what is spent from now on is counted against it.

    Args:
        credits: the balance, in Credits.
        client: the client of the account; without it the current one.

    Raises:
        InvalidRequest: it is not a number of at least 0.
        LedgerError: the ledger can't be used.
    """
    service = client or current_client()
    enter_balance(service, credits)
    return balance_of(service)


def balance(*, client: Client | None = None) -> Balance:
    """What is left of the balance that `set_balance` was given, and when it runs out at what is running now.

    Args:
        client: the client to ask; without it the current one.

    Raises:
        InvalidRequest: no balance was entered for this account.
        LedgerError: the ledger can't be used.
    """
    return balance_of(client or current_client())


def set_budget(
    credits: Decimal | float | str | None, per: str = "day", *, tz: str | None = None, client: Client | None = None
) -> Budget | None:
    """Set what may be spent in a day, a week or a month; it holds for the account, in each notebook and terminal here.

    Whatever would be rented is held against it: what was spent since the day began, and what all machines that are
    there and the new one cost until it ends. What would pass it is rented only with `over_budget=True`; where it is
    used up, nothing is. Machines that run are left as they are.

    Args:
        credits: the budget, in Credits; None or 0 takes it away.
        per: "day", "week" (from Monday on) or "month".
        tz: whose days: a time zone, such as "Asia/Taipei"; without it that of `%config Glows.tz`, or the computer's.
        client: the client of the account; without it the current one.

    Returns:
        How it stands, as `budget` tells it; None where there is none now.

    Raises:
        InvalidRequest: it is no amount, no period or no time zone; the budget is what it was.
        LedgerError: the budget can't be kept, or the ledger can't be used.
    """
    chosen = budgets.checked(credits, per, tz)
    service = client or current_client()
    budgets.choose(recorder_of(service).account, chosen)
    return budget(client=service)


def budget(*, client: Client | None = None) -> Budget | None:
    """How the budget that `set_budget` was given stands: what is spent, what runs, how long it lasts; None for none.

    Args:
        client: the client to ask; without it the current one.

    Raises:
        GlowsError: budget, ledger or service can't be read; that is never no budget.
    """
    service = client or current_client()
    recorder_of(service)
    return service.run(how_it_stands())


def discrepancies(*, client: Client | None = None) -> Table:
    """Where the ledger and the service say different things; see `glows_nb.frames.discrepancies` for the columns.

    Args:
        client: the client to ask; without it the current one.

    Raises:
        GlowsError: the service or the ledger can't be read; that is never an empty list.
    """
    service = client or current_client()
    rows = discrepancies_of(recorder_of(service), service.instances.all())
    caption = f"{len(rows)} things that ledger and service say differently"
    return captioned(from_models.discrepancies(rows), caption, is_sandbox=service.is_sandbox)


def timeline(machine: str, *, client: Client | None = None) -> Table:
    """In which status a machine was, and when, as far as it was seen from here.

    Columns: status, since and until (UTC, the first and the last time that it was seen so), price_per_hour (Credits,
    NaN while the service said none).

    Args:
        machine: its id, meta key or the name that it was launched with.
        client: the client to ask; without it the current one.

    Raises:
        ParamIllegal: there is no such machine.
        LedgerError: the ledger can't be used.
    """
    service = client or current_client()
    recorder = recorder_of(service)
    found = service.instances.find(machine)
    seen = [
        sighting
        for record in recorder.ledger.machines(recorder.account)
        if record.instance_id == found.instance_id
        for sighting in record.sightings
    ]
    return captioned(
        from_models.timeline(seen), f"{found.instance_id} as seen from here", is_sandbox=service.is_sandbox
    )
