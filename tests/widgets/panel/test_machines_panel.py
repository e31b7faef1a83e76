"""The panel of machines against a sandbox: what it asks, what it shows, what a click does, what it leaves."""

from __future__ import annotations

import html
import json
import re
import time
from collections import Counter
from collections.abc import Iterator

import ipywidgets
import pytest

import glows_nb as glows
from glows_nb.ledger.recorder import recorder_of
from glows_nb.widgets.controls import all_parts
from glows_nb.widgets.panel import polling_interval
from glows_nb.widgets.panel.machines_panel import Panel
from glows_nb.widgets.panel.polling_interval import Outcome
from tests.widgets.panel.panels import RTX_4090, asked, eventually, launch, panel_threads


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    yield
    ipywidgets.Widget.close_all()
    eventually(lambda: not panel_threads())


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling_interval, "SHORTEST", 0.2)


@pytest.fixture
def machine(client: glows.Client) -> glows.Instance:
    return launch(client, "train")


@pytest.fixture
def panel(client: glows.Client, machine: glows.Instance) -> Panel:
    return glows.panel(client=client)


def launch_cpu(client: glows.Client, number: int, image_id: str) -> glows.Instance:
    """A machine of a kind that there are enough of for many."""
    return client.instances.create(
        from_image_id=image_id,
        cpu_name="Intel(R) Xeon(R) Platinum 8468",
        region_name="TW-04",
        custom_meta_key=f"many-{number}",
        instance_category="container",
    )


def press(panel: Panel, action: str) -> None:
    panel.actions.buttons[action].click()


def confirm(panel: Panel, action: str) -> None:
    press(panel, action)
    assert panel.actions.question.subject == action
    panel.actions.question.yes.click()


def said(panel: Panel) -> str:
    return html.unescape(panel._message.value)


def cells(panel: Panel) -> list[list[str]]:
    return [row["cells"] for row in panel.table.rows]


def test_panel_shows_each_machine_with_its_price_and_what_all_cost_together(
    panel: Panel, machine: glows.Instance
) -> None:
    ((name, status, age, price, cost, hardware, region),) = cells(panel)
    assert (name, status, hardware, region) == ("train", "Running", f"1 × {RTX_4090}", "TW-04")
    assert (age, price) == ("< 1 min", "0.490")
    assert float(cost) >= 0
    assert panel.table.rows[0]["titles"][0] == machine.instance_id
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", panel.table.rows[0]["titles"][2])
    assert "1 machine running at 0.490 Credits/h, 11.76 Credits per day" in panel._heading.value
    assert "SANDBOX" in panel._heading.value
    assert str(panel.burn.rate) == "0.490 Credits/h"


def test_reading_is_one_list_request_however_many_machines(sandbox: glows.Sandbox, client: glows.Client) -> None:
    panel = glows.panel(client=client)
    panel.refresher.close()
    eventually(lambda: not panel_threads())
    image_id = client.images.default().image_id
    for number in range(20):
        launch_cpu(client, number, image_id)
        before = asked(sandbox)
        panel.refresh()
        assert asked(sandbox) - before == Counter({"instance_list": 1})
        assert len(panel.machines) == len(cells(panel)) == number + 1


def test_ten_minutes_of_twenty_machines_take_as_many_requests_as_of_one(
    sandbox: glows.Sandbox, client: glows.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling_interval, "SHORTEST", 2.0)

    def requests_of_ten_minutes() -> int:
        """Read by hand what the thread would read, without waiting out the pauses."""
        panel = glows.panel(client=client)
        panel.refresher.close()
        eventually(lambda: not panel_threads())
        before, seconds = sum(asked(sandbox).values()), 0.0
        while seconds < 600:
            pause = panel.refresher.read_now()
            assert pause is not None
            seconds += pause
        panel.close()
        return sum(asked(sandbox).values()) - before

    image_id = client.images.default().image_id
    client.instances.wait(launch_cpu(client, 0, image_id).instance_id)
    one = requests_of_ten_minutes()
    for machine in [launch_cpu(client, number, image_id) for number in range(1, 20)]:
        client.instances.wait(machine.instance_id)
    assert requests_of_ten_minutes() == one <= 40


