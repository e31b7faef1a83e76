"""`python -m tests.bench`: measure every row and print the table; in full (some five minutes) it is kept as JSON."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from glows_nb.connection import disconnect
from tests.bench.measuring import FULL, SHORT
from tests.bench.report import Measured, as_json, as_markdown
from tests.bench.rows import ROWS

RESULTS = Path(__file__).parent / "results.json"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is asked for.

    The figures of `--short` mean nothing: it shows that every row computes. Only a full run of all rows is kept.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--short", action="store_true", help="as little as shows that every row computes")
    parser.add_argument("--only", metavar="TEXT", default="", help="only rows whose name holds this; nothing is kept")
    given = parser.parse_args(arguments)
    measured: list[Measured] = []
    with _a_user_of_its_own():
        for row in ROWS:
            if given.only in row.what:
                print(f"… {row.what}", file=sys.stderr, flush=True)
                measured.append((row, row.measure(SHORT if given.short else FULL)))
                disconnect()
    print(as_markdown(measured))
    if not given.short and not given.only:
        RESULTS.write_text(as_json(measured), encoding="utf-8")


@contextmanager
def _a_user_of_its_own() -> Iterator[None]:
    """Neither the settings nor the ledger of the person who measures take part."""
    with tempfile.TemporaryDirectory() as home:
        before = dict(os.environ)
        for name in ("GLOWS_SDK_TOKEN", "GLOWS_BASE_URL", "GLOWS_PROFILE"):
            os.environ.pop(name, None)
        os.environ.update(dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "APPDATA", "LOCALAPPDATA"), home))
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


if __name__ == "__main__":
    main()
