"""A notebook on a machine whose line breaks: every message once and in order; and one whose machine is gone."""

from __future__ import annotations

import pytest

from tests.remote.conftest import SANDBOX, SSHD
from tests.remote.cutting_proxy import CuttingProxy
from tests.remote.kernels.conftest import WITHIN, Notebook, notebook_on
from tests.remote.ways import Door
from tests.sandbox.machines.real import eventually

BROKE = "broke. What runs there goes on; trying again.]"
NOBODY = 1
"""A port at which nobody answers."""


@pytest.mark.parametrize("way", [SANDBOX, SSHD])
@pytest.mark.parametrize("seed", range(3))
def test_every_message_comes_once_and_in_order(
    doors: dict[str, Door], monkeypatch: pytest.MonkeyPatch, way: str, seed: int
) -> None:
    # The first breaks when the kernel begins or the cell has begun, the others while it runs.
    cuts = [60_000 + 11_111 * seed, 90_000 + 777 * seed, 80_000, 150_000]
    with notebook_on(doors, way, monkeypatch) as notebook:
        notebook.start()  # the keeper's file is there after that
        notebook.shut_down()
        with CuttingProxy(doors[way].port, cuts) as proxy:
            notebook.service.told.port = proxy.port
            notebook.start()
            code = "import time\nfor i in range(5000):\n    print(i, flush=True)\n    time.sleep(0.0005)"
            reply, came = notebook.run(code)
            assert reply["status"] == "ok"
            streams = [each["content"] for each in came if each["msg_type"] == "stream"]
            text = "".join(each["text"] for each in streams if each["name"] == "stdout")
            assert text == "".join(f"{number}\n" for number in range(5000))
            assert proxy.cut == len(cuts)
            assert 1 <= sum(BROKE in each["text"] for each in streams) <= len(cuts)
            notebook.shut_down()


def test_what_is_asked_is_done_once(doors: dict[str, Door], monkeypatch: pytest.MonkeyPatch) -> None:
    # Each line breaks after a few cells, some between a cell and its reply.
    cuts = [60_000, *range(12_000, 30_000, 1_517)]
    with notebook_on(doors, SANDBOX, monkeypatch) as notebook:
        notebook.start()
        notebook.shut_down()
        with CuttingProxy(doors[SANDBOX].port, cuts) as proxy:
            notebook.service.told.port = proxy.port
            notebook.start()
            notebook.run("count = 0")
            done = 0
            while proxy.cut < len(cuts):
                done += 1
                assert notebook.run(f"count += 1; note = {'x' * 300!r}")[0]["status"] == "ok"
            assert notebook.text("print(count)").endswith(f"{done}\n")
            notebook.shut_down()


def test_cell_is_run_when_the_line_is_there_again(doors: dict[str, Door], monkeypatch: pytest.MonkeyPatch) -> None:
    with notebook_on(doors, SANDBOX, monkeypatch) as notebook:
        told = notebook.service.told
        with CuttingProxy(doors[SANDBOX].port) as proxy:
            told.port = proxy.port
            notebook.start()
            told.port = NOBODY
        notebook.client.execute("print('at last')")
        assert next_stream(notebook).endswith(f"{BROKE}\n")
        told.port = doors[SANDBOX].port
        assert next_stream(notebook) == "at last\n"


def test_machine_that_ends_is_a_sentence_and_a_dead_kernel(
    doors: dict[str, Door], monkeypatch: pytest.MonkeyPatch
) -> None:
    with notebook_on(doors, SANDBOX, monkeypatch) as notebook:
        told = notebook.service.told
        with CuttingProxy(doors[SANDBOX].port) as proxy:
            told.port = proxy.port
            notebook.start()
            asked = notebook.client.execute("import time; print('runs', flush=True); time.sleep(1000)")
            assert next_stream(notebook) == "runs\n"
            told.changes["status"] = "Exited"
        reply = notebook.client._recv_reply(asked, timeout=WITHIN)["content"]
        assert reply["status"] == "error"
        assert "is Exited: it has ended, and nothing answers there any more" in reply["evalue"]
        eventually(lambda: not notebook.manager.is_alive())
        # What Jupyter does by itself then leaves a kernel that is dead, until it gives up.
        notebook.manager.restart_kernel(now=True)
        eventually(lambda: not notebook.manager.is_alive())
        # The kernel there is ended with the machine; this one has only been told of as ended.
        told.changes.clear()
        told.port = doors[SANDBOX].port
        notebook.manager.restart_kernel(now=True)
        notebook.connect()
        assert notebook.text("print(3)") == "3\n"


def test_start_says_why_it_can_not_be(doors: dict[str, Door], monkeypatch: pytest.MonkeyPatch) -> None:
    with notebook_on(doors, SANDBOX, monkeypatch) as notebook:
        notebook.service.told.changes["status"] = "Exited"
        with pytest.raises(RuntimeError) as caught:
            notebook.manager.start_kernel()
        name = notebook.service.told.instance_id
        assert str(caught.value).startswith(f"{name} is Exited: it has ended")
        assert max(map(len, str(caught.value).splitlines())) <= 80
        assert not notebook.manager.has_kernel
        notebook.service.told.changes.clear()
        notebook.service.told.port = NOBODY
        with pytest.raises(RuntimeError, match=r"its\s+SSH\s+at\s+.*\s+does\s+not\s+answer"):
            notebook.manager.start_kernel()


def next_stream(notebook: Notebook) -> str:
    while True:
        message = notebook.client.get_iopub_msg(timeout=WITHIN)
        if message["msg_type"] == "stream":
            return str(message["content"]["text"])
