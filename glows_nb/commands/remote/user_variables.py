"""Variables of a notebook that a command sends to a machine, or has from there."""

from __future__ import annotations

import keyword
import sys
from collections.abc import Sequence
from typing import Any, Final

import click
from click.shell_completion import CompletionItem

from glows_nb.commands.group import MAGIC_PROGRAM, CommandError, program


class Variables(click.ParamType[list[str]]):
    """Names of variables with commas between them, as in `df,cfg`."""

    name = "names"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[str]:
        """The names; what can be none is refused."""
        names = [name.strip() for name in str(value).split(",")]
        for name in names:
            if not name.isidentifier() or keyword.iskeyword(name):
                self.fail(
                    f"{name!r} can be no variable's name; names stand with commas between them: df,cfg", param, ctx
                )
        return names

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
        """The variables here that the last name may become; what is there nobody knows without asking."""
        before, comma, begun = incomplete.rpartition(",")
        if param.name != "send":
            return []
        names = [name for name in _namespace() or {} if name.startswith(begun) and not name.startswith("_")]
        return [CompletionItem(f"{before}{comma}{name}", label="variable") for name in sorted(names)]


VARIABLES: Final = Variables()


def user_namespace() -> dict[str, Any]:
    """The variables of the notebook that the command stands in.

    Raises:
        CommandError: it stands in none.
    """
    namespace = _namespace()
    if program() != MAGIC_PROGRAM or namespace is None:
        raise CommandError(
            "--send and --fetch are for the variables of a notebook; in a terminal there are none, and files go by: "
            f"{program()} send, {program()} fetch"
        )
    return namespace


def variables_here(names: Sequence[str], namespace: dict[str, Any]) -> dict[str, Any]:
    """The variables of these names.

    Raises:
        CommandError: there is none of a name.
    """
    missing = [name for name in names if name not in namespace]
    if missing:
        raise CommandError(f"There is no variable {', '.join(missing)} here; run the cell that makes it first.")
    return {name: namespace[name] for name in names}


def _namespace() -> dict[str, Any] | None:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell.user_ns if shell is not None else None
