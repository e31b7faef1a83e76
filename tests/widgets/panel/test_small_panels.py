"""The panels of snapshots, images and networks against a sandbox: what they show, refuse beside a field, and do."""

from __future__ import annotations

import html
from collections.abc import Iterator

import ipywidgets
import pytest

import glows_nb as glows
from glows_nb.widgets.panel import polling_interval
from glows_nb.widgets.panel.live_panel import LivePanel
from glows_nb.widgets.panel.small_form import SmallForm
from tests.widgets.panel.panels import asked, eventually, launch, panel_threads


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(polling_interval, "SHORTEST", 0.2)
    yield
    ipywidgets.Widget.close_all()
    eventually(lambda: not panel_threads())


def error(form: SmallForm, field: str = "") -> str:
    return html.unescape(form._errors[field].value)


def said(panel: LivePanel) -> str:
    return html.unescape(panel._message.value)


def test_snapshot_is_taken_and_followed_by_its_name(client: glows.Client, sandbox: glows.Sandbox) -> None:
    machine = launch(client, "train")
    panel = glows.snapshots_panel(client=client)
    assert panel.table.caption == "There are no snapshots."
    assert panel.machine.options == ((f"train ({machine.instance_id})", machine.instance_id),)
    panel.name.value = "x" * 33
    panel.form.press()
    assert "at most 32 characters" in error(panel.form, "name")
    assert asked(sandbox)["snapshot_create"] == 0
    panel.name.value = "weekend"
    panel.form.press()
    eventually(lambda: "is being taken" in said(panel))
    assert error(panel.form, "name") == panel.name.value == ""
    eventually(lambda: panel.table.rows and panel.table.rows[0]["cells"][2] == "Available")
    assert panel.table.rows[0]["cells"][:2] == ["weekend", "train"]
    assert panel.table.rows[0]["titles"][1] == machine.instance_id
    assert all("weekend" in form for form in panel._plain_form())


def test_snapshot_needs_a_running_machine(client: glows.Client) -> None:
    panel = glows.snapshots_panel(client=client)
    assert panel.form.button.disabled
    assert "none is running" in panel.form._notes["instance_id"].value


def test_image_is_submitted_followed_until_ready_and_deleted(client: glows.Client, sandbox: glows.Sandbox) -> None:
    panel = glows.images_panel(client=client)
    panel.link.value = "two words"
    panel.form.press()
    assert "holds no white space" in error(panel.form, "image_link")
    assert asked(sandbox)["image_submit"] == 0
    panel.link.value = "registry.example.com/team/runtime:1"
    panel.form.press()
    eventually(lambda: "Submitted as img-" in said(panel))
    eventually(lambda: panel.table.rows and panel.table.rows[0]["cells"][1] == "pending (1)")
    eventually(lambda: panel.table.rows[0]["cells"][1] == "ready (0)")

    panel.link.value = "registry.example.com/team/runtime:1"
    panel.form.press()
    eventually(lambda: "submitted before" in error(panel.form))

    assert panel.delete.disabled
    panel.table.selected = panel.table.rows[0]["id"]
    panel.delete.click()
    assert "No machine can be started from it any more" in panel.question._text.value
    panel.question.yes.click()
    eventually(lambda: panel.table.caption.startswith("You have no images of your own"))


def test_network_is_created_and_machines_of_its_region_attached(client: glows.Client, sandbox: glows.Sandbox) -> None:
    machine = launch(client, "left")
    image_id = client.images.default().image_id
    client.instances.launch(name="far", gpu_name="NVIDIA H200", region_name="JP-01", from_image_id=image_id, wait=True)
    panel = glows.networks_panel(client=client)
    assert "JP-01" in panel.region.options, "a region that only a machine tells"
    panel.form.press()
    assert "at least 1 character" in error(panel.form, "name")
    assert asked(sandbox)["network_create"] == 0
    panel.name.value, panel.region.value = "mesh", "TW-04"
    panel.form.press()
    eventually(lambda: "Network mesh is there as net-" in said(panel))
    eventually(lambda: panel.table.rows and panel.table.rows[0]["cells"][:3] == ["mesh", "TW-04", "0/5"])
    eventually(lambda: "5 of 5 places left, in TW-04 only" in panel.attach.title)
    eventually(lambda: panel.machines.options == ((f"left ({machine.instance_id})", machine.instance_id),))

    panel.attach.press()
    assert error(panel.attach, "instance_ids") == "Choose at least one machine."
    panel.machines.value = (machine.instance_id,)
    panel.attach.press()
    eventually(lambda: panel.endpoints_table.rows and panel.endpoints_table.rows[0]["cells"][1] == "Connected")
    eventually(lambda: panel.table.rows[0]["cells"][2] == "1/5")
    assert panel.attach.button.disabled

    panel.name.value, panel.region.value = "second", "TW-04"
    panel.form.press()
    eventually(lambda: "network" in error(panel.form))
    assert panel.table.total == 1


@pytest.mark.parametrize("kind", ["snapshots_panel", "images_panel", "networks_panel"])
def test_small_panel_says_that_it_can_not_see_and_never_that_there_is_nothing(
    kind: str, sandbox: glows.Sandbox
) -> None:
    with sandbox.client(max_retries=0) as quick:
        sandbox.admin.order("http_error", "*", count=1000)
        panel = getattr(glows, kind)(client=quick)
        assert "that does not mean that there are none" in panel._trouble.value
        assert panel.table.layout.display == "none"
        panel.close()


@pytest.mark.parametrize("kind", ["panel", "snapshots_panel", "images_panel", "networks_panel"])
def test_client_that_can_not_read_in_a_thread_is_refused_at_once(kind: str, sandbox: glows.Sandbox) -> None:
    with pytest.raises(glows.InvalidRequest, match="not AsyncClient"):
        getattr(glows, kind)(client=glows.AsyncClient(sandbox.token, sandbox.base_url))
    assert panel_threads() == []
