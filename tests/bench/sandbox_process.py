"""The sandbox, or a bare Starlette route to measure it by: `python -m tests.bench.sandbox_process`.

Each has a process of its own, which prints a line of JSON: the address, the token, and the id of a machine. Both have
the web server of the sandbox, set up alike.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
from collections.abc import Sequence
from http.client import HTTPConnection
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from glows_nb.sandbox import tokens
from glows_nb.sandbox.codes import Code, Refusal
from glows_nb.sandbox.faults.connections import Connections
from glows_nb.sandbox.server import SandboxServer, _config, _listening_socket

ORDER = {
    "from_image_id": "img-6np5yvq2",
    "gpu_name": "NVIDIA GeForce RTX 4090",
    "custom_meta_key": "bench-1",
    "instance_category": "container",
    "region_name": "TW-04",
}


def sandbox(machines: int) -> None:
    """A sandbox with one machine that runs, and as many more as make `machines`, which have ended."""
    with SandboxServer(seed=1, is_reachable=False) as server:
        server.clock.pause()
        instance_id = _call(server.base_url, "POST", "/instance", server.token, ORDER)["instance"]["instanceID"]
        server.clock.advance(60)
        answer = _call(server.base_url, "GET", f"/instance?request_id={instance_id}", server.token)
        assert answer["instance"]["status"] == "Running"
        _add_ended(server, machines - 1)
        _tell(base_url=server.base_url, token=server.token, instance_id=instance_id, answer=answer)


def bare(answer: str) -> None:
    """A route that checks the token and gives these bytes."""
    body, secret = answer.encode(), "s" * 48

    async def instance(request: Request) -> Response:
        try:
            tokens.verify(request.headers.get("Authorization", ""), secret)
        except Refusal:
            return JSONResponse({"code": int(Code.TOKEN_REJECTED)})
        return Response(body, media_type="application/json")

    app = Starlette(routes=[Route("/sdk/v1/instance", instance, methods=["GET"])])
    listening = _listening_socket("127.0.0.1", 0)
    server = uvicorn.Server(_config(app, Connections()))
    threading.Thread(target=server.run, args=([listening],), daemon=True).start()
    token = tokens.issue(tokens.User(1, "bench"), secret)
    _tell(base_url=f"http://127.0.0.1:{listening.getsockname()[1]}/sdk/v1", token=token)


def _add_ended(server: SandboxServer, machines: int) -> None:
    """More machines like the one that is there, put beside it where requests would take minutes."""
    database = server.store._database
    columns = [row["name"] for row in database.rows("PRAGMA table_info(instances)")]
    values = {"seq": "n", "hash": "'h' || n", "meta_key": "'bench-' || n", "next_at": "NULL", "next_status": "NULL"}
    values["status"] = "'Finished'"
    with server.store.transaction():
        database.write(
            f"WITH RECURSIVE numbers(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM numbers WHERE n <= {machines})"  # noqa: S608
            f" INSERT INTO instances ({', '.join(columns)})"
            f" SELECT {', '.join(values.get(name, name) for name in columns)}"
            f" FROM numbers, (SELECT * FROM instances WHERE seq = 1) WHERE n <= {machines + 1}"
        )


def _call(base_url: str, method: str, path: str, token: str, body: Any = None) -> Any:
    connection = HTTPConnection(base_url.split("/")[2], timeout=10)
    content = None if body is None else json.dumps(body)
    connection.request(method, f"/sdk/v1{path}", content, {"Authorization": f"Bearer {token}"})
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer


def _tell(**facts: Any) -> None:
    print(json.dumps(facts), flush=True)
    sys.stdin.read()


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until the standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--machines", type=int, default=1)
    parser.add_argument("--bare", metavar="ANSWER")
    given = parser.parse_args(arguments)
    if given.bare is None:
        sandbox(given.machines)
    else:
        bare(given.bare)


if __name__ == "__main__":
    main()
