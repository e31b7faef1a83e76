"""Variables that a line gives to a machine or a command: NAME=VALUE, or NAME, whose value is taken from here."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from glows_nb.api.errors import InvalidRequest
from glows_nb.commands.group import say, written_out

if TYPE_CHECKING:
    from pydantic import SecretStr

SECRET_NAMES: Final = re.compile("TOKEN|KEY|SECRET|PASSW|CREDENTIAL", re.IGNORECASE)


def variables(envs: Sequence[str]) -> dict[str, SecretStr]:
    """Variables written as NAME=VALUE, or as NAME, whose value is this process's; masked from here on.

    Raises:
        InvalidRequest: a variable is to be taken from here and is not set.
    """
    from pydantic import SecretStr

    found = {}
    for word in envs:
        name, sign, number = word.partition("=")
        if sign:
            value = written_out(number)
            if SECRET_NAMES.search(name):
                say(
                    f"The value of {name} was written out, so it stays in this notebook or history; "
                    f"{name} alone takes it from the environment."
                )
        elif os.getenv(name) is None:
            raise InvalidRequest("env", f"{name} is not set in the environment here; set it, or write {name}=VALUE.")
        else:
            value = SecretStr(os.getenv(name, ""))
        found[name] = value
    return found
