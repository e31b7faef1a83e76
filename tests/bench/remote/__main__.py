"""`python -m tests.bench.remote`: measure every row and print the table.

That needs OpenSSH and rsync and takes some minutes; nothing of it is kept.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from tests.bench.measuring import FULL, SHORT, Figures
from tests.bench.remote.rows import ROWS
from tests.bench.report import as_markdown, results_of
from tests.bench.rows import Row


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is asked for, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.remote")
    parser.add_argument("--short", action="store_true", help="as little as shows that every row computes")
    parser.add_argument("--only", metavar="TEXT", default="", help="only rows whose name holds this")
    given = parser.parse_args(arguments)
    measured: list[tuple[Row, Figures]] = []
    for row in ROWS:
        if given.only in row.what:
            print(f"… {row.what}", file=sys.stderr, flush=True)
            measured.append((row, row.measure(SHORT if given.short else FULL)))
    print(as_markdown(results_of(measured)))


if __name__ == "__main__":
    main()
