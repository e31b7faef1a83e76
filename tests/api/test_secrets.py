"""No secret shows where it was not asked for: planted values are searched in everything that is shown."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import logging
import pickle
import pprint
import re
import traceback
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.ultratb import VerboseTB
from pydantic import SecretStr
from rich.console import Console
from rich.traceback import Traceback

import glows_nb as glows
from glows_nb.api.credentials.tokens import Token
from glows_nb.api.models.instances import Instance
from glows_nb.api.models.wire import AccessUrl
from glows_nb.api.requests.create import CreateInstance
from tests.api.fake_service import sample
from tests.hostile_server import Answer, HostileServer, Request, Reset, json_answer

PASSWORD, ENVS, ACCESS_TOKEN, TOKEN = "planted-password", "KEY=planted-env", "planted-access", "planted.sdk.token"
PLANTED = (PASSWORD, "planted-env", ACCESS_TOKEN, TOKEN)


def machine() -> Instance:
    row = sample("instance_get.response")["instance"]
    row |= {"envs": ENVS, "sshCred": {"user": "root", "password": PASSWORD}}
    url = f"https://tw-03.access.glows.ai:24516?token={ACCESS_TOKEN}"
    row["accesses"] = [{"protocol": "http", "listenPort": 8888, "url": url}]
    return Instance.model_validate(row)


def listed_by_ipython(url: AccessUrl) -> str:
    """What IPython's %whos says of a variable."""
    shell = InteractiveShell()
    shell.user_ns["url"] = url
    with contextlib.redirect_stdout(io.StringIO()) as said:
        shell.run_line_magic("whos", "")
    return said.getvalue()


@pytest.mark.parametrize("show", [repr, str, lambda shown: shown.model_dump_json(), lambda shown: repr(shown.accesses)])
def test_a_machine_shows_none_of_its_secrets(show: object) -> None:
    assert callable(show)
    shown = show(machine())
    assert "planted" not in shown
    assert shown


SHOWS: list[Callable[[AccessUrl], str]] = [
    repr,
    str,
    lambda url: f"{url} {url!r} {url:>60}",
    lambda url: "%s" % url,  # noqa: UP031
    lambda url: pd.DataFrame({"url": [url]}).to_string() + pd.DataFrame({"url": [url]}).to_csv(),
    lambda url: str(pd.Series([url])) + pd.Series([url]).to_json(default_handler=str),
    lambda url: json.dumps({"url": url}, default=str),
    lambda url: pprint.pformat([url]),
    listed_by_ipython,
]


@pytest.mark.parametrize("show", SHOWS)
def test_a_url_is_masked_however_it_is_shown(show: Callable[[AccessUrl], str]) -> None:
    url = machine().url()
    assert url is not None
    assert "planted" not in show(url)
    assert "https://tw-03.access" in show(url)


@pytest.mark.parametrize(
    "use",
    [lambda url: url[:5], lambda url: url + "", lambda url: "" + url, urlsplit, json.dumps, lambda url: url.split("?")],
)
def test_a_url_is_no_text(use: Callable[[Any], Any]) -> None:
    with pytest.raises((TypeError, AttributeError)) as refused:
        use(machine().url())
    assert "planted" not in str(refused.value)


def test_a_url_is_whole_by_an_explicit_call_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    url = machine().url()
    assert url is not None
    assert url.get_secret_value().endswith(ACCESS_TOKEN)
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda address: opened.append(address) or True)
    assert url.open()
    assert opened == [url.get_secret_value()]
    assert str(url) == "https://tw-03.access.glows.ai:24516?…"
    assert repr(AccessUrl("ssh://host:22")) == "AccessUrl('ssh://host:22')"
    assert url == pickle.loads(pickle.dumps(url))  # noqa: S301 - our own
    assert len({url, machine().url()}) == 1


