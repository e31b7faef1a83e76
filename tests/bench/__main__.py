"""`python -m tests.bench`: measure every row and print the table.

In full (some five minutes) it is kept: as JSON beside this file, and in README.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from glows_nb.connection import disconnect
from tests.bench.measuring import FULL, ROOT, SHORT, Figures
from tests.bench.report import as_json, as_markdown, in_readme, results_of
from tests.bench.rows import ROWS, Row

RESULTS = Path(__file__).parent / "results.json"
README = ROOT / "README.md"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is asked for.

    The figures of `--short` mean nothing: it shows that every row computes. Only a full run of all rows is kept.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--short", action="store_true", help="as little as shows that every row computes")
    parser.add_argument("--only", metavar="TEXT", default="", help="only rows whose name holds this; nothing is kept")
    given = parser.parse_args(arguments)
    measured: list[tuple[Row, Figures]] = []
    with _a_user_of_its_own():
        for row in ROWS:
            if given.only in row.what:
                print(f"… {row.what}", file=sys.stderr, flush=True)
                measured.append((row, row.measure(SHORT if given.short else FULL)))
                disconnect()
    results = results_of(measured)
    print(as_markdown(results))
    if not given.short and not given.only:
        RESULTS.write_text(as_json(results), encoding="utf-8")
        README.write_text(in_readme(README.read_text(encoding="utf-8"), results, "tests.bench"), encoding="utf-8")


@contextmanager
def _a_user_of_its_own() -> Iterator[None]:
    """Neither the settings nor the ledger of the person who measures take part."""
    with tempfile.TemporaryDirectory() as home:
        before = dict(os.environ)
        for name in ("GLOWS_SDK_TOKEN", "GLOWS_BASE_URL", "GLOWS_PROFILE"):
            os.environ.pop(name, None)
        folders = ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "APPDATA", "LOCALAPPDATA")
        os.environ.update(dict.fromkeys(folders, home))
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


if __name__ == "__main__":
    main()
