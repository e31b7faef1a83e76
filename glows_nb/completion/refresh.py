"""Keeps what completion offers fresh, in the background: nobody who completes ever waits for the service.

A notebook asks the service from a thread; a terminal, where each Tab is a process of its own, from a process that goes
on behind it: `python -m glows_nb.completion.refresh machine`. Nothing runs while nobody completes.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from contextlib import nullcontext
from contextvars import ContextVar
from threading import Lock, Thread
from typing import TYPE_CHECKING, Final

from glows_nb.api.credentials.config import is_token_in_keyring, resolve
from glows_nb.api.credentials.tokens import account_mark
from glows_nb.api.errors import GlowsError
from glows_nb.completion.cache import NameCache, name_cache, names_of
from glows_nb.completion.entries import ENTRY_OF, Kind

if TYPE_CHECKING:
    from glows_nb.api.client import Client

log: Final = logging.getLogger("glows_nb")

LONGEST_LOOK: Final = 0.02
"""Seconds that the keyring may hold up completion. Where it takes longer, the next Tab in the same process knows."""

NEWEST_MACHINES: Final = 100


source: Final[ContextVar[Source | None]] = ContextVar("source", default=None)
"""Where completion that is going on reads what is known."""


class Source:
    """What completion reads: what is known of the account in use, refreshed when it is old.

    Args:
        refresh: starts asking the service for a kind, by the client in use if there is one, and returns at once.
        client_in_use: gives that client; without it the account is that of the environment.
    """

    def __init__(
        self, refresh: Callable[[Kind, Client | None], None], client_in_use: Callable[[], Client | None] = lambda: None
    ) -> None:
        self._refresh = refresh
        self._client_in_use = client_in_use

    def known(self, kind: Kind) -> NameCache | None:
        """What is known now, None where there is no account; never waits for the service."""
        client = self._client_in_use()
        known = _environment.known() if client is None else name_cache(client.base_url, client.account_mark)
        if known is not None and known.is_due(kind):
            known.note_asking(kind)
            self._refresh(kind, client)
        return known


def in_thread(kind: Kind, client: Client | None) -> None:
    """Ask the service from a thread of this process."""
    Thread(target=_refresh_quietly, args=(kind, client), name=f"glows-nb-{kind}", daemon=True).start()


def in_process(kind: Kind, client: Client | None = None) -> None:
    """Ask the service from a process that outlives this one."""
    import subprocess

    # -P: what lies in the folder where the user happens to be is not imported.
    command = [sys.executable, "-P", "-m", "glows_nb.completion.refresh", kind]
    nowhere = subprocess.DEVNULL
    try:
        subprocess.Popen(command, stdin=nowhere, stdout=nowhere, stderr=nowhere, start_new_session=True)  # noqa: S603
    except OSError as error:
        log.debug("completion can't be refreshed: %s", error)


def refresh(client: Client, kind: Kind) -> None:
    """Ask the service for everything of a kind.

    Raises:
        GlowsError: the service can't be asked.
    """
    from glows_nb.api.models.rows import readable
    from glows_nb.ledger.recorder import recorder_of

    known = names_of(client)
    match kind:
        case "machine":
            newest = client.instances.all(limit=NEWEST_MACHINES)
            # Of a longer list this is the part that changes; `known` has learnt it by now, and keeps what is older.
            if len(newest) < NEWEST_MACHINES:
                known.replace(kind, readable(newest))
        case "offer":
            known.replace(kind, readable(client.specs.all()))
        case "image":
            known.replace(kind, readable(client.images.all()))
            client.images.all(owned=True)
        case "snapshot":
            names = recorder_of(client).snapshot_names()
            known.replace(kind, readable(client.snapshots.all()), names)
        case "network":
            from glows_nb.api.domains import networks_and_regions_not_asked

            networks, _ = client.run(networks_and_regions_not_asked(strict=False))
            known.replace(kind, readable(networks))


def _refresh_quietly(kind: Kind, client: Client | None) -> None:
    """For the background, where no error has a reader: a command that meets the same one will tell."""
    from glows_nb.api.client import Client

    try:
        # A client of the environment is made for this alone: which one is in use is for the user to say.
        with nullcontext(client) if client is not None else Client() as asking:
            refresh(asking, kind)
    except Exception as error:  # noqa: BLE001 - see above
        log.debug("completion can't be refreshed: %s", error)


class _Environment:
    """The account that the environment or the profile file names; a keyring is asked in a thread with a deadline."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._thread: Thread | None = None
        self._known: NameCache | None = None

    def known(self) -> NameCache | None:
        with self._lock:
            if not self._is_slow():
                self._look()
                return self._known
            if self._thread is None or not self._thread.is_alive():
                self._thread = Thread(target=self._look, name="glows-nb-account", daemon=True)
                self._thread.start()
            self._thread.join(LONGEST_LOOK)
            return self._known

    def _is_slow(self) -> bool:
        try:
            return is_token_in_keyring()
        except (GlowsError, OSError):
            return False  # the look will meet the same

    def _look(self) -> None:
        try:
            connection = resolve()
            self._known = name_cache(connection.base_url, account_mark(connection.token.get_secret_value()))
        except GlowsError:
            self._known = None
        except Exception as error:  # noqa: BLE001 - a keyring raises what it likes
            log.debug("completion can't tell the account: %s", error)
            self._known = None


_environment: Final = _Environment()


if __name__ == "__main__":
    for _word in sys.argv[1:]:
        if _word in ENTRY_OF:
            _refresh_quietly(_word, None)
