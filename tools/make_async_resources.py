"""Make what is awaited from what is not: the modules of api/async_resources, remote/async_machine and its jobs.

    python tools/make_async_resources.py

The methods are thin and differ in nothing but `async` and `await`, so one is written and the other follows.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "glows_nb"
SOURCES = PACKAGE / "api" / "resources"
MADE = PACKAGE / "api" / "async_resources"
MACHINE = PACKAGE / "remote" / "machine.py"
ASYNC_MACHINE = PACKAGE / "remote" / "async_machine.py"
JOB = PACKAGE / "remote" / "jobs" / "job.py"
ASYNC_JOB = PACKAGE / "remote" / "jobs" / "async_job.py"
NOTE = """The methods of `{name}`, awaited.

Made from that file by tools/make_async_resources.py; change that one, and make this again.
"""
Changes = Sequence[tuple[str, str]]
OF_RESOURCES: Changes = (
    (r"^class (\w+):", r"class Async\1:"),
    (r"^    def (?!__init__)", "    async def "),
    (r"\bself\._client\.run\(", "await self._client.run("),
    (r"\bself\.(wait|find)\(", r"await self.\1("),
    (r"\bRunner\b", "AsyncRunner"),
)
OF_MACHINE: Changes = (
    (r"^class Machine:", "class AsyncMachine:"),
    (r"\bJob\b", "AsyncJob"),
    (r"jobs\.job import", "jobs.async_job import"),
    (r"^    def __(enter|exit)__", r"    async def __a\1__"),
    (r"^    def (?!__init__|__repr__|instance\b)", "    async def "),
    (r"-> Machine:", "-> AsyncMachine:"),
    (r"<Machine ", "<AsyncMachine "),
    (r"\bself\.(_run|close)\(", r"await self.\1("),
    # What is awaited is stopped by cancelling it.
    (r"^ +stop: Event .*\n", ""),
    (r"^ +stop: what .*\n", ""),
    (r"^ +Stopped: .*\n", ""),
    (r"\bStopped, ", ""),
    (r", stop\b", ""),
    (r"^ +stop,\n", ""),
    (r"^from threading import Event\n", ""),
    (
        r"\n        try:\n            return calling\.run\(work.*",
        "\n        return await work(AwaitedHere(on_progress))\n",
    ),
    (r"^from asyncio import CancelledError\n", ""),
    (r"^from glows_nb\.remote\.errors import Stopped\n", ""),
    (r"^from glows_nb\.remote import calling\n", ""),
    (r"calling import Caller, ", "calling import AwaitedHere, Caller, "),
    (r"client import Client", "client import AsyncClient, Client"),
    (r"client: Client \| None", "client: AsyncClient | Client | None"),
    (r"A context manager: its end closes", "Of `async with`: its end closes"),
)
OF_JOBS: Changes = (
    (r"^class Job:", "class AsyncJob:"),
    (r"^    def (?=look|log|follow|wait|stop|fetch|_run)", "    async def "),
    (r"-> Job:", "-> AsyncJob:"),
    (r"<Job ", "<AsyncJob "),
    (r"`Machine\.", "`AsyncMachine."),
    (r"\bself\.(_run|log_bytes)\(", r"await self.\1("),
    # Nothing is asked where nobody can await it.
    (r"^        self\.look\(\)\n", ""),
    (
        r", asked of its machine unless it is over; an AsyncJob has it as of its last `look`\.",
        ", as of the last `look`.",
    ),
    (
        r"^\n +Raises:\n +NotReachable: [^\n]+\n        \"\"\"\n        return self\._work\.told\.status",
        '''        """
        return self._work.told.status''',
    ),
    (r" Asked as `status` is\.", " As of the last `look`."),
    (r"return calling\.run\(work\)", "return await work(AwaitedHere())"),
    (r"^from glows_nb\.remote import calling\n", ""),
    (r"calling import Caller", "calling import AwaitedHere, Caller"),
)
CHANGES = {MACHINE: OF_MACHINE, JOB: OF_JOBS}
MADE_OF = {MACHINE: ASYNC_MACHINE, JOB: ASYNC_JOB}


def make(source: Path) -> str:
    """The text of the async module for a module of resources, for the machine's or the job's."""
    place = made_of(source)
    name = source.name if source in MADE_OF else f"resources/{source.name}"
    subject, rest = source.read_text(encoding="utf-8").split('"""\n', 1)
    made = f'{subject}\n\n{NOTE.format(name=name)}"""\n{rest}'
    for pattern, change in CHANGES.get(source, OF_RESOURCES):
        # A function at the end goes as a whole.
        flags = re.S if pattern.startswith(r"\n") else re.M
        made = re.sub(pattern, change, made, flags=flags)
    formatted = subprocess.run(  # noqa: S603 - our own formatter
        [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(place), "-"],
        input=made,
        capture_output=True,
        text=True,
        check=True,
    )
    return formatted.stdout


def sources() -> list[Path]:
    """The modules that others are made from."""
    return [*sorted(path for path in SOURCES.glob("*.py") if path.name != "__init__.py"), *MADE_OF]


def made_of(source: Path) -> Path:
    """The module that is made from one of these."""
    return MADE_OF.get(source, MADE / source.name)


if __name__ == "__main__":
    for source in sources():
        made_of(source).write_text(make(source), encoding="utf-8")
