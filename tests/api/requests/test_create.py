"""Limits of the contract, refused before a request is made, with field, value and limit; and requests from offers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

import glows_nb as glows
from glows_nb.api.models.specs import Spec
from glows_nb.api.requests.create import CreateInstance, Port, encode_envs, encode_ports
from tests.api.fake_service import spec_row

USUAL: dict[str, Any] = {
    "from_image_id": "img-87p9kq26",
    "gpu_name": "NVIDIA H200",
    "custom_meta_key": "k",
    "region_name": "JP-01",
}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"custom_meta_key": "k" * 65}, ["custom_meta_key", "65", "64"]),
        ({"custom_meta_key": ""}, ["custom_meta_key", "''", "at least 1"]),
        ({"region_name": "r" * 129}, ["region_name", "129", "128"]),
        ({"gpu_name": "g" * 129}, ["gpu_name", "129", "128"]),
        ({"remark": "r" * 33}, ["remark", "33", "32"]),
        ({"cmd": "c" * 513}, ["cmd", "513", "512"]),
        ({"unit_qty": -1}, ["unit_qty", "-1", "0"]),
        ({"instance_category": "pod"}, ["instance_category", "'pod'", "container", "vm"]),
        ({"net_ids": ["net-a", "net-b"]}, ["net_ids", "net-b", "1"]),
        ({"ports": [70000]}, ["ports", "70000", "65535"]),
        ({"ports": ["80/udp"]}, ["ports", "80/udp", "3306/tcp"]),
        ({"envs": {"A": "x;y"}}, ["envs", "A", ";"]),
        ({"envs": {"A=B": "x"}}, ["envs", "'A'", "'='"]),
        ({"envs": {"A": "x" * 600}}, ["envs", "602", "512"]),
        ({"cpu_name": "Xeon"}, ["exactly one of gpu_name, cpu_name and base_resource", "2"]),
        ({"gpu_name": None}, ["exactly one of gpu_name, cpu_name and base_resource", "0"]),
        ({"from_snap_id": "snp-1"}, ["exactly one of from_image_id and from_snap_id", "2"]),
        ({"cmd": "sleep", "instance_category": "vm"}, ["cmd", "containers"]),
        ({"gpu": "4090"}, ["gpu", "did you mean gpu_name"]),
    ],
)
def test_a_field_over_its_limit_is_refused_in_one_sentence(fields: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(glows.InvalidRequest) as refused:
        CreateInstance(**(USUAL | fields))
    for word in words:
        assert word in str(refused.value)
    assert "\n" not in str(refused.value)


def test_fields_that_dont_go_together_are_refused_by_one_of_their_names() -> None:
    with pytest.raises(glows.InvalidRequest, match=r"^cmd: is for containers only") as refused:
        CreateInstance(**USUAL, cmd="sleep 60", instance_category="vm")
    assert refused.value.field == "cmd"


def test_a_missing_field_is_named() -> None:
    with pytest.raises(glows.InvalidRequest, match="region_name: is required"):
        CreateInstance(**{name: value for name, value in USUAL.items() if name != "region_name"})


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda client: client.instances.list(per_page=50), ["per_page", "50", "20"]),
        (lambda client: client.instances.list(page=0), ["page", "0", "1"]),
        (lambda client: client.images.list(keywords="k" * 101), ["keywords", "101", "100"]),
        (lambda client: client.specs.list(4, "img-1"), ["machine_category", "4", "3"]),
        (lambda client: client.instances.get(), ["exactly one of request_id and meta_key"]),
        (lambda client: client.instances.get("ins-1", meta_key="k"), ["exactly one of request_id and meta_key"]),
        (lambda client: client.images.submit("a b"), ["image_link", "'a b'", "white space"]),
        (lambda client: client.images.submit("a" * 513), ["image_link", "513", "512"]),
        (lambda client: client.images.delete(""), ["image_id", "''", "1"]),
        (lambda client: client.networks.create("n" * 33, "TW-03"), ["name", "33", "32"]),
        (lambda client: client.networks.attach("net-1", []), ["instance_ids", "1"]),
        (lambda client: client.networks.attach("net-1", ["ins-1"] * 11), ["instance_ids", "10"]),
        (lambda client: client.networks.list(network_type=8), ["network_type", "8", "7"]),
        (lambda client: client.networks.endpoints(""), ["network_id", "''"]),
        (lambda client: client.snapshots.create("ins-1", "n" * 33), ["name", "33", "32"]),
        (lambda client: client.snapshots.list(status=[8]), ["status", "8", "7"]),
        (lambda client: client.instances.cancel("i" * 65), ["request_id", "65", "64"]),
    ],
)
def test_a_call_over_its_limit_sends_nothing(call: Any, words: list[str]) -> None:
    with glows.Client("token", "http://127.0.0.1:9") as client, pytest.raises(glows.InvalidRequest) as refused:
        call(client)
    for word in words:
        assert word in str(refused.value)


@given(st.lists(st.builds(Port, port=st.integers(1, 65535), protocol=st.sampled_from(["http", "tcp"])), max_size=5))
def test_ports_written_as_text_are_the_same_ports(ports: list[Port]) -> None:
    assert [Port.parse(str(port)) for port in ports] == ports
    assert encode_ports(tuple(ports)).count('"port"') == len(ports)


@given(st.dictionaries(st.text("ABC_", min_size=1, max_size=5), st.text("xyz=: ", max_size=8), max_size=4))
def test_envs_on_the_wire_hold_each_name_and_value(envs: dict[str, str]) -> None:
    wire = encode_envs({name: SecretStr(value) for name, value in envs.items()})
    assert dict(part.split("=", 1) for part in wire.split(";") if part) == envs


def test_fields_beside_a_whole_request_are_refused_and_not_dropped() -> None:
    request = CreateInstance(**USUAL)
    with (
        glows.Client("x", "http://127.0.0.1:9") as client,
        pytest.raises(glows.InvalidRequest, match=r"^cmd, unit_qty: stands beside a whole request"),
    ):
        client.instances.create(request, cmd="sleep 1", unit_qty=2)


def test_a_request_from_a_spec_pins_its_offer() -> None:
    spec = Spec.model_validate(spec_row("TW-03", resource_id="abc"))
    request = CreateInstance.from_spec(spec, from_image_id="img-1", custom_meta_key="k", unit_qty=2)
    assert (request.region_name, request.instance_category, request.unit_qty) == ("TW-03", "container", 2)
    assert request.wire()["base_resource"]["resource_id"] == "abc"
    assert request.wire()["base_resource"]["unit_spec"] == spec_row("TW-03")["base_resource"]["unit_spec"]


def test_a_request_from_a_row_of_the_frame_is_the_one_from_its_spec() -> None:
    spec = Spec.model_validate(spec_row("TW-03", resource_id="abc"))
    row = glows.frames.specs([spec]).iloc[0]
    fields = {"from_image_id": "img-1", "custom_meta_key": "k"}
    assert CreateInstance.from_spec(row, **fields) == CreateInstance.from_spec(spec, **fields)


def test_a_request_from_a_row_with_unknown_numbers_has_zeros_there() -> None:
    row = spec_row("TW-03", resource_id="abc")
    row["base_resource"]["unit_spec"] |= {"gpu_name": "", "gpus": 0, "ram_mb": 0, "disk_gb": 0}
    frame = glows.frames.specs([Spec.model_validate(row)])
    request = CreateInstance.from_spec(frame.iloc[0], from_image_id="img-1", custom_meta_key="k")
    assert request.base_resource is not None
    unit = request.base_resource.unit_spec
    assert (unit.gpu_name, unit.gpus, unit.ram_mb, unit.disk_gb, unit.cpus) == ("", 0, 0, 0, 10)


@pytest.mark.parametrize("row", [{}, None, 5, "abc", {"gpu": "x"}])
def test_what_is_no_spec_is_refused(row: Any) -> None:
    with pytest.raises(glows.InvalidRequest, match="spec"):
        CreateInstance.from_spec(row, from_image_id="img-1", custom_meta_key="k")
