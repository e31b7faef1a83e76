"""Tab on lines of %glows, asked of a real kernel as a notebook asks it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

import glows_nb as glows
from tests.hostile_server import Answer, HostileServer, Request, json_answer

RTX_4090 = '"NVIDIA GeForce RTX 4090"'
TYPES = "_jupyter_types_experimental"


@dataclass(frozen=True)
class Completed:
    """What came back for a line with the cursor at "|"."""

    lines: list[str]
    """The line with each of the offered words in its place."""
    types: list[str]

    @property
    def first(self) -> str:
        return self.lines[0]


class Kernel:
    """A running kernel."""

    def __init__(self, client: BlockingKernelClient) -> None:
        self._client = client

    def run(self, code: str) -> None:
        """Run a cell, which must not fail."""
        reply = self._client.execute_interactive(code, timeout=60, output_hook=lambda message: None)
        assert reply["content"]["status"] == "ok", reply["content"]

    def complete(self, code: str) -> Completed:
        """Press Tab at "|"; without one, at the end."""
        before, _, after = code.partition("|")
        reply = self._client.complete(before + after, len(before), reply=True, timeout=30)["content"]
        assert reply["status"] == "ok"
        start, end = reply["cursor_start"], reply["cursor_end"]
        whole = before + after
        return Completed(
            [whole[:start] + match + whole[end:] for match in reply["matches"]],
            # JupyterLab breaks no line at these.
            [item["type"].replace("\u00a0", " ") for item in reply["metadata"].get(TYPES, ())],
        )

    def complete_until(self, code: str, is_there: Callable[[Completed], bool]) -> Completed:
        """The same, again until what is asked for in the background has come."""
        deadline = time.monotonic() + 30
        while not is_there(completed := self.complete(code)):
            assert time.monotonic() < deadline, completed
            time.sleep(0.05)  # a poll with a deadline, not a guess
        return completed


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """One kernel for all, with a client of a sandbox in which a machine, an image and a snapshot are."""
    home = str(tmp_path_factory.mktemp("home"))
    folders = ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    unset = ("GLOWS_SDK_TOKEN", "GLOWS_BASE_URL", "GLOWS_PROFILE")
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    manager = KernelManager(kernel_name="python3", transport="ipc" if os.name == "posix" else "tcp")
    if manager.transport == "ipc":
        manager.ip = str(Path(home) / "kernel")
    with glows.sandbox(speed=200) as sandbox:
        manager.start_kernel(env={**environment, **dict.fromkeys(folders, home)}, cwd=home)
        client = manager.client()
        client.start_channels()
        try:
            client.wait_for_ready(timeout=60)
            running = Kernel(client)
            running.run("%load_ext glows_nb")
            running.run(
                f"""
