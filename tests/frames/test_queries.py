"""`glows.instances()`, `.images()`, `.snapshots()` and `.networks()` against a sandbox: filters, captions, refusals."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pandas.testing import assert_frame_equal

import glows_nb as glows
from glows_nb.frames.tables import Table
from tests.frames.looking import caption, dtypes
from tests.frames.samples import RTX_4090

pytestmark = pytest.mark.usefixtures("reader")


def test_images_are_found_by_a_part_of_their_name() -> None:
    every, some = glows.images(), glows.images(keywords="torch2.8")
    assert some["name"].tolist() == ["CUDA12.8 Torch2.8.0 Base"]
    assert len(every) > 20, "more than one page"
    assert every["image_id"].is_unique
    assert caption(some) == "1 image"


def test_images_of_ones_own_are_none_and_still_a_table() -> None:
    owned = glows.images(owned=True)
    assert len(owned) == 0
    assert dtypes(owned) == dtypes(glows.images())


def test_keywords_over_the_contracts_limit_are_refused() -> None:
    with pytest.raises(glows.InvalidRequest, match="keywords"):
        glows.images(keywords="x" * 101)


def test_account_without_machines_has_an_empty_table_with_all_columns(sandbox: glows.Sandbox) -> None:
    with sandbox.client(backoff=0) as client:
        nothing = glows.instances(client=client)
    assert len(nothing) == 0
    assert "cost_estimate" in nothing.columns
    assert caption(nothing) == "0 machines, 0 running at 0.000 Credits per hour"


def test_bad_token_is_an_error_and_never_an_empty_table(shared_sandbox: glows.Sandbox) -> None:
    with glows.Client("nonsense", shared_sandbox.base_url, backoff=0) as client:
        for ask in (glows.specs, glows.instances, glows.images):
            with pytest.raises(glows.AuthError):
                ask(client=client)


def test_no_token_is_an_error_that_says_how_to_give_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GLOWS_SDK_TOKEN")
    with pytest.raises(glows.ConfigError) as refused:
        glows.specs()
    for way in ("connect(token=", "GLOWS_SDK_TOKEN", "profiles.toml", "glows.sandbox()"):
        assert way in str(refused.value)


@pytest.fixture
def two_machines(client: glows.Client) -> list[glows.Instance]:
    image = client.images.default().image_id
    places = {"TW-03": 2, "TW-04": 1}
    return [
        client.instances.launch(
            from_image_id=image, gpu_name=RTX_4090, region_name=region, unit_qty=units, name=region.lower(), wait=True
        )
        for region, units in places.items()
    ]


def test_caption_of_machines_says_what_runs_and_costs_now(
    client: glows.Client, two_machines: list[glows.Instance]
) -> None:
    table = glows.instances(client=client)
    assert caption(table) == "2 machines, 2 running at 1.470 Credits per hour"
    assert table["instance_id"].tolist() == [machine.instance_id for machine in reversed(two_machines)]
    assert table["price_per_hour"].tolist() == [0.49, 0.98]

    client.instances.cancel(two_machines[0].instance_id)
    client.instances.wait(two_machines[0].instance_id, "Finished", timeout=10)
    assert caption(glows.instances(client=client)) == "2 machines, 1 running at 0.490 Credits per hour"
    running = glows.instances(statuses=["Running"], client=client)
    assert running["instance_id"].tolist() == [two_machines[1].instance_id]


def test_async_client_gives_the_same_table(
    sandbox: glows.Sandbox, client: glows.Client, two_machines: list[glows.Instance]
) -> None:
    async def ask(**wishes: Any) -> Table:
        async with glows.AsyncClient(sandbox.token, sandbox.base_url) as service:
            return await glows.instances_async(service, **wishes)

    all_wishes: list[dict[str, Any]] = [{}, {"wide": True}, {"limit": 1}, {"statuses": ["Finished"]}]
    for wishes in all_wishes:
        table, expected = asyncio.run(ask(**wishes)), glows.instances(client=client, **wishes)
        passing = ["age", "cost_estimate"]
        assert_frame_equal(table.drop(columns=passing), expected.drop(columns=passing))
        assert caption(table) == caption(expected)


def test_limit_gives_the_newest_machines(client: glows.Client, two_machines: list[glows.Instance]) -> None:
    assert glows.instances(limit=1, client=client)["instance_id"].tolist() == [two_machines[1].instance_id]


def test_networks_are_those_of_every_domain_that_is_known(client: glows.Client, sandbox: glows.Sandbox) -> None:
    sandbox.admin.limits("researcher", networks=5)
    assert len(glows.networks(client=client)) == 0
    for name, region in (("zero", "TW-01"), ("two", "TW-03"), ("far", "JP-01")):
        client.networks.create(name, region)
    near = glows.networks(client=client)
    assert sorted(near["name"]) == ["two", "zero"], "no document has the number of JP-01"
    image = client.images.default().image_id
    client.instances.create(
        from_image_id=image, gpu_name="NVIDIA H200", region_name="JP-01", custom_meta_key="far-machine"
    )
    every = glows.networks(client=client)
    assert sorted(every["name"]) == ["far", "two", "zero"]
    assert dict(zip(every["name"], every["domain"], strict=True)) == {"zero": 0, "two": 2, "far": 21}
    assert dtypes(every) == dtypes(near)


def test_endpoints_of_a_network_are_its_machines(client: glows.Client, two_machines: list[glows.Instance]) -> None:
    network_id = client.networks.create("mesh", "TW-03")
    nothing = glows.endpoints(network_id, client=client)
    assert len(nothing) == 0
    client.networks.attach(network_id, [two_machines[0].instance_id])
    table = glows.endpoints(network_id, client=client)
    assert table["instance_id"].tolist() == [two_machines[0].instance_id]
    assert caption(table) == f"1 machine in {network_id}"
    assert dtypes(table) == dtypes(nothing)


def test_account_without_snapshots_has_an_empty_table(client: glows.Client) -> None:
    table = glows.snapshots(client=client)
    assert len(table) == 0
    assert caption(table) == "0 snapshots"
    assert {"name", "image"} <= set(table.columns)
