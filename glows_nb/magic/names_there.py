"""Tab and inspection in cells that run on a machine ask the kernel there, which has the names."""

from __future__ import annotations

import re
from typing import Any, Final

from IPython.core.completer import CompletionContext, SimpleCompletion, SimpleMatcherResult, context_matcher
from IPython.core.interactiveshell import InteractiveShell

from glows_nb.commands.remote.where_cells_run import machine_of_cells, machine_used
from glows_nb.magic.elsewhere import LOCAL, OF_THIS_SIDE

CELL: Final = re.compile(r"\s*%%glows\s+run\s+(?P<machine>[^\s-]\S*)[^\n]*\n")
WORD: Final = re.compile(r"[\w.]*\Z")
INSPECT: Final = "object_inspect_mime"


def load(shell: InteractiveShell) -> None:
    """Begin to ask there."""
    matchers = shell.Completer.custom_matchers
    if matcher not in matchers:
        matchers.append(matcher)
    here = getattr(shell, INSPECT)

    def inspect(oname: str, detail_level: int = 0, omit_sections: Any = ()) -> Any:
        """Of IPython's own, for cells that run on a machine; whose cell it is nobody tells."""
        name = machine_of_cells()
        if name is None:
            return here(oname, detail_level, omit_sections)
        from glows_nb.remote.introspection import inspect as inspect_there

        machine = machine_used(name)
        found = inspect_there(machine, oname, detail_level) if machine is not None else None
        if found is None:
            raise KeyError(oname)
        return found

    # The kernel asks the shell, and IPython has no other place to answer for it.
    if INSPECT not in vars(shell):
        setattr(shell, INSPECT, inspect)


def unload(shell: InteractiveShell) -> None:
    """Ask there no longer."""
    matchers = shell.Completer.custom_matchers
    if matcher in matchers:
        matchers.remove(matcher)
    vars(shell).pop(INSPECT, None)


@context_matcher(identifier="glows_nb.names_there", priority=90)  # type: ignore[untyped-decorator]
def matcher(context: CompletionContext) -> SimpleMatcherResult:
    """How a line of a cell that runs on a machine can go on; nothing for other cells."""
    before = "".join(f"{line}\n" for line in context.full_text.split("\n")[: context.cursor_line])
    cursor, begin = len(before) + context.cursor_position, 0
    name = machine_of_cells()
    if line := CELL.match(context.full_text):
        name, begin = line["machine"], line.end()
    elif context.full_text.lstrip().startswith(LOCAL) or OF_THIS_SIDE.match(context.full_text.lstrip()):
        name = None
    machine = machine_used(name) if name is not None else None
    if machine is None or cursor < begin:
        return {"completions": [], "matched_fragment": "", "suppress": False}
    from glows_nb.remote.introspection import complete

    typed = context.full_text[begin:cursor]
    found = complete(machine, context.full_text[begin:], len(typed))
    start, words = found or (len(WORD.sub("", typed)), [])
    fragment = typed[start:]
    return {
        # With nothing of ours IPython would go on to offer names of here.
        "completions": [SimpleCompletion(text=word, type=kind) for word, kind in words]
        or [SimpleCompletion(text=fragment, type="no\u00a0suggestion")],
        "matched_fragment": fragment,
        "ordered": True,
        "suppress": True,
    }
