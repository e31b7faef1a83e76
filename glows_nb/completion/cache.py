"""The cache of names: machines, offers, images, snapshots and networks that an account's answers named lately.

A client's `NameCache` learns from every answer that the client gets. Its file, by which the next process knows them
too, lies in the user's cache folder; who writes last wins there, and losing it loses nothing. It holds ids, keys,
names, statuses and prices, and no secret. Each Tab in a shell is a process of its own that loads this, so nothing here
loads pydantic or the network before an answer has come.
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
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, Final, Literal, get_type_hints

from platformdirs import user_cache_path

from glows_nb.api.credentials.tokens import digest
from glows_nb.api.statuses import InstanceStatus
from glows_nb.completion.entries import ENTRY_OF, Kind, KnownMachine, KnownOffer, KnownThing

if TYPE_CHECKING:
    from glows_nb.api.client import Client
    from glows_nb.api.models.instances import Instance
    from glows_nb.api.observing import Event
    from glows_nb.api.steps import Operation

log: Final = logging.getLogger("glows_nb")

FRESH_SECONDS: Final = 30.0
"""What was asked for so lately is not asked for again."""

KEPT_SECONDS: Final = 30 * 86400.0
"""A file that was not written for so long is deleted."""

MOST_ENTRIES: Final = 1_000
"""Of each kind, so many of the newest are remembered."""

WRITE_EVERY: Final = 2.0
"""Seconds between two writings of the file: a list of many pages is many answers."""


class NameCache:
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
        from glows_nb.completion.answers import ENTRY_FOR

        entries: dict[str, Any] = {entry.id: entry for entry in map(ENTRY_FOR[kind], results)}
        with self._lock:
            for id_, name in (names or {}).items():
                if id_ in entries:
                    entries[id_] = entries[id_]._replace(name=name)
            self._entries[kind] = _kept(entries, self._entries[kind], is_complete=True)
        self._write()

    def __call__(self, event: Event) -> None:
        """What `Client.observers` calls."""
        from glows_nb.api.observing import Answered

        if isinstance(event, Answered) and self._learn(event.operation, event.result):
            self._is_written = False
            if time.monotonic() - self._written_at >= WRITE_EVERY:
                self._write()

    def save(self) -> None:
        """Write what was learnt since the file was last written; done by itself when the process ends."""
        if not self._is_written:
            self._write()

    def _learn(self, operation: Operation[Any], result: Any) -> bool:
        from glows_nb.completion.answers import entries_in

        found = entries_in(result, operation, self._is_of_interest)
        with self._lock:
            before = {kind: self._entries[kind] for kind in ENTRY_OF}
            for kind in {kind for kind, _ in found}:
                news = {entry.id: entry for of, entry in found if of == kind}
                # A machine that is known just so stands where it belongs already.
                if kind != "machine" or any(self._entries[kind].get(id_) != entry for id_, entry in news.items()):
                    self._entries[kind] = _kept(news, self._entries[kind])
            if operation.name == "delete image" and operation.body:
                gone = operation.body["image_id"]
                self._entries["image"] = {id_: image for id_, image in self._entries["image"].items() if id_ != gone}
            if operation.name == "cancel instance":
                named = {value for _, value in operation.params}
                self._entries["machine"] = {
                    id_: machine._replace(status=InstanceStatus.CANCELING.value)
                    if {id_, machine.meta_key} & named
                    else machine
                    for id_, machine in self._entries["machine"].items()
                }
            return before != self._entries

    def _is_of_interest(self, item: Instance) -> bool:
        """Not so a machine of a list that is no newer than all that are remembered: nearly every one of a long list."""
        machines = self._entries["machine"]
        if item.create_time is None or len(machines) < MOST_ENTRIES:
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
                kind: {entry.id: entry for entry in _entries(of, saved["entries"].get(kind, ()))}
                for kind, of in ENTRY_OF.items()
            }
        except FileNotFoundError:
            self._tidy()
        except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
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
            rows = {kind: [entry._asdict() for entry in entries.values()] for kind, entries in self._entries.items()}
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


def _entries(kind: type[Any], rows: Iterable[dict[str, Any]]) -> list[Any]:
    """Entries as they were written; a file in which somebody else wrote is not believed."""
    hints = get_type_hints(kind)
    entries = [kind(**row) for row in rows]
    if any(type(cell) is not hint for entry in entries for cell, hint in zip(entry, hints.values(), strict=True)):
        raise TypeError(f"what is written of a {kind.__name__} is none")
    return entries


_accounts: Final[dict[tuple[str, str], NameCache]] = {}
_accounts_lock: Final = RLock()


def name_cache(base_url: str, account_mark: str) -> NameCache:
    """What is known of an account at an address: one for all of this process."""
    with _accounts_lock:
        key = (base_url, account_mark)
        if key not in _accounts:
            _accounts[key] = NameCache(base_url, account_mark)
        return _accounts[key]


def names_of(client: Client) -> NameCache:
    """What completion knows of a client's account; from now on it learns from what the client is answered."""
    known = name_cache(client.base_url, client.account_mark)
    with _accounts_lock:
        if known not in client.observers:
            client.observers.add(known)
    return known


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
    return entry._replace(name=entry.name or before.name, is_owned=entry.is_owned or before.is_owned)
