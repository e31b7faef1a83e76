"""The one connection to the sandbox's file: its lock, its transactions, and how it is opened.

Nothing of what the tables mean is known here; each store has the SQL of its own resource.
"""

import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from glows_nb.sandbox.store import schema

_APPLICATION_ID = 0x474C5753  # "GLWS": marks a file as a sandbox's, so that `fresh` can't empty another program's


class StoreError(Exception):
    """The file can't be used: another sandbox has it open, or it isn't a sandbox's."""


class Database:
    """A SQLite file, or memory when `path` is None. What a method has returned from is on disk.

    `fresh` empties the file first, whatever version of the sandbox wrote it.
    """

    def __init__(self, path: Path | None, *, is_fresh: bool = False) -> None:
        self.lock = threading.RLock()
        self._path = path
        try:
            if path is not None:
                # Tokens and variables are in it. SQLite gives its other files the mode of this one.
                os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._connection = sqlite3.connect(
                path or ":memory:", timeout=1, isolation_level=None, check_same_thread=False
            )
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"{path} can't be opened: {error}") from error
        self._connection.row_factory = sqlite3.Row
        try:
            self._prepare(is_fresh=is_fresh)
        except (sqlite3.Error, OSError, StoreError) as error:
            self._connection.close()
            raise StoreError(f"{path} can't be used, or another sandbox is using it: {error}") from error

    def close(self) -> None:
        """Close the file; nothing can be done with it after that."""
        with self.lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make everything inside one step: all of it happens, or nothing, and nothing comes between.

        One inside another is part of it.
        """
        with self.lock:
            if self._connection.in_transaction:
                yield
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def rows(self, sql: str, values: Sequence[object] | Mapping[str, object] = ()) -> list[sqlite3.Row]:
        """Run a query and return all that it finds."""
        with self.lock:
            return self._connection.execute(sql, values).fetchall()

    def row(self, sql: str, values: Sequence[object] | Mapping[str, object] = ()) -> sqlite3.Row | None:
        """Run a query and return the first that it finds."""
        with self.lock:
            found: sqlite3.Row | None = self._connection.execute(sql, values).fetchone()
            return found

    def number(self, sql: str, values: Sequence[object] | Mapping[str, object] = ()) -> int:
        """Run a query that finds one number; nothing is 0."""
        row = self.row(sql, values)
        return 0 if row is None else int(row[0] or 0)

    def write(self, sql: str, values: Sequence[object] | Mapping[str, object] = ()) -> int:
        """Run a statement and return how many rows it changed."""
        with self.lock:
            return self._connection.execute(sql, values).rowcount

    def _make_private(self) -> None:
        """Let nobody else read what an earlier version left readable."""
        for suffix in ("", "-wal", "-shm", "-journal"):
            if self._path is not None and (file := self._path.with_name(self._path.name + suffix)).exists():
                file.chmod(0o600)

    def _prepare(self, *, is_fresh: bool) -> None:
        run = self._connection.execute
        # Exclusive: two sandboxes on one file would move each other's machines. WAL through one connection is
        # safe in every version of SQLite (DESIGN, "Local state").
        run("PRAGMA locking_mode = EXCLUSIVE")
        version, mark = run("PRAGMA user_version").fetchone()[0], run("PRAGMA application_id").fetchone()[0]
        names = {row[0] for row in run("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        if mark != _APPLICATION_ID and (mark or names):
            raise StoreError("it is the database of some other program")
        self._make_private()
        if not is_fresh and version not in (0, schema.VERSION):
            raise StoreError(
                f"the file is of version {version}, this sandbox reads {schema.VERSION}; start it fresh (--fresh)"
            )
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = FULL")
        drops = "".join(f'DROP TABLE "{name}";' for name in names if not name.startswith("sqlite_")) if is_fresh else ""
        self._connection.executescript(
            f"BEGIN IMMEDIATE; {drops} {schema.TABLES} PRAGMA user_version = {schema.VERSION};"
            f" PRAGMA application_id = {_APPLICATION_ID}; COMMIT;"
        )
