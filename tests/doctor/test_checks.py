"""`glows.doctor()`: what it finds where all is well, and where token, clock, path or server are not."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

import glows_nb as glows
from glows_nb.commands import run
from glows_nb.doctor.checks import READS
from glows_nb.doctor.report import Diagnosis
from glows_nb.ledger.database import ledger_path
from tests.hostile_server import Answer, HostileServer, Request, json_answer


def jwt(**claims: object) -> str:
    """A token that looks right and opens nothing."""
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJIUzI1NiJ9.{payload}.planted-signature"


def results(diagnosis: Diagnosis) -> dict[str, str]:
    return dict(zip(diagnosis["check"], diagnosis["result"], strict=True))


def row(diagnosis: Diagnosis, name: str) -> tuple[str, str, str]:
    """Result, what was found and the next step of one check."""
    (found,) = diagnosis[diagnosis["check"] == name].itertuples(index=False, name=None)
    return found[1], found[2], found[3]


@pytest.fixture(scope="module")
def nothing_there() -> str:
    """An address at which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/sdk/v1"


def test_all_is_well_with_a_sandbox(client: glows.Client) -> None:
    found = glows.doctor(client=client)
    # Under pytest nobody can be asked.
    assert {name for name, result in results(found).items() if result != "ok"} <= {"questions"}
    assert {"settings", "token", "expiry", "address", "clock", "access", "python", "versions", "ledger"} <= set(
        found["check"]
    )
    assert set(READS) <= set(found["check"])
    assert "GET /instance/stats answers, as was inferred" in row(found, "count instances")[1]
    assert f"httpx {__import__('httpx').__version__}" in row(found, "versions")[1]
    assert repr(found).startswith("SANDBOX · ")
    assert client.instances.stats() == {}


def test_no_settings_is_a_failed_check_and_the_rest_is_not_checked() -> None:
    found = glows.doctor()
    assert row(found, "settings")[0] == "fail"
    assert "GLOWS_SDK_TOKEN" in row(found, "settings")[1]
    assert {results(found)[name] for name in ("token", "clock", "access", *READS)} == {"not checked"}
    assert row(found, "python")[0] == "ok"


def test_token_of_another_kind_says_which_is_needed(shared_sandbox: glows.Sandbox) -> None:
    found = glows.doctor(client=glows.Client("planted-datadrive-token", shared_sandbox.base_url))
    result, said, next_step = row(found, "token")
    assert (result, said) == ("fail", "is no JWT, and every SDK token is one")
    assert "SDK token" in next_step
    assert "Datadrive" in next_step
    assert results(found)["address"] == "ok"
    assert results(found)["access"] == "fail"
    assert "code 176" in row(found, "access")[1]
    assert {results(found)[name] for name in READS} == {"not checked"}


def test_expired_token_is_said_and_so_is_one_that_expires_soon(shared_sandbox: glows.Sandbox) -> None:
    expired = glows.doctor(client=glows.Client(jwt(sub="x", exp=time.time() - 60), shared_sandbox.base_url))
    assert row(expired, "expiry")[0] == "fail"
    assert "support" in row(expired, "expiry")[2]
    assert results(expired)["clock"] == "ok"
    soon = glows.doctor(client=glows.Client(jwt(sub="x", exp=time.time() + 3600), shared_sandbox.base_url))
    assert row(soon, "expiry")[0] == "warn"


def test_dead_address_fails_and_what_depends_on_it_is_not_checked(nothing_there: str) -> None:
    found = glows.doctor(client=glows.Client(jwt(sub="x"), nothing_there))
    result, said, next_step = row(found, "address")
    assert result == "fail"
    assert nothing_there in said
    assert "base_url" in next_step
    assert {results(found)[name] for name in ("clock", "access", *READS)} == {"not checked"}
    assert "0 machines" not in repr(found)


def test_wrong_path_in_the_address_is_told_from_a_refused_token(shared_sandbox: glows.Sandbox) -> None:
    found = glows.doctor(client=glows.Client(shared_sandbox.token, shared_sandbox.base_url + "/v9"))
    assert row(found, "address")[0] == "fail"
    assert "404" in row(found, "address")[1]
    assert results(found)["access"] == "not checked"


def test_route_that_answers_elsewhere_is_named_with_the_line_that_sets_it(shared_sandbox: glows.Sandbox) -> None:
    routes = {"count instances": "/instance/nowhere"}
    found = glows.doctor(client=glows.Client(shared_sandbox.token, shared_sandbox.base_url, routes=routes))
    result, said, next_step = row(found, "count instances")
    assert (result, said) == ("warn", "answers at /instance/stats, not at /instance/nowhere")
    assert '"count instances" = "/instance/stats"' in next_step
    assert results(found)["list images"] == "ok"
    chosen = glows.Client(shared_sandbox.token, shared_sandbox.base_url, routes={"list images": "/images"})
    assert row(glows.doctor(client=chosen), "list images")[:2] == ("ok", "GET /images answers, as set in routes")


EVERYTHING = {
    "code": 0,
    "msg": "",
    "stats": [],
    "pagination": {"total": 0, "numPages": 0, "page": 1, "perPage": 20},
    **{name: [] for name in ("instances", "images", "specs", "regions", "networks", "endpoints", "snapshots")},
}


