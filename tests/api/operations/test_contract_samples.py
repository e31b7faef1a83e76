"""The contract's sample bodies, read by the client; and what it sends, against the sample requests."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from glows_nb.api.models.instances import Instance
from glows_nb.api.operations.images import delete_image, list_images, submit_image
from glows_nb.api.operations.instances import (
    cancel_instance,
    count_instances,
    create_instance,
    get_instance,
    list_instances,
)
from glows_nb.api.operations.networks import attach_instances, create_network, list_endpoints, list_networks
from glows_nb.api.operations.snapshots import create_snapshot, list_snapshots
from glows_nb.api.operations.specs import list_specs
from glows_nb.api.requests.create import CreateInstance, Port
from glows_nb.api.routes import ROUTES
from glows_nb.api.steps import Operation
from tests.api.fake_service import sample

CREATED = datetime(2024, 9, 20, 5, 42, 24, tzinfo=UTC)


def test_instance_sample_is_read_with_every_field() -> None:
    instance = get_instance("ins-boyqp4g8").read(sample("instance_get.response"))
    assert (instance.instance_id, instance.status, instance.category) == ("ins-boyqp4g8", "Running", "container")
    assert (instance.price_cent, str(instance.rate)) == (65, "0.650 Credits/h")
    assert (instance.hardware.gpu_name, instance.hardware.gpus) == ("NVIDIA GeForce RTX 4090", 1)
    assert (instance.hardware.gpu_ram_mb, instance.hardware.ram_mb) == (24564, 43008)
    assert instance.base_image is not None
    assert instance.base_image.image_name == "Ubuntu20.04 CUDA12.2 Python3.9"
    assert instance.base_snap is None
    assert instance.create_time == CREATED
    assert (instance.meta_key, instance.remark, instance.region_name) == (
        "order.123456",
        "this is from sdk",
        "Region-01",
    )
    assert instance.network_endpoints[0].network_id == "net-od7pv75w"
    assert instance.ssh_command == "ssh -p 15692 root@access.example.com"
    assert instance.ssh_password is not None
    assert instance.ssh_password.get_secret_value() == "example-password"
    assert not instance.model_extra, "no field of the sample is unknown to the model"


def test_create_sample_is_read_as_a_queued_machine_of_unknown_price() -> None:
    request = CreateInstance(**_sample_fields())
    instance = create_instance(request).read(sample("instance_create.response"))
    assert instance.status == "SchedQueued"
    assert instance.rate is None
    assert instance.network_endpoints == ()
    assert instance.ssh_command is None
    assert instance.url(7890) is None


def test_create_request_is_the_sample_request() -> None:
    body = CreateInstance(**_sample_fields()).wire()
    assert body | {"envs": body["envs"].get_secret_value()} == sample("instance_create.request")


def test_list_samples_are_read() -> None:
    machines = list_instances().read(sample("instance_list.response"))
    assert [machine.instance_id for machine in machines.items] == ["ins-boyqp4g8"]
    assert (machines.pagination.total, machines.pagination.num_pages, machines.pagination.per_page) == (1, 1, 10)
    images = list_images().read(sample("image_list.response"))
    assert images.items[0].name == "sdk-10001-1726810944000000000-runtime"
    assert images.items[0].create_time == CREATED
    specs = list_specs(0, "img-87p9kq26").read(sample("spec_list.response"))
    spec = specs.items[0]
    assert (spec.resource_id, spec.unit.cpus, spec.unit.ram_mb) == ("cnR4NDA5MC0xZ3B1", 10, 43008)
    assert (str(spec.rate), spec.max_available_units, spec.avail) == ("1.200 Credits/h", 8, True)
    assert spec.categories == ("container", "vm")
    assert spec.extra_resources[0].price is not None
    assert spec.extra_resources[0].price.millicent_per_hour == 20_000


def test_stats_and_cancel_samples_are_read() -> None:
    assert count_instances().read(sample("instance_stats.response")) == {"Running": 1, "SchedQueued": 2}
    operation = cancel_instance("ins-boyqp4g8")
    assert operation.read(sample("instance_cancel.response")) is None  # type: ignore[func-returns-value]


def test_samples_of_images_networks_and_snapshots_are_read() -> None:
    submitted = submit_image("a/b:1").read(sample("image_submit.response"))
    assert (submitted.image_id, submitted.name) == ("img-87p9kq26", "sdk-10001-1726810944000000000-runtime")
    assert create_network("n", "r").read(sample("network_create.response")) == "net-od7pv75w"
    (network,) = list_networks().read(sample("network_list.response")).items
    assert (network.network_id, network.name, network.cluster_type) == ("net-od7pv75w", "DefaultNet_DM0", "Overlay")
    assert network.create_time == datetime(2024, 10, 7, 7, 43, 47, tzinfo=UTC)
    attached = attach_instances("n", ["i"]).read(sample("network_attach.response"))
    assert attached.endpoint_ids == ("ept-9avm2m3p",)
    (endpoint,) = list_endpoints("n").read(sample("network_endpoints.response")).items
    assert (endpoint.instance_id, endpoint.status, endpoint.cidr) == ("ins-boyqp4g8", 2, "203.0.113.2/24")
    taken = create_snapshot("i").read(sample("snapshot_create.response"))
    assert (taken.snapshot_ids, taken.status) == (("snap-5mrq9a2w",), "Pausing")
    (snapshot,) = list_snapshots().read(sample("snapshot_list.response")).items
    assert (snapshot.is_available, snapshot.size_bytes, snapshot.vol_size_bytes) == (True, 1073741824, 10737418240)
    for model in (network, endpoint, snapshot, submitted, attached, taken):
        assert set(model.model_extra or {}) <= {"create_time"}, "no field of the samples is unknown to the models"


@pytest.mark.parametrize(
    ("name", "operation"),
    [
        ("image_submit", submit_image("registry.example.com/team/runtime:cuda12.2")),
        ("image_delete", delete_image("img-87p9kq26")),
        ("network_create", create_network("train-mesh", "Region-01")),
        ("network_attach", attach_instances("net-od7pv75w", ["ins-boyqp4g8", "ins-qgv8a2zk"])),
        ("snapshot_create", create_snapshot("ins-boyqp4g8", "checkpoint-001")),
    ],
)
def test_requests_are_the_sample_requests(name: str, operation: Operation[object]) -> None:
    assert operation.body == sample(f"{name}.request")


def test_ids_of_every_kind_that_was_seen_are_taken() -> None:
    for instance_id in ("ins-boyqp4g8", "boyqp4g8"):
        assert dict(get_instance(instance_id).params) == {"request_id": instance_id}
    for snapshot_id in ("snap-5mrq9a2w", "snp-5mrq9a2w", "5mrq9a2w"):
        request = CreateInstance(
            from_snap_id=snapshot_id,
            cpu_name="Intel(R) Xeon(R) Platinum 8468",
            custom_meta_key="k",
            region_name="TW-04",
        )
        assert request.wire()["from_snap_id"] == snapshot_id


def test_both_ways_to_write_a_time_mean_the_same() -> None:
    row = sample("instance_get.response")["instance"]
    row["create_time"] = row.pop("createTime")["seconds"]
    assert Instance.model_validate(row).create_time == CREATED


@pytest.mark.parametrize("field", ["accesses", "netEndpointInfos", "hardware", "sshCred", "remark", "cmd", "envs"])
def test_null_stands_for_nothing(field: str) -> None:
    row = sample("instance_get.response")["instance"] | {field: None}
    assert Instance.model_validate(row).instance_id == "ins-boyqp4g8"


@pytest.mark.parametrize("url", ["", "ssh://", "ssh://h:port", "https://[", "nonsense", None])
def test_an_address_that_is_none_gives_no_command_and_no_error(url: str | None) -> None:
    row = sample("instance_get.response")["instance"]
    row["accesses"][0]["url"] = url
    assert Instance.model_validate(row).ssh_command is None


def test_tomorrows_fields_and_words_are_kept() -> None:
    row = sample("instance_get.response")["instance"] | {"status": "Dreaming", "newField": {"a": 1}}
    instance = Instance.model_validate(row)
    assert instance.status == "Dreaming"
    assert instance.model_extra == {"newField": {"a": 1}}


def test_all_fifteen_operations_have_a_route() -> None:
    assert len(ROUTES) == 15
    assert {name for name, route in ROUTES.items() if route.is_confirmed} == {
        "get instance",
        "create instance",
        "cancel instance",
        "list instances",
        "list specs",
        "create snapshot",
    }


def _sample_fields() -> dict[str, object]:
    fields: dict[str, object] = sample("instance_create.request")
    return fields | {"envs": {"foo": "bar"}, "ports": [Port(port=7890, protocol="http")]}
