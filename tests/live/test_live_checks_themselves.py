"""The live checks, tried on a sandbox: what they report, what they keep to themselves, and when they don't run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

import glows_nb as glows
from tests.hostile_server import Answer, HostileServer, Request, json_answer

ROOT = Path(__file__).parent.parent.parent


def live_checks(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-m",
        "live",
        "-p",
        "no:cacheprovider",
        "-c",
        str(ROOT / "pyproject.toml"),
    ]
    return subprocess.run(  # noqa: S603 - our own command
        [*command, "--rootdir", str(ROOT), str(ROOT / "tests" / "live")],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture
def machine(client: glows.Client) -> glows.Instance:
    """A machine in a network and with a snapshot, with secrets of its own."""
    started = client.instances.launch(
        name="secret-name",
        gpu_name="NVIDIA GeForce RTX 4090",
        regions=["TW-01"],
        from_image_id=client.images.default().image_id,
        envs={"KEY": "secret-value"},
        wait=True,
    )
    network_id = client.networks.create("secret-mesh", "TW-01")
    client.networks.attach(network_id, [started.instance_id])
    client.snapshots.create(started.instance_id, "secret-snap")
    return started


def test_report_tells_routes_fields_and_words_and_no_secret(
    sandbox: glows.Sandbox, client: glows.Client, machine: glows.Instance, tmp_path: Path
) -> None:
    ran = live_checks(tmp_path, GLOWS_SDK_TOKEN=sandbox.token, GLOWS_BASE_URL=sandbox.base_url)
    assert ran.returncode == 0, ran.stdout
    text = (tmp_path / "glows-live-report.json").read_text(encoding="utf-8")
    assert f"What was learned, with no secret in it: {tmp_path}" in ran.stdout
    report: dict[str, Any] = json.loads(text)

    assert len(report["routes"]) == 8
    assert {route["answer"] for route in report["routes"].values()} == {"code 0"}
    assert report["unknown_path"] == "HTTP 404"
    assert report["errors"]["a token that is none"] == "code 176: check jwt token failed"
    assert report["fields"]["list instances"]["instances[].hardware.gpuNum"] == ["integer"]
    assert report["values"]["list specs"]["specs[].region_name"] == sorted(glows.specs(client=client).region.unique())
    assert report["is_sandbox"] is True
    assert not any(report["unknown_fields"].values())

    assert machine.ssh_password
    secrets = [sandbox.token, machine.ssh_password.get_secret_value(), machine.instance_id.partition("-")[2]]
    secrets += [word for word in ("secret-", "token=", "access.glows", "127.0.0.1:2") if word not in sandbox.base_url]
    assert [secret for secret in secrets if secret in text] == []
    calls = {call["operation"] for call in sandbox.admin.transcript()[-20:]}
    assert not {call for call in calls if call.endswith(("_create", "_cancel", "_submit", "_delete", "_attach"))}


def test_operation_that_is_elsewhere_is_found_there_and_said(sandbox: glows.Sandbox, tmp_path: Path) -> None:
    sandbox.admin.order("http_error", "instance_stats", status=404)
    ran = live_checks(tmp_path, GLOWS_SDK_TOKEN=sandbox.token, GLOWS_BASE_URL=sandbox.base_url)
    assert ran.returncode == 1
    assert "count instances is at /instance/stat. Until glows_nb knows, put it into your profile" in ran.stdout
    report = json.loads((tmp_path / "glows-live-report.json").read_text(encoding="utf-8"))
    assert report["routes"]["count instances"]["path"] == "/instance/stat"
    assert report["routes"]["count instances"]["tried in vain"] == {"/instance/stats": "HTTP 404"}


def test_without_a_token_every_check_is_skipped_and_says_why(tmp_path: Path) -> None:
    ran = live_checks(tmp_path)
    assert ran.returncode == 0, ran.stdout
    assert "needs an account: set GLOWS_SDK_TOKEN" in ran.stdout
    assert not (tmp_path / "glows-live-report.json").exists()


def test_plain_run_leaves_the_live_checks_out() -> None:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    ran = subprocess.run(  # noqa: S603 - our own command
        [*command, "tests/live"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert "test_read_only.py" not in ran.stdout
    assert "deselected" in ran.stdout


class OtherService:
    """A service that has moved in every way that the checks must see through, in front of a sandbox.

    Counts are elsewhere and their old path is a page of HTML; images are elsewhere and their old path refuses every
    call with a code; the answer about snapshots has lost a field.
    """

    def __init__(self, sandbox: glows.Sandbox) -> None:
        self._base = sandbox.base_url

    def __call__(self, request: Request) -> Answer:
        path = urlsplit(request.target).path.removeprefix("/sdk/v1")
        if path == "/instance/stats":
            return Answer(b"<html>Welcome</html>", content_type="text/html")
        if path == "/image/list":
            return json_answer({"code": 6, "msg": "no route for 'secret-name' (ins-fnord123) of me@example.com"})
        if path == "/instance/stat":
            return Answer(status=405)
        moved = {"/instance/count": "/instance/stats", "/images": "/image/list"}.get(path, path)
        query = urlsplit(request.target).query
        headers = {"Authorization": request.headers["authorization"]}
        reply = httpx.get(f"{self._base}{moved}?{query}", headers=headers)
        answer = reply.json() if reply.status_code == 200 else {}
        for snapshot in answer.get("snapshots", ()):
            snapshot["made_by"] = {"ins-fnord123": "secret-name"}
            del snapshot["snapshot_id"]
        return json_answer(answer, status=reply.status_code)


@pytest.mark.usefixtures("machine")
def test_service_that_has_moved_is_seen_through_and_what_it_says_of_somebody_is_not_kept(
    sandbox: glows.Sandbox, tmp_path: Path
) -> None:
    with HostileServer(OtherService(sandbox)) as server:
        ran = live_checks(tmp_path, GLOWS_SDK_TOKEN=sandbox.token, GLOWS_BASE_URL=server.base_url)
    assert ran.returncode == 1
    report: dict[str, Any] = json.loads(text := (tmp_path / "glows-live-report.json").read_text(encoding="utf-8"))
    counts, images = report["routes"]["count instances"], report["routes"]["list images"]
    assert (counts["path"], counts["answer"]) == ("/instance/count", "code 0")
    assert counts["tried in vain"] == {"/instance/stats": "HTTP 200", "/instance/stat": "HTTP 405"}
    assert (images["path"], images["answer"]) == ("/images", "code 0")
    assert "count instances is at /instance/count" in ran.stdout
    # What can't be read is what a report is for.
    assert report["routes"]["list snapshots"]["answer"] == "an answer that can't be read"
    assert report["fields"]["list snapshots"]["snapshots[].size_bytes"] == ["integer"]
    assert "snapshots[].snapshot_id" not in report["fields"]["list snapshots"]
    assert "snapshot_id" in report["errors"]["list snapshots"]
    assert [word for word in ("secret-", "fnord", "example.com", sandbox.token) if word in text] == []
