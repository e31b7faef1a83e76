"""Every command as `%glows` and the terminal run it: its value, what it prints, and what it refuses."""

from __future__ import annotations

import re
import signal
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any

import click
import pandas as pd
import pytest
from traitlets.config import Config

import glows_nb as glows
from glows_nb.commands import CommandError, group, run
from glows_nb.commands.group import all_commands
from glows_nb.commands.settings import Glows, settings
from glows_nb.frames.tables import Table
from glows_nb.ledger.journal import ledger_path

RTX_4090 = "NVIDIA GeForce RTX 4090"
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
TRAIN = "launch --gpu 4090 --name train --yes"


@pytest.fixture(autouse=True)
def default_client(client: glows.Client, sandbox: glows.Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands talk to the test's own sandbox; `client` looks at it from outside."""
    monkeypatch.setenv("GLOWS_BASE_URL", sandbox.base_url)
    monkeypatch.setenv("GLOWS_SDK_TOKEN", sandbox.token)


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """What was printed since it was last asked."""
    return lambda: capsys.readouterr().out


def every_command() -> dict[str, click.Command]:
    """Every command by its words, those in groups too."""
    found: dict[str, click.Command] = {}
    for name, command in group.commands.items():
        inner = command.commands if isinstance(command, click.Group) else {}
        found |= {name: command} | {f"{name} {word}": each for word, each in inner.items()}
    return found


def answer(words: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let whoever is asked answer with these words; gives the questions that were asked."""
    questions: list[str] = []

    def visible_input(prompt: str = "") -> str:
        questions.append(prompt)
        return words

    monkeypatch.setattr(click.termui, "visible_prompt_func", visible_input)
    return questions


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


def test_specs_gives_a_table_and_prints_nothing(said: Callable[[], str]) -> None:
    table = run("specs")
    assert type(table) is Table
    assert len(table) >= 17
    assert said() == ""


def test_specs_takes_all_its_limits() -> None:
    line = "specs --gpu 4090 --region tw-03 --min-vram 20 --max-price 0.6 --available --sort -price --where 'gpus == 1'"
    assert run(line)["price_per_hour"].tolist() == [0.55, 0.49]


def test_specs_takes_several_regions() -> None:
    table = run("specs --gpu 4090 --region tw-03 --region TW-01")
    assert set(table["region"]) == {"TW-01", "TW-03"}
    assert run("cheapest --gpu 4090 --region TW-03 --region TW-04").region_name in ("TW-03", "TW-04")


def test_words_may_come_one_by_one() -> None:
    assert set(run(["specs", "--gpu", "RTX 4090"])["gpu"]) == {RTX_4090}


def test_quoted_words_stay_together() -> None:
    assert set(run("specs --gpu 'RTX 4090'")["gpu"]) == {RTX_4090}


def test_images_gives_a_table_of_those_that_fit() -> None:
    table = run("images torch base")
    assert type(table) is Table
    assert len(table) == 2


def test_launch_says_the_price_before_it_gives_the_machine(said: Callable[[], str]) -> None:
    machine = run(TRAIN)
    assert isinstance(machine, glows.Instance)
    text = said()
    assert "SANDBOX" in text
    assert f"Rents 1 × {RTX_4090} in TW-01 at 0.390 Credits/h, 9.36 Credits per day." in text
    assert "Image: CUDA12.8 Torch2.8.0 Base (img-6ypgvgpw)" in text
    assert text.splitlines()[-1] == f"SANDBOX · To release it: %glows cancel {machine.instance_id}"


def test_dry_run_gives_the_plan_alone_and_is_marked(client: glows.Client, said: Callable[[], str]) -> None:
    planned = run("launch --gpu 4090 --dry-run")
    assert type(planned) is glows.Plan
    assert said() == "SANDBOX · Only a plan; nothing is rented.\n"
    assert client.instances.all() == []


@pytest.mark.parametrize("line", [TRAIN, "launch --gpu 4090 --yes", "launch --gpu 4090 --region TW-04 --units 2 --yes"])
def test_same_line_twice_gives_one_machine(line: str, client: glows.Client, said: Callable[[], str]) -> None:
    first, second = run(line), run(line)
    assert first.instance_id == second.instance_id
    assert len(client.instances.all()) == 1
    assert "Nothing new is rented" in said().splitlines()[-2]


def test_other_line_gives_another_machine(client: glows.Client) -> None:
    machines = [run("launch --gpu 4090 --yes"), run("launch --gpu 5090 --yes"), run("launch --gpu 4090 --name b --yes")]
    assert len({machine.instance_id for machine in machines}) == len(client.instances.all()) == 3


def test_same_line_after_a_release_gives_a_new_machine() -> None:
    first = run(f"{TRAIN} --wait")
    run("cancel train --wait --yes")
    second = run(TRAIN)
    assert first.instance_id != second.instance_id
    assert second.meta_key == f"{first.meta_key}.2"


def test_two_kernels_that_run_the_same_line_at_once_get_one_machine(client: glows.Client) -> None:
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(run(TRAIN))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(found) == 4
    assert {machine.instance_id for machine in found} == {client.instances.all()[0].instance_id}
    assert len(client.instances.all()) == 1


@pytest.mark.parametrize(("gpu", "is_taken"), [(RTX_4090, True), ("NVIDIA GeForce RTX 5090", False)])
def test_machine_that_another_kernel_started_while_this_one_asked_is_taken_if_it_is_the_same(
    gpu: str, is_taken: bool, client: glows.Client, said: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer_late(prompt: str = "") -> str:
        image_id = client.images.default().image_id
        client.instances.launch(name="train", gpu_name=gpu, regions=["TW-01", "TW-04"], from_image_id=image_id)
        return "y"

    monkeypatch.setattr(click.termui, "visible_prompt_func", answer_late)
    if is_taken:
        machine = run("launch --gpu 4090 --name train")
        assert f"Nothing new is rented: {machine.instance_id}" in said()
    else:
        with pytest.raises(glows.MachineDiffers):
            run("launch --gpu 4090 --name train")
    assert len(client.instances.all()) == 1


def test_launch_takes_all_its_options(client: glows.Client) -> None:
    line = (
        "launch --gpu 4090 --region TW-03 --image img-87p9kq26 --name full --units 2 --category vm "
        "--port 8000 --port 3306/tcp --max-price 1.2 --yes --wait"
    )
    machine = run(line)
    assert (machine.status, machine.region_name, machine.category) == ("Running", "TW-03", "vm")
    assert (machine.hardware.gpus, machine.price_cent) == (2, 98)
    assert machine.base_image.image_id == "img-87p9kq26"
    assert {access.listen_port for access in machine.accesses} == {22, 8000, 3306}
    assert machine.remark == "full"


def test_regions_are_tried_in_the_order_in_which_they_are_given(said: Callable[[], str]) -> None:
    machine = run("launch --gpu 4090 --region TW-04 --region TW-01 --yes")
    assert machine.region_name == "TW-04"
    assert "If none is left: TW-01 at 0.390 Credits/h." in said()


def test_launch_with_wait_shows_each_status_and_ends_running(said: Callable[[], str]) -> None:
    assert run(f"{TRAIN} --wait").status == "Running"
    progress = re.findall(r"^ *[\d.]+ s  ins-\w+ (\w+)", said(), re.MULTILINE)
    assert progress[0] in ("SchedQueued", "Pending", "Running")
    assert progress[-1] == "Running"


def test_gpu_that_may_mean_several_is_refused_with_their_names(client: glows.Client) -> None:
    with pytest.raises(glows.InvalidRequest) as refused:
        run("launch --gpu H100 --yes")
    for name in ("NVIDIA H100 80GB HBM3", "NVIDIA H100 PCIe", "NVIDIA H100 SXM5"):
        assert name in str(refused.value)
    assert client.instances.all() == []


def test_gpu_that_is_not_there_is_refused_with_the_nearest(client: glows.Client) -> None:
    with pytest.raises(glows.InvalidRequest, match=f"nearest is '{RTX_4090}'"):
        run("launch --gpu 4080 --yes")
    assert client.instances.all() == []


def test_vm_without_an_image_is_refused_since_the_default_is_for_containers(client: glows.Client) -> None:
    with pytest.raises(glows.InvalidRequest, match="image: is required for a VM"):
        run("launch --gpu 4090 --category vm --yes")
    assert client.instances.all() == []


def test_image_that_no_gpu_takes_as_asked_is_refused_as_such(client: glows.Client) -> None:
    with pytest.raises(glows.InvalidRequest, match="no GPU at all is offered for this image and category"):
        run(f"launch --gpu 4090 --category vm --image {client.images.default().image_id} --yes")
    assert client.instances.all() == []


def test_price_cap_below_every_offer_rents_nothing(client: glows.Client) -> None:
    with pytest.raises(glows.PriceTooHigh, match=r"0\.390 Credits/h, the cap is 0\.100"):
        run("launch --gpu 4090 --max-price 0.1 --yes")
    assert client.instances.all() == []


def test_price_cap_counts_all_units(client: glows.Client) -> None:
    with pytest.raises(glows.PriceTooHigh, match=r"0\.780"):
        run("launch --gpu 4090 --region TW-01 --units 2 --max-price 0.5 --yes")
    assert client.instances.all() == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("launch --gpu 4090 --region TW-99 --yes", "TW-99 offers nothing; there are JP-01, TW-01"),
        (
            "launch --gpu 4090 --region JP-01 --yes",
            "JP-01 does not offer it; regions that have it: TW-03, TW-04, TW-01",
        ),
        ("launch --gpu 'nvidia l40 pcie' --yes", "TW-01 has 0 left, asked were 1; regions that have it: none"),
        (
            "launch --gpu H100 --region TW-01 --yes",
            r"H100 80GB HBM3 \(from \d+\.\d+ Credits/h\) or .*; say which",
        ),
        ("launch --gpu L40 --region TW-01 --yes", "TW-01 has 0 left"),
        ("launch --gpu 4090 --region TW-04 --units 99 --yes", "TW-04 has 9 left, asked were 99"),
        ("launch --gpu 4090 --port 70000 --yes", "port"),
        ("launch --gpu 4090 --port 80/udp --yes", "^ports: '80/udp' is not a port such as 8000"),
        ("launch --gpu 4090 --name '' --yes", "^name: '' of 0 characters is refused: it takes 1 to 64"),
        (f"launch --gpu 4090 --name {'x' * 65} --yes", "^name: 'x.* of 65 characters is refused: it takes 1 to 64"),
        ("launch --gpu 4090 --image img-nobody --yes", "^image: you have none with the id 'img-nobody'"),
        ("launch --gpu 4090 --max-price -1 --yes", "'--max-price': '-1' is not a number above 0"),
        ("launch --gpu 4090 --max-price nan --yes", "'--max-price': 'nan' is not a number above 0"),
        ("launch --gpu 4090 --max-price inf --yes", "'--max-price': 'inf' is not a number above 0"),
        ("launch --gpu 4090 --max-price cheap --yes", "'--max-price': 'cheap' is not a number above 0"),
        ("launch --gpu 4090 --name $name --yes", r"^name: '\$name' looks like a variable that is not set\."),
        ("launch --gpu 4090 --name run-{n} --yes", "looks like a variable that is not set"),
    ],
)
def test_launch_that_can_not_be_is_refused_and_rents_nothing(line: str, words: str, client: glows.Client) -> None:
    with pytest.raises(glows.GlowsError, match=words):
        run(line)
    assert client.instances.all() == []


@pytest.mark.parametrize(
    "line",
    [
        "launch --gpu 4090 --port 70000",
        "launch --gpu 4090 --port 80/udp",
        "launch --gpu 4090 --name $name",
        "launch --gpu 4090 --name ''",
        f"launch --gpu 4090 --name {'x' * 65}",
        f"launch --gpu 4090 --region {'x' * 129}",
        "launch --gpu 4090 --units 0",
        "launch --gpu 4090 --max-price 0",
        "launch --gpu 4090 --env A=b;c",
        "launch --gpu 4090 --category vm --image x --cmd y",
        f"launch --gpu 4090 --cmd {'x' * 513}",
        "wait train --timeout -1",
        "wait train --until Done",
        "unpark train --max-price inf",
        f"snap train --name {'x' * 33}",
        f"network create {'x' * 33} --region TW-01",
        f"network attach team {'train ' * 11}",
        "image submit 'registry.example.com/a b'",
        f"images {'x' * 101}",
        "specs --max-price -1",
        "list --limit 0",
    ],
)
def test_bad_words_are_refused_before_any_request(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLOWS_BASE_URL", "http://127.0.0.1:9/sdk/v1")  # a request would be a TransportError
    with pytest.raises((glows.InvalidRequest, CommandError)):
        run(line)


def test_launch_asks_and_rents_after_a_yes(client: glows.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    questions = answer("y", monkeypatch)
    machine = run("launch --gpu 4090 --name asked")
    assert [question.strip() for question in questions] == ["Rent it? [y/N]:"]
    assert [found.instance_id for found in client.instances.all()] == [machine.instance_id]
    run("launch --gpu 4090 --name asked")
    assert len(questions) == 1, "nothing new is rented, so there is nothing to ask"


@pytest.fixture
def asks_above(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the price above which launch asks."""
    return lambda limit: monkeypatch.setattr(settings(), "ask_above", limit)


def test_launch_within_the_limit_does_not_ask_and_falls_back_to_nothing_dearer(
    client: glows.Client,
    sandbox: glows.Sandbox,
    asks_above: Callable[[float], None],
    said: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asks_above(0.4)
    monkeypatch.setattr(click.termui, "visible_prompt_func", nobody)
    machine = run("launch --gpu 4090 --name cheap")
    assert machine.region_name == "TW-01"
    assert "If none is left" not in said(), "TW-03 costs 0.49"
    sandbox.admin.order("code", "instance_create", code=215)
    with pytest.raises(glows.NoResourceAvailable):
        run("launch --gpu 4090 --name other")
    assert len(client.instances.all()) == 1


def test_launch_whose_first_region_is_above_the_limit_asks(
    client: glows.Client, asks_above: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    asks_above(0.4)
    monkeypatch.setattr(click.termui, "visible_prompt_func", nobody)
    with pytest.raises(CommandError, match="add --yes"):
        run("launch --gpu 4090 --region TW-03 --region TW-01")
    assert client.instances.all() == []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0])
@pytest.mark.parametrize("name", ["ask_above", "max_price", "wait_timeout"])
def test_setting_that_is_no_number_is_refused(name: str, value: float) -> None:
    chosen = Glows()
    before = getattr(chosen, name)
    with pytest.raises(CommandError, match=name):
        chosen.update_config(Config({"Glows": {name: value}}))
    assert getattr(chosen, name) == before


def test_launch_rents_nothing_after_a_no(client: glows.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    answer("n", monkeypatch)
    with pytest.raises(CommandError, match="Nothing was done"):
        run("launch --gpu 4090")
    assert client.instances.all() == []


def nobody(prompt: str = "") -> str:
    raise EOFError


def no_input_in_this_kernel(prompt: str = "") -> str:
    raise NotImplementedError("raw_input was called, but this frontend does not support input requests.")


def no_console(prompt: str = "") -> str:
    raise OSError("reading from stdin is not possible")


@pytest.mark.parametrize("ask", [nobody, no_input_in_this_kernel, no_console])
def test_launch_where_nobody_can_be_asked_refuses_and_rents_nothing(
    ask: Callable[[str], str], client: glows.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(click.termui, "visible_prompt_func", ask)
    with pytest.raises(CommandError, match="add --yes"):
        run("launch --gpu 4090")
    assert client.instances.all() == []


def test_cancel_where_nobody_can_be_asked_releases_nothing(
    client: glows.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(f"{TRAIN} --wait")
    monkeypatch.setattr(click.termui, "visible_prompt_func", nobody)
    with pytest.raises(CommandError, match="add --yes"):
        run("cancel train")
    assert client.instances.stats() == {"Running": 1}


def test_interrupted_question_does_nothing_and_is_an_interrupt(
    client: glows.Client, monkeypatch: pytest.MonkeyPatch, said: Callable[[], str]
) -> None:
    def interrupted(prompt: str = "") -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(click.termui, "visible_prompt_func", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run("launch --gpu 4090")
    assert said().endswith("\nNothing was done.\n")
    assert client.instances.all() == []


def test_list_gives_a_table_of_machines(said: Callable[[], str]) -> None:
    machine = run(TRAIN)
    said()
    table = run("list")
    assert type(table) is Table
    assert table["instance_id"].tolist() == [machine.instance_id]
    assert said() == ""


def test_list_takes_statuses_in_any_case_and_a_limit() -> None:
    run(f"{TRAIN} --wait")
    second = run("launch --gpu 4090 --name second --yes --wait")
    assert len(run("list --status running")) == 2
    assert len(run("list --status Pending --status RUNNING")) == 2
    assert len(run("list --status finished")) == 0
    assert run("list --limit 1")["instance_id"].tolist() == [second.instance_id]


def test_show_finds_a_machine_by_id_key_or_name() -> None:
    machine = run(TRAIN)
    for word in (machine.instance_id, machine.meta_key, "train"):
        found = run(f"show {word}")
        assert isinstance(found, glows.Instance)
        assert found.instance_id == machine.instance_id


def test_machine_that_is_not_there_is_an_error() -> None:
    for command in ("show", "wait", "cancel --yes"):
        with pytest.raises(glows.ParamIllegal):
            run(f"{command} nobody")


def test_stats_gives_the_number_of_machines_in_each_status() -> None:
    assert run("stats") == {}
    run(f"{TRAIN} --wait")
    assert run("stats") == {"Running": 1}


def test_wait_gives_the_machine_in_the_status_waited_for(said: Callable[[], str]) -> None:
    run(TRAIN)
    assert run("wait train").status == "Running"
    assert "Running, 0.390 Credits/h" in said()
    run("cancel train --yes")
    assert run("wait train --until finished").status == "Finished"


def test_wait_for_what_can_not_come_any_more_is_an_error() -> None:
    run(f"{TRAIN} --wait")
    run("cancel train --wait --yes")
    with pytest.raises(glows.MachineEnded, match="will not become Running"):
        run("wait train")


def test_wait_has_a_deadline_and_leaves_the_machine_as_it_is(client: glows.Client) -> None:
    run(f"{TRAIN} --wait")
    with pytest.raises(glows.WaitTimeout, match="goes on as it was"):
        run("wait train --until Paused --timeout 0.2")
    assert client.instances.stats() == {"Running": 1}


@pytest.mark.parametrize(("fault", "error"), [("token_expired", glows.AuthError), ("code", glows.UnknownCodeError)])
def test_wait_that_an_error_ends_says_how_to_go_on(
    fault: str, error: type[glows.GlowsError], sandbox: glows.Sandbox, said: Callable[[], str]
) -> None:
    machine = run(f"{TRAIN} --wait")
    sandbox.admin.order(fault, "instance_get", first=3, code=4711)
    with pytest.raises(error):
        run("wait train --until Paused --timeout 20")
    assert said().endswith(
        f"Stopped waiting; the machine goes on. To wait again: %glows wait {machine.instance_id} --until Paused\n"
    )


def test_wait_counts_what_a_machine_has_cost_before_it_stood_still(
    sandbox: glows.Sandbox, said: Callable[[], str]
) -> None:
    run(f"{TRAIN} --wait")
    with closing(sqlite3.connect(ledger_path())) as database, database:
        database.execute("UPDATE sightings SET at_ms = at_ms - 36000000, until_ms = until_ms - 36000000")
    sandbox.admin.play("host-lost")
    said()
    with pytest.raises(glows.WaitTimeout):
        run("wait train --timeout 0.1")
    assert re.search(r"Unavail, .*about 3\.9\d\d Credits so far", said())


def test_wait_for_a_machine_that_has_ended_does_not_say_that_it_goes_on(said: Callable[[], str]) -> None:
    run(TRAIN)
    run("cancel train --wait --yes")
    with pytest.raises(glows.MachineEnded):
        run("wait train")
    assert "goes on" not in said()


def test_interrupted_wait_says_how_to_go_on_and_is_an_interrupt(
    client: glows.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []

    def press_ctrl_c_at_the_first_progress(message: object = "", **options: object) -> None:
        lines.append(str(message))
        if re.search(r" s  ins-", lines[-1]):
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(click, "echo", press_ctrl_c_at_the_first_progress)
    with pytest.raises(KeyboardInterrupt):
        run(f"{TRAIN} --wait")
    (machine,) = client.instances.all()
    assert lines[-1].endswith(f"To wait again: %glows wait {machine.instance_id}")
    assert not any("nothing was done" in line for line in lines), "a machine was rented"


def test_cancel_releases_the_machine_and_says_so(client: glows.Client, said: Callable[[], str]) -> None:
    machine = run(f"{TRAIN} --wait")
    said()
    assert run("cancel train --wait --yes") is None
    assert f"Releasing {machine.instance_id}" in said()
    assert client.instances.stats() == {"Finished": 1}


def test_cancel_all_releases_every_machine_that_lives(client: glows.Client, said: Callable[[], str]) -> None:
    ended = run("launch --gpu 4090 --name ended --yes --wait")
    run("cancel ended --wait --yes")
    alive = [run(f"launch --gpu 4090 --name {name} --yes").instance_id for name in ("a", "b")]
    said()
    run("cancel --all --wait --yes")
    text = said()
    assert all(f"Releasing {machine}" in text for machine in alive)
    assert f"Releasing {ended.instance_id}" not in text
    assert client.instances.stats() == {"Finished": 3}


def test_cancel_all_with_nothing_there_says_so(said: Callable[[], str]) -> None:
    run("cancel --all")
    assert "nothing to release" in said()


def test_cancel_of_an_ended_machine_says_what_it_is(said: Callable[[], str]) -> None:
    machine = run(f"{TRAIN} --wait")
    run("cancel train --wait --yes")
    said()
    run("cancel train")
    assert f"{machine.instance_id} is Finished already." in said()


def test_cancel_asks_with_each_machine_named(
    client: glows.Client, monkeypatch: pytest.MonkeyPatch, said: Callable[[], str]
) -> None:
    machine = run(f"{TRAIN} --wait")
    questions = answer("n", monkeypatch)
    said()
    with pytest.raises(CommandError, match="Nothing was done"):
        run("cancel train")
    assert f"Will end: {machine.instance_id}" in said()
    assert "Release 1 machine?" in questions[0]
    assert client.instances.stats() == {"Running": 1}


@pytest.mark.parametrize("line", ["cancel", "cancel --yes", "cancel train --all --yes"])
def test_cancel_needs_machines_or_all_and_not_both(line: str, client: glows.Client) -> None:
    run(f"{TRAIN} --wait")
    with pytest.raises(CommandError, match="--all"):
        run(line)
    assert client.instances.stats() == {"Running": 1}


def test_one_unknown_machine_among_several_releases_none(client: glows.Client) -> None:
    run(f"{TRAIN} --wait")
    with pytest.raises(glows.ParamIllegal):
        run("cancel train nobody --yes")
    assert client.instances.stats() == {"Running": 1}


def test_one_machine_that_can_not_be_released_keeps_no_other_running(
    client: glows.Client, sandbox: glows.Sandbox, said: Callable[[], str]
) -> None:
    kept = [run(f"launch --gpu 4090 --name {name} --yes --wait").instance_id for name in ("a", "b", "c")]
    sandbox.admin.order("code", "instance_cancel", code=20, first=2)
    with pytest.raises(glows.GlowsError) as refused:
        run("cancel --all --yes")
    assert str(refused.value).startswith("1 machine of 3 not released, and going on to cost. ")
    assert f"{kept[1]}: Could not cancel instance: " in str(refused.value)
    assert str(refused.value).endswith(f"To try again: %glows cancel {kept[1]}")
    assert [each.instance_id for each in client.instances.all() if each.status == "Running"] == [kept[1]]
    assert f"NOT released: {kept[1]}" in said()


def test_one_machine_that_can_not_be_released_is_the_error_of_the_service(sandbox: glows.Sandbox) -> None:
    run(f"{TRAIN} --wait")
    sandbox.admin.order("code", "instance_cancel", code=20)
    with pytest.raises(glows.IllegalStatus):
        run("cancel train --yes")


def test_interrupt_among_releases_says_which_are_left(
    client: glows.Client, monkeypatch: pytest.MonkeyPatch, said: Callable[[], str]
) -> None:
    kept = [run(f"launch --gpu 4090 --name {name} --yes --wait").instance_id for name in ("a", "b", "c")]
    echo, lines = click.echo, []

    def press_ctrl_c_at_the_first(message: object = "", **options: Any) -> None:
        echo(message, **options)
        lines.append(str(message))
        if "Releasing" in lines[-1]:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(click, "echo", press_ctrl_c_at_the_first)
    with pytest.raises(KeyboardInterrupt, match="what is left behind is said above"):
        run("cancel --all --yes")
    assert lines[-1].endswith(f"To release: %glows cancel {kept[1]} {kept[0]}")
    assert client.instances.stats().get("Running") == 2


def test_what_is_saved_is_said_to_be_unknown_where_no_machine_has_a_price(
    sandbox: glows.Sandbox, said: Callable[[], str]
) -> None:
    sandbox.admin.order("stuck_queue")
    run(TRAIN)
    run("cancel --all --yes")
    assert "What this saves is not known: nothing of it has a price now." in said()


def test_sandbox_command_starts_one_and_uses_it_from_then_on(
    monkeypatch: pytest.MonkeyPatch, said: Callable[[], str]
) -> None:
    monkeypatch.delenv("GLOWS_BASE_URL")
    monkeypatch.delenv("GLOWS_SDK_TOKEN")
    with pytest.raises(glows.ConfigError):
        run("specs")
    connected = run("sandbox")
    assert f"SANDBOX at {connected.base_url}" in said()
    assert connected.is_sandbox
    assert len(run("specs")) >= 17
    machine = run(TRAIN)
    assert run("sandbox") is connected, "the same one, with its machines"
    assert run("list")["instance_id"].tolist() == [machine.instance_id]


def test_sandbox_command_takes_the_sandbox_that_the_environment_names(sandbox: glows.Sandbox) -> None:
    assert run("sandbox").base_url == sandbox.base_url


def test_sandbox_that_has_stopped_is_said_to_have_and_the_command_starts_another(
    sandbox: glows.Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLOWS_BASE_URL", sandbox.base_url)
    monkeypatch.setenv("GLOWS_SDK_TOKEN", sandbox.token)
    stopped = run("sandbox").base_url
    sandbox.close()
    assert repr(sandbox) == "<Sandbox, stopped>"
    with pytest.raises(glows.TransportError, match="%glows sandbox starts another"):
        run("list")
    another = run("sandbox")
    assert another.base_url != stopped
    assert another.instances.all() == []
    assert run("sandbox") is another


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