def test_panel_with_no_machine_says_so(client: glows.Client) -> None:
    panel = glows.panel(client=client)
    assert "No machines now." in panel.actions._title.value
    assert panel.table.layout.display == "none"
    assert "nothing is running, so nothing is charged now" in panel._heading.value


def test_machine_that_is_started_elsewhere_appears(client: glows.Client) -> None:
    panel = glows.panel(client=client)
    launch(client, "late", wait=False)
    eventually(lambda: cells(panel) and cells(panel)[0][0] == "late")


def test_only_machine_is_chosen_and_of_several_none(client: glows.Client, panel: Panel) -> None:
    (first,) = panel.machines
    assert panel.selected == panel.table.selected == first.instance_id
    second = launch(client, "other")
    panel.refresh()
    assert panel.selected == first.instance_id
    panel.table.selected = second.instance_id
    assert panel.selected == second.instance_id
    assert "other" in panel.actions._title.value


def test_copying_sends_a_message_and_keeps_nothing(panel: Panel, machine: glows.Instance) -> None:
    sent: list[object] = []
    panel._front_end.send = lambda content, buffers=None: sent.append(content)
    press(panel, "ssh")
    press(panel, "cell")
    press(panel, "password")
    press(panel, "jupyter")
    assert machine.ssh_password is not None
    assert sent == [
        {"copy": machine.ssh_command},
        {"copy": "%%glows run train\n"},
        {"copy": machine.ssh_password.get_secret_value()},
        {"open": machine.url().get_secret_value()},
    ]
    panel._front_end._on_message(None, {"copied": True}, [])
    assert said(panel) == "Copied: the SSH password of train"


def test_snapshot_park_unpark_and_release(client: glows.Client, panel: Panel) -> None:
    press(panel, "snapshot")
    panel.actions.question.field.value = "weekend"
    panel.actions.question.yes.click()
    eventually(lambda: "train: snapshot snap-" in said(panel))
    eventually(lambda: not panel.actions.buttons["park"].disabled)

    confirm(panel, "park")
    assert panel.actions.buttons["release"].disabled, "nothing else is done to it meanwhile"
    eventually(lambda: "train is parked as snapshot snap-" in said(panel))
    eventually(lambda: panel.machines == [])
    unpark = panel.actions.buttons["unpark"]
    eventually(lambda: unpark.layout.display == "" and not unpark.disabled)
    assert "Finished" in panel.actions._title.value

    confirm(panel, "unpark")
    eventually(lambda: "train is there again as ins-" in said(panel))
    eventually(lambda: panel.machines and panel.selected == panel.machines[0].instance_id)
    release = panel.actions.buttons["release"]
    eventually(lambda: release.layout.display == "" and not release.disabled)
    again = panel.machines[0]
    assert again.meta_key.endswith(".2")
    assert again.base_snap is not None

    confirm(panel, "release")
    eventually(lambda: panel.machines == [])
    assert client.instances.get(again.instance_id).is_terminal
    assert {snapshot.instance_id for snapshot in client.snapshots.all()} != {again.instance_id}


def test_unpark_that_would_pass_the_budget_is_refused_with_the_word_for_it(client: glows.Client, panel: Panel) -> None:
    confirm(panel, "park")
    eventually(lambda: "train is parked as snapshot snap-" in said(panel))
    eventually(lambda: panel.machines == [])
    unpark = panel.actions.buttons["unpark"]
    eventually(lambda: unpark.layout.display == "" and not unpark.disabled)
    # In the middle of a month, of which three weeks are to come.
    recorder_of(client)._clock = lambda: 1_773_100_000
    glows.set_budget(1, per="month", client=client)
    confirm(panel, "unpark")
    eventually(lambda: "would be passed by" in said(panel))
    assert "over_budget=True" in said(panel)
    assert client.instances.stats() == {"Finished": 1}


def test_ended_machines_are_read_only_when_unfolded(panel: Panel) -> None:
    confirm(panel, "release")
    eventually(lambda: panel._unfold.text == "Ended machines (1)")
    assert panel.ended_table.total == 0
    assert panel.ended_table.layout.display == "none"
    panel._unfold.value = True
    eventually(lambda: panel.ended_table.total == 1)
    eventually(lambda: panel.ended_table.layout.display == "")
    name, status, snapshot, *_ = panel.ended_table.rows[0]["cells"]
    assert (name, status, snapshot) == ("train", "Finished", "–")


