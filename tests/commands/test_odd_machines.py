"""What a list tells of a machine can't be read: it is shown, and never released with the others."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

import glows_nb as glows
from glows_nb.api.paging import UnreadableRowWarning
from glows_nb.commands.group import run
from tests.api.fake_service import sample
from tests.hostile_server import Answer, HostileServer, Request, json_answer

ODD = [
    {"status": 2},
    {"createTime": "tomorrow"},
    {"hardware": {"gpuNum": "one"}},
    {"accesses": {}},
]


class Service:
    """Two machines, of which the first is odd."""

    def __init__(self, odd: dict[str, Any]) -> None:
        usual: dict[str, Any] = sample("instance_get.response")["instance"]
        self.machines = [usual | {"instanceID": "ins-odd", "metaKey": "odd"} | odd, usual | {"instanceID": "ins-good"}]
        self.released: list[str] = []

    def __call__(self, request: Request) -> Answer:
        if request.method == "DELETE":
            self.released.append(request.target.rpartition("request_id=")[2])
            return json_answer({"code": 0, "msg": ""})
        if "/instance/list" in request.target:
            pagination = {"total": 2, "numPages": 1, "page": 1, "perPage": 20}
            return json_answer({"code": 0, "msg": "", "pagination": pagination, "instances": self.machines})
        found = [each for each in self.machines if request.target.endswith(f"={each['instanceID']}")]
        return json_answer({"code": 0, "msg": "", "instance": found[0]} if found else {"code": 6, "msg": ""})


@pytest.mark.parametrize("odd", ODD, ids=repr)
@pytest.mark.filterwarnings("ignore::glows_nb.api.paging.UnreadableRowWarning")
def test_all_releases_what_can_be_read_and_names_the_rest(
    odd: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    service = Service(odd)
    with HostileServer(service) as server:
        monkeypatch.setenv("GLOWS_BASE_URL", server.base_url)
        monkeypatch.setenv("GLOWS_SDK_TOKEN", "token")
        run("cancel --all --others --yes")
        said = capsys.readouterr().out
        assert service.released == ["ins-good"]
        assert f"since its {next(iter(odd))} can't be read: ins-odd" in " ".join(said.split())
        with pytest.raises(glows.BadResponse):
            run("cancel ins-odd --yes")
        assert service.released == ["ins-good"]


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_an_odd_machine_is_counted_as_unknown_and_never_as_nothing(odd: dict[str, Any]) -> None:
    service = Service(odd)
    with HostileServer(service) as server, glows.Client("token", server.base_url) as client, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        burn = glows.burn_rate(client=client)
        assert (burn.rate, burn.machines, burn.unknown) == (None, 2, 1)
        assert "ins-odd" in set(glows.discrepancies(client=client)["instance_id"])
        assert list(glows.instances(client=client)["instance_id"]) == ["ins-odd", "ins-good"]
        with pytest.raises(glows.BadResponse):
            client.instances.park(client.instances.all()[0])
        assert service.released == []


def test_the_warning_comes_once_a_list() -> None:
    service = Service(ODD[0])
    with HostileServer(service) as server, glows.Client("token", server.base_url) as client:
        with pytest.warns(UnreadableRowWarning) as caught:
            client.instances.all()
        assert len(caught) == 1


@pytest.mark.parametrize("field", ["remark", "status", "metaKey", "regionName", "instanceID"])
def test_half_a_sign_keeps_no_machine_out_of_the_ledger(field: str) -> None:
    service = Service({field: "\ud800"})
    with HostileServer(service) as server, glows.connect("token", server.base_url) as client, warnings.catch_warnings():
        warnings.simplefilter("error")
        client.instances.all()
        kept = glows.timeline("ins-good", client=client)
        assert kept["status"].tolist() == ["Running"]


@pytest.mark.filterwarnings("ignore::glows_nb.api.paging.UnreadableRowWarning")
def test_a_machine_with_a_price_that_is_none_is_left_by_all_and_released_by_its_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Read by itself its price is unknown and nothing else, so that whoever means it can release it."""
    service = Service({"priceCent": 49.5})
    with HostileServer(service) as server:
        monkeypatch.setenv("GLOWS_BASE_URL", server.base_url)
        monkeypatch.setenv("GLOWS_SDK_TOKEN", "token")
        run("cancel --all --others --yes")
        assert "since its priceCent can't be read: ins-odd" in " ".join(capsys.readouterr().out.split())
        assert service.released == ["ins-good"]
        run("cancel ins-odd --yes")
        assert service.released == ["ins-good", "ins-odd"]
