"""Make the modules of glows_nb/api/async_resources from those of resources: the same methods, awaited.

    python tools/make_async_resources.py

The methods are thin and differ in nothing but `async` and `await`, so one is written and the other follows.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

API = Path(__file__).parent.parent / "glows_nb" / "api"
SOURCES = API / "resources"
MADE = API / "async_resources"
NOTE = """The methods of `resources/{name}`, awaited.

Made from that file by tools/make_async_resources.py; change that one, and make this again.
"""
CHANGES = (
    (r"^class (\w+):", r"class Async\1:"),
    (r"^    def (?!__init__)", "    async def "),
    (r"\bself\._client\.run\(", "await self._client.run("),
    (r"\bself\.(wait|find)\(", r"await self.\1("),
    (r"\bRunner\b", "AsyncRunner"),
)


def make(source: Path) -> str:
    """The text of the async module for a module of resources."""
    note = NOTE.format(name=source.name)
    subject, rest = source.read_text(encoding="utf-8").split('"""\n', 1)
    made = f'{subject}\n\n{note}"""\n{rest}'
    for pattern, change in CHANGES:
        made = re.sub(pattern, change, made, flags=re.M)
    formatted = subprocess.run(  # noqa: S603 - our own formatter
        [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(MADE / source.name), "-"],
        input=made,
        capture_output=True,
        text=True,
        check=True,
    )
    return formatted.stdout


def sources() -> list[Path]:
    """The modules of resources, without the package's own."""
    return sorted(path for path in SOURCES.glob("*.py") if path.name != "__init__.py")


if __name__ == "__main__":
    for source in sources():
        (MADE / source.name).write_text(make(source), encoding="utf-8")
