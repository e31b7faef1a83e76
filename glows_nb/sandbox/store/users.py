"""Users, their limits, the server's secrets and switches, in the database."""

import json
import secrets
from collections.abc import Mapping

from glows_nb.sandbox.settings import Limits, Switches, changed
from glows_nb.sandbox.store.database import Database
from glows_nb.sandbox.tokens import User

_FIRST_UID = 10001  # as in the contract's sample name of a submitted image


class UserStore:
    """Who there is, and what each may have: the given limits and switches, with what was changed since."""

    def __init__(self, database: Database, limits: Limits, switches: Switches) -> None:
        self._database = database
        self._limits = limits
        self._switches = switches
        # Each request asks for both, and nobody but this store changes them.
        self._limits_of: dict[int, Limits] = {}
        self._switches_now: Switches | None = None
        with database.transaction():
            for name in ("jwt_secret", "admin_token"):
                database.write("INSERT OR IGNORE INTO settings VALUES (?, ?)", (name, secrets.token_urlsafe(48)))
            # A row that makes numbering start where it should; nobody can be called "".
            database.write("INSERT OR IGNORE INTO users (uid, name) VALUES (?, '')", (_FIRST_UID - 1,))

    def secret(self) -> str:
        """Return the secret that tokens are signed with; it stays the same as long as the file."""
        return self._setting("jwt_secret")

    def admin_token(self) -> str:
        """Return what opens the admin side; it stays the same as long as the file."""
        return self._setting("admin_token")

    def user(self, name: str) -> User:
        """Return the user of that name, who comes into being by being asked for."""
        with self._database.transaction():
            self._database.write("INSERT OR IGNORE INTO users (name) VALUES (?)", (name,))
            row = self._database.rows("SELECT uid FROM users WHERE name = ?", (name,))[0]
        return User(uid=row["uid"], name=name)

    def kept_time(self) -> float:
        """Return the virtual time at which the sandbox stopped last, 0 if it never has."""
        return float(self._setting("time", "0"))

    def keep_time(self, now: float) -> None:
        """Keep the virtual time for the next start."""
        self._set("time", repr(now))

    def names(self) -> dict[int, str]:
        """Return everybody's name by number."""
        rows = self._database.rows("SELECT uid, name FROM users WHERE uid >= ?", (_FIRST_UID,))
        return {row["uid"]: row["name"] for row in rows}

    def limits(self, uid: int) -> Limits:
        """Return what a user may have."""
        with self._database.lock:
            limits = self._limits_of.get(uid)
            if limits is None:
                row = self._database.row("SELECT limits FROM users WHERE uid = ?", (uid,))
                limits = self._limits_of[uid] = changed(self._limits, {} if row is None else json.loads(row["limits"]))
            return limits

    def change_limits(self, uid: int, changes: Mapping[str, object]) -> Limits:
        """Change some of a user's limits; ValueError says what is wrong with them."""
        with self._database.transaction():
            row = self._database.rows("SELECT limits FROM users WHERE uid = ?", (uid,))[0]
            limits = changed(self._limits, together := json.loads(row["limits"]) | dict(changes))
            self._database.write("UPDATE users SET limits = ? WHERE uid = ?", (json.dumps(together), uid))
            self._limits_of.pop(uid, None)
        return limits

    def switches(self) -> Switches:
        """Return how the switches stand."""
        with self._database.lock:
            if self._switches_now is None:
                self._switches_now = changed(self._switches, json.loads(self._setting("switches", "{}")))
            return self._switches_now

    def change_switches(self, changes: Mapping[str, object]) -> Switches:
        """Change some switches; ValueError says what is wrong with them."""
        with self._database.transaction():
            together = json.loads(self._setting("switches", "{}")) | dict(changes)
            switches = changed(self._switches, together)
            self._set("switches", json.dumps(together))
            self._switches_now = None
        return switches

    def _set(self, name: str, value: str) -> None:
        self._database.write(
            "INSERT INTO settings VALUES (:name, :value) ON CONFLICT DO UPDATE SET value = :value",
            {"name": name, "value": value},
        )

    def _setting(self, name: str, default: str = "") -> str:
        row = self._database.row("SELECT value FROM settings WHERE name = ?", (name,))
        return default if row is None else str(row["value"])
