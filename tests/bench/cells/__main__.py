"""`python -m tests.bench.cells`: measure every row about cells on machines and print the table.

That needs OpenSSH and takes some minutes; the whole in full is kept in README where that has a place for it.
"""

from __future__ import annotations

import os
import tempfile

from tests.bench.cells.rows import ROWS
from tests.bench.measuring import ROOT
from tests.bench.report import in_readme, print_rows

PROGRAM = "tests.bench.cells"

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "IPYTHONDIR", "JUPYTER_RUNTIME_DIR"):
            os.environ[name] = home
        results = print_rows(ROWS, PROGRAM, None)
    if results is not None:
        readme = ROOT / "README.md"
        text = readme.read_text(encoding="utf-8")
        if f"python -m {PROGRAM} writes this" in text:
            readme.write_text(in_readme(text, results, PROGRAM), encoding="utf-8")