def test_machine_that_left_is_counted_at_once_and_what_has_no_snapshot_can_not_be_unparked(
    sandbox: glows.Sandbox, client: glows.Client, panel: Panel, machine: glows.Instance
) -> None:
    counted = asked(sandbox)["instance_stats"]
    client.instances.cancel(machine.instance_id)  # by somebody else
    eventually(lambda: panel._unfold.text == "Ended machines (1)")
    assert asked(sandbox)["instance_stats"] == counted + 1
    eventually(lambda: "there is no snapshot of it" in html.unescape(panel.actions._title.value))
    unpark = panel.actions.buttons["unpark"]
    assert (unpark.layout.display, unpark.disabled) == ("", True)


def test_release_asks_first_and_can_be_taken_back(client: glows.Client, panel: Panel, machine: glows.Instance) -> None:
    press(panel, "release")
    assert "what is on its disk is gone for good" in panel.actions.question._text.value
    panel.actions.question.no.click()
    assert panel.actions.question.box.children == ()
    assert client.instances.get(machine.instance_id).status == "Running"


def test_question_is_about_the_machine_that_was_chosen_when_it_was_asked(client: glows.Client, panel: Panel) -> None:
    other = launch(client, "other")
    panel.refresh()
    press(panel, "release")
    panel.selected = other.instance_id
    assert panel.actions.question.subject == "", "another machine is chosen, so the question is gone"
    panel.actions.question.yes.click()
    panel.refresh()
    assert {machine.status for machine in panel.machines} == {"Running"}


def test_yes_pressed_twice_does_it_once(sandbox: glows.Sandbox, panel: Panel) -> None:
    press(panel, "release")
    panel.actions.question.yes.click()
    panel.actions.question.yes.click()
    eventually(lambda: panel.machines == [])
    assert asked(sandbox)["instance_cancel"] == 1


def test_name_too_long_is_refused_beside_its_field_before_a_request(sandbox: glows.Sandbox, panel: Panel) -> None:
    press(panel, "snapshot")
    panel.actions.question.field.value = "x" * 33
    panel.actions.question.yes.click()
    assert "at most 32 characters" in panel.actions.question._error.value
    assert panel.actions.question.subject == "snapshot"
    assert asked(sandbox)["snapshot_create"] == 0


def test_refusal_of_the_service_is_shown(client: glows.Client, panel: Panel, machine: glows.Instance) -> None:
    client.snapshots.create(machine.instance_id)
    confirm(panel, "snapshot")
    eventually(lambda: "IllegalStatus" in said(panel))


def test_machine_page_has_timeline_and_ways_in_and_masks_secrets(panel: Panel, machine: glows.Instance) -> None:
    panel._details.value = True
    page = html.unescape(panel._page.value)
    for part in ("Timeline", "Running", "8000", "http://", "train-", "CUDA12.8", '"instanceID"', "**********"):
        assert part in page
    assert machine.ssh_password is not None
    secrets = [machine.ssh_password.get_secret_value(), *(re.findall(r"token=(\w+)", machine.url().get_secret_value()))]
    assert len(secrets) == 2
    assert [secret for secret in secrets if secret in page] == []


def test_no_trait_and_no_plain_form_holds_a_secret(
    sandbox: glows.Sandbox, panel: Panel, machine: glows.Instance
) -> None:
    panel._details.value = True
    press(panel, "password")
    state = json.dumps([widget.get_state() for widget in [panel, *all_parts(panel)]], default=str)
    assert machine.instance_id in state
    assert machine.ssh_password is not None
    secrets = [
        sandbox.token,
        machine.ssh_password.get_secret_value(),
        *re.findall(r"token=(\w+)", machine.url().get_secret_value()),
    ]
    assert len(secrets) == 3
    for text in (state, *panel._plain_form()):
        assert [secret for secret in secrets if secret in text] == []


