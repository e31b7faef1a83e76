"""What is written into the ledger while a client works: orders before they are sent, machines whenever they are seen.

A recorder is an observer of one client (see `api.observing`). An order is on disk before the request leaves, so that a
kernel that dies meanwhile leaves the key of what may run.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import PurePath
from threading import RLock
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from glows_nb.api.errors import GlowsError, InvalidRequest
from glows_nb.api.models.specs import RegionSpecs, Spec
from glows_nb.api.models.wire import Page
from glows_nb.api.observing import Answered, Event, Failed, Sending
from glows_nb.api.offers import rate_for
from glows_nb.api.routes import ROUTES
from glows_nb.api.statuses import ENDED, LEAVING
from glows_nb.api.steps import Noted, Operation
from glows_nb.api.writes.lost_answers import may_have_happened
from glows_nb.ledger.database import Ledger, LedgerError, account_id
from glows_nb.ledger.records import Account
from glows_nb.money import MILLICENTS_PER_CENT, Rate

if TYPE_CHECKING:
    # Not loaded for this: while only offers are looked at, nothing is written down.
    import sqlite3

    from glows_nb.api.client import Client
    from glows_nb.api.lifecycle.budget import Standing
    from glows_nb.api.models.instances import Instance
    from glows_nb.api.models.snapshots import Snapshot

SEEN_EVERY_MS: Final = 10_000
"""While nothing changes, that a machine was seen is written down so often; what changes is, at once."""

CLOCKS_APART_MS: Final = 300_000
"""So much may this computer's clock and the service's differ."""

REST_SECONDS: Final = 30.0
"""A ledger that failed is left alone for so long: one that stays locked would hold up every call."""

SDK_SOURCE: Final = "SourceSDK"
"""What the contract's samples say of machines that were started by this API."""

CREATE_INSTANCE: Final = ROUTES["create instance"].name
CREATE_SNAPSHOT: Final = ROUTES["create snapshot"].name


def recorder_of(client: Client) -> Recorder:
    """What keeps the ledger for a client; a client that has none yet gets one, and what it does is recorded then.

    Clients of `connect`, and those that were given to a function such as `glows.spending`, have one.
    """
    # Nobody waits for a lock who only looks: not for one either that an interrupt has left behind.
    there = _attached(client)
    if there is not None:
        return there
    with client.observers.attaching:
        there = _attached(client)
        if there is not None:
            return there
        recorder = Recorder(Ledger(), Account(client.account_mark, client.base_url, client.is_sandbox))
        client.observers.add(recorder)
        return recorder


def _attached(client: Client) -> Recorder | None:
    return next((observer for observer in client.observers if isinstance(observer, Recorder)), None)


class _Seen(NamedTuple):
    """A machine as this recorder last saw it."""

    status: str
    price_cent: int | None
    at_ms: int
    written_ms: int