def test_a_dumped_machine_has_the_address_as_it_is_and_in_json_without_its_token() -> None:
    dumped = machine().model_dump()
    assert dumped["accesses"][0]["url"] == machine().url()
    assert "planted" not in str(dumped) + machine().model_dump_json() + str(machine().model_dump(mode="json"))


def test_a_request_shows_no_value_of_envs() -> None:
    request = CreateInstance(
        from_image_id="img-1",
        gpu_name="X",
        custom_meta_key="k",
        region_name="R",
        envs={"KEY": "planted-env"},
    )
    assert "planted" not in repr(request)
    assert request.wire()["envs"].get_secret_value() == ENVS
    assert "planted" not in repr(request.wire())
    with pytest.raises(glows.InvalidRequest) as refused:
        CreateInstance(envs={"KEY": "planted-env;"})
    assert "planted" not in str(refused.value)


def test_a_client_shows_no_token() -> None:
    client = glows.Client(TOKEN, "http://127.0.0.1:9")
    assert "planted" not in repr(client) + str(vars(client)) + repr(client._transport) + str(vars(client._transport))
    client.close()


@pytest.mark.parametrize("show", [repr, str, "{}".format, "%s".__mod__, lambda token: repr({"token": token})])
def test_a_token_is_masked_wherever_it_is_shown(show: Callable[[Token], str]) -> None:
    token = Token("planted-token")
    assert "planted" not in show(token)
    assert token.get_secret_value() == "planted-token"
    assert token == Token("planted-token") != Token("another")
    assert len({token, Token("planted-token"), "planted-token"}) == 2


def test_a_client_takes_a_token_that_pydantic_masks() -> None:
    with glows.Client(SecretStr("planted-token"), "http://127.0.0.1:9") as client:
        assert client.connection.token == Token("planted-token")


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


def with_rich(error: BaseException) -> str:
    """The traceback as rich prints it with the values of all variables."""
    console = Console(file=io.StringIO(), width=400)
    shown = Traceback.from_exception(
        type(error), error, error.__traceback__, show_locals=True, locals_max_string=None, locals_max_length=None
    )
    console.print(shown)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


def with_ipython(error: BaseException) -> str:
    """The traceback in IPython's verbose mode, which prints variables too."""
    # Without colours, which IPython 8 and 9 ask for by different names.
    return re.sub(r"\x1b\[[0-9;]*m", "", VerboseTB().text(type(error), error, error.__traceback__))


def reset(request: Request) -> Answer:
    raise Reset


def machine_without_status(request: Request) -> Answer:
    row = sample("instance_get.response")["instance"] | {"envs": ENVS, "status": None}
    row["sshCred"] = {"user": "root", "password": PASSWORD}
    row["accesses"] = [{"protocol": "http", "listenPort": 8888, "url": f"https://h:1?token={ACCESS_TOKEN}"}]
    return json_answer({"code": 0, "msg": "", "instance": row})


HANDLERS: dict[str, Callable[[Request], Answer]] = {
    "reset": reset,
    "refused token": lambda request: json_answer({"code": 176, "msg": "check jwt token failed"}),
    "no JSON": lambda request: Answer(b"<html>"),
    "invalid answer with secrets": machine_without_status,
    "echo": lambda request: Answer(str(request.headers).encode(), status=500),
    "redirect": lambda request: Answer(b"", status=302, headers={"Location": f"http://h/?token={TOKEN}"}),
}


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("name", HANDLERS)
def test_no_secret_is_in_a_traceback_even_with_the_values_of_variables(name: str, is_async: bool) -> None:
    # The token reaches the client from a box, so that it stands in no variable of this test.
    box = [TOKEN, TOKEN]

    async def ask_async(base_url: str) -> Any:
        async with glows.AsyncClient(box.pop(), base_url, backoff=0, max_retries=1) as client:
            return await client.instances.get("ins-1")

    def ask(base_url: str) -> Any:
        with glows.Client(box.pop(), base_url, backoff=0, max_retries=1) as client:
            return client.instances.get("ins-1")

    with HostileServer(HANDLERS[name]) as server, pytest.raises(glows.GlowsError) as failed:
        asyncio.run(ask_async(server.base_url)) if is_async else ask(server.base_url)
    box.clear()
    for show in (with_rich, with_ipython, lambda error: "".join(traceback.format_exception(error))):
        shown = show(failed.value)
        assert type(failed.value).__name__ in shown
        assert [secret for secret in PLANTED if secret in shown] == []


