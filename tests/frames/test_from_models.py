"""Models to DataFrames: offers, images, snapshots and networks as rows, and what is unknown is NA."""

from __future__ import annotations

import pandas as pd
import pytest

from glows_nb import frames
from glows_nb.api.models.specs import RegionSpecs
from glows_nb.ledger.records import SnapshotRecord
from tests.frames.looking import dtypes, missing, row
from tests.frames.promised_columns import SNAPSHOT_COLUMNS
from tests.frames.samples import CREATED, RTX_4090, endpoint, image, machine, network, snapshot, spec


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


def test_sample_image_of_the_contract_gives_these_values() -> None:
    assert row(frames.images([image()])).to_dict() == {
        "image_id": "img-87p9kq26",
        "name": "sdk-10001-1726810944000000000-runtime",
        "status": 0,
        "created": pd.Timestamp(CREATED, unit="s", tz="UTC"),
    }


def test_gpu_that_no_data_sheet_knows_has_unknown_memory_in_offers() -> None:
    frame = frames.specs([spec({"gpu_name": "NVIDIA Z9000", "gpus": 4, "cpu_name": "", "cpus": 0})])
    assert row(frame)["gpu"] == "NVIDIA Z9000"
    assert {"vram_gb", "cpu", "cpus", "ram_gb", "disk_gb"} <= missing(frame)
    assert row(frame)["price_per_gpu_hour"] == pytest.approx(0.3)


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
