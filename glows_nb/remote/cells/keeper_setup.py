"""Get a keeper to run on a machine: its file there, a Python that has a kernel, and the channel to it."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import asyncssh

from glows_nb.formatting import visible
from glows_nb.remote import keeper
from glows_nb.remote.asking import Ask
from glows_nb.remote.calling import Caller, in_time
from glows_nb.remote.errors import RemoteError
from glows_nb.remote.lines.control_shell import quoted
from glows_nb.remote.lines.own_file import WITHIN, OwnFile, Process, status_of, text_of, until_mark

if TYPE_CHECKING:
    from glows_nb.remote.lines.line import Line

FILE: Final = OwnFile(keeper.__file__, "keeper", keeper.FOLDER)
PASSING: Final = Path(keeper.__file__).with_name("passing.py")
INSTALLS_WITHIN: Final = 600.0
LONGEST_SAID: Final = 300
TRIES: Final = 4

_FIND: Final = """d="$HOME/{folder}"
found=
[ -r "$d/python" ] && read -r found <"$d/python"
if [ ! -x "$found" ]; then
    found=
    for p in python3 python /opt/conda/bin/python3 "$HOME/miniconda3/bin/python3"; do
        p=$(command -v "$p") || continue
        "$p" -c 'import sys; sys.exit(sys.version_info < (3, 8))' >/dev/null 2>&1 || continue
        lacks="${{lacks:-$p}}"
        "$p" -c 'import ipykernel.kernelapp' >/dev/null 2>&1 && {{ found=$p; break; }}
    done
fi
"""
"""Sets `found` to a Python that has ipykernel, or else `lacks` to one that has not."""

_ATTACH: Final = """[ -f "$d/{file}" ] || exit {stale}
[ "$found" ] || {{ [ "$lacks" ] && exit {no_ipykernel}; exit {no_python}; }}
[ -r "$d/python" ] || (umask 077; echo "$found" >"$d/python")
exec "$found" -S -E -c {passing} "$d/{file}" {size} {mark} {name}
"""

_INSTALL: Final = """rm -f "$d/python"
user=--user
"$lacks" -c 'import sys; sys.exit(sys.prefix == sys.base_prefix)' && user=
exec "$lacks" -m pip install --quiet --disable-pip-version-check $user ipykernel
"""


async def begun(line: Line, caller: Caller, ask: Ask | None, name: str = "") -> tuple[Process, bytes]:
    """A channel to a keeper of the machine's, and what was read of it already.

    Args:
        line: to the machine.
        caller: where it is needed.
        ask: asks whether ipykernel may be installed there; None installs it without a question.
        name: of the keeper, a word; the one of `Machine.run` has none.

    Raises:
        RemoteError: there is no Python for it there, or it may not be installed.
        LineLost: the line broke.
    """
    async with line.unbroken("the kernel there was asked for"), _in_time(line):
        is_installed = False
        for _ in range(TRIES):
            connection = await line.connected(caller)
            mark = secrets.token_hex(12)
            words: dict[str, object] = {
                "stale": keeper.STALE,
                "no_ipykernel": keeper.NO_IPYKERNEL,
                "no_python": keeper.NO_PYTHON,
                "passing": quoted(PASSING.read_text(encoding="utf-8")),
            }
            script = FILE.script(_FIND + _ATTACH, mark=mark, name=name, **words)
            process = await connection.create_process(script, encoding=None)
            said, has_begun = await in_time(until_mark(process, b"\n%s\n" % mark.encode()), WITHIN)
            if has_begun:
                return process, said
            errors = (await process.stderr.read()).decode(errors="replace")
            await process.wait_closed()
            status = status_of(process.exit_status)
            if status == keeper.STALE:
                await _put_file(line, connection)
            elif status == keeper.NO_IPYKERNEL and is_installed:
                raise RemoteError(f"pip has installed ipykernel on {line.name}, but Python there can't load it.")
            elif status == keeper.NO_IPYKERNEL:
                await _install(line, caller, connection, ask)
                is_installed = True
            else:
                _refuse(line, status, errors)
        raise RemoteError(f"The kernel on {line.name} can't be begun; its files are in ~/{keeper.FOLDER} there.")


@asynccontextmanager
async def _in_time(line: Line) -> AsyncIterator[None]:
    """Where the machine stands still that is a sentence too."""
    try:
        yield
    except TimeoutError:
        raise RemoteError(f"{line.name} is too slow to begin a kernel, or stands still; try again later.") from None


async def _put_file(line: Line, connection: asyncssh.SSHClientConnection) -> None:
    status, errors = await FILE.put(connection)
    if status != 0:
        _refuse(line, status, errors)


async def _install(line: Line, caller: Caller, connection: asyncssh.SSHClientConnection, ask: Ask | None) -> None:
    question = f"{line.name} has no ipykernel, which cells there need. Install it there with pip?"
    if ask is not None and not await caller.call(lambda: ask(question)):
        raise RemoteError(
            f"{line.name} has no ipykernel, which cells there need; on the machine: pip install --user ipykernel"
        )
    done = await in_time(connection.run(FILE.script(_FIND + _INSTALL), encoding=None), INSTALLS_WITHIN)
    if status_of(done.exit_status) != 0:
        said = visible(text_of(done.stderr).strip()[-LONGEST_SAID:])
        raise RemoteError(f"pip could not install ipykernel on {line.name}: {said or 'it said nothing'}")


def _refuse(line: Line, status: int, errors: str) -> NoReturn:
    if status == keeper.NO_PYTHON:
        raise RemoteError(
            f"{line.name} has no Python 3.8 or newer, which cells there need; on the machine: apt-get install python3 "
            "python3-pip"
        )
    said = visible(errors.strip()[-LONGEST_SAID:]) or "nothing"
    raise RemoteError(f"The kernel on {line.name} can't be begun (exit status {status}); it said: {said}")
