"""Every command as `%glows` and the terminal run it: its help, and what is said of words that are wrong."""

from __future__ import annotations

import re
from collections.abc import Callable

import click
import pandas as pd
import pytest

import glows_nb as glows
from glows_nb.commands import CommandError, group, run
from glows_nb.commands.group import all_commands
from tests.commands.lines import RTX_4090, TRAIN

pytestmark = pytest.mark.usefixtures("default_client")
PROMISED = {
    "login",
    "logout",
    "use",
    "specs",
    "cheapest",
    "images",
    "image",
    "launch",
    "list",
    "show",
    "wait",
    "ssh",
    "url",
    "open",
    "cancel",
    "park",
    "unpark",
    "snap",
    "snapshots",
    "networks",
    "network",
    "stats",
    "spend",
    "panel",
    "form",
    "config",
    "doctor",
    "sandbox",
    "help",
}


def every_command() -> dict[str, click.Command]:
    """Every command by its words, those in groups too."""
    found: dict[str, click.Command] = {}
    for name, command in group.commands.items():
        inner = command.commands if isinstance(command, click.Group) else {}
        found |= {name: command} | {f"{name} {word}": each for word, each in inner.items()}
    return found


def test_promised_commands_are_there() -> None:
    assert set(group.commands) >= PROMISED
    assert {"image submit", "image rm", "network create", "network attach", "network endpoints"} <= set(every_command())


@pytest.mark.parametrize("words", ["help {}", "{} --help"])
@pytest.mark.parametrize("name", every_command())
def test_every_command_and_option_has_help(name: str, words: str, said: Callable[[], str]) -> None:
    run(words.format(name))
    text = said()
    command = every_command()[name]
    assert f"%glows {name}" in text
    assert (command.help or "").splitlines()[0].split(".")[0] in " ".join(text.split())
    for example in getattr(command, "examples", ()):
        assert f"  %glows {example}\n" in text
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.opts} has no help"
            # The help of the whole group has --trace.
            assert (parameter.opts[0] in text) is (parameter.opts != ["--trace"])


@pytest.mark.parametrize("words", ["help", "-h", "--help", ""])
def test_help_lists_every_command(words: str, said: Callable[[], str]) -> None:
    assert run(words) is None
    text = said()
    listed = re.findall(r"^  ([a-z]+(?: [a-z]+)?)(?:, [a-z]+)?  +\w", text, re.MULTILINE)
    assert sorted(listed) == sorted(all_commands(group))
    assert "..." not in text.partition("Begin:")[2], "every command is explained in words that fit"


@pytest.mark.parametrize("name", ["image", "network"])
def test_group_alone_shows_its_help(name: str, said: Callable[[], str]) -> None:
    assert run(name) is None
    alone = said()
    run(f"help {name}")
    assert alone == said()
    assert "Commands:" in alone


def test_examples_of_the_list_are_examples_of_the_commands() -> None:
    of_commands = {example for command in all_commands(group).values() for example in getattr(command, "examples", ())}
    assert set(group.examples) <= of_commands


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (
            "specs 4090",
            "Got unexpected extra argument (4090); words that belong together need quotes. See: %glows help specs",
        ),
        ("specs --gpu", "Option '--gpu' requires an argument. See: %glows help specs"),
        ("network attach", "Missing argument 'NETWORK'. See: %glows help network attach"),
        ("wait x --timeout 0", "Invalid value for '--timeout': '0' is not a number above 0. See: %glows help wait"),
        ("spend --since 2026-13-01", "'2026-13-01' is no day such as 2026-01-31. See: %glows help spend"),
    ],
)
def test_words_that_are_wrong_say_what_is_right_and_where_it_stands(line: str, sentence: str) -> None:
    with pytest.raises(CommandError) as refused:
        run(line)
    assert str(refused.value).endswith(sentence)


