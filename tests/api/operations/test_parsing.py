"""Pages are read in one pass over their bytes: what comes of it is what the slow, telling way makes of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from glows_nb.api.credentials.config import Connection
from glows_nb.api.credentials.tokens import Token
from glows_nb.api.errors import AuthError, BadResponse, NoResourceAvailable
from glows_nb.api.http.exchange import read_reply
from glows_nb.api.http.reply import Reply
from glows_nb.api.http.session import Session
from glows_nb.api.models.instances import Instance
from glows_nb.api.models.wire import Page
from glows_nb.api.operations.instances import list_instances
from tests.bench import wire

CONNECTION = Connection("https://service.example/v1", Token("token"))


def read(body: bytes) -> Page[Instance]:
    return read_reply(list_instances(), Reply(200, "application/json", "", "", body), Session(CONNECTION))


def page_of(*machines: dict[str, Any]) -> dict[str, Any]:
    pagination = {"total": len(machines), "numPages": 1, "page": 1, "perPage": 20}
    return {"code": 0, "msg": "", "pagination": pagination, "instances": list(machines)}


def unusual_machines() -> Iterator[dict[str, Any]]:
    usual = wire.machine(7)
    yield usual
    for field in usual:
        if field not in ("instanceID", "status", "domain"):
            yield usual | {field: None}
    for part in ("hardware", "baseImage", "sshCred"):
        for field, value in usual[part].items():
            if isinstance(value, str) and field != "password":
                yield usual | {part: usual[part] | {field: None}}
    yield usual | {"createTime": 1726810944, "tomorrow": {"field": [1, None]}, "status": "Tomorrow"}
    yield usual | {"accesses": [{"protocol": None, "listenPort": 1, "url": None, "tomorrow": 1}]}
    yield usual | {"netEndpointInfos": [{"netID": "net-a", "cidr": None, "mac": "m", "status": None}]}
    yield usual | {"baseSnap": {"snapID": "snap-a", "snapName": "n"}, "hardware": {}}


@pytest.mark.parametrize("machine", list(unusual_machines()))
def test_both_ways_read_the_same(machine: dict[str, Any]) -> None:
    answer = page_of(machine)
    operation = list_instances()
    assert operation.read_bytes is not None
    at_once = operation.read_bytes(json.dumps(answer).encode())
    assert at_once == operation.read(answer)
    assert at_once is not None
    (fast,), (slow,) = at_once.items, operation.read(answer).items
    assert fast.model_dump(by_alias=True) == slow.model_dump(by_alias=True)
    assert fast.model_dump_json(by_alias=True) == slow.model_dump_json(by_alias=True)
    assert fast.model_extra == slow.model_extra


def test_secrets_are_read_and_stay_masked() -> None:
    (machine,) = read(json.dumps(page_of(wire.machine(7))).encode()).items
    assert machine.envs.get_secret_value() == "foo=bar"
    assert machine.ssh_password is not None
    assert machine.ssh_password.get_secret_value() == "example-00000007"
    for secret in ("foo=bar", "example-00000007", f"{7:024x}"):
        assert secret not in repr(machine.model_dump()) + machine.model_dump_json()


def test_a_field_that_is_wrong_is_named() -> None:
    wrong = wire.machine(7) | {"hardware": wire.machine(7)["hardware"] | {"gpuName": 4090}}
    with pytest.raises(BadResponse, match=r"instances\.1\.hardware\.gpuName: Input should be a valid string"):
        read(json.dumps(page_of(wire.machine(6), wrong)).encode())


@pytest.mark.parametrize("code", [False, 0.0, "0", None])
def test_code_that_is_no_number_is_no_success(code: object) -> None:
    with pytest.raises(BadResponse, match="no number in the field 'code'"):
        read(json.dumps(page_of() | {"code": code}).encode())


def test_an_error_that_looks_like_a_page_is_an_error() -> None:
    with pytest.raises(NoResourceAvailable):
        read(json.dumps(page_of(wire.machine(7)) | {"code": 215}).encode())
    with pytest.raises(AuthError):
        read(json.dumps(page_of(wire.machine(7)) | {"code": 176, "msg": "check jwt token failed"}).encode())


def test_null_stands_for_an_empty_page() -> None:
    assert read(json.dumps(page_of() | {"instances": None}).encode()).items == ()


def test_half_a_character_is_read_as_it_always_was() -> None:
    body = json.dumps(page_of(wire.machine(7))).replace("this is from sdk", "\\ud800").encode()
    assert read(body).items[0].remark == "\ud800"
