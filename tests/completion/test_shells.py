"""Tab for `glows-nb` in the terminal: in a real bash, zsh and fish, and what they are answered."""

from __future__ import annotations

import os
import random
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pexpect
import pytest

import glows_nb as glows

FOLDERS = ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME")
PROMPT = "glows-test-prompt "


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """An environment with `glows-nb` on the path, a sandbox with a machine, and what the terminal has seen of both."""
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
        for line in ("specs", "launch --gpu 4090 --name train --yes"):
            command = ["glows-nb", *line.split()]
            subprocess.run(command, env=environment, check=True, capture_output=True, timeout=60)  # noqa: S603
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


START = {
    "bash": (["--norc", "--noprofile"], 'eval "$(glows-nb completion bash)"'),
    "zsh": (["-f"], 'bindkey -e; autoload -U compinit; compinit -D; eval "$(glows-nb completion zsh)"'),
    "fish": (
        ["--no-config"],
        f"function fish_prompt; echo -n '{PROMPT}'; end; set -g fish_autosuggestion_enabled 0; "
        "glows-nb completion fish | source",
    ),
}
"""Of each shell: its options, and the line that makes it complete `glows-nb`."""


@dataclass
class Shell:
    """A real interactive shell at its prompt."""

    name: str
    process: pexpect.spawn

    def typed(self, keys: str) -> str:
        """The words that stand on its line after these keys, as the program would get them."""
        # Ctrl-A and Ctrl-E put the line behind another command, which prints each word in angle brackets.
        self.process.send(f"{keys}\x01printf '<%s>' \x05 ''\n")
        self.process.expect(r"<glows-nb>(.*?)<>", timeout=60)
        words = str(self.process.match.group(1))
        self.process.expect_exact(PROMPT)
        return " ".join(re.findall(r"<(.*?)>", words))


@pytest.fixture(scope="module", params=START)
def shell(request: pytest.FixtureRequest, place: dict[str, str]) -> Iterator[Shell]:
    """Each of the shells, after it has read its script."""
    name = request.param
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed, so Tab is not pressed in it")
    options, line = START[name]
    process = pexpect.spawn(name, options, env=place, encoding="utf-8", timeout=60, echo=False, dimensions=(40, 300))
    process.sendline(f'{line}; echo "rea""dy"')
    process.expect("ready\r\n")
    process.expect_exact(PROMPT)
    yield Shell(name, process)
    process.close(force=True)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("glows-nb spen\t", "spend"),
        ("glows-nb specs --avai\t", "specs --available"),
        ("glows-nb specs --gpu 5090\t", "specs --gpu NVIDIA GeForce RTX 5090"),
        ("glows-nb specs --gpu=5090\t", "specs --gpu=NVIDIA GeForce RTX 5090"),
        ('glows-nb specs --gpu "NVIDIA GeForce RTX 5\t', "specs --gpu NVIDIA GeForce RTX 5090"),
        ("glows-nb specs --gpu 'NVIDIA GeForce RTX 5\t", "specs --gpu NVIDIA GeForce RTX 5090"),
        ("glows-nb specs --gpu NVIDIA\\ GeForce\\ RTX\\ 5\t", "specs --gpu NVIDIA GeForce RTX 5090"),
        ("glows-nb specs --region jp\t", "specs --region JP-01"),
        ("glows-nb specs --sort -price_per_h\t", "specs --sort -price_per_hour"),
        ("glows-nb specs --gpu H1\t", "specs --gpu H1"),
        ("glows-nb show trai\t", "show train"),
        ("glows-nb ls --status fini\t", "ls --status Finished"),
        ("glows-nb network att\t", "network attach"),
        ("glows-nb help network endp\t", "help network endpoints"),
        ("glows-nb use sandb\t", "use sandbox"),
        ("glows-nb completion z\t", "completion zsh"),
    ],
)
def test_shell_puts_the_word_in(keys: str, words: str, shell: Shell) -> None:
    assert shell.typed(keys) == words


SIGNS = "`$()\"'\\!;&|*?~#{}[]^%= ab"


