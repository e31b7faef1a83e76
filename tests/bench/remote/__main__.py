"""`python -m tests.bench.remote`: measure every row and print the table.

That needs OpenSSH and rsync and takes some minutes; nothing of it is kept.
"""

from __future__ import annotations

from tests.bench.remote.rows import ROWS
from tests.bench.report import print_rows

if __name__ == "__main__":
    print_rows(ROWS, "tests.bench.remote", None)
