"""Ask a machine about its jobs: one exec a question, which starts what is not there yet, and can be asked again."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, NoReturn

from glows_nb.formatting import visible
from glows_nb.remote.calling import Caller, in_time
from glows_nb.remote.errors import LineLost, RemoteError
from glows_nb.remote.jobs import runner
from glows_nb.remote.lines.own_file import WITHIN, OwnFile, Process, status_of, until_mark
from glows_nb.remote.lines.reading import AT_ONCE

if TYPE_CHECKING:
    from glows_nb.remote.lines.line import Line

FILE: Final = OwnFile(runner.__file__, "jobs", runner.FOLDER)
TRIES: Final = 5
FIRST_PAUSE: Final = 0.2
MOST_SAID: Final = 1 << 22
LONGEST_SAID: Final = 300
FILE_TRIES: Final = 3

_ASK: Final = """d="$HOME/{folder}"
{guard}
[ "$(wc -c <"$d/{file}" 2>/dev/null || echo 0)" -eq {size} ] || exit {stale}
found=$(cat "$d/python3" 2>/dev/null)
if [ ! -x "$found" ]; then
    found=
    for p in python3 python /opt/conda/bin/python3 "$HOME/miniconda3/bin/python3"; do
        found=$("$p" -c 'import sys; print(sys.executable if sys.version_info >= (3, 8) else "")' 2>/dev/null)
        [ -x "$found" ] && break
        found=
    done
    [ "$found" ] || exit {no_python}
    (umask 077; echo "$found" >"$d/python3")
fi
"$found" "$d/{file}" {mark}
status=$?
case $status in 126|127) rm -f "$d/python3"; exit {stale} ;; esac
exit $status
"""
NOTHING_THERE: Final = 75
_UNLESS_NONE: Final = f'[ -d "$d/jobs" ] || exit {NOTHING_THERE}'
"""Who only lists jobs puts nothing on a machine that has none."""


async def ask(line: Line, caller: Caller, do: str, **words: Any) -> tuple[dict[str, Any], bytes]:
    """Ask, and again where the line breaks meanwhile: each question may come there twice.

    Args:
        line: to the machine.
        caller: where it is needed.
        do: which of `runner`'s questions.
        words: what it is about.

    Returns:
        The answer, and the bytes behind it.

    Raises:
        LineLost: the line broke as often as it was made.
        RemoteError: there is no Python for it there, or what comes is no answer.
        NotReachable: there is no way onto the machine.
    """
    for tries in range(1, TRIES + 1):
        try:
            async with asked(line, caller, do, **words) as (answer, rest, process):
                while piece := await _in_time(line, process.stdout.read(AT_ONCE)):
                    rest += piece
                    if len(rest) > MOST_SAID:
                        raise RemoteError(f"{line.name} can't be believed: it says too much of a job.")
                await _in_time(line, process.wait_closed())
                status_of(process.exit_status)
                return answer, rest
        except LineLost:
            if tries == TRIES:
                raise
            await asyncio.sleep(FIRST_PAUSE * tries)
    raise AssertionError("the last try gives or raises")


@asynccontextmanager
async def asked(
    line: Line, caller: Caller, do: str, **words: Any
) -> AsyncIterator[tuple[dict[str, Any], bytes, Process]]:
    """The answer, what was read behind it, and the channel on which more may come.

    Raises:
        LineLost: the line broke.
        NothingThere: what there is was to be listed, and there is nothing.
        RemoteError, NotReachable: as for `ask`.
    """
    async with line.sessions, line.unbroken("a job there was asked about"):
        process, rest = await _begun(line, caller, do, words)
        try:
            while b"\n" not in rest and len(rest) <= MOST_SAID:
                piece = await _in_time(line, process.stdout.read(AT_ONCE))
                if not piece:
                    await _in_time(line, process.wait_closed())
                    status_of(process.exit_status)
                    break
                rest += piece
            head, _, rest = rest.partition(b"\n")
            yield _answer(line, head), rest, process
        finally:
            process.close()


class NothingThere(RemoteError):
    """The machine has no jobs, and never had."""


async def _begun(line: Line, caller: Caller, do: str, words: Mapping[str, Any]) -> tuple[Process, bytes]:
    """A channel that has begun to answer; the file is put there where it is not."""
    for _ in range(FILE_TRIES):
        connection = await line.connected(caller)
        mark = secrets.token_hex(12)
        numbers = {"stale": runner.STALE, "no_python": runner.NO_PYTHON}
        guard = _UNLESS_NONE if do == "list" else ""
        process = await connection.create_process(FILE.script(_ASK, mark=mark, guard=guard, **numbers), encoding=None)
        try:
            # No frame that shows the values of variables is there while the line is used.
            process.stdin.write(json.dumps({"do": do, **words}, default=_value).encode() + b"\n")
            said, has_begun = await _in_time(line, until_mark(process, b"\n%s\n" % mark.encode()))
            if has_begun:
                return process, said
            errors = (await _in_time(line, process.stderr.read(AT_ONCE))).decode(errors="replace")
            await _in_time(line, process.wait_closed())
            status = status_of(process.exit_status)
        except BaseException:
            process.close()
            raise
        if status == NOTHING_THERE and do == "list":
            raise NothingThere(f"{line.name} has no jobs.")
        if status != runner.STALE:
            _refuse(line, status, errors)
        status, errors = await FILE.put(connection)
        if status != 0:
            _refuse(line, status, errors)
    raise RemoteError(f"Jobs can't be looked after on {line.name}; its files are in ~/{runner.FOLDER} there.")


def _value(secret: Any) -> str:
    value: str = secret.get_secret_value()
    return value


def _answer(line: Line, head: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(head)
        if isinstance(answer, dict):
            return answer
    except ValueError:
        pass
    raise RemoteError(f"{line.name} can't be believed: its answer about a job is none.")


async def _in_time(line: Line, awaited: Any) -> Any:
    try:
        return await in_time(awaited, WITHIN)
    except TimeoutError:
        raise RemoteError(f"{line.name} is too slow to tell of a job, or stands still; try again later.") from None


def _refuse(line: Line, status: int, errors: str) -> NoReturn:
    if status == runner.NO_PYTHON:
        raise RemoteError(
            f"{line.name} has no Python 3.8 or newer, which jobs there need; on the machine: apt-get install python3"
        )
    said = visible(errors.strip()[-LONGEST_SAID:]) or "nothing"
    raise RemoteError(f"A job on {line.name} can't be asked about (exit status {status}); it said: {said}")
