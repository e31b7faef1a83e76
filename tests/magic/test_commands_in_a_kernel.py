"""Every command through a live kernel: its value, its display, its failure sentence; questions, interrupts, secrets."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from tests.magic.examples import (
    DISPLAYS,
    ELSEWHERE,
    EXAMPLES,
    FAILURES,
    KINDS,
    NEEDS_NO_SERVICE,
    WITH_JSON,
    all_commands,
    command_of,
)
from tests.magic.live_kernel import Shown, plain
from tests.magic.session import ENV_VALUE, Session

PASTED = "eyJwYXN0ZWQi.eyJpbnRvIGEgbGluZSI6.dG9rZW4tNDcxMQ"
TYPED_WRONG = "typed-but-wrong-token-4711"


def test_every_example_of_every_command_is_run() -> None:
    declared = {example for command in all_commands().values() for example in command.examples}
    assert {line for line in declared if line.split()[0] not in ELSEWHERE} - set(EXAMPLES) == set()
    assert [name for name, command in all_commands().items() if not command.examples] == []


@pytest.mark.parametrize("line", EXAMPLES)
def test_example_runs_and_gives_its_value(line: str, session: Session) -> None:
    shown = session.examples[line]
    assert shown.error is None, shown.error_lines
    if command_of(line) in KINDS:
        is_plan = command_of(line) == "launch" and "--dry-run" in line
        expected = "Plan" if is_plan else KINDS[command_of(line)]
        assert session.kinds[line] == expected


@pytest.mark.parametrize("line", [line for line in EXAMPLES if KINDS.get(command_of(line)) not in ("NoneType", None)])
def test_value_of_an_example_is_shown(line: str, session: Session) -> None:
    assert any(bundle["text/plain"].strip() for bundle in session.examples[line].bundles)


def test_displays_cover_every_command() -> None:
    assert {command_of(line) for line in DISPLAYS} - {"ls", "rm", "forward --close", "log --follow"} == set(
        all_commands()
    ) - ELSEWHERE


@pytest.mark.parametrize("line", DISPLAYS)
def test_example_shows_what_it_is_for(line: str, session: Session) -> None:
    assert re.search(DISPLAYS[line], session.examples[line].text), session.examples[line].text


@pytest.mark.parametrize("name", sorted(set(all_commands()) - NEEDS_NO_SERVICE - ELSEWHERE))
def test_refused_token_is_an_error_of_every_command_and_never_an_empty_answer(name: str, session: Session) -> None:
    line = next(line for line in EXAMPLES if command_of(line) == name)
    code = f"""
from glows_nb import connection
before, value = connection.client_in_use(), "unset"
connection._default.client = glows.Client("planted-token", {session.client.base_url!r})
try:
    value = get_ipython().run_line_magic("glows", {line!r})
finally:
    connection._default.client = before
