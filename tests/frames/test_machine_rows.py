"""Machines as rows: what the service tells of them, what it costs, and what is unknown is NA."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from glows_nb import frames
from glows_nb.api.models.instances import Instance
from tests.frames.looking import missing, row
from tests.frames.promised_columns import INSTANCE_COLUMNS
from tests.frames.samples import CREATED, NOW, RTX_4090, machine, sample


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


def test_gpu_that_no_data_sheet_knows_has_the_memory_that_its_machine_reports() -> None:
    hardware = sample("instance_get")["instance"]["hardware"] | {"gpuName": "NVIDIA Z9000", "gpuRamMB": 24564}
    assert row(frames.instances([machine(hardware=hardware)]))["vram_gb"] == 24


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
