"""`python -m tests.bench.remote`: measure every row and print the table.

That needs OpenSSH and rsync and takes some minutes; the whole in full is kept in README.
"""

from __future__ import annotations

from tests.bench.measuring import ROOT
from tests.bench.remote.rows import ROWS
from tests.bench.report import in_readme, print_rows

PROGRAM = "tests.bench.remote"

if __name__ == "__main__":
    results = print_rows(ROWS, PROGRAM, None)
    if results is not None:
        readme = ROOT / "README.md"
        readme.write_text(in_readme(readme.read_text(encoding="utf-8"), results, PROGRAM), encoding="utf-8")
