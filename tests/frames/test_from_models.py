"""Models to DataFrames: the columns that are promised, what is unknown is NA, and no secret gets in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from glows_nb import frames
from glows_nb.api.models.images import Image
from glows_nb.api.models.instances import Instance
from glows_nb.api.models.networks import Endpoint, Network
from glows_nb.api.models.snapshots import Snapshot
from glows_nb.api.models.specs import RegionSpecs, Spec
from glows_nb.ledger.accounting import DayCost
from glows_nb.ledger.records import MachineRecord, Sighting, SnapshotRecord
from glows_nb.money import Cost, Rate

SAMPLES = Path(__file__).parents[1] / "contract_examples"
RTX_4090 = "NVIDIA GeForce RTX 4090"

# DESIGN, "Columns", word for word.
SPEC_COLUMNS = [
    "region",
    "machine_category",
    "gpu",
    "gpus",
    "vram_gb",
    "cpu",
    "cpus",
    "ram_gb",
    "disk_gb",
    "price_per_hour",
    "price_per_gpu_hour",
    "available",
    "max_units",
    "instance_categories",
    "resource_id",
]
INSTANCE_COLUMNS = [
    "instance_id",
    "meta_key",
    "remark",
    "status",
    "region",
    "category",
    "gpu",
    "gpus",
    "vram_gb",
    "cpus",
    "ram_gb",
    "disk_gb",
    "price_per_hour",
    "created",
    "age",
    "cost_estimate",
    "image",
    "image_id",
    "snapshot_id",
    "ssh",
    "http",
    "networks",
]
IMAGE_COLUMNS = ["image_id", "name", "status", "created"]

SNAPSHOT_COLUMNS = ["snapshot_id", "instance_id", "status", "type", "size_gb", "volume_gb", "created", "modified"]
NETWORK_COLUMNS = ["network_id", "name", "cluster_type", "domain", "created"]
ENDPOINT_COLUMNS = ["endpoint_id", "network_id", "instance_id", "status", "cidr", "mac", "created"]

CREATED = 1_726_810_944
NOW = datetime.fromtimestamp(CREATED, UTC) + timedelta(hours=2)


def sample(name: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((SAMPLES / f"{name}.response.json").read_text())
    return body


def spec(unit: dict[str, Any] | None = None, **changes: Any) -> Spec:
    body = sample("spec_list")["specs"][0] | changes
    if unit is not None:
        body["base_resource"]["unit_spec"] = unit
    return Spec.model_validate(body)


def machine(**changes: Any) -> Instance:
    return Instance.model_validate(sample("instance_get")["instance"] | changes)


def image(**changes: Any) -> Image:
    return Image.model_validate(sample("image_list")["images"][0] | changes)


def snapshot(**changes: Any) -> Snapshot:
    return Snapshot.model_validate(sample("snapshot_list")["snapshots"][0] | changes)


def network(**changes: Any) -> Network:
    return Network.model_validate(sample("network_list")["networks"][0] | changes)


def endpoint(**changes: Any) -> Endpoint:
    return Endpoint.model_validate(sample("network_endpoints")["endpoints"][0] | changes)


def dtypes(frame: pd.DataFrame) -> dict[str, str]:
    return {name: str(dtype) for name, dtype in frame.dtypes.items()}


def row(frame: pd.DataFrame) -> pd.Series[Any]:
    assert len(frame) == 1
    return frame.iloc[0]


def missing(frame: pd.DataFrame) -> set[str]:
    """The columns whose only value is NA."""
    return {str(name) for name, value in row(frame).items() if pd.isna(value)}


def test_columns_are_those_of_the_design_in_its_order() -> None:
    assert list(frames.specs([spec()]).columns) == SPEC_COLUMNS
    assert list(frames.instances([machine()]).columns) == INSTANCE_COLUMNS
    assert list(frames.images([image()]).columns) == IMAGE_COLUMNS
    assert list(frames.snapshots([snapshot()]).columns) == [*SNAPSHOT_COLUMNS, "name", "image", "image_id"]
    assert list(frames.networks([network()]).columns) == NETWORK_COLUMNS
    assert list(frames.endpoints([endpoint()]).columns) == ENDPOINT_COLUMNS
    assert list(frames.stats({"Running": 1}).columns) == ["status", "machines"]


def test_specs_have_the_same_dtypes_with_no_row_one_or_many() -> None:
    bare = spec({}, price={"millicent_per_hour": 0}, instance_categories=None)
    some = [dtypes(frames.specs(rows)) for rows in ([], [spec()], [bare], [spec(), bare, spec(machine_category=1)])]
    assert some == [some[0]] * 4
    assert list(some[0]) == SPEC_COLUMNS
    assert some[0]["price_per_hour"] == some[0]["price_per_gpu_hour"] == "float64"


def test_instances_have_the_same_dtypes_with_no_row_one_or_many() -> None:
    bare = Instance.model_validate({"instanceID": "ins-bare", "status": "SchedInit"})
    some = [dtypes(frames.instances(rows)) for rows in ([], [machine()], [bare], [machine(), bare, machine()])]
    assert some == [some[0]] * 4
    assert list(some[0]) == INSTANCE_COLUMNS
    assert some[0]["price_per_hour"] == some[0]["cost_estimate"] == "float64"
    assert some[0]["created"] == "datetime64[ns, UTC]"
    assert some[0]["age"] == "timedelta64[ns]"


def test_images_have_the_same_dtypes_with_no_row_one_or_many() -> None:
    bare = Image.model_validate({"image_id": "img-bare"})
    some = [dtypes(frames.images(rows)) for rows in ([], [image()], [bare], [image(), bare, image()])]
    assert some == [some[0]] * 4
    assert list(some[0]) == IMAGE_COLUMNS


def test_names_that_repeat_are_texts_that_can_be_set_to_any_other() -> None:
    """A category takes no value that it does not know, and users edit their tables."""
    table = frames.instances([machine(), machine()])
    for name in ("status", "region", "category", "gpu", "image", "image_id"):
        assert table[name].dtype == "string"
        table.loc[0, name] = "my own word"
        assert table[name].iloc[0] == "my own word"
    offers = frames.specs([spec()])
    for name in ("region", "machine_category", "gpu", "cpu", "instance_categories"):
        offers.loc[0, name] = "my own word"
        assert offers[name].iloc[0] == "my own word"


def test_frames_take_any_iterable_of_models() -> None:
    assert len(frames.specs(iter([spec(), spec()]))) == 2
    assert len(frames.instances(iter([machine()]))) == 1
    assert len(frames.images(iter(()))) == 0


def test_sample_offer_of_the_contract_gives_these_numbers() -> None:
    # The contract writes numPages of 1 and prices in millicents: 120000 is 1.2 Credits per hour.
    assert row(frames.specs([spec()])).to_dict() == {
        "region": "Region-01",
        "machine_category": "GPU",
        "gpu": RTX_4090,
        "gpus": 1,
        "vram_gb": 24,
        "cpu": "Intel(R) Xeon(R) Platinum 8352V CPU @ 2.10GHz",
        "cpus": 10,
        "ram_gb": 42,
        "disk_gb": 100,
        "price_per_hour": 1.2,
        "price_per_gpu_hour": 1.2,
        "available": True,
        "max_units": 8,
        "instance_categories": "container, vm",
        "resource_id": "cnR4NDA5MC0xZ3B1",
    }


def test_sample_machine_of_the_contract_gives_these_numbers() -> None:
    frame = frames.instances([machine()], now=NOW)
    values = row(frame).to_dict()
    assert missing(frame) == {"snapshot_id", "http"}
    assert {name: value for name, value in values.items() if not pd.isna(value)} == {
        "instance_id": "ins-boyqp4g8",
        "meta_key": "order.123456",
        "remark": "this is from sdk",
        "status": "Running",
        "region": "Region-01",
        "category": "container",
        "gpu": RTX_4090,
        "gpus": 1,
        "vram_gb": 24,
        "cpus": 10,
        "ram_gb": 42,
        "disk_gb": 100,
        "price_per_hour": 0.65,
        "created": pd.Timestamp(CREATED, unit="s", tz="UTC"),
        "age": pd.Timedelta(hours=2),
        "cost_estimate": 1.3,
        "image": "Ubuntu20.04 CUDA12.2 Python3.9",
        "image_id": "img-87p9kq26",
        "ssh": "ssh -p 15692 root@access.example.com",
        "networks": "net-od7pv75w",
    }


def test_sample_image_of_the_contract_gives_these_values() -> None:
    assert row(frames.images([image()])).to_dict() == {
        "image_id": "img-87p9kq26",
        "name": "sdk-10001-1726810944000000000-runtime",
        "status": 0,
        "created": pd.Timestamp(CREATED, unit="s", tz="UTC"),
    }


def test_machine_in_a_create_answer_has_na_where_the_service_says_zero() -> None:
    queued = Instance.model_validate(sample("instance_create")["instance"])
    assert queued.price_cent == 0
    assert queued.hardware.ram_mb == 0
    frame = frames.instances([queued], now=NOW)
    assert {"cpus", "ram_gb", "disk_gb", "price_per_hour", "cost_estimate", "ssh", "http"} <= missing(frame)
    assert row(frame)["status"] == "SchedQueued"


def test_machine_without_any_hardware_shows_no_zero_at_all() -> None:
    nothing = {"gpuName": "", "cpuName": "", "gpuNum": 0, "gpuRamMB": 0, "cpuCoresNum": 0, "ramMB": 0, "diskGB": 0}
    frame = frames.instances([machine(status="SchedQueued", hardware=nothing, priceCent=0)], now=NOW)
    zeros = [name for name, value in row(frame).items() if not pd.isna(value) and value == 0]
    assert zeros == []
    assert {"gpu", "gpus", "vram_gb", "cpus", "ram_gb", "disk_gb", "price_per_hour"} <= missing(frame)


def test_null_and_missing_fields_of_a_machine_are_na() -> None:
    null = dict.fromkeys(
        ("hardware", "baseImage", "baseSnap", "sshCred", "accesses", "createTime", "netEndpointInfos", "priceCent")
    )
    with_nulls = frames.instances([machine(**null)], now=NOW)
    without = frames.instances([Instance.model_validate({"instanceID": "ins-x", "status": "Pending"})], now=NOW)
    assert {"created", "age", "cost_estimate", "image", "ssh", "http", "networks"} <= missing(with_nulls)
    assert missing(without) == set(INSTANCE_COLUMNS) - {"instance_id", "status"}


@pytest.mark.parametrize("status", ["Pending", "SchedQueued", "Canceling", "Finished", "Paused"])
def test_only_a_running_machine_has_a_cost_estimate(status: str) -> None:
    frame = frames.instances([machine(status=status), machine(status="Running")], now=NOW)
    assert pd.isna(frame["cost_estimate"].iloc[0])
    assert frame["cost_estimate"].iloc[1] == pytest.approx(1.3)


def test_machine_that_the_service_dates_a_moment_ahead_is_new_and_has_cost_nothing() -> None:
    # Two computers' clocks differ by seconds; an age of "-1 days +23:59:57" helps nobody.
    frame = frames.instances([machine()], now=datetime.fromtimestamp(CREATED, UTC) - timedelta(seconds=3))
    assert row(frame)["age"] == pd.Timedelta(0)
    assert row(frame)["cost_estimate"] == 0


def test_gpu_that_no_data_sheet_knows_has_unknown_memory_in_offers() -> None:
    frame = frames.specs([spec({"gpu_name": "NVIDIA Z9000", "gpus": 4, "cpu_name": "", "cpus": 0})])
    assert row(frame)["gpu"] == "NVIDIA Z9000"
    assert {"vram_gb", "cpu", "cpus", "ram_gb", "disk_gb"} <= missing(frame)
    assert row(frame)["price_per_gpu_hour"] == pytest.approx(0.3)


def test_gpu_that_no_data_sheet_knows_has_the_memory_that_its_machine_reports() -> None:
    hardware = sample("instance_get")["instance"]["hardware"] | {"gpuName": "NVIDIA Z9000", "gpuRamMB": 24564}
    assert row(frames.instances([machine(hardware=hardware)]))["vram_gb"] == 24


def test_offer_of_plain_cpus_has_no_gpu_and_no_price_per_gpu() -> None:
    unit = {"gpu_name": "", "gpus": 0, "cpu_name": "Intel(R) Xeon(R) Platinum 8468", "cpus": 8, "ram_mb": 16384}
    frame = frames.specs([spec(unit, machine_category=1, price={"millicent_per_hour": 8000})])
    assert {"gpu", "vram_gb", "price_per_gpu_hour"} <= missing(frame)
    assert row(frame)["machine_category"] == "CPU"
    assert (row(frame)["gpus"], row(frame)["cpus"], row(frame)["ram_gb"]) == (0, 8, 16)
    assert row(frame)["price_per_hour"] == 0.08


def test_unit_of_eight_gpus_has_its_price_for_each_gpu_too() -> None:
    unit = {"gpu_name": "NVIDIA H100 SXM5", "gpus": 8, "cpus": 192, "ram_mb": 1792 * 1024}
    values = row(frames.specs([spec(unit, price={"millicent_per_hour": 2_368_000})]))
    assert (values["price_per_hour"], values["price_per_gpu_hour"]) == (23.68, pytest.approx(2.96))
    assert (values["gpus"], values["vram_gb"], values["ram_gb"]) == (8, 80, 1792)


def test_offer_without_a_price_has_no_price_rather_than_none_to_pay() -> None:
    frame = frames.specs([spec(price={"millicent_per_hour": 0})])
    assert {"price_per_hour", "price_per_gpu_hour"} <= missing(frame)


def test_words_and_categories_of_tomorrow_are_kept() -> None:
    instances = frames.instances([machine(status="Teleporting", category="microvm", brandNew={"a": 1})])
    assert row(instances)[["status", "category"]].tolist() == ["Teleporting", "microvm"]
    specs = frames.specs([spec(machine_category=7, instance_categories=[1, 9]), spec(machine_category=2)])
    assert specs["machine_category"].tolist() == ["7", "2"]
    assert specs["instance_categories"].tolist() == ["vm, 9", "container, vm"]


def test_web_addresses_stand_without_their_tokens_and_jupyter_first() -> None:
    accesses = [
        {"protocol": "http", "listenPort": 7890, "url": "https://h.example:24001?token=planted"},
        {"protocol": "ssh", "listenPort": 22, "url": "ssh://h.example:24000"},
        {"protocol": "http", "listenPort": 8888, "url": "https://h.example:24002/lab?token=planted"},
        {"protocol": "http", "listenPort": 9000, "url": ""},
    ]
    values = row(frames.instances([machine(accesses=accesses)]))
    assert values["http"] == "https://h.example:24002/lab https://h.example:24001"
    assert values["ssh"] == "ssh -p 24000 root@h.example"


def test_no_secret_is_anywhere_in_the_frame() -> None:
    secrets = ["planted-password", "planted-env", "planted-query", "planted-extra"]
    planted = machine(
        sshCred={"user": "root", "password": "planted-password"},
        envs="KEY=planted-env;B=2",
        accesses=[
            {"protocol": protocol, "listenPort": port, "url": f"{scheme}://h.example:24001/?token=planted-query"}
            for protocol, port, scheme in (("http", 8888, "https"), ("http", 80, "https"), ("ssh", 22, "ssh"))
        ],
        somethingNew="planted-extra",
    )
    assert planted.ssh_password is not None
    assert planted.ssh_password.get_secret_value() == "planted-password"
    frame = frames.instances([planted])
    everything = frame.to_csv() + frame.to_html() + repr(frame) + repr(frame.attrs)
    everything += "".join(str(list(frame[name])) for name in frame)
    assert "ins-boyqp4g8" in everything
    assert [secret for secret in secrets if secret in everything] == []


BARE_MACHINE = {"instanceID": "ins-bare", "status": "Teleporting"}
KINDS: dict[str, tuple[Callable[..., pd.DataFrame], Any, Any]] = {
    "specs": (frames.specs, spec(), spec({}, price={"millicent_per_hour": 0}, machine_category=9, avail=None)),
    "instances": (frames.instances, machine(), Instance.model_validate(BARE_MACHINE)),
    "images": (frames.images, image(), Image(image_id="img-bare", status=99)),
    "snapshots": (frames.snapshots, snapshot(), Snapshot(snapshot_id="snap-bare", status=99)),
    "networks": (frames.networks, network(), Network.model_validate({"netID": "net-bare", "clusterType": "New"})),
    "endpoints": (frames.endpoints, endpoint(), Endpoint(endpoint_id="ept-bare", status=99)),
}


@pytest.mark.parametrize("is_wide", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_dtypes_are_the_same_for_no_row_one_and_ten_thousand(kind: str, is_wide: bool) -> None:
    make, full, bare = KINDS[kind]
    promised = dtypes(make([], wide=is_wide))
    assert dtypes(make([full], wide=is_wide)) == promised
    assert dtypes(make([bare], wide=is_wide)) == promised
    many = make([full, bare] * 5_000, wide=is_wide)
    assert len(many) == 10_000
    assert dtypes(many) == promised
    assert (
        many.isna()
        .sum()
        .eq(5_000 * (make([full], wide=is_wide).isna().sum() + make([bare], wide=is_wide).isna().sum()))
        .all()
    )


@pytest.mark.parametrize("kind", KINDS)
def test_dtypes_come_back_from_a_file(kind: str, tmp_path: Path) -> None:
    make, full, bare = KINDS[kind]
    for rows in ([], [full], [full, bare, full]):
        frame = make(rows)
        frame.to_pickle(tmp_path / "frame.pickle")
        pd.testing.assert_frame_equal(pd.read_pickle(tmp_path / "frame.pickle"), frame)  # noqa: S301 - our own file


def test_other_frames_have_the_same_dtypes_with_and_without_rows() -> None:
    sighting = Sighting(0, 1000, "Running", 49_000)
    record = MachineRecord("ins-1", "key", "", "TW-03", RTX_4090, 1, "img", "Base", 0, (sighting,))
    known = DayCost(date(2026, 3, 1), 3600, Rate(49_000).over(3600), Cost(), is_estimate=False)
    unknown = DayCost(date(2026, 3, 1), None, None, Cost(), is_estimate=True)
    assert dtypes(frames.spending([])) == dtypes(frames.spending([(record, known), (record, unknown)]))
    values = frames.spending([(record, known), (record, unknown)])
    assert values["cost"].iloc[0] == 0.49
    assert values["cost"].isna().tolist() == [False, True]
    differing = [frames.Discrepancy(None, "key", "ordered", "ordered", None)]
    assert dtypes(frames.discrepancies([])) == dtypes(frames.discrepancies(differing))
    assert dtypes(frames.stats({})) == dtypes(frames.stats({"Running": 2, "Teleporting": 1}))
    assert frames.stats({"Finished": 1, "Running": 2})["status"].tolist() == ["Running", "Finished"]


def test_sample_snapshot_network_and_endpoint_of_the_contract_give_these_values() -> None:
    created = pd.Timestamp(1_728_287_027, unit="s", tz="UTC")
    values = row(frames.snapshots([snapshot()])).to_dict()
    assert {name: values[name] for name in SNAPSHOT_COLUMNS} == {
        "snapshot_id": "snap-5mrq9a2w",
        "instance_id": "ins-boyqp4g8",
        "status": "Available",
        "type": 1,
        "size_gb": 1.0,
        "volume_gb": 10.0,
        "created": created,
        "modified": pd.Timestamp(1_728_287_080, unit="s", tz="UTC"),
    }
    assert row(frames.networks([network()])).tolist() == ["net-od7pv75w", "DefaultNet_DM0", "Overlay", 0, created]
    assert row(frames.endpoints([endpoint()])).tolist() == [
        "ept-9avm2m3p",
        "net-od7pv75w",
        "ins-boyqp4g8",
        "Connected",
        "203.0.113.2/24",
        "02:00:01:00:00:02",
        created,
    ]


def test_numbers_without_a_word_are_kept_as_they_are() -> None:
    assert row(frames.snapshots([snapshot(status=99)]))["status"] == "99"
    assert row(frames.endpoints([endpoint(status=99)]))["status"] == "99"
    assert pd.isna(row(frames.snapshots([snapshot(status=None, size_bytes=None)]))["size_gb"])


def test_snapshot_has_the_name_and_image_that_the_ledger_knows() -> None:
    named = SnapshotRecord("before", "img-1", "Base")
    assert row(frames.snapshots([snapshot()], {"snap-5mrq9a2w": named}))[["name", "image", "image_id"]].tolist() == [
        "before",
        "Base",
        "img-1",
    ]
    of_machine = SnapshotRecord("", "img-2", "Other")
    values = row(frames.snapshots([snapshot()], {}, {"ins-boyqp4g8": of_machine}))
    assert pd.isna(values["name"])
    assert values["image_id"] == "img-2"
    assert {"name", "image", "image_id"} <= missing(frames.snapshots([snapshot()]))


def test_specs_by_region_are_all_offers_in_the_services_order() -> None:
    regions = [
        RegionSpecs(region_name="B", specs=(spec(region_name="B"),)),
        RegionSpecs(region_name="empty"),
        RegionSpecs(region_name="A", specs=(spec(region_name="A"), spec(region_name="A"))),
    ]
    assert frames.specs_by_region(regions)["region"].tolist() == ["B", "A", "A"]
    assert dtypes(frames.specs_by_region([])) == dtypes(frames.specs([]))


def leaves(body: Any) -> Iterator[str]:
    """Every value in a JSON body, as text."""
    if isinstance(body, dict | list):
        for part in body.values() if isinstance(body, dict) else body:
            yield from leaves(part)
    elif body not in (None, "", 0):
        yield str(body)


# What a wide frame writes otherwise than the wire does, and what it must not show.
WRITTEN_OTHERWISE: dict[str, set[str]] = {
    "specs": {"43008"},
    "instances": {"43008", "ssh://access.example.com:15692", "**********"},
    "images": set(),
    "snapshots": set(),
    "networks": set(),
    "endpoints": set(),
}


@pytest.mark.parametrize("kind", KINDS)
def test_wide_frame_has_every_field_of_the_model_but_secrets(kind: str) -> None:
    make, full, _ = KINDS[kind]
    cells = list(make([full], wide=True).iloc[0])
    moments = [cell for cell in cells if isinstance(cell, pd.Timestamp)]
    shown = " ".join(map(str, cells))
    shown += " ".join(f"{moment:%Y-%m-%dT%H:%M:%SZ} {moment.timestamp():.0f}" for moment in moments)
    left_out = {text for text in leaves(json.loads(full.model_dump_json())) if text not in shown}
    assert left_out == WRITTEN_OTHERWISE[kind]
