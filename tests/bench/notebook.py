"""What a user waits for in a notebook: a line of %glows in a warm kernel."""

from __future__ import annotations

import json

from jupyter_client.manager import start_new_kernel

from tests.bench import wire
from tests.bench.measuring import Figures, Size, environment
from tests.bench.server import serving

MACHINES = 20

WARM_UP = f"""
import json, time
import httpx
import glows_nb as glows

glows.connect({{token!r}}, {{base_url!r}})
%load_ext glows_nb
http = httpx.Client(headers={{{{"Authorization": "Bearer " + {{token!r}}}}}})
url = {{base_url!r}} + "/instance/list?page=1&per_page={MACHINES}"

def seconds_of(cell):
    begun = time.perf_counter()
    get_ipython().run_cell(cell).raise_error()
    return time.perf_counter() - begun

ours, bare = "%glows list", "len(http.get(url).content)"
seconds_of(ours), seconds_of(bare)
"""
TAKE_TURNS = """
taken = [(seconds_of(ours), seconds_of(bare)) for _ in range({runs})]
print("MEASURED", json.dumps([sorted(side)[len(taken) // 2] for side in zip(*taken)]))
"""


def list_of_machines(size: Size) -> Figures:
    """`%glows list` as a cell, with its table shown, against a cell with the one request that it takes."""
    with serving(MACHINES) as base_url:
        manager, client = start_new_kernel(env=environment(), extra_arguments=["--HistoryManager.enabled=False"])
        try:
            said: list[str] = []

            def hear(message: dict[str, object]) -> None:
                content = message["content"]
                assert isinstance(content, dict)
                said.append(content.get("text", "") if message["msg_type"] == "stream" else "")

            runs = size.runs * 4 if size.is_full else size.runs
            for cell in (WARM_UP.format(token=wire.token(), base_url=base_url), TAKE_TURNS.format(runs=runs)):
                reply = client.execute_interactive(cell, output_hook=hear, timeout=60)
                assert reply["content"]["status"] == "ok", reply["content"]
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
    ours, bare = json.loads("".join(said).partition("MEASURED")[2].partition("\n")[0])
    return Figures(ours * 1000, bare * 1000, "ms")
