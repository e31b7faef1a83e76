"""Tab for `glows-nb` in the terminal: a real bash, and what zsh and fish are answered."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

import glows_nb as glows

FOLDERS = ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME")
PROMPT = "glows-test-prompt "


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """An environment with `glows-nb` on the path, and a sandbox of which the terminal has seen the specs."""
    folder = tmp_path_factory.mktemp("terminal")
    program = folder / "bin" / "glows-nb"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m glows_nb "$@"\n')
    program.chmod(0o700)
    with glows.sandbox(speed=200) as sandbox:
        environment = {
            **os.environ,
            **dict.fromkeys(FOLDERS, str(folder)),
            "PATH": f"{program.parent}:{os.environ['PATH']}",
            "GLOWS_BASE_URL": sandbox.base_url,
            "GLOWS_SDK_TOKEN": sandbox.token,
            "TERM": "dumb",
            "LC_ALL": "C.UTF-8",
            "PS1": PROMPT,
        }
        subprocess.run(["glows-nb", "specs"], env=environment, check=True, capture_output=True, timeout=60)  # noqa: S607
        yield environment


def answered(place: dict[str, str], shell: str, *words: str) -> list[str]:
    """What the program answers when a shell asks what can follow these words, the last of them unfinished."""
    line = " ".join(words)
    asked = {"_GLOWS_NB_COMPLETE": f"{shell}_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    if shell == "fish":
        asked["COMP_CWORD"] = words[-1]
    done = subprocess.run(
        [sys.executable, "-m", "glows_nb"],
        env={**place, **asked, "COMP_LINE": line},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def bash(place: dict[str, str]) -> Iterator[pexpect.spawn]:
    """A real interactive bash that has read the script."""
    if shutil.which("bash") is None:
        pytest.skip("bash is not installed")
    shell = pexpect.spawn("bash", ["--norc", "--noprofile"], env=place, encoding="utf-8", timeout=30, echo=False)
    shell.setwinsize(40, 300)
    shell.expect_exact(PROMPT)
    shell.sendline('eval "$(glows-nb completion bash)"; echo "rea""dy"')
    shell.expect("ready\r\n")
    shell.expect_exact(PROMPT)
    yield shell
    shell.close(force=True)


def typed(bash: pexpect.spawn, keys: str) -> str:
    """The words that bash has on its line after these keys, as the program would get them."""
    # Ctrl-A, Ctrl-K and Ctrl-Y put the line behind another command, which prints each word in its own row.
    bash.send(f"{keys}\x01printf '<%s>' \x05 ''\n")
    bash.expect(r"<glows-nb>(.*)<>", timeout=30)
    words = str(bash.match.group(1))
    bash.expect_exact(PROMPT)
    return " ".join(re.findall(r"<(.*?)>", words))


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("glows-nb spen\t", "spend"),
        ("glows-nb specs --avai\t", "specs --available"),
        ("glows-nb specs --gpu 5090\t", "specs --gpu NVIDIA GeForce RTX 5090"),
        ("glows-nb specs --gpu=5090\t", "specs --gpu=NVIDIA GeForce RTX 5090"),
        ('glows-nb specs --gpu "NVIDIA GeForce RTX 5\t', "specs --gpu NVIDIA GeForce RTX 5090"),
        ("glows-nb specs --gpu NVIDIA\\ GeForce\\ RTX\\ 5\t", "specs --gpu NVIDIA GeForce RTX 5090"),
        ("glows-nb specs --region jp\t", "specs --region JP-01"),
        ("glows-nb specs --sort -price_per_h\t", "specs --sort -price_per_hour"),
        ("glows-nb specs --gpu H1\t", "specs --gpu H1"),
        ("glows-nb completion z\t", "completion zsh"),
    ],
)
def test_bash_puts_the_word_in(keys: str, words: str, bash: pexpect.spawn) -> None:
    assert typed(bash, keys) == words


def test_bash_is_told_nothing_where_nothing_is_known(place: dict[str, str]) -> None:
    assert answered(place, "bash", "glows-nb", "specs", "--gpu", "zzz") == [""]
    assert answered(place, "bash", "glows-nb", "specs", "--max-price", "") == [""]


def test_zsh_and_fish_are_told_what_stands_beside_each_word(place: dict[str, str]) -> None:
    zsh = answered(place, "zsh", "glows-nb", "specs", "--gpu=409")
    assert zsh == ["plain", "--gpu=NVIDIA GeForce RTX 4090", "from 0.390 Credits/h"]
    several = answered(place, "zsh", "glows-nb", "specs", "--gpu", "40")
    assert several[-3:] == ["plain", "40", "as typed"], "what is typed stays while several words fit"
    fish = answered(place, "fish", "glows-nb", "specs", "--gpu", "409")
    assert fish == ["plain,NVIDIA GeForce RTX 4090\tfrom 0.390 Credits/h"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_script_of_each_shell_asks_the_program(shell: str, place: dict[str, str], tmp_path: Path) -> None:
    done = subprocess.run(  # noqa: S603 - our own command
        ["glows-nb", "completion", shell],  # noqa: S607
        env=place,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert f"_GLOWS_NB_COMPLETE={shell}_complete" in done.stdout
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed, so its script is not parsed by it")
    script = tmp_path / "script"
    script.write_text(done.stdout)
    assert subprocess.run([program, "-n", str(script)], check=False, timeout=60).returncode == 0  # noqa: S603


def test_terminal_that_has_seen_nothing_asks_behind_the_first_tab(place: dict[str, str], tmp_path: Path) -> None:
    fresh = {**place, "XDG_CACHE_HOME": str(tmp_path)}
    assert answered(fresh, "bash", "glows-nb", "specs", "--gpu", "5090") == [""]
    deadline = time.monotonic() + 60
    while (found := answered(fresh, "bash", "glows-nb", "specs", "--gpu", "5090")) == [""]:
        assert time.monotonic() < deadline
    assert found == ["plain,'NVIDIA GeForce RTX 5090'"]


def test_terminal_without_an_account_has_commands_and_options(place: dict[str, str], tmp_path: Path) -> None:
    nobody = {name: value for name, value in place.items() if not name.startswith("GLOWS_")}
    assert answered(nobody, "bash", "glows-nb", "spen") == ["plain,spend"]
    assert answered(nobody, "bash", "glows-nb", "show", "tra") == [""]
    assert answered(nobody, "bash", "glows-nb", "list", "--status", "runn") == ["plain,Running"]
