"""README's table of messages: each of them is what a user really sees when that has happened."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import glows_nb as glows
from glows_nb.api.credentials.config import profiles_path
from glows_nb.commands import run
from glows_nb.ledger.recorder import recorder_of

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
TABLE = README.partition("## When a message stops you")[2].partition("\n## ")[0]
ROWS = re.findall(r"^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \|$", TABLE, flags=re.M)
RTX_4090 = "NVIDIA GeForce RTX 4090"
DEAD_ADDRESS = "http://127.0.0.1:9/sdk/v1"


def wanted(client: glows.Client, **changes: Any) -> dict[str, Any]:
    """The arguments of a launch."""
    image_id = client.images.default().image_id
    return {"name": "train", "gpu_name": RTX_4090, "regions": ["TW-01"], "from_image_id": image_id, **changes}


def no_token(sandbox: glows.Sandbox, client: glows.Client) -> None:
    glows.connect()


def bad_token(sandbox: glows.Sandbox, client: glows.Client) -> None:
    with glows.Client("not-a-token", sandbox.base_url) as stranger:
        stranger.instances.list()


def open_profiles(sandbox: glows.Sandbox, client: glows.Client) -> None:
    path = profiles_path()
    path.parent.mkdir(parents=True)
    path.write_text('[default]\ntoken = "planted"\n', encoding="utf-8")
    path.chmod(0o644)
    glows.connect()


def nobody_to_ask(sandbox: glows.Sandbox, client: glows.Client) -> None:
    glows.connect(sandbox.token, sandbox.base_url)
    run(["launch", "--gpu", "4090"])


def stale_plan(sandbox: glows.Sandbox, client: glows.Client) -> None:
    planned = client.instances.plan(**wanted(client))
    client.instances.launch(**wanted(client))
    planned.launch()


def other_machine(sandbox: glows.Sandbox, client: glows.Client) -> None:
    client.instances.launch(**wanted(client))
    client.instances.launch(**wanted(client, gpu_name="NVIDIA A100-SXM4-80GB"))


def key_of_somebody_else(sandbox: glows.Sandbox, client: glows.Client) -> None:
    fields = wanted(client, meta_key="taken-key")
    del fields["name"]
    client.instances.launch(**fields)
    with glows.Client(sandbox.admin.token("somebody-else"), sandbox.base_url) as other:
        other.instances.launch(**fields)


def lost_order(sandbox: glows.Sandbox, client: glows.Client) -> None:
    fields = wanted(client)
    sandbox.admin.order("reset", "instance_create", when="after")
    # Each look-up after the order fails too; the one before it has to pass.
    sandbox.admin.order("http_error", "instance_get", status=503, count=50, first=2)
    client.instances.launch(**fields)


def none_left(sandbox: glows.Sandbox, client: glows.Client) -> None:
    sandbox.admin.play("sold-out")
    client.instances.launch(**wanted(client))


def tight_budget(sandbox: glows.Sandbox, client: glows.Client) -> None:
    glows.set_budget("0.00001", per="month", client=client)
    client.instances.launch(**wanted(client))


def spent_budget(sandbox: glows.Sandbox, client: glows.Client) -> None:
    recorder = recorder_of(client)
    recorder._clock = lambda: 1_772_500_000
    client.instances.launch(**wanted(client), wait=True)
    recorder._clock = lambda: 1_772_503_600
    glows.set_budget("0.3", per="month", client=client)
    client.instances.launch(**wanted(client, name="second"))


def broken_service(sandbox: glows.Sandbox, client: glows.Client) -> None:
    sandbox.admin.order("http_error", "instance_list", status=502, count=50)
    client.instances.list()


def missing_part(sandbox: glows.Sandbox, client: glows.Client) -> None:
    # In a Python of its own: this one has matplotlib loaded already.
    code = "import sys; sys.modules['matplotlib'] = None; import glows_nb; glows_nb.plots"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)  # noqa: S603
    raise glows.GlowsError(ran.stderr.splitlines()[-1])


def unreachable(sandbox: glows.Sandbox, client: glows.Client) -> None:
    with glows.Client("token", DEAD_ADDRESS, backoff=0) as lost:
        lost.instances.list()


def queued_machine(sandbox: glows.Sandbox, client: glows.Client) -> None:
    sandbox.admin.order("stuck_queue")
    client.instances.launch(**wanted(client))
    glows.machine("train", client=client).exec("true")


def late_sshd(sandbox: glows.Sandbox, client: glows.Client) -> None:
    sandbox.admin.order("slow_sshd", seconds=1e9)
    client.instances.launch(**wanted(client), wait=True)
    glows.machine("train", client=client).exec("true")


def entered(client: glows.Client) -> glows.Machine:
    client.instances.launch(**wanted(client), wait=True)
    machine = glows.machine("train", wait=True, client=client)
    machine.exec("true", quiet=True)
    return machine


def other_host_key(sandbox: glows.Sandbox, client: glows.Client) -> None:
    machine = entered(client)
    sandbox.admin.order("other_host_key")
    machine.close()
    machine.exec("true")


def full_disk(sandbox: glows.Sandbox, client: glows.Client) -> None:
    machine = entered(client)
    sandbox.admin.order("disk_full")
    Path("sent").write_bytes(b"x" * 100_000)
    machine.send("sent")


def broken_line(sandbox: glows.Sandbox, client: glows.Client) -> None:
    machine = entered(client)
    machine.close()
    sandbox.admin.order("line_breaks", bytes=20_000)
    machine.exec("head -c 1000000 /dev/zero", quiet=True)


HAPPENINGS: dict[str, Callable[[glows.Sandbox, glows.Client], None]] = {
    "No GLOWS token": no_token,
    "the token was refused": bad_token,
    "Others can read": open_profiles,
    "Nobody can be asked here": nobody_to_ask,
    "The plan no longer holds": stale_plan,
    "is not what was asked for": other_machine,
    "so it is somebody else's": key_of_somebody_else,
    "may be there under the key": lost_order,
    "Nothing was rented": none_left,
    "would be passed by": tight_budget,
    "is used up": spent_budget,
    "the service answered HTTP": broken_service,
    "which is not installed; run": missing_part,
    "only a Running machine can be entered": queued_machine,
    "does not answer (": late_sshd,
    "shows the host key": other_host_key,
    "The disk of": full_disk,
    "broke while": broken_line,
    "could not be reached": unreachable,
}


def test_every_message_of_the_table_is_made_here() -> None:
    assert [message for message, _, _ in ROWS] == list(HAPPENINGS)
    assert all(meaning.strip() and remedy.strip() for _, meaning, remedy in ROWS)


@pytest.mark.parametrize("message", HAPPENINGS)
def test_message_is_what_the_user_sees(
    message: str, sandbox: glows.Sandbox, client: glows.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(glows.GlowsError) as caught:
        HAPPENINGS[message](sandbox, client)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value), "it is one sentence or two, not a report"
