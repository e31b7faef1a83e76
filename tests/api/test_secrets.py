"""No secret shows where it was not asked for: planted values are searched in everything that is shown."""

from __future__ import annotations

import logging
import traceback

import pytest

import glows_nb as glows
from glows_nb.api.models import AccessUrl, Instance
from glows_nb.api.requests import CreateInstance, build
from tests.api.fake_service import sample
from tests.hostile_server import Answer, HostileServer, Request

PASSWORD, ENVS, ACCESS_TOKEN, TOKEN = "planted-password", "KEY=planted-env", "planted-access", "planted.sdk.token"
PLANTED = (PASSWORD, "planted-env", ACCESS_TOKEN, TOKEN)


def machine() -> Instance:
    row = sample("instance_get.response")["instance"]
    row |= {"envs": ENVS, "sshCred": {"user": "root", "password": PASSWORD}}
    url = f"https://tw-03.access.glows.ai:24516?token={ACCESS_TOKEN}"
    row["accesses"] = [{"protocol": "http", "listenPort": 8888, "url": url}]
    return Instance.model_validate(row)


@pytest.mark.parametrize("show", [repr, str, lambda shown: shown.model_dump_json(), lambda shown: repr(shown.accesses)])
def test_a_machine_shows_none_of_its_secrets(show: object) -> None:
    assert callable(show)
    shown = show(machine())
    assert "planted" not in shown
    assert shown


def test_a_url_is_whole_when_used_and_masked_when_echoed() -> None:
    url = machine().url()
    assert url is not None
    assert str(url).endswith(ACCESS_TOKEN)
    assert f"{url}".endswith(ACCESS_TOKEN)
    assert repr(url) == "AccessUrl('https://tw-03.access.glows.ai:24516?…')"
    assert repr(AccessUrl("ssh://host:22")) == "AccessUrl('ssh://host:22')"


def test_a_request_shows_no_value_of_envs() -> None:
    request = build(
        CreateInstance,
        from_image_id="img-1",
        gpu_name="X",
        custom_meta_key="k",
        region_name="R",
        envs={"KEY": "planted-env"},
    )
    assert "planted" not in repr(request)
    assert request.wire()["envs"] == ENVS
    with pytest.raises(glows.InvalidRequest) as refused:
        build(CreateInstance, envs={"KEY": "planted-env;"})
    assert "planted" not in str(refused.value)


def test_a_client_shows_no_token() -> None:
    client = glows.Client(TOKEN, "http://127.0.0.1:9")
    assert "planted" not in repr(client) + str(vars(client)) + repr(client._transport) + str(vars(client._transport))
    client.close()


def test_a_server_that_echoes_the_request_is_masked_in_errors_and_logs(caplog: pytest.LogCaptureFixture) -> None:
    def echo(request: Request) -> Answer:
        return Answer(f"{request.headers} {PASSWORD!r} password: {PASSWORD}".encode(), status=500, content_type="x")

    caplog.set_level(logging.DEBUG)
    with (
        HostileServer(echo) as server,
        glows.Client(TOKEN, server.base_url, backoff=0, max_retries=1) as client,
        pytest.raises(glows.TransportError) as failed,
    ):
        client.instances.all()
    shown = "".join(traceback.format_exception(failed.value)) + caplog.text
    assert TOKEN not in shown
    assert f"password: {PASSWORD}" not in shown
    assert "HTTP 500" in shown