def hostile_names() -> list[str]:
    """Names that a shell would take for commands, each with a beginning of its own by which it is asked for."""
    chance = random.Random(7)  # noqa: S311 - no secret
    made = [
        "".join(chance.choices(SIGNS, k=12)).strip() + "z" for _ in range(int(os.environ.get("GLOWS_NB_SEEDS", "4")))
    ]
    written = [
        "`touch pwned`",
        "$(touch pwned)",
        '";touch pwned;"',
        "';touch pwned;'",
        "\\$(touch pwned)\\",
        "!!;touch pwned",
        "${HOME}$HOME*?[a-z]~",
        "a && touch pwned & b",
    ]
    return [f"h{number:03d}{name}" for number, name in enumerate([*written, *made])]


def see(place: dict[str, str], *names: str) -> None:
    """Machines of these names were there, and the terminal has listed them."""
    with glows.Client(place["GLOWS_SDK_TOKEN"], place["GLOWS_BASE_URL"]) as client:
        image = client.images.default().image_id
        for name in names:
            machine = client.instances.create(
                custom_meta_key=name, gpu_name="NVIDIA GeForce RTX 4090", region_name="TW-01", from_image_id=image
            )
            client.instances.cancel(machine.instance_id)
            client.instances.wait(machine.instance_id, until="Finished")
    subprocess.run(["glows-nb", "list"], env=place, check=True, capture_output=True, timeout=60)  # noqa: S607


@pytest.fixture(scope="module")
def hostile(place: dict[str, str]) -> list[str]:
    """These names, as the terminal has seen them of machines in the list."""
    see(place, *hostile_names())
    return hostile_names()


@pytest.mark.parametrize("quote", ["", '"', "'"], ids=["no quote", "double quote", "single quote"])
def test_a_name_is_put_in_as_a_name_and_never_run(quote: str, shell: Shell, hostile: list[str]) -> None:
    shell.process.sendline("cd $(mktemp -d)")
    shell.process.expect_exact(PROMPT)
    for name in hostile:
        assert shell.typed(f"glows-nb show {quote}{name[:4]}\t") == f"show {name}"
    shell.process.sendline("ls -A | cat; echo 'that ''is all'")
    shell.process.expect_exact("that is all")
    assert "pwned" not in shell.process.before.replace("touch pwned", "")


def test_names_that_do_not_print_are_not_offered(place: dict[str, str]) -> None:
    # No id, which chance makes up, has letters such as these.
    see(place, "shi\nplain,$(touch pwned)", "esc\x1b]0;x\x07", "thu\u202ename")
    for typed in ("shi", "esc", "thu"):
        assert answered(place, "bash", "glows-nb", "show", typed) == [""]


def test_bash_is_told_nothing_where_nothing_is_known(place: dict[str, str]) -> None:
    assert answered(place, "bash", "glows-nb", "specs", "--gpu", "zzz") == [""]
    assert answered(place, "bash", "glows-nb", "specs", "--max-price", "") == [""]


def test_zsh_and_fish_are_told_what_stands_beside_each_word(place: dict[str, str]) -> None:
    zsh = answered(place, "zsh", "glows-nb", "specs", "--gpu=409")
    assert zsh == ["plain\t--gpu=NVIDIA GeForce RTX 4090\tfrom 0.390 Credits/h"]
    commands = answered(place, "zsh", "glows-nb", "canc")
    assert commands == ["plain\tcancel\tRelease machines: they end, and their disks are gone."]
    fish = answered(place, "fish", "glows-nb", "specs", "--gpu", "409")
    assert fish == ["plain,NVIDIA GeForce RTX 4090\tfrom 0.390 Credits/h"]


def test_tab_loads_nothing_of_what_only_commands_need(place: dict[str, str]) -> None:
    asked = {"_GLOWS_NB_COMPLETE": "bash_complete", "COMP_LINE": "glows-nb show "}
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "glows_nb"],
        env={**place, **asked},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "plain,train" in done.stdout.splitlines()
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "click" in loaded
    assert not loaded & {"pandas", "numpy", "pydantic", "httpx", "traitlets", "IPython", "asyncio", "sqlite3"}


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
