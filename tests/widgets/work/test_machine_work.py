"""Files sent and fetched and commands run by clicks, on real machines of a sandbox; what stays, and what is kept."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import ipywidgets
import pytest

import glows_nb as glows
from glows_nb.remote.files import fetching
from glows_nb.widgets.controls import all_parts
from glows_nb.widgets.form.launch_form import LaunchForm
from glows_nb.widgets.panel.machines_panel import Panel
from glows_nb.widgets.work.machine_work import MachineWork
from glows_nb.widgets.work.work_place import WorkPlace
from tests.sandbox.machines.real import (
    IS_REAL_HERE,
    OFFER,
    RealSandbox,
    eventually,
    launch,
    runs,
    sandbox_with_machine,
)

pytestmark = IS_REAL_HERE


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RealSandbox, glows.Instance]]:
    with sandbox_with_machine(tmp_path_factory.mktemp("sandbox")) as made:
        yield made


@pytest.fixture(scope="module")
def sandbox(both: tuple[RealSandbox, glows.Instance]) -> RealSandbox:
    return both[0]


@pytest.fixture(scope="module")
def instance(both: tuple[RealSandbox, glows.Instance]) -> glows.Instance:
    return both[1]


@pytest.fixture
def client(sandbox: RealSandbox) -> Iterator[glows.Client]:
    with sandbox.client() as client:
        yield client


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    yield
    ipywidgets.Widget.close_all()
    eventually(lambda: not [one for one in threading.enumerate() if "machine work" in one.name])


@pytest.fixture
def work(client: glows.Client, instance: glows.Instance) -> MachineWork:
    made = MachineWork(client, instance)
    made.is_enabled = True
    return made


def click(work: MachineWork, kind: str, **given: str) -> None:
    """What the page sends when somebody presses the button of a line."""
    work._on_message(work, {"do": kind, **given}, [])


def done(work: MachineWork, kind: str, **given: str) -> str:
    """Do it, and return what is said in the end."""
    click(work, kind, **given)
    eventually(lambda: not work.states[kind].is_running)
    return work.states[kind].message


def pid_said_by(work: MachineWork) -> int:
    eventually(lambda: work.output.endswith("\n"))
    return int(work.output)


def test_folder_is_sent_read_there_and_fetched_back(work: MachineWork, tmp_path: Path) -> None:
    (tmp_path / "data" / "deep").mkdir(parents=True)
    (tmp_path / "data" / "deep" / "note.txt").write_text("what was sent\n")
    assert "1 file sent, 14 B" in done(work, "send", local=str(tmp_path / "data"), remote="")
    assert done(work, "command", command="cat data/deep/note.txt").startswith("Exit status 0 after ")
    assert work.output == "what was sent\n"
    assert "1 file fetched" in done(work, "fetch", remote="data", local=f"{tmp_path}/back")
    assert (tmp_path / "back" / "deep" / "note.txt").read_text() == "what was sent\n"
    assert not any(state.is_bad for state in work.states.values())


def test_what_is_fetched_without_a_path_here_goes_where_the_notebook_is(
    work: MachineWork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done(work, "command", command="echo there >fetched.txt")
    done(work, "fetch", remote=" fetched.txt ", local=" ")
    assert (tmp_path / "fetched.txt").read_text() == "there\n"


def test_output_is_seen_while_the_command_runs_and_stop_ends_it_there(work: MachineWork) -> None:
    click(work, "command", command="echo $$; sleep 1000; echo never")
    pid = pid_said_by(work)
    assert runs(pid)
    assert work.states["command"].is_running
    work._on_message(work, {"stop": "command"}, [])
    eventually(lambda: not work.states["command"].is_running)
    eventually(lambda: not runs(pid))
    state = work.states["command"]
    assert (state.is_bad, state.message.partition(" It was ended on ")[0]) == (False, "Stopped.")
    assert done(work, "command", command="echo on") == work.states["command"].message
    assert work.output == "on\n"


def test_files_go_while_a_command_runs_and_a_second_command_waits_for_none(work: MachineWork, tmp_path: Path) -> None:
    click(work, "command", command="echo $$; sleep 1000")
    pid = pid_said_by(work)
    click(work, "command", command="echo second")
    (tmp_path / "note").write_text("x")
    done(work, "send", local=str(tmp_path / "note"), remote="")
    assert work.output == f"{pid}\n"
    work.stop("command")
    eventually(lambda: not runs(pid))


def test_command_that_fails_says_its_status_as_a_failure(work: MachineWork) -> None:
    assert done(work, "command", command="echo why >&2; exit 3").startswith("Exit status 3 after")
    assert work.output == "why\n"
    assert work.states["command"].is_bad
    assert done(work, "command", command="kill -9 $$").startswith("Ended by signal KILL after")
    assert work.states["command"].is_bad


def test_whatever_the_machine_says_is_text(work: MachineWork) -> None:
    done(work, "command", command=r"printf '<img src=x onerror=alert(1)>\033]52;c;aGk=\007'")
    assert work.output == r"<img src=x onerror=alert(1)>\x1b]52;c;aGk=\x07"


@pytest.mark.parametrize(
    ("kind", "given", "error", "words"),
    [
        ("send", {"local": "/no/such/file", "remote": ""}, "InvalidRequest", "/no/such/file"),
        ("fetch", {"remote": "no-such-file", "local": "."}, "TransferError", "no-such-file"),
        ("command", {"command": "a\0b"}, "InvalidRequest", "NUL"),
    ],
)
def test_error_is_said_with_its_kind(
    kind: str, given: dict[str, str], error: str, words: str, work: MachineWork
) -> None:
    assert words in done(work, kind, **given)
    assert (work.states[kind].error, work.states[kind].is_bad) == (error, True)


def test_question_is_not_asked_in_the_background(
    work: MachineWork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, instance: glows.Instance
) -> None:
    monkeypatch.setattr(fetching, "ASKS_ABOVE_FILES", 1)
    done(work, "command", command="mkdir many; touch many/a many/b")
    said = done(work, "fetch", remote="many", local=str(tmp_path))
    assert f"glows.machine('{instance.instance_id}').fetch(" in said
    assert list(tmp_path.iterdir()) == []


def test_missing_library_is_named(work: MachineWork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncssh", None)
    assert 'pip install "glows-nb[remote]"' in done(work, "command", command="true")
    assert work.states["command"].error == "ConfigError"


def test_nothing_typed_or_said_is_in_any_state(work: MachineWork, tmp_path: Path) -> None:
    (tmp_path / "typed-here").write_text("x")
    done(work, "send", local=str(tmp_path / "typed-here"), remote="typed-there")
    done(work, "command", command="echo se''cret; : typed-command")
    assert "secret" in work.output
    kept = json.dumps([part.get_state() for part in (work, *all_parts(work))], default=str) + repr(work)
    assert [word for word in ("typed-here", "typed-there", "secret", "typed-command") if word in kept] == []


def test_nothing_begins_on_a_machine_that_can_not_be_entered_and_nonsense_is_not_heard(work: MachineWork) -> None:
    work.is_enabled = False
    click(work, "command", command="echo on")
    work.is_enabled = True
    for nonsense in ({"do": "delete"}, {"stop": "delete"}, {"stop": "command"}, {"do": ["send"]}, [], "do", None):
        work._on_message(work, nonsense, [])
    assert not any(state.is_running or state.message for state in work.states.values())


def test_work_on_one_machine_goes_on_while_another_is_shown(client: glows.Client, instance: glows.Instance) -> None:
    other = instance.model_copy(update={"instance_id": "ins-other"})
    place = WorkPlace(client)
    place.show(instance, is_enabled=True)
    (first,) = place.children
    click(first, "command", command="echo $$; sleep 1000")
    pid = pid_said_by(first)
    place.show(other, is_enabled=False)
    assert place.work is not None
    assert (place.work.output, place.work.is_enabled) == ("", False)
    place.show(instance, is_enabled=True)
    assert place.children == (first,)
    assert runs(pid)
    for part in place.parts():
        part.close()
    eventually(lambda: not runs(pid))


def test_panel_of_the_next_run_goes_on_with_the_command(client: glows.Client, instance: glows.Instance) -> None:
    earlier = glows.panel(client=client)
    earlier.selected = instance.instance_id
    (work,) = earlier.actions.place.children
    click(work, "command", command="echo $$; sleep 1000")
    pid = pid_said_by(work)
    panel = Panel(client)
    panel._take_over(earlier)
    earlier.close()
    panel.selected = instance.instance_id
    assert panel.actions.place.children == (work,)
    assert runs(pid)
    panel.close()
    eventually(lambda: not runs(pid))


def test_panel_offers_work_on_what_runs_alone(client: glows.Client) -> None:
    machine = launch(client, "short")
    panel = glows.panel(client=client)
    panel.selected = machine.instance_id
    work = panel.actions.place.work
    assert work is not None
    assert work.is_enabled
    assert done(work, "command", command="echo on").startswith("Exit status 0")
    client.instances.cancel(machine.instance_id)
    client.instances.wait(machine.instance_id, "Finished")
    panel.refresh()
    assert not work.is_enabled
    assert panel.actions.place.work is work, "what was done there can still be read"


def test_card_works_on_the_machine_that_the_form_started(client: glows.Client) -> None:
    form: LaunchForm = glows.launch_form(client=client).ready()
    assert form.card.place.work is None
    machine = launch(client, "carded", **OFFER)
    form.card.follow(machine)
    work = form.card.place.work
    assert work is not None
    assert done(work, "command", command="echo on").startswith("Exit status 0")
    assert "echo on" not in form._plain()
    form.card.release.click()
    form.card.question.yes.click()
    assert not work.is_enabled
    eventually(lambda: "has ended" in form.card.message.value)
    form.card.hide()
    assert form.card.place.children == ()
    form.close()


def test_cell_that_runs_there_is_told_with_its_time(client: glows.Client, work: MachineWork) -> None:
    sent: list[dict[str, str]] = []
    work.send = lambda content, buffers=None: sent.append(content)
    work.look_at_kernel()
    assert (work.kernel, sent) == ("", []), "nobody is attached, and nobody is asked"
    machine = glows.machine("train", client=client)
    code = "import pathlib, time\nwhile not pathlib.Path('go').exists(): time.sleep(0.01)"
    running = threading.Thread(target=lambda: machine.run(code, quiet=True), daemon=True)
    running.start()
    eventually(lambda: work.kernel.startswith("A cell runs there since "))
    work.look_at_kernel()
    machine.exec("touch go")
    running.join()
    eventually(lambda: work.kernel == "")
    work.look_at_kernel()
    work.look_at_kernel()
    assert [said["kernel"][:12] for said in sent] == ["A cell runs ", ""]