@pytest.mark.parametrize("name", [name for name in all_commands(group) if name != "help"])
def test_an_option_whose_value_expanded_to_nothing_does_not_take_the_next_one_for_it(name: str) -> None:
    command = all_commands(group)[name]
    options = [param for param in command.params if isinstance(param, click.Option)]
    flags = [option.opts[0] for option in options if option.is_flag]
    for option in options:
        if not option.is_flag:
            for following in (*flags, option.opts[0], f"{option.opts[0]}=x"):
                flag = following.partition("=")[0]
                with pytest.raises(CommandError, match=f"{option.opts[0]}' requires an argument, and '{flag}'"):
                    run([*name.split(), option.opts[0], following])


def test_a_launch_whose_name_expanded_to_nothing_rents_nothing(client: glows.Client) -> None:
    with pytest.raises(CommandError, match="'--name' requires an argument, and '--yes' follows; --name="):
        run("launch --gpu 4090 --name  --yes")
    assert client.instances.all() == []


def test_a_value_that_begins_with_minus_is_taken_where_it_can_not_be_an_option(client: glows.Client) -> None:
    assert run("launch --gpu 4090 --name=--json --yes").meta_key == f"--json-{client.account_mark}"
    assert run("launch --gpu 4090 --name x --cmd --serve --yes").cmd == "--serve"


def test_other_names_mean_the_same_command() -> None:
    run(f"{TRAIN} --wait")
    assert run("ls")["remark"].tolist() == ["train"]
    run("rm train --wait --yes")
    assert run("stats") == {"Finished": 1}


def test_words_may_come_one_by_one() -> None:
    assert set(run(["specs", "--gpu", "RTX 4090"])["gpu"]) == {RTX_4090}


def test_quoted_words_stay_together() -> None:
    assert set(run("specs --gpu 'RTX 4090'")["gpu"]) == {RTX_4090}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("spces", "'specs'"),
        ("lanch --gpu 4090", "'launch'"),
        ("help spces", "'specs'"),
        ("specs --gup 4090", "'--gpu'"),
        ("launch --gpus 4090", "'--gpu'"),
        ("launch", "--gpu TEXT.* See: %glows help launch"),
        ("list --status Runing", "did you mean Running"),
        ("list --status cancelling", "did you mean Canceling"),
        ("wait train --until finishd", "did you mean Finished"),
        ("list --status zzz", "there are InvalidNodeStatus, Pending, Running"),
        ("launch --gpu 4090 --category vms", "'container', 'vm'"),
        ("specs --max-price cheap", "'--max-price': 'cheap'"),
        ("list --limit 0", "--limit"),
        ("launch --gpu 4090 --units 0", "--units"),
        ("show", "'MACHINE'"),
        ("show one two", "two"),
        ("specs 'unclosed", "can't be read"),
    ],
)
def test_wrong_word_is_one_sentence_with_the_nearest_right_one(line: str, words: str, client: glows.Client) -> None:
    with pytest.raises(CommandError, match=words) as refused:
        run(line)
    assert "\n" not in str(refused.value)
    assert refused.value.__suppress_context__ or refused.value.__context__ is None
    assert client.instances.all() == []


def test_refused_words_are_errors_of_glows() -> None:
    assert issubclass(CommandError, glows.GlowsError)


def test_values_hold_no_secret(sandbox: glows.Sandbox, said: Callable[[], str]) -> None:
    machine = run(f"{TRAIN} --wait")
    assert machine.ssh_password is not None
    secrets = [
        sandbox.token,
        machine.ssh_password.get_secret_value(),
        machine.url().get_secret_value().partition("token=")[2],
    ]
    assert all(len(secret) >= 8 for secret in secrets)
    values = [run("list"), run("show train"), run("sandbox"), run("stats")]
    with pd.option_context("display.max_colwidth", None):
        shown = said() + "".join(f"{value!r} {value}" for value in values) + values[0]._repr_html_()
    assert machine.instance_id in shown
    assert [secret for secret in secrets if secret in shown] == []
