"""What an account's answers named lately: machines, offers, images, snapshots, networks. Completion offers these.

A client's `Known` learns from every answer that the client gets. A small file in the user's cache folder lets the next
process begin with it; who writes last wins there, and losing the file loses nothing. It holds ids, keys, names,
statuses and prices, and no secret.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import RLock
from typing import Any, Final, Literal

from platformdirs import user_cache_path

from glows_nb.api.models import (
    Image,
    Instance,
    InstanceStatus,
    Network,
    Page,
    RegionSpecs,
    Snapshot,
    SnapshotsCreated,
    Spec,
    SubmittedImage,
)
from glows_nb.api.observing import Answered, Event
from glows_nb.api.routes import ROUTES
from glows_nb.api.steps import Operation
from glows_nb.api.tokens import digest

log: Final = logging.getLogger("glows_nb")

Kind = Literal["machine", "offer", "image", "snapshot", "network"]

FRESH_SECONDS: Final = 30.0
"""What was asked for so lately is not asked for again."""

KEPT_SECONDS: Final = 30 * 86400.0
"""A file that was not written for so long is deleted."""

MOST_ENTRIES: Final = 1_000
"""Of each kind, so many of the newest are remembered."""

WRITE_EVERY: Final = 2.0
"""Seconds between two writings of the file: a list of many pages is many answers."""


@dataclass(frozen=True)
class KnownMachine:
    """A machine as it was last seen; `created` is in seconds since 1970."""

    id: str
    meta_key: str
    status: str
    hardware: str
    created: int = 0


@dataclass(frozen=True)
class KnownOffer:
    """An offer; the price is in millicents per hour."""

    id: str
    region: str
    gpu: str
    millicents: int


@dataclass(frozen=True)
class KnownThing:
    """An image, a snapshot or a network; `about` is its status or place, in a word."""

    id: str
    name: str
    about: str = ""
    is_owned: bool = False


Entry = KnownMachine | KnownOffer | KnownThing

ENTRY_OF: Final[dict[Kind, type[Entry]]] = {
    "machine": KnownMachine,
    "offer": KnownOffer,
    "image": KnownThing,
    "snapshot": KnownThing,
    "network": KnownThing,
}


class Known:
    """What is known of one account at one address; an observer of the clients that it has here."""

    def __init__(self, base_url: str, account_mark: str) -> None:
        self.account_mark = account_mark
        self._path = user_cache_path("glows-nb", appauthor=False) / f"known-{digest(f'{base_url} {account_mark}')}.json"
        self._lock = RLock()
        self._writing = RLock()
        self._written_at = -WRITE_EVERY
        self._is_written = True
        self._asked: dict[str, float] = {}
        self._entries: dict[Kind, dict[str, Any]] = {kind: {} for kind in ENTRY_OF}
        self._read()

    def machines(self) -> list[KnownMachine]:
        """Machines, the newest first."""
        return self._all("machine")

    def offers(self) -> list[KnownOffer]:
        """Offers of all regions."""
        return self._all("offer")

    def things(self, kind: Literal["image", "snapshot", "network"]) -> list[KnownThing]:
        """Images, snapshots or networks."""
        return self._all(kind)

    def is_due(self, kind: Kind) -> bool:
        """Is it time to ask the service again?"""
        return not 0 <= time.time() - self._asked.get(kind, 0) < FRESH_SECONDS

    def note_asking(self, kind: Kind) -> None:
        """The service is being asked now: neither this process nor another is to ask too."""
        self._asked[kind] = time.time()
        self._write()

    def replace(self, kind: Kind, results: Iterable[Any], names: dict[str, str] | None = None) -> None:
        """These are all there are of a kind; `names` has those that the service does not tell, by id."""
        entries = {entry.id: entry for result in results for _, entry in _entries_in(result)}
        with self._lock:
            for id_, name in (names or {}).items():
                if id_ in entries:
                    entries[id_] = replace(entries[id_], name=name)
            self._entries[kind] = _kept(entries, self._entries[kind], is_complete=True)
        self._write()

    def __call__(self, event: Event) -> None:
        """What `Client.observers` calls."""
        if isinstance(event, Answered) and self._learn(event.operation, event.result):
            self._is_written = False
            if time.monotonic() - self._written_at >= WRITE_EVERY:
                self._write()

    def save(self) -> None:
        """Write what was learnt since the file was last written; done by itself when the process ends."""
        if not self._is_written:
            self._write()

    def _learn(self, operation: Operation[Any], result: Any) -> bool:
        if isinstance(result, Page):
            result = Page(pagination=result.pagination, items=tuple(filter(self._is_of_interest, result.items)))
        found = _entries_in(result, operation)
        with self._lock:
            before = {kind: self._entries[kind] for kind in ENTRY_OF}
            for kind in {kind for kind, _ in found}:
                news = {entry.id: entry for of, entry in found if of == kind}
                # A machine that is known just so stands where it belongs already.
                if kind != "machine" or any(self._entries[kind].get(id_) != entry for id_, entry in news.items()):
                    self._entries[kind] = _kept(news, self._entries[kind])
            if operation.name == ROUTES["delete image"].name and operation.body:
                gone = operation.body["image_id"]
                self._entries["image"] = {id_: image for id_, image in self._entries["image"].items() if id_ != gone}
            if operation.name == ROUTES["cancel instance"].name:
                named = {value for _, value in operation.params}
                self._entries["machine"] = {
                    id_: replace(machine, status=InstanceStatus.CANCELING.value)
                    if {id_, machine.meta_key} & named
                    else machine
                    for id_, machine in self._entries["machine"].items()
                }
            return before != self._entries

    def _is_of_interest(self, item: Any) -> bool:
        """Not so a machine of a list that is no newer than all that are remembered: nearly every one of a long list."""
        machines = self._entries["machine"]
        if not isinstance(item, Instance) or item.create_time is None or len(machines) < MOST_ENTRIES:
            return True
        oldest: KnownMachine = next(reversed(machines.values()))
        return item.instance_id in machines or int(item.create_time.timestamp()) > oldest.created

    def _all(self, kind: Kind) -> list[Any]:
        return list(self._entries[kind].values())

    def _read(self) -> None:
        try:
            saved = json.loads(self._path.read_text(encoding="utf-8"))
            self._asked = {kind: float(saved["asked"].get(kind, 0)) for kind in ENTRY_OF}
            self._entries = {
                kind: {row["id"]: entry(**row) for row in saved["entries"].get(kind, ())}
                for kind, entry in ENTRY_OF.items()
            }
        except FileNotFoundError:
            self._tidy()
        except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:
            log.debug("what completion knew can't be read and is asked for again: %s", error)

    def _tidy(self) -> None:
        """Files that nobody has used for long go: every sandbox that ever ran had one."""
        with suppress(OSError):
            for path in self._path.parent.glob("known-*"):
                if time.time() - path.stat().st_mtime > KEPT_SECONDS:
                    path.unlink()

    def _write(self) -> None:
        self._written_at, self._is_written = time.monotonic(), True
        with self._lock:
            rows = {kind: [asdict(entry) for entry in entries.values()] for kind, entries in self._entries.items()}
            text = json.dumps({"asked": self._asked, "entries": rows})
        try:
            with self._writing:
                self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                # A temporary file of this kind is readable by its owner alone.
                number, name = tempfile.mkstemp(dir=self._path.parent, prefix=self._path.stem)
                try:
                    with os.fdopen(number, "w", encoding="utf-8") as file:
                        file.write(text)
                    Path(name).replace(self._path)
                except BaseException:
                    with suppress(OSError):
                        Path(name).unlink()
                    raise
        except OSError as error:
            log.debug("what completion knows can't be kept: %s", error)


_accounts: Final[dict[tuple[str, str], Known]] = {}
_accounts_lock: Final = RLock()


def known_account(base_url: str, account_mark: str) -> Known:
    """What is known of an account at an address: one for all of this process."""
    with _accounts_lock:
        key = (base_url, account_mark)
        if key not in _accounts:
            _accounts[key] = Known(base_url, account_mark)
        return _accounts[key]


@atexit.register
def _save_all() -> None:
    for known in _accounts.values():
        known.save()


def _kept(news: dict[str, Any], before: dict[str, Any], *, is_complete: bool = False) -> dict[str, Any]:
    """The news first, then what was known before; what only an earlier answer told is kept in both.

    Machines stand in the order of their age, since later pages of a list hold the older ones.
    """
    told = {id_: _merged(entry, before.get(id_)) for id_, entry in news.items()}
    rest = {} if is_complete else {id_: entry for id_, entry in before.items() if id_ not in news}
    newest_first = sorted({**told, **rest}.items(), key=lambda item: -getattr(item[1], "created", 0))
    return dict(newest_first[:MOST_ENTRIES])


def _merged(entry: Any, before: Any) -> Any:
    """A snapshot's name and whether an image is one's own are not told by every answer."""
    if not isinstance(entry, KnownThing) or not isinstance(before, KnownThing):
        return entry
    return replace(entry, name=entry.name or before.name, is_owned=entry.is_owned or before.is_owned)


def _entries_in(result: Any, operation: Operation[Any] | None = None) -> list[tuple[Kind, Any]]:
    """What a result names."""
    is_owned = operation is not None and ("owned", "true") in operation.params
    body = (operation.body if operation else None) or {}
    match result:
        case Page():
            return [entry for item in result.items for entry in _entries_in(item, operation)]
        case RegionSpecs():
            return [entry for spec in result.specs for entry in _entries_in(spec)]
        case Instance():
            hardware = result.hardware.gpu_name or result.hardware.cpu_name
            created = int(result.create_time.timestamp() if result.create_time else time.time())
            machine = KnownMachine(result.instance_id, result.meta_key, str(result.status), hardware, created)
            return [("machine", machine)]
        case Spec():
            id_ = f"{result.region_name}/{result.resource_id}"
            offer = KnownOffer(id_, result.region_name, result.unit.gpu_name, result.rate.millicents_per_hour)
            return [("offer", offer)]
        case Image():
            return [("image", KnownThing(result.image_id, result.name, is_owned=is_owned))]
        case SubmittedImage():
            return [("image", KnownThing(result.image_id, result.name, is_owned=True))]
        case Snapshot():
            return [("snapshot", KnownThing(result.snapshot_id, "", result.instance_id))]
        case SnapshotsCreated():
            name = str(body.get("name", ""))
            return [("snapshot", KnownThing(id_, name, result.instance_id)) for id_ in result.snapshot_ids]
        case Network():
            return [("network", KnownThing(result.network_id, result.name))]
        case str() if operation is not None and operation.name == ROUTES["create network"].name:
            return [("network", KnownThing(result, str(body.get("name", "")), str(body.get("region_name", ""))))]
        case _:
            return []