def test_outage_keeps_what_was_seen_marked_as_old_and_ends_by_itself(
    sandbox: glows.Sandbox, client: glows.Client, machine: glows.Instance
) -> None:
    with sandbox.client(max_retries=0) as quick:
        panel = glows.panel(client=quick)
        sandbox.admin.order("http_error", "instance_list", count=2)
        panel.refresh()
        assert panel.refresher.pace.pause is not None
        assert re.match(r"Can't see the machines since \d\d:\d\d UTC\.", html.unescape(panel._trouble.value))
        assert "Out of date" in panel._state.value
        assert "glows-old" in panel._dom_classes
        assert cells(panel)[0][0] == "train"
        assert "no machine" not in panel._trouble.value.lower()
        eventually(lambda: panel._trouble.value == "")
        assert "glows-old" not in panel._dom_classes


def test_service_that_wants_fewer_requests_is_not_asked_more_closely(
    sandbox: glows.Sandbox, machine: glows.Instance
) -> None:
    with sandbox.client(max_retries=0) as quick:
        panel = glows.panel(client=quick)
        panel.refresher.close()
        eventually(lambda: not panel_threads())
        sandbox.admin.order("rate_limit", "instance_list", count=1)
        pause = panel.refresher.read_now()
        assert "Can't see the machines" in html.unescape(panel._trouble.value)
        assert cells(panel)[0][0] == "train"
        assert pause == polling_interval.SHORTEST_AFTER_TOO_MANY
        panel.refresher.read_now()
        assert panel._trouble.value == ""


def test_service_that_was_never_seen_is_not_taken_for_one_without_machines(sandbox: glows.Sandbox) -> None:
    with sandbox.client(max_retries=0) as quick:
        sandbox.admin.order("http_error", "instance_list", count=50)
        panel = glows.panel(client=quick)
        assert "that does not mean that there are none" in panel._trouble.value
        assert panel.table.layout.display == "none"
        assert "<table" not in panel._plain_form()[0]


def test_refused_token_is_said_and_asked_no_more_until_retry(sandbox: glows.Sandbox) -> None:
    bad = sandbox.token[:-4] + "aaaa"
    with glows.Client(bad, sandbox.base_url, max_retries=0) as client:
        panel = glows.panel(client=client)
        assert "Nothing is asked any more until you press Retry." in panel._trouble.value
        assert panel._retry.description == "Retry"
        eventually(lambda: panel.refresher.pace.pause is None)
        before = sum(asked(sandbox).values())
        time.sleep(0.5)
        assert sum(asked(sandbox).values()) == before
        panel._retry.click()
        eventually(lambda: sum(asked(sandbox).values()) == before + 1)
    assert "machines" not in panel.table.caption


def test_status_that_this_version_does_not_know_is_seen_all_the_same(panel: Panel) -> None:
    panel._counted_at = None
    panel.client.instances.stats = lambda: {"Running": 1, "Dreaming": 2, "Finished": 3}  # type: ignore[method-assign]
    panel.refresh()
    assert "Dreaming" in panel._statuses
    assert "Finished" not in panel._statuses
    assert panel._unfold.text == "Ended machines (3)"


def test_closing_ends_the_thread_and_closes_every_part(client: glows.Client, panel: Panel) -> None:
    assert panel_threads()
    parts = [panel, *all_parts(panel), *panel._parts()]
    panel.close()
    eventually(lambda: not panel_threads())
    assert panel._read_and_show() in (Outcome.SAME, Outcome.CHANGED, Outcome.PASSING)
    assert len(parts) > 30
    assert [part for part in parts if part.comm is not None] == []


def test_work_goes_on_in_the_panel_that_takes_the_place(client: glows.Client, panel: Panel) -> None:
    confirm(panel, "park")
    successor = Panel(client)
    successor._take_over(panel)
    panel.close()
    eventually(lambda: "train is parked as snapshot snap-" in said(successor))
    assert "is parked" not in said(panel)


def test_two_panels_show_the_same_and_choose_each_for_itself(client: glows.Client, panel: Panel) -> None:
    launch(client, "other")
    second = glows.panel(client=client)
    panel.refresh()
    assert cells(panel)[0][0] == cells(second)[0][0] == "other"
    assert panel.selected is not None
    assert second.selected is None
