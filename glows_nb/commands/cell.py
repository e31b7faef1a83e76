"""The lines below `%%glows launch`: ports, environment variables and the start command, as words of the command."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Final

from glows_nb.commands.group import CommandError

SETTING: Final = re.compile(r"(?P<key>port|cmd|env)(?:\s+(?P<name>[A-Za-z_]\w*))?(?:(?P<sign>\s*=\s*)(?P<value>.*))?")
ASSIGNMENT: Final = re.compile(r"(\w+)(?:\s+\w+)?\s+=\s+\S.*|(\w+)\s+=\s*")
"""`key = value` with spaces is nothing that a shell would run, so it is a setting that is written wrongly."""

KEYS: Final = ("port", "env", "cmd")


def words_of_cell(body: str) -> list[str]:
    """Options of launch for what stands below its line.

    Args:
        body: at the top lines `port = 8000/http`, `env NAME`, `env NAME = value` or `env = NAME=value`,
            `cmd = command`, empty lines and comments with #; the first other line begins the start command, which goes
            to the end as it stands.

    Returns:
        The words, such as ["--port", "8000/http", "--cmd", "python x.py"].

    Raises:
        CommandError: a setting is not known or not complete, or there are two commands.
    """
    words: list[str] = []
    commands: list[str] = []
    lines = body.splitlines()
    for number, line in enumerate(lines):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        found = SETTING.fullmatch(text)
        if found is None or _is_shell(found):
            _refuse_assignment(text)
            commands.append("\n".join(lines[number:]).strip())
            break
        match found["key"]:
            case "cmd" if found["value"] and not found["name"]:
                commands.append(found["value"])
            case "port" if found["value"] and not found["name"]:
                words += ["--port", found["value"]]
            case "env" if found["value"] and not found["name"]:
                words += ["--env", re.sub(r"\s*=\s*", "=", found["value"], count=1)]
            case "env" if found["name"]:
                words += ["--env", found["name"] if found["value"] is None else f"{found['name']}={found['value']}"]
            case key:
                raise CommandError(f"{key!r} is not complete here; write port = 8000/http, env NAME or cmd = command.")
    if len(commands) > 1:
        raise CommandError("There are two start commands below the line: one after cmd =, one after that; keep one.")
    return [*words, *(["--cmd", commands[0]] if commands else [])]


def _is_shell(found: re.Match[str]) -> bool:
    """Is this the program env, as in `env A=1 python x.py`? A setting has spaces around = where its value has some."""
    return found["key"] == "env" and found["sign"] == "=" and len(found["value"].split()) > 1


def _refuse_assignment(text: str) -> None:
    found = ASSIGNMENT.fullmatch(text)
    if found is None:
        return
    key = found[1] or found[2]
    near = get_close_matches(key.lower(), KEYS, n=1)
    hint = (
        f"did you mean {near[0]}?"
        if near
        else f"a variable is written env {key} = value, and other options stand in the line above."
    )
    # The value is not repeated: it may be a secret.
    raise CommandError(f"{key!r} is no setting of the cell; {hint}")
