"""%glows in IPython in a terminal: a question, progress in one line, an interrupt, Tab, and what needs a notebook."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator

import pexpect
import pytest

import glows_nb as glows

COMMAND = ["-m", "IPython", "--no-banner", "--no-confirm-exit", "--colors=nocolor"]
ESCAPES = re.compile(r"\x1b\[[?\d;]*[A-Za-z]")
RETURN = "\r"


class Terminal:
    """A running IPython at its prompt."""

    def __init__(self, process: pexpect.spawn) -> None:
        self._process = process
        self._number = 0
        self.wait_for_prompt()

    def type(self, keys: str) -> None:
        """Type without Return."""
        self._process.send(keys)

    def wait_for(self, words: str) -> None:
        """Wait until these words are there."""
        self._process.expect_exact(words)

    def wait_for_prompt(self) -> str:
        """Wait for the next prompt; gives what was there before it."""
        self._number += 1
        self._process.expect_exact(f"In [{self._number}]:")
        return ESCAPES.sub("", self._process.before)

    def run(self, line: str) -> str:
        """Run a line; gives what it showed."""
        self.type(line + RETURN)
        return self.wait_for_prompt()


@pytest.fixture
def terminal(sandbox: glows.Sandbox) -> Iterator[Terminal]:
    environment = {
        **os.environ,
        "GLOWS_BASE_URL": sandbox.base_url,
        "GLOWS_SDK_TOKEN": sandbox.token,
        "TERM": "xterm",
        "LC_ALL": "C.UTF-8",
        # Nobody here answers where the cursor is.
        "PROMPT_TOOLKIT_NO_CPR": "1",
    }
    process = pexpect.spawn(
        sys.executable, COMMAND, env=environment, encoding="utf-8", timeout=30, dimensions=(50, 160)
    )
    running = Terminal(process)
    running.run("%load_ext glows_nb")
    yield running
    process.close(force=True)


def test_a_session_in_the_terminal(terminal: Terminal, client: glows.Client) -> None:
    table = terminal.run("offers = %glows specs --gpu 4090 >> same")
    assert "SANDBOX · 4 offers" in table
    assert "rows 4 True" in terminal.run("print('rows', len(offers), offers is same)")

    terminal.type("machine = %glows launch --gpu 4090 --name train --wait" + RETURN)
    terminal.wait_for("Rent it? [y/N]: ")
    assert client.instances.all() == []
    launched = terminal.run("y")
    assert re.search(r"\d s  ins-\w+ Running, 0\.390 Credits/h, about 0\.000 Credits so far", launched)
    (machine,) = client.instances.all()
    shown = terminal.run("%glows show $machine")
    assert re.search(rf"machine +SANDBOX {machine.instance_id} “train”", shown)
    assert re.search(r"ssh +ssh -p \d+ root@", shown)

    terminal.type("%glows wait train --until Paused" + RETURN)
    terminal.wait_for(f"{machine.instance_id} Running")
    terminal.type("\x03")
    stopped = terminal.wait_for_prompt()
    assert f"To wait again: %glows wait {machine.instance_id} --until Paused" in stopped
    assert "Traceback" not in stopped

    for line, words in (("form", "launch does the same here"), ("panel", "list shows the machines here")):
        assert f"CommandError: {line} needs a notebook" in (refused := terminal.run(f"%glows {line}"))
        assert words in refused
    assert "CommandError: No such command 'spces'." in terminal.run("%glows spces")


def test_tab_puts_words_in_behind_an_assignment_too(terminal: Terminal) -> None:
    terminal.run("%glows specs;")
    terminal.type("found = %glows specs --gpu=5090\t")
    terminal.wait_for("GeForce RTX 5090")
    terminal.run(" ")  # which takes what is chosen in the list
    assert "rows 1" in terminal.run("print('rows', len(found))")