class Recorder:
    """Writes down what one client does and sees.

    Args:
        ledger: where to.
        account: whose machines they are.
        clock: seconds since the epoch; tests give the sandbox's.
    """

    def __init__(self, ledger: Ledger, account: Account, clock: Callable[[], float] = time.time) -> None:
        self.ledger = ledger
        self.account = account
        self._clock = clock
        self._lock = RLock()
        self._seen: dict[str, _Seen] = {}
        self._offers: dict[tuple[str, str], Spec] = {}
        self._sent: dict[int, int] = {}
        self._resting_until = 0.0
        self._has_read_ended = False

    def __call__(self, event: Event) -> None:
        """What `Client.observers` calls.

        Raises:
            LedgerError: the ledger can't be used.
        """
        with self._lock:
            if time.monotonic() < self._resting_until:
                return
            try:
                self._note(event)
            except LedgerError:
                self._resting_until = time.monotonic() + REST_SECONDS
                raise

    def now_ms(self) -> int:
        """The time, in milliseconds since the epoch."""
        return int(self._clock() * 1000)

    def snapshot_names(self) -> dict[str, str]:
        """The names that snapshots were given from here, by their ids; the service tells none (FACTS 7).

        Raises:
            LedgerError: the ledger can't be used.
        """
        return {id_: record.name for id_, record in self.ledger.snapshots(self.account).items()}

    def whose(self, machine: Instance) -> str:
        """Whose machine it is, where it was not started from here: words to put behind its name; "" where it was.

        What can't be known is not taken for ours: "the ledger can't be read" is such a word too.
        """
        if machine.source_type not in ("", SDK_SOURCE):
            return f"not started by the SDK but by {machine.source_type}"
        try:
            is_ours = machine.instance_id in self.ledger.started_here(self.account)
        except LedgerError:
            return "started by nobody knows whom: the ledger can't be read"
        return "" if is_ours else "not started from this computer"

    def noted(self, meta_key: str) -> list[Noted]:
        """The machines under a key and its generations that were started or seen from here.

        An order of which nothing was seen is none of them: it may never have become a machine.

        Raises:
            LedgerError: the ledger can't be used.
        """
        with self.ledger.transaction() as db:
            rows = db.execute(
                "SELECT m.meta_key, m.instance_id, s.status, max(s.id) FROM machines m"
                " JOIN sightings s ON s.account_id = m.account_id AND s.instance_id = m.instance_id"
                " WHERE m.account_id = :account AND (m.meta_key = :key OR substr(m.meta_key, 1, :length) = :stem)"
                " GROUP BY m.instance_id",
                {
                    "account": account_id(db, self.account),
                    "key": meta_key,
                    "stem": f"{meta_key}.",
                    "length": len(meta_key) + 1,
                },
            ).fetchall()
        return [Noted(row["meta_key"], row["instance_id"], row["status"] in LEAVING) for row in rows]

    def budget(self) -> Standing | None:
        """What tells how the account's budget stands, of the machines that the service lists; None without one.

        Raises:
            LedgerError: there is one that can't be read.
        """
        # Loaded here, with what it knows of machines: who looks at offers needs none of it.
        from glows_nb.ledger import budgets

        chosen = budgets.chosen_for(self.account)
        if chosen is None:
            return None
        return lambda listed: budgets.how_it_stands(self.ledger, self.account, chosen, listed, self.now_ms())

    def _note(self, event: Event) -> None:
        match event:
            case Sending(operation):
                self._send(operation)
            case Answered(operation, result):
                self._answer(operation, result)
            case Failed(operation, error):
                self._fail(operation, error)

    def _send(self, operation: Operation[Any]) -> None:
        body = operation.body or {}
        if operation.name == CREATE_INSTANCE:
            resource = body.get("base_resource") or {}
            rate = self._ordered_rate(body)
            values = {
                "at_ms": self.now_ms(),
                "meta_key": body["custom_meta_key"],
                "notebook": notebook_name(),
                "region": body["region_name"],
                "hardware": _hardware_name(body),
                "units": body.get("unit_qty", 1),
                "resource_id": resource.get("resource_id"),
                "image_id": body.get("from_image_id"),
                "snapshot_id": body.get("from_snap_id"),
                "millicents": None if rate is None else rate.millicents_per_hour,
            }
            table = "orders"
        elif operation.name == CREATE_SNAPSHOT:
            values = {"at_ms": self.now_ms(), "name": body.get("name", ""), "instance_id": body["instance_id"]}
            table = "snapshots"
        else:
            return
        with self.ledger.transaction() as db:
            values["account_id"] = account_id(db, self.account)
            names, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
            inserted = db.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", values)  # noqa: S608 - our names
            self._sent[id(operation)] = inserted.lastrowid or 0

    def _answer(self, operation: Operation[Any], result: Any) -> None:
        row_id = self._sent.pop(id(operation), None)
        items = result.items if isinstance(result, Page) else (result,)
        match operation.name:
            case "list specs":
                for item in items:
                    for spec in item.specs if isinstance(item, RegionSpecs) else (item,):
                        self._offers[spec.region_name, spec.resource_id] = spec
            case "get instance" | "list instances" | "create instance":
                self._see(items, row_id)
            case "list snapshots":
                self._see_snapshots(items)
            case "create snapshot" if row_id is not None:
                self._name_snapshots(row_id, result.snapshot_ids)

    def _fail(self, operation: Operation[Any], error: Exception) -> None:
        row_id = self._sent.pop(id(operation), None)
        if row_id is None or not isinstance(error, GlowsError) or may_have_happened(error):
            return
        table = "orders" if operation.name == CREATE_INSTANCE else "snapshots"
        with self.ledger.transaction() as db:
            db.execute(f"UPDATE {table} SET outcome = 'refused' WHERE id = ?", (row_id,))  # noqa: S608 - our names

    def _see(self, machines: Sequence[Instance], order_id: int | None) -> None:
        at_ms = self.now_ms()
        if len(machines) > 1 and not self._has_read_ended:
            self._read_ended()
        news = [machine for machine in machines if order_id is not None or self._is_news(machine, at_ms)]
        if news:
            with self.ledger.transaction() as db:
                account = account_id(db, self.account)
                for machine in news:
                    self._write(db, account, machine, at_ms, order_id)
        written_now = {machine.instance_id for machine in news}
        for machine in machines:
            written = at_ms if machine.instance_id in written_now else self._seen[machine.instance_id].written_ms
            self._seen[machine.instance_id] = _Seen(machine.status, machine.price_cent, at_ms, written)

    def _read_ended(self) -> None:
        """Know the machines that the ledger knows to have ended: nothing about them will be news.

        Without that, a new kernel's first list of thousands would look each of them up, to write down nothing.
        """
        with self.ledger.transaction() as db:
            ended = db.execute(
                "SELECT m.instance_id, s.status, s.millicents, max(s.id) FROM machines m"
                " JOIN sightings s ON s.account_id = m.account_id AND s.instance_id = m.instance_id"
                " WHERE m.account_id = ? AND m.order_id IS NULL GROUP BY m.instance_id",
                (account_id(db, self.account),),
            ).fetchall()
        for row in ended:
            if row["status"] in ENDED:
                cents = None if row["millicents"] is None else row["millicents"] // MILLICENTS_PER_CENT
                self._seen.setdefault(row["instance_id"], _Seen(row["status"], cents, at_ms=0, written_ms=0))
        self._has_read_ended = True

    def _is_news(self, machine: Instance, at_ms: int) -> bool:
        seen = self._seen.get(machine.instance_id)
        if seen is None or (seen.status, seen.price_cent) != (machine.status, machine.price_cent):
            return True
        return machine.status not in ENDED and at_ms - seen.written_ms >= SEEN_EVERY_MS

    def _write(self, db: sqlite3.Connection, account: int, machine: Instance, at_ms: int, order_id: int | None) -> None:
        key = (account, machine.instance_id)
        self._write_machine(db, account, machine)
        launch_millicents = self._link_order(db, account, machine, order_id)
        rate = machine.rate
        is_exact = rate is not None
        if rate is not None and launch_millicents is not None:
            # A machine reports cents, which drop the third decimal of a price (FACTS 5.1): the offer had all of it.
            if abs(rate.millicents_per_hour - launch_millicents) < MILLICENTS_PER_CENT:
                rate = Rate(launch_millicents)
        elif rate is not None:
            is_exact = False
        millicents = None if rate is None else rate.millicents_per_hour
        last = db.execute(
            "SELECT * FROM sightings WHERE account_id = ? AND instance_id = ? ORDER BY id DESC LIMIT 1", key
        ).fetchone()
        if last is not None:
            if last["status"] in LEAVING and machine.status not in LEAVING:
                return  # an answer that was overtaken by a newer one
            seen = self._seen.get(machine.instance_id)
            until_ms = max(last["until_ms"], seen.at_ms if seen is not None and seen.status == last["status"] else 0)
            is_same = last["status"] == machine.status and last["millicents"] == millicents
            until_ms = max(until_ms, at_ms) if is_same else until_ms
            db.execute("UPDATE sightings SET until_ms = ? WHERE id = ?", (until_ms, last["id"]))
            if is_same:
                return
            at_ms = max(at_ms, until_ms)
        db.execute(
            "INSERT INTO sightings (account_id, instance_id, at_ms, until_ms, status, millicents, is_exact)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*key, at_ms, at_ms, machine.status, millicents, is_exact),
        )

    def _write_machine(self, db: sqlite3.Connection, account: int, machine: Instance) -> None:
        image = machine.base_image
        db.execute(
            "INSERT INTO machines (account_id, instance_id, meta_key, remark, region, domain, category, gpu, gpus,"
            " image_id, image_name, created_ms) VALUES (:account_id, :instance_id, :meta_key, :remark, :region,"
            " :domain, :category, :gpu, :gpus, :image_id, :image_name, :created_ms) ON CONFLICT DO UPDATE SET"
            " gpu = CASE WHEN excluded.gpu = '' THEN gpu ELSE excluded.gpu END, gpus = coalesce(excluded.gpus, gpus),"
            " image_name = CASE WHEN excluded.image_name = '' THEN image_name ELSE excluded.image_name END,"
            " image_id = CASE WHEN excluded.image_id = '' THEN image_id ELSE excluded.image_id END",
            {
                "account_id": account,
                "instance_id": machine.instance_id,
                "meta_key": machine.meta_key,
                "remark": machine.remark,
                "region": machine.region_name,
                "domain": machine.domain,
                "category": machine.category,
                "gpu": machine.hardware.gpu_name or machine.hardware.cpu_name,
                "gpus": machine.hardware.gpus if machine.hardware.gpu_name or machine.hardware.cpu_name else None,
                "image_id": image.image_id if image else "",
                "image_name": image.image_name if image else "",
                "created_ms": _ms(machine),
            },
        )

    def _link_order(self, db: sqlite3.Connection, account: int, machine: Instance, order_id: int | None) -> int | None:
        """Note that an order became this machine; gives the price at which it was ordered, where that is known."""
        known = db.execute(
            "SELECT order_id FROM machines WHERE account_id = ? AND instance_id = ?", (account, machine.instance_id)
        ).fetchone()["order_id"]
        created_ms = _ms(machine)
        if known is None and order_id is None and machine.meta_key:
            found = db.execute(
                "SELECT id FROM orders WHERE account_id = ? AND meta_key = ? AND outcome = 'sent' AND at_ms <= ?"
                " ORDER BY id DESC LIMIT 1",
                (account, machine.meta_key, (created_ms or self.now_ms()) + CLOCKS_APART_MS),
            ).fetchone()
            order_id = None if found is None else found["id"]
        if known is None and order_id is not None:
            db.execute(
                "UPDATE orders SET outcome = 'started', instance_id = ? WHERE id = ?", (machine.instance_id, order_id)
            )
            # Earlier sends under the same key were the same order: their answers were lost.
            db.execute(
                "UPDATE orders SET outcome = 'refused' WHERE account_id = ? AND meta_key = ? AND outcome = 'sent'",
                (account, machine.meta_key),
            )
            db.execute(
                "UPDATE machines SET order_id = ? WHERE account_id = ? AND instance_id = ?",
                (order_id, account, machine.instance_id),
            )
            known = order_id
        if known is None:
            return None
        price: int | None = db.execute("SELECT millicents FROM orders WHERE id = ?", (known,)).fetchone()["millicents"]
        return price

    def _name_snapshots(self, row_id: int, snapshot_ids: Iterable[str]) -> None:
        """One order can make several snapshots (FACTS 7); all have its name."""
        with self.ledger.transaction() as db:
            for number, snapshot_id in enumerate(snapshot_ids):
                if number:
                    db.execute(
                        "INSERT INTO snapshots (account_id, at_ms, name, instance_id, snapshot_id, outcome)"
                        " SELECT account_id, at_ms, name, instance_id, ?, 'taken' FROM snapshots WHERE id = ?",
                        (snapshot_id, row_id),
                    )
                else:
                    db.execute(
                        "UPDATE snapshots SET snapshot_id = ?, outcome = 'taken' WHERE id = ?", (snapshot_id, row_id)
                    )

    def _see_snapshots(self, snapshots: Sequence[Snapshot]) -> None:
        """A snapshot whose answer was lost gets its name when it is first seen in a list."""
        if not snapshots:
            return
        with self.ledger.transaction() as db:
            account = account_id(db, self.account)
            for snapshot in snapshots:
                if snapshot.create_time is None:
                    continue
                db.execute(
                    "UPDATE snapshots SET snapshot_id = :new, outcome = 'taken' WHERE id = (SELECT id FROM snapshots"
                    " WHERE account_id = :account AND instance_id = :instance AND outcome = 'sent' AND at_ms <= :latest"
                    " ORDER BY id LIMIT 1) AND NOT EXISTS (SELECT 1 FROM snapshots WHERE account_id = :account"
                    " AND snapshot_id = :new) AND at_ms >= :earliest",
                    {
                        "new": snapshot.snapshot_id,
                        "account": account,
                        "instance": snapshot.instance_id,
                        "latest": int(snapshot.create_time.timestamp() * 1000) + CLOCKS_APART_MS,
                        "earliest": int(snapshot.create_time.timestamp() * 1000) - CLOCKS_APART_MS,
                    },
                )

    def _ordered_rate(self, body: Mapping[str, Any]) -> Rate | None:
        """What an order costs by the offers that this client has seen; None where none or several fit."""
        resource_id = (body.get("base_resource") or {}).get("resource_id")
        fitting = [
            spec
            for spec in self._offers.values()
            if spec.region_name == body["region_name"]
            and (spec.resource_id == resource_id if resource_id else spec.hardware_name == _hardware_name(body))
        ]
        if len(fitting) != 1 or fitting[0].rate is None:
            return None
        try:
            return rate_for(fitting[0], body.get("unit_qty", 1), body.get("extra_resource"))
        except InvalidRequest:
            return None


def notebook_name() -> str | None:
    """The notebook that this kernel belongs to, as Jupyter's server tells it; its name alone, not where it lies."""
    path = os.getenv("JPY_SESSION_NAME")
    return PurePath(path).name or None if path else None


def _hardware_name(body: Mapping[str, Any]) -> str:
    unit = (body.get("base_resource") or {}).get("unit_spec") or {}
    names = (body.get("gpu_name"), body.get("cpu_name"), unit.get("gpu_name"), unit.get("cpu_name"))
    return next((str(name) for name in names if name), "")


def _ms(machine: Instance) -> int | None:
    return None if machine.create_time is None else int(machine.create_time.timestamp() * 1000)