@pytest.mark.parametrize("connect", [glows.Client, glows.AsyncClient, glows.connect])
def test_a_refused_token_is_in_no_traceback(connect: Callable[..., Any]) -> None:
    box = [f"{TOKEN} {TOKEN}"]
    with pytest.raises(glows.ConfigError) as refused:
        connect(box.pop(), "http://127.0.0.1:9")
    assert TOKEN not in with_rich(refused.value) + with_ipython(refused.value)


def test_a_client_is_not_pickled() -> None:
    with glows.Client(TOKEN, "http://127.0.0.1:9") as client, pytest.raises(TypeError, match="can't be pickled"):
        pickle.dumps(client)


def test_an_expired_token_is_said_before_a_request_is_made() -> None:
    from tests.api.credentials.test_config import jwt

    with (
        HostileServer(lambda request: json_answer(sample("instance_stats.response"))) as server,
        glows.Client(jwt(exp=1_000_000_000), server.base_url) as client,
    ):
        with pytest.raises(glows.AuthError, match="expired at 2001-09-09"):
            client.instances.stats()
        assert server.requests == []


@pytest.mark.parametrize(
    ("address", "command"),
    [
        ("ssh://tw-03.access.glows.ai:24243", "ssh -p 24243 root@tw-03.access.glows.ai"),
        ("ssh://[::1]:22", "ssh -p 22 root@::1"),
        ("ssh://$(touch pwned):22", None),
        ("ssh://h;touch pwned:22", None),
        ("ssh://`id`:22", None),
        ("ssh://-oProxyCommand=id:22", None),
        ("ssh://h\x1b[2J:22", None),
        ("ssh://h'x:22", None),
        ("ssh://a b:22", None),
        ("ssh://h:99999", None),
        ("nothing", None),
    ],
)
@pytest.mark.parametrize("user", ["root", "-oProxyCommand=id", "a b", "$(id)", "x;y", "a\nb", "a@b"])
def test_the_ssh_line_is_one_for_a_shell_whatever_the_address_holds(
    user: str, address: str, command: str | None
) -> None:
    row = sample("instance_get.response")["instance"]
    row |= {"sshCred": {"user": user, "password": ""}}
    row["accesses"] = [{"protocol": "tcp", "listenPort": 22, "url": address}]
    line = Instance.model_validate(row).ssh_command
    assert line == (command if user == "root" else None)


@pytest.mark.parametrize(
    "given",
    [
        "https://user:planted-password@host/v1",
        "https://host/v1?key=planted-key",
        "https://host/v1#planted",
        "planted.token.in-the-wrong-place",
        "http://planted:x@elsewhere.example/",
        "ftp://host/planted",
        "https://" + "planted" * 20,
        "//planted",
    ],
)
def test_what_was_given_for_an_address_is_not_repeated(given: str) -> None:
    with pytest.raises(glows.ConfigError) as refused:
        glows.Client(TOKEN, given).instances.stats()
    assert "planted" not in str(refused.value)
    assert "base_url" in str(refused.value)


@pytest.mark.parametrize("field", ["cmd", "remark", "custom_meta_key", "from_image_id", "region_name"])
def test_what_is_too_long_is_not_repeated(field: str) -> None:
    usual = {"from_image_id": "i", "gpu_name": "X", "custom_meta_key": "k", "region_name": "R"}
    with pytest.raises(glows.InvalidRequest, match=rf"^{field}: a text of \d+ characters is refused") as refused:
        CreateInstance(**(usual | {field: "planted" * 100}))
    assert "planted" not in str(refused.value)
