"""End a command on a machine, with all that it has started."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from glows_nb.remote.calling import Caller

if TYPE_CHECKING:
    from glows_nb.remote.lines.line import Line

ENDS_WITHIN: Final = 10.0

_END: Final = r"""
top={pid}
find_all() {{
  found="$found $top "; grown=1
  while [ "$grown" = 1 ]; do
    grown=0
    for stat in /proc/[0-9]*/stat; do
      pid=${{stat#/proc/}}; pid=${{pid%/stat}}
      case "$found" in *" $pid "*) continue ;; esac
      {{ read -r line <"$stat"; }} 2>/dev/null || continue
      set -- ${{line##*) }}
      [ "$1" = Z ] && continue
      case "$found" in *" $2 "*) found="$found$pid "; grown=1; continue ;; esac
      [ "$4" = "$top" ] && {{ found="$found$pid "; grown=1; }}
    done
  done
}}
lives() {{
  for pid in $found; do
    {{ read -r line <"/proc/$pid/stat"; }} 2>/dev/null || continue
    set -- ${{line##*) }}
    [ "$1" != Z ] && return 0
  done
  return 1
}}
found=
for how in INT TERM KILL; do
  find_all
  kill -s "$how" $found 2>/dev/null
  tries=0
  while lives && [ "$tries" -lt 20 ]; do sleep 0.1 2>/dev/null || sleep 1; tries=$((tries + 1)); done
  lives || exit 0
done
exit 1
"""
"""Its session, and what descends from it though it has a session of its own: as Ctrl-C would, then harder."""


async def end_command(line: Line, caller: Caller, pid: int) -> bool:
    """End what a process has started, and itself; has it ended, as far as is known?

    Raises:
        TimeoutError: it has not ended in time.
        RemoteError: the machine can't be entered, or the line broke.
    """
    async with asyncio.timeout(ENDS_WITHIN):
        shell = await line.shell(caller)
        return shell is not None and (await shell.run(_END.format(pid=pid))).status == 0