"""
    assert session.run("import glows_nb as glows").error is None
    shown = session.run(code)
    assert shown.error["ename"] == "AuthError"
    assert "code 176" in shown.error_lines[0]
    assert session.run("value").result["text/plain"] == "'unset'"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("cheapest", ["NVIDIA GeForce RTX 4090", "0.390 Credits/h, 9.36 Credits per day", "left"]),
        ("launch --gpu 4090 --dry-run", ["Rents 1 ×", "0.390 Credits/h, 9.36 Credits per day", "auto-"]),
        ("park train --yes", ["train-", "snap-", "unpark"]),
        ("network attach team train", ["net-", "ept-"]),
        ("image submit registry.example.com/team/runtime:cuda12.2", ["img-", "runtime"]),
        ("snap train --name before-tuning --wait", ["snap-", "ins-"]),
        ("show train", ["SANDBOX", "Running", "ssh -p"]),
    ],
)
def test_value_that_is_no_table_shows_as_a_card(line: str, words: list[str], session: Session) -> None:
    bundle = session.examples[line].result
    assert "<table>" in bundle["text/html"]
    for word in words:
        assert word in bundle["text/plain"]
        assert word in re.sub("<[^>]+>", "", bundle["text/html"])


def test_failures_cover_every_command() -> None:
    assert set(FAILURES) == set(all_commands())


@pytest.mark.parametrize("name", FAILURES)
def test_failure_is_one_sentence_with_the_next_step(name: str, session: Session) -> None:
    line, words = FAILURES[name]
    shown = session.run(f"before = 1\n%glows {line}\nbefore = 2")
    assert shown.error is not None
    assert words in shown.error_lines[0]
    assert len(shown.error_lines) <= 2
    assert session.run("before").result["text/plain"] == "1", "the cell went on behind the error"


@pytest.mark.parametrize("line", WITH_JSON)
def test_json_is_the_value(line: str, session: Session) -> None:
    shown = session.run(f"%glows {line} --json")
    assert shown.stdout == ""
    assert json.loads(shown.result["text/plain"])


def test_notices_beside_json_go_to_stderr(session: Session) -> None:
    shown = session.run(
        "text = %glows launch --gpu 4090 --name train --wait --yes --json\nimport json\njson.loads(text)['status']"
    )
    assert shown.stdout == ""
    assert "Nothing new is rented" in shown.text
    assert shown.result["text/plain"] == "'Running'"


def test_value_is_stored_and_shown(session: Session) -> None:
    shown = session.run("%glows specs --gpu 4090 >> offers\n1 + 1")
    assert "4 offers" in shown.text
    assert session.run("len(offers)").result["text/plain"] == "4"
    assert session.run("%glows specs >> offers;").text.strip() == ""
    assert session.run("len(offers)").result["text/plain"] == "20"


def test_value_that_is_stored_is_the_assignments_too(session: Session) -> None:
    assert session.run("x = %glows stats >> y;\nx == y, sum(x.values()) > 0").result["text/plain"] == "(True, True)"


def test_machine_of_a_variable_stands_in_the_line_by_its_id(session: Session) -> None:
    assert session.run("machine = %glows show train").error is None
    for line in ("show $machine", "show {machine}", "ssh $machine", "show $machine.instance_id", "wait {[machine][0]}"):
        shown = session.run(f"%glows {line}")
        assert shown.error is None, (line, shown.error_lines)
    inside = (
        "def get(it):\n    value = %glows show $it\n    return value\nget(machine).instance_id == machine.instance_id"
    )
    assert session.run(inside).result["text/plain"] == "True"


def test_launch_under_the_name_of_a_variable_that_is_not_set_is_refused(session: Session) -> None:
    before = len(session.client.instances.all())
    shown = session.run("%glows launch --gpu 4090 --name $not_set --yes")
    assert "'$not_set' looks like a variable that is not set" in shown.error_lines[0]
    assert len(session.client.instances.all()) == before


def test_name_that_is_none_is_refused(session: Session) -> None:
    assert "'3x' is no name for a variable" in session.run("%glows specs >> 3x").error_lines[0]


@pytest.mark.parametrize("code", ["%glows specs;", "%glows specs --gpu 4090 ; ", "x = %glows specs;"])
def test_semicolon_keeps_the_line_quiet(code: str, session: Session) -> None:
    shown = session.run(code)
    assert shown.error is None
    assert shown.text.strip() == ""


def test_semicolon_behind_an_assignment_leaves_the_value(session: Session) -> None:
    assert session.run("x = %glows specs --gpu 4090;\nlen(x)").result["text/plain"] == "4"


def test_python_variables_expand_and_unknown_ones_stay(session: Session) -> None:
    assert session.run("n, name = 8, 'train'").error is None
    frame = session.run("x = %glows specs --where 'gpus >= {n}'\nx.gpus.min() >= 8, len(x) > 0")
    assert frame.result["text/plain"].count("True") == 2
    assert "Running" in session.run("%glows show $name").text
    assert "'$nowhere'" in session.run("%glows show $nowhere").error_lines[0]
    assert "'{nowhere}'" in session.run("%glows show {nowhere}").error_lines[0]


def test_commands_run_beside_other_code_and_in_a_running_loop(session: Session) -> None:
    code = "import asyncio\nasyncio.get_running_loop()\nfor _ in range(2):\n    s = %glows stats\nsum(s.values()) > 0"
    assert session.run(code).result["text/plain"] == "True"


@pytest.mark.parametrize("code", ["%glows --trace show nobody", "%glows show nobody --trace"])
def test_whole_traceback_is_shown_at_once_where_it_is_asked_for(code: str, session: Session) -> None:
    shown = session.run(code)
    assert shown.error["ename"] == "ParamIllegal"
    assert len(shown.error_lines) > 10
    assert "find_machine" in "\n".join(shown.error_lines)


@pytest.mark.parametrize("code", ["%glows", "%glows help", "%glows --help", "%glows -h"])
def test_list_of_commands_has_all_of_them_and_examples(code: str, session: Session) -> None:
    text = session.run(code).stdout
    listed = re.findall(r"^  ([a-z]+(?: [a-z]+)?)(?:, [a-z]+)?  +\w", text, re.MULTILINE)
    assert sorted(listed) == sorted(all_commands())
    shown = re.findall(r"^  %glows (.*)$", text.partition("Examples:")[2].partition("\n\n")[0], re.MULTILINE)
    assert len(shown) > 2
    assert set(shown) <= set(EXAMPLES)


@pytest.mark.parametrize("code", ["%glows help launch", "%glows launch --help"])
def test_help_of_a_command_has_its_options_and_examples(code: str, session: Session) -> None:
    text = session.run(code).stdout
    for words in (
        "--max-price CREDITS",
        "--dry-run",
        "%%glows launch --gpu 4090",
        "%glows launch --gpu 4090 --dry-run",
    ):
        assert words in text


@pytest.mark.parametrize("code", ["%glows?", "?%glows"])
def test_question_mark_shows_the_commands_and_all_examples(code: str, session: Session) -> None:
    reply = session.kernel.client.execute(code, reply=True, timeout=30)
    text = plain(reply["content"]["payload"][0]["data"]["text/plain"])
    assert "x = %glows …" in text
    examples = {example for command in all_commands().values() for example in command.examples}
    assert {f"  %glows {example}" for example in examples} <= set(text.splitlines())


def test_settings_are_seen_and_set_with_a_hint_for_a_near_miss(session: Session) -> None:
    assert "Glows.ask_above" in session.run("%config Glows").text
    assert "did you mean ask_above?" in session.run("%config Glows.ask_abov = 1").text
    assert "ask_above" in session.run("%config Glows.ask_above = -1").text
    session.run("%config Glows.ask_above = 0.4")
    try:
        assert (
            session.run("c = %glows config\nc.set_index('name').value['Glows.ask_above']").result["text/plain"]
            == "'0.4'"
        )
        cheap = session.run("%glows launch --gpu 4090 --name cheap")
        assert cheap.error is None, "0.39 is not above the limit, so nobody is asked"
        dear = session.run("%glows launch --gpu 4090 --region TW-03 --name dear")
        assert "add --yes" in dear.error_lines[0]
    finally:
        session.run("%config Glows.ask_above = 0")
    assert session.run("%glows cancel cheap --yes").error is None


def test_question_is_asked_in_the_notebook(session: Session) -> None:
    refused = session.run("%glows launch --gpu 4090 --name asked", ["n"])
    assert [asked["prompt"].strip() for asked in refused.questions] == ["Rent it? [y/N]:"]
    assert "Nothing was done." in refused.error_lines[0]
    rented = session.run("%glows launch --gpu 4090 --name asked", ["y"])
    assert rented.error is None
    listed = session.run("%glows cancel --all", ["n"])
    assert "Will end: " in listed.text
    assert re.search(r"This saves \d\.\d{3} Credits/h, \d+\.\d\d Credits per day", listed.text)
    assert session.run("%glows cancel asked", ["y"]).error is None


def test_cell_gives_ports_variables_and_the_start_command(session: Session) -> None:
    settings = "port = 8000/http\nenv FROM_HERE\n\n# serve"
    command = "echo '$HOME {x}' &&\\\n  python -m http.server 8000"
    cell = f"%%glows launch --gpu 4090 --name cell --yes --wait\n{settings}\n{command}\n"
    shown = session.run(cell)
    assert shown.error is None, shown.error_lines
    assert re.search(r"start command has \d+ of 512 characters, \d+ are left", shown.text)
    machine = session.client.instances.find("cell")
    assert machine.cmd == command
    assert 8000 in [access.listen_port for access in machine.accesses]
    assert machine.envs.get_secret_value() == f"FROM_HERE={ENV_VALUE}"
    assert session.run("%glows cancel cell --yes").error is None


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("%%glows launch --gpu 4090 --yes\nports = 8000", "did you mean port?"),
        ("%%glows launch --gpu 4090 --yes\nenv NOT_SET_ANYWHERE", "NOT_SET_ANYWHERE is not set"),
        (f"%%glows launch --gpu 4090 --yes\n{'x' * 530}", "530 characters, 18 over the limit of 512"),
        ("%%glows launch --gpu 4090 --yes --cmd a\nb", "two start commands"),
        ("%%glows specs\nx", "%%glows is for launch, exec, job and run alone"),
        ("%%glows exec train\n\n", "Nothing stands below the line"),
    ],
)
def test_cell_that_can_not_be_is_refused_before_anything_is_rented(cell: str, words: str, session: Session) -> None:
    before = len(session.client.instances.all())
    assert words in session.run(cell).error_lines[0]
    assert len(session.client.instances.all()) == before


def test_progress_is_a_widget_with_a_plain_form(session: Session) -> None:
    shown = session.examples["launch --gpu 4090 --name train --max-price 0.60 --wait --yes"]
    last = [each for each in shown.messages if each["msg_type"] == "update_display_data"][-1]["content"]["data"]
    assert "application/vnd.jupyter.widget-view+json" in last
    assert re.search(r"\d s  ins-\w+ Running, 0\.390 Credits/h, about 0\.\d{3} Credits so far", last["text/plain"])


def wait_for(condition: Callable[[], Any]) -> Any:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come")


def test_interrupted_wait_leaves_the_machine_and_says_how_to_go_on(session: Session) -> None:
    interrupted: list[bool] = []

    def press_stop(shown: Shown) -> None:
        if not interrupted and any(each["msg_type"] == "display_data" for each in shown.messages):
            interrupted.append(True)
            session.kernel.interrupt()

    shown = session.kernel.run("%glows wait train --until Paused", None, press_stop)
    machine = session.client.instances.find("train")
    assert shown.error["ename"] == "KeyboardInterrupt"
    assert shown.error_lines == ["KeyboardInterrupt: stopped; what is left behind is said above"]
    assert f"To wait again: %glows wait {machine.instance_id} --until Paused" in shown.stdout
    assert machine.status == "Running"


@pytest.mark.parametrize("when", ["after", "before"])
def test_interrupt_in_the_middle_of_a_create_says_what_became_of_the_machine(when: str, session: Session) -> None:
    name = f"cut-{when}"
    fault = session.sandbox.admin.order(
        "latency", "instance_create", when=when, seconds=6.0 if when == "before" else 3.0
    )
    interrupted: list[bool] = []

    def press_stop(shown: Shown) -> None:
        if interrupted or "Rents 1 ×" not in shown.text:
            return
        interrupted.append(True)
        wait_for(lambda: [each for each in session.sandbox.admin.faults(fired=True) if each["id"] == fault])
        if when == "after":
            wait_for(lambda: any(name in machine.meta_key for machine in session.client.instances.all()))
        session.kernel.interrupt()

    shown = session.kernel.run(f"%glows launch --gpu 4090 --name {name} --yes", None, press_stop)
    session.sandbox.admin.clear()
    assert shown.error["ename"] == "KeyboardInterrupt"
    if when == "after":
        machine = session.client.instances.find(name)
        assert f"machine {machine.instance_id} ({machine.meta_key}) is there" in shown.stdout
        assert f"Release it with: %glows cancel {machine.instance_id}" in shown.stdout
    else:
        assert "it may still come. Look with: %glows show cut-before-" in shown.stdout
    again = session.run(f"m = %glows launch --gpu 4090 --name {name} --yes\nm.instance_id")
    assert again.error is None, again.error_lines
    assert len([each for each in session.client.instances.all() if name in each.meta_key]) == 1
    assert session.run(f"%glows cancel {name} --yes").error is None


@pytest.mark.parametrize(
    "line",
    [
        f"%glows login {PASTED}",
        f"%glows login '{PASTED}'",
        f"%glows login --profile lab {PASTED};",
        f"%glows login --token={PASTED}",
        f"%glows login --base-url {PASTED}",
        f"%glows login --profile {PASTED}",
        f"%glows login '{PASTED}",
        f"%glows logn {PASTED}",
        f"%glows LOGIN {PASTED}",
        f"%glows use {PASTED}",
        f"%glows --token {PASTED} specs",
        f"%%glows login\n{PASTED}",
        f"def fail(x=0):\n    1 / x\n    %glows login {PASTED}\nfail(1)",
        f"%glows --trace login {PASTED}",
        f"%glows login {PASTED} --trace",
        f"x = 1\ny = %glows login {PASTED}\n",
    ],
)
def test_token_in_a_line_is_refused_and_forgotten(line: str, session: Session) -> None:
    shown = session.run(line)
    assert shown.error is not None
    assert "token-4711" not in str(shown.error)
    for look in (
        "%tb",
        "%xmode Verbose",
        "%tb",
        "fail()",
        "%xmode Context",
        "print(In, _i, _ii, _iii, _ih)",
        "%history -n",
        "%history -g login",
    ):
        shown = session.run(look)
        assert PASTED not in f"{shown.text} {shown.error}"
    # Printed, so that what is looked at does not end in `Out`, which the next look would show again.
    assert PASTED not in session.run("print([v for k, v in globals().items() if k.startswith('_i')])").text


def test_login_refuses_a_token_that_the_service_refuses_and_keeps_nothing(session: Session) -> None:
    shown = session.run(f"%glows login --profile wrong --base-url {session.sandbox.base_url}", [TYPED_WRONG])
    assert shown.questions[0]["password"] is True
    assert shown.error["ename"] == "AuthError"
    assert "[wrong]" not in profile_file(session)


def profile_file(session: Session) -> str:
    (path,) = session.home.rglob("profiles.toml")
    assert path.stat().st_mode & 0o077 == 0
    return path.read_text()


def test_login_keeps_the_token_in_its_profile_and_logout_takes_it_out(session: Session) -> None:
    shown = session.run("%glows login --profile own", [session.sandbox.token])
    assert shown.error is None, shown.error_lines
    assert "a SANDBOX where nothing costs money; the token expires on " in shown.text
    assert f'[own]\ntoken = "{session.sandbox.token}"' in profile_file(session)
    assert session.run("%glows logout --profile own").error is None
    assert session.sandbox.token not in profile_file(session)


def test_no_secret_is_in_any_output_or_history(session: Session) -> None:
    machine = session.client.instances.find("train")
    assert machine.ssh_password is not None
    secrets = [session.sandbox.token, PASTED, TYPED_WRONG]
    secrets += [machine.ssh_password.get_secret_value(), machine.url().get_secret_value().partition("token=")[2]]
    assert all(len(secret) >= 8 for secret in secrets)
    assert session.run("'a last cell, so that the one before is written'").error is None
    everything = str([each["content"] for each in session.kernel.everything if each["msg_type"] != "execute_input"])
    assert [secret for secret in [*secrets, ENV_VALUE] if secret in everything] == []
    (path,) = session.home.rglob("history.sqlite")

    def rows() -> list[Any]:
        with closing(sqlite3.connect(path)) as database:
            return database.execute("SELECT source, source_raw FROM history").fetchall()

    wait_for(lambda: "a last cell" in str(rows()))
    assert "login [removed]" in str(rows())
    assert [secret for secret in secrets if secret in str(rows())] == []
    assert [secret for secret in secrets if secret.encode() in path.read_bytes()] == []