def service(missing: str = "", clock: timedelta = timedelta()) -> HostileServer:
    """A service with one path missing and its clock ahead."""

    def answer(request: Request) -> Answer:
        date = {"Date": format_datetime(datetime.now(UTC) + clock, usegmt=True)}
        path = request.target.partition("?")[0].removeprefix("/sdk/v1")
        if path in missing.split():
            return Answer(b"404 page not found", 404, "text/plain", date)
        if path == "/instance":
            return json_answer({"code": 6, "msg": "no such instance"}, headers=date)
        return json_answer(EVERYTHING, headers=date)

    return HostileServer(answer)


@pytest.mark.parametrize(("minutes", "result"), [(0, "ok"), (2, "warn"), (60, "fail"), (-60, "fail")])
def test_clock_that_differs_is_said_with_the_direction(minutes: int, result: str) -> None:
    with service(clock=timedelta(minutes=minutes)) as server:
        found = row(glows.doctor(client=glows.Client(jwt(sub="x"), server.base_url)), "clock")
    assert found[0] == result
    if minutes:
        assert ("ahead of" if minutes > 0 else "behind") in found[1]


def test_page_of_somebody_else_at_the_address_is_told_from_a_service_in_trouble() -> None:
    with HostileServer(lambda request: Answer(b"<html>Welcome to our network</html>", 200, "text/html")) as server:
        found = glows.doctor(client=glows.Client(jwt(sub="x"), server.base_url))
    result, said, next_step = row(found, "access")
    assert result == "fail"
    assert "text/html" in said
    assert "base_url" in next_step
    assert {results(found)[name] for name in READS} == {"not checked"}


def test_token_that_has_expired_by_the_clock_of_the_service_is_expired() -> None:
    with service(clock=timedelta(hours=2)) as server:
        found = glows.doctor(client=glows.Client(jwt(sub="x", exp=time.time() + 3600), server.base_url))
    assert results(found)["expiry"] == "fail"


def test_token_that_only_this_computers_clock_calls_expired_is_good() -> None:
    with service(clock=timedelta(days=-30)) as server:
        found = glows.doctor(client=glows.Client(jwt(sub="x", exp=time.time() - 86400), server.base_url))
    assert results(found)["expiry"] == "ok"
    assert row(found, "clock")[0] == "fail"


def test_alternative_of_an_inferred_path_is_found() -> None:
    with service(missing="/snapshot/list /network/endpoint/list /network/endpoints") as server:
        found = glows.doctor(client=glows.Client(jwt(sub="x"), server.base_url))
    assert row(found, "list snapshots")[:2] == ("warn", "answers at /snapshots, not at /snapshot/list")
    assert "/endpoint/list" in row(found, "list endpoints")[1]
    with service(missing="/snapshot/list /snapshots") as server:
        found = glows.doctor(client=glows.Client(jwt(sub="x"), server.base_url))
    assert row(found, "list snapshots")[0] == "fail"


def test_damaged_ledger_is_a_failed_check(client: glows.Client) -> None:
    ledger_path().parent.mkdir(parents=True)
    ledger_path().write_bytes(b"no database at all" * 100)
    ledger_path().chmod(0o600)
    assert row(glows.doctor(client=client), "ledger")[0] == "fail"


def test_ledger_is_counted_and_one_that_others_can_read_is_a_warning(client: glows.Client) -> None:
    assert "none yet" in row(glows.doctor(client=client), "ledger")[1]
    glows.spending(client=client)
    assert row(glows.doctor(client=client), "ledger")[0] == "ok"
    assert "0 machines" in row(glows.doctor(client=client), "ledger")[1]
    ledger_path().chmod(0o644)
    result, _, next_step = row(glows.doctor(client=client), "ledger")
    assert result == "warn"
    assert "chmod 600" in next_step


def test_no_secret_is_shown(nothing_there: str, shared_sandbox: glows.Sandbox) -> None:
    for token in (jwt(sub="x"), "planted-bad-token-4711", shared_sandbox.token):
        for address in (nothing_there, shared_sandbox.base_url):
            found = glows.doctor(client=glows.Client(token, address))
            for text in (repr(found), found._repr_html_(), found.to_csv(), str(found.attrs)):
                assert token not in text
                assert token.rpartition(".")[2] not in text


def test_page_says_each_result_in_a_word_and_a_sign_beside_its_colour(nothing_there: str) -> None:
    page = glows.doctor(client=glows.Client("planted-token", nothing_there))._repr_html_()
    assert "✗ fail" in page
    assert "✓ ok" in page
    assert "– not checked" in page
    assert "<script" not in page


def test_command_gives_the_table_and_prints_nothing(
    shared_sandbox: glows.Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GLOWS_BASE_URL", shared_sandbox.base_url)
    monkeypatch.setenv("GLOWS_SDK_TOKEN", shared_sandbox.token)
    found = run("doctor")
    assert type(found) is Diagnosis
    assert found.attrs["glows_failed"] == 0
    assert capsys.readouterr().out == ""


def test_terminal_prints_the_checks_and_has_status_1_where_one_failed(
    shared_sandbox: glows.Sandbox, nothing_there: str
) -> None:
    for address, status in ((shared_sandbox.base_url, 0), (nothing_there, 1)):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-m", "glows_nb", "doctor"],
            env={
                **os.environ,
                "COLUMNS": "90",
                "GLOWS_BASE_URL": address,
                "GLOWS_SDK_TOKEN": shared_sandbox.token,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (status, "")
        assert f"{address}" in done.stdout
        assert max(map(len, done.stdout.splitlines())) <= 90
        assert "nobody can be asked here" in done.stdout
