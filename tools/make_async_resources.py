"""Make glows_nb/api/async_resources.py from resources.py: the same methods, awaited.

    python tools/make_async_resources.py

The methods are thin and differ in nothing but `async` and `await`, so one is written and the other follows.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

API = Path(__file__).parent.parent / "glows_nb" / "api"
OPENING = '''"""The resources of an `AsyncClient`: those of `resources.py`, every method awaited.

Made from that file by tools/make_async_resources.py; change that one, and make this again.
"""
'''
CHANGES = (
    (r"^class (\w+):", r"class Async\1:"),
    (r"^    def (?!__init__)", "    async def "),
    (r"\bself\._client\.run\(", "await self._client.run("),
    (r"\bself\.(wait|find)\(", r"await self.\1("),
    (r"\bClient\b", "AsyncClient"),
)


def make(source: str) -> str:
    """The text of async_resources.py for a text of resources.py."""
    made = OPENING + source.split('"""\n', 1)[1]
    for pattern, change in CHANGES:
        made = re.sub(pattern, change, made, flags=re.M)
    formatted = subprocess.run(  # noqa: S603 - our own formatter
        [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(API / "async_resources.py"), "-"],
        input=made,
        capture_output=True,
        text=True,
        check=True,
    )
    return formatted.stdout


if __name__ == "__main__":
    (API / "async_resources.py").write_text(make((API / "resources.py").read_text(encoding="utf-8")), encoding="utf-8")
