"""What the form reads of the service: anew, late, in part, or not at all."""

from __future__ import annotations

import re
import threading
from typing import Any

import pytest

import glows_nb as glows
from glows_nb.widgets.form.launch_form import LaunchForm
from tests.widgets.form.clicks import BOTH_CATEGORIES, VM_ONLY, eventually, gpu_like, note

pytestmark = pytest.mark.usefixtures("nothing_is_left")


def test_refresh_brings_prices_and_stock_of_now_and_keeps_what_is_chosen(
    form: LaunchForm, sandbox: glows.Sandbox
) -> None:
    form.fields.region.value = "TW-04"
    form.fields.gpu.value = chosen = gpu_like(form, "5090")
    sandbox.admin.order("price_change", region="TW-04", factor=2)
    form.refresh_button.click()
    assert form.refresh_button.disabled
    form.ready()
    assert form.fields.gpu.value == chosen
    assert "1.380 Credits per hour" in form.price.value
    assert not form.refresh_button.disabled
    sandbox.admin.order("no_stock", region="TW-04", gpu_name="NVIDIA GeForce RTX 5090")
    form.refresh_button.click()
    form.ready()
    assert form.offer is None, "only somebody who chooses takes another"
    assert "is sold out" in note(form, "gpu")
    assert form.button.disabled


def test_what_is_typed_while_another_thread_fills_in_is_heard(form: LaunchForm) -> None:
    heard: list[str] = []
    form.fields.on_change(["image"], lambda: heard.append(form.fields.image.value))
    with form.fields.filling():
        typing = threading.Thread(target=lambda: setattr(form.fields.image, "value", VM_ONLY))
        typing.start()
        typing.join()
    assert heard == [VM_ONLY]
    form.ready()
    assert form.fields.category.value == "vm"


def test_networks_of_the_region_are_offered_once_somebody_wants_to_see_them(
    form: LaunchForm, client: glows.Client, sandbox: glows.Sandbox
) -> None:
    fields = form.fields
    fields.region.value = "TW-04"
    network_id = client.networks.create("mine", "TW-04")
    calls = len(sandbox.admin.transcript())
    assert [value for _, value in fields.network.options] == [""]
    form.more.value = True
    form.ready()
    assert len(sandbox.admin.transcript()) > calls
    assert [value for _, value in fields.network.options] == ["", network_id]
    fields.region.value = "TW-03"
    assert [value for _, value in fields.network.options] == [""], "it is in another region"
    fields.region.value = "TW-04"
    fields.network.value = network_id
    machine = form.launch()
    assert [endpoint.network_id for endpoint in machine.network_endpoints] == [network_id]


def test_what_is_asked_for_late_never_changes_what_is_shown_by_then(form: LaunchForm, sandbox: glows.Sandbox) -> None:
    sandbox.admin.order("latency", "spec_list", seconds=0.3, count=4)
    form.fields.image.value = VM_ONLY
    form.fields.image.value = BOTH_CATEGORIES
    form.ready()
    assert [word for _, word in form.fields.category.options] == ["container", "vm"]
    sandbox.admin.order("latency", "instance_get", seconds=0.5)
    form.fields.name.value = "slow"
    form.fields.name.value = "quick"
    eventually(lambda: "5 of 64 characters; no machine has it" in note(form, "name"))


def test_service_that_is_gone_is_shown_in_the_form_and_raised(form: LaunchForm, sandbox: glows.Sandbox) -> None:
    address = sandbox.base_url
    sandbox.close()
    with pytest.raises(glows.TransportError, match=re.escape(address)):
        form.launch()
    assert "TransportError" in form.message.value
    form.fields.image.value = BOTH_CATEGORIES
    with pytest.raises(glows.TransportError):
        form.ready()
    assert "Could not list specs" in form.loading.value
    assert form.offer is None
    assert form.button.disabled


def test_bad_token_is_an_error_in_the_form_with_a_way_to_try_again(sandbox: glows.Sandbox) -> None:
    with glows.Client("nonsense", sandbox.base_url, backoff=0) as client:
        form = glows.launch_form(client=client)
        with pytest.raises(glows.AuthError):
            form.ready()
        assert "AuthError" in form.loading.value
        assert form.retry.layout.display == ""
        assert form.button.disabled
        assert "Nothing is left" not in form.price.value, "what can't be seen is not nothing"
        assert note(form, "source") == ""
        with pytest.raises(glows.AuthError):
            form.launch()


def test_form_that_could_not_read_tries_again_on_a_click(sandbox: glows.Sandbox, client: glows.Client) -> None:
    sandbox.admin.order("code", "image_list", code=1)
    form = glows.launch_form(client=client)
    with pytest.raises(glows.InternalError):
        form.ready()
    form.retry.click()
    assert form.ready().offer is not None
    assert form.loading.value == ""
    assert form.retry.layout.display == "none"


def test_what_was_chosen_is_chosen_again_after_an_outage(form: LaunchForm, sandbox: glows.Sandbox) -> None:
    form.fields.gpu.value = chosen = gpu_like(form, "H200")
    sandbox.admin.order("code", "spec_list", code=1)
    form.fields.image.value = BOTH_CATEGORIES
    with pytest.raises(glows.InternalError):
        form.ready()
    form.retry.click()
    form.ready()
    assert form.fields.gpu.value == chosen


@pytest.mark.parametrize("fault", [{"kind": "code", "code": 7}, {"kind": "http_error", "status": 404}])
def test_what_is_optional_degrades_alone_and_says_so(
    sandbox: glows.Sandbox, client: glows.Client, fault: dict[str, Any]
) -> None:
    sandbox.admin.order(fault["kind"], "network_list", count=None, **{k: v for k, v in fault.items() if k != "kind"})
    form = glows.launch_form(client=client).ready()
    form.more.value = True
    form.ready()
    assert len(form.fields.gpu.options) > 1
    assert "can't be read" in note(form, "network")
    assert not form.button.disabled


@pytest.mark.parametrize("fault", [{"kind": "code", "code": 7}, {"kind": "http_error", "status": 404}])
def test_an_offer_that_is_pinned_needs_no_list_of_images(
    sandbox: glows.Sandbox, client: glows.Client, fault: dict[str, Any]
) -> None:
    row = glows.specs(gpu="4090", region="TW-04", client=client).iloc[0]
    sandbox.admin.order(fault["kind"], "image_list", count=None, **{k: v for k, v in fault.items() if k != "kind"})
    form = glows.launch_form(spec=row, client=client).ready()
    assert form.offer is not None
    assert form.offer.resource_id == row["resource_id"]
    assert "can't be read" in note(form, "image")
    assert form.launch(timeout=30).region_name == "TW-04"