import glows_nb as glows
from glows_nb import connection
client = glows.connect({sandbox.token!r}, {sandbox.base_url!r})
machine = %glows launch --gpu 4090 --name train --wait --yes
client.snapshots.create(machine.instance_id, "before surgery")
client.instances.wait(machine.instance_id)  # it pauses meanwhile
network = client.networks.create("lab-net", "TW-03")
offers = %glows specs
pictures = %glows images
"""
            )
            yield running
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)


def test_commands_are_offered_and_nothing_of_python(kernel: Kernel) -> None:
    completed = kernel.complete("%glows ")
    assert set(completed.types) == {"command"}
    assert {"%glows specs", "%glows launch", "%glows doctor"} <= set(completed.lines)
    assert not {"%glows and", "%glows if", "%glows print"} & set(completed.lines)


@pytest.mark.parametrize(
    ("code", "first"),
    [
        ("%glows spec", "%glows specs"),
        ("%glows specs --av", "%glows specs --available"),
        ("%glows specs --gpu 409", f"%glows specs --gpu {RTX_4090}"),
        ("%glows specs --gpu=409", f"%glows specs --gpu={RTX_4090}"),
        ('%glows specs --gpu "NVIDIA GeForce RTX 40', f"%glows specs --gpu {RTX_4090}"),
        ("%glows specs --gpu 'NVIDIA GeForce RTX 40", "%glows specs --gpu 'NVIDIA GeForce RTX 4090'"),
        ('%glows specs --gpu "NVIDIA GeForce RTX 40|"', f"%glows specs --gpu {RTX_4090}"),
        ('%glows specs --gpu="409|" --available', f"%glows specs --gpu={RTX_4090} --available"),
        ("%glows specs --gpu 409| --region TW-01", f"%glows specs --gpu {RTX_4090} --region TW-01"),
        ("x = %glows spec", "x = %glows specs"),
        ("x = %glows list --status fini", "x = %glows list --status Finished"),
        ("d['a'] = %glows specs --gpu=409", f"d['a'] = %glows specs --gpu={RTX_4090}"),
        ('d["a"][0] = %glows spec', 'd["a"][0] = %glows specs'),
        ("a, b = %glows spec", "a, b = %glows specs"),
        ("x=%glows specs --gpu=409", f"x=%glows specs --gpu={RTX_4090}"),
        ("import os\nx = 1\n%glows specs --gpu 409", f"import os\nx = 1\n%glows specs --gpu {RTX_4090}"),
        ("%glows specs --gpu 4090 \\\n  --region tw-03", "%glows specs --gpu 4090 \\\n  --region TW-03"),
        ("if True:\n    %glows spec", "if True:\n    %glows specs"),
        ("%%glows laun", "%%glows launch"),
        ("%%glows launch --gpu 409|\nsleep 10", f"%%glows launch --gpu {RTX_4090}\nsleep 10"),
        ("%glows specs --sort -pri", "%glows specs --sort -price"),
        ("%glows specs --sort=price_per_g", "%glows specs --sort=price_per_gpu_hour"),
        ("%glows launch --category v", "%glows launch --category vm"),
        ("%glows help laun", "%glows help launch"),
        ("%glows help network cr", "%glows help network create"),
        ("%glows ls", "%glows ls"),
        ("%glows cop", "%glows copy"),
        ("%glows rm tra", "%glows rm train"),
        ("%glows use sand", "%glows use sandbox"),
        ("%glows wait train --until ", "%glows wait train --until Running"),
        ("%%time\n%glows specs --gpu 409", f"%%time\n%glows specs --gpu {RTX_4090}"),
        ("%glows show tra", "%glows show train"),
    ],
)
def test_word_is_put_in_as_the_line_needs_it(code: str, first: str, kernel: Kernel) -> None:
    assert kernel.complete(code).first == first


def test_machines_are_offered_by_name_id_and_key_with_their_status(kernel: Kernel) -> None:
    completed = kernel.complete_until("%glows wait ", lambda seen: "machine · Running" in seen.types)
    words = [line.removeprefix("%glows wait ") for line in completed.lines]
    assert words[0] == "train"
    assert words[1].startswith("ins-")
    assert words[2].startswith("train-")
    assert len(words) == 3


def test_images_are_found_by_name_and_put_in_by_id(kernel: Kernel) -> None:
    completed = kernel.complete("%glows launch --image torch2.8")
    assert completed.first.startswith("%glows launch --image img-")
    assert completed.types[0].startswith("image · ")
    assert "Torch2.8" in completed.types[0]
    assert kernel.complete("%glows launch --image img-").first.startswith("%glows launch --image img-")


@pytest.mark.parametrize(
    ("line", "name", "prefix", "about"),
    [
        ("%glows network attach ", "lab-n", "net-", "network · lab-net"),
        ("%glows launch --snapshot ", "surg", "snap-", "snapshot · before surgery"),
    ],
)
def test_networks_and_snapshots_are_found_by_name_too(
    line: str, name: str, prefix: str, about: str, kernel: Kernel
) -> None:
    completed = kernel.complete_until(f"{line}{name}", lambda seen: about in seen.types)
    assert completed.first.startswith(f"{line}{prefix}")


def test_names_of_python_stand_where_values_go(kernel: Kernel) -> None:
    assert "%glows specs >> offers" in kernel.complete("%glows specs >> offe").lines
    for code in ("%glows show $mach", "%glows show {mach"):
        assert "no suggestion" not in kernel.complete(code).types


def test_price_and_kind_stand_beside_a_gpu(kernel: Kernel) -> None:
    assert kernel.complete("%glows specs --gpu 409").types == ["gpu · from 0.390 Credits/h"]


def test_options_are_offered_where_nothing_else_is_expected_and_not_where_a_value_is(kernel: Kernel) -> None:
    assert "%glows specs --gpu" in kernel.complete("%glows specs ").lines
    assert kernel.complete("%glows specs --max-price ").lines == ["%glows specs --max-price "]


@pytest.mark.parametrize("code", ["%glows specs --gpu zzz", "%glows nosuch x", "%glows show 'zq"])
def test_where_nothing_is_known_the_line_stays_as_it_is(code: str, kernel: Kernel) -> None:
    assert kernel.complete(code).lines in ([code], [])


@pytest.mark.parametrize(
    ("code", "word"),
    [
        ("impor", "import"),
        ("glows.spe", "glows.specs"),
        ("# x = %glows \nprin", "# x = %glows \nprint"),
        ("!ech", None),
        ("!glows-nb spe", None),
        ("%tim", "%time"),
        ("%glowsx spe", None),
        ("print('%glows spe", None),
        ("%%glows launch\nspe", None),
    ],
)
def test_other_lines_are_completed_as_always(code: str, word: str | None, kernel: Kernel) -> None:
    completed = kernel.complete(code)
    assert not {"command", "option", "no suggestion"} & set(completed.types)
    assert word is None or word in completed.lines


def test_answer_never_waits_for_the_service(kernel: Kernel) -> None:
    released = threading.Event()

    def hold(request: Request) -> Answer:
        released.wait(60)
        return json_answer({"code": 176, "msg": "check jwt token failed"})

    with HostileServer(hold) as server:
        kernel.run(f"silent = glows.connect('planted-token', {server.base_url!r})")
        try:
            for line in ("%glows show t", "%glows specs --gpu ", "%glows launch --image "):
                assert kernel.complete(line).types == ["no suggestion"]
            deadline = time.monotonic() + 30
            while len(server.requests) < 3:
                assert time.monotonic() < deadline, server.requests
                time.sleep(0.01)  # a poll with a deadline, not a guess
            # The service holds all three requests now, and still every Tab is answered.
            assert not released.is_set()
            assert kernel.complete("%glows show t").types == ["no suggestion"]
            assert kernel.complete("%glows sho").first == "%glows show"
            assert len(server.requests) == 3, "who is asked already is not asked again"
        finally:
            released.set()
            kernel.run("from glows_nb import connection; connection._default.client = client")


def test_dead_address_and_no_account_leave_commands_and_options(kernel: Kernel) -> None:
    kernel.run("dead = glows.connect('planted-token', 'http://127.0.0.1:9/sdk/v1')")
    try:
        assert kernel.complete("%glows show t").types == ["no suggestion"]
        assert kernel.complete("%glows list --status run").first == "%glows list --status Running"
        kernel.run("connection._default.client = None")
        assert kernel.complete("%glows show t").types == ["no suggestion"]
        assert kernel.complete("%glows sho").first == "%glows show"
        kernel.run("assert connection.client_in_use() is None")
    finally:
        kernel.run("connection._default.client = client")


def test_account_of_the_environment_is_completed_and_not_connected(kernel: Kernel) -> None:
    kernel.run(
        "import os; connection._default.client = None;"
        "os.environ['GLOWS_BASE_URL'] = client.base_url;"
        "os.environ['GLOWS_SDK_TOKEN'] = client.connection.token.get_secret_value()"
    )
    try:
        assert kernel.complete("%glows show tra").first == "%glows show train"
        kernel.run("assert connection.client_in_use() is None")
    finally:
        kernel.run("del os.environ['GLOWS_BASE_URL'], os.environ['GLOWS_SDK_TOKEN']")
        kernel.run("connection._default.client = client")


def test_completion_loads_once_and_goes_with_the_extension(kernel: Kernel) -> None:
    count = "sum(matcher.__name__ == 'glows_matcher' for matcher in get_ipython().Completer.custom_matchers)"
    kernel.run("%reload_ext glows_nb\n%reload_ext glows_nb")
    kernel.run(f"assert {count} == 1")
    kernel.run("%unload_ext glows_nb")
    try:
        kernel.run(f"assert {count} == 0")
        assert "command" not in kernel.complete("%glows spe").types
    finally:
        kernel.run("%load_ext glows_nb")


def test_variables_that_a_cell_may_be_sent_are_offered(kernel: Kernel) -> None:
    kernel.run("scores_here, other = 1, 2")
    assert kernel.complete("%glows run train --send scores_h").lines == ["%glows run train --send scores_here"]
    assert kernel.complete("%glows run train --send other,scores_h").lines == [
        "%glows run train --send other,scores_here"
    ]
    kernel.run("del scores_here, other")
