"""A small GLOWS over raw sockets whose creates go wrong on order: what was done, and what the caller hears of it.

It keeps machines by key, as the real one does, and knows nothing of our client.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.api.fake_service import instance_row, spec_row
from tests.hostile_server import Answer, HostileServer, Request, Reset, json_answer

HTML = b"<html><body><h1>Bad Gateway</h1></body></html>"
ANSWERS = {
    "429": Answer(b"slow down", status=429, content_type="text/plain"),
    "429 with Retry-After": Answer(b"", status=429, content_type="text/plain", headers={"Retry-After": "0"}),
    "500": Answer(HTML, status=500, content_type="text/html"),
    "502": Answer(HTML, status=502, content_type="text/html"),
    "no JSON": Answer(HTML, content_type="text/html"),
    "code 1": json_answer({"code": 1, "msg": "internal error"}),
    "code 999": json_answer({"code": 999, "msg": "?"}),
}
"""What is answered whatever was done; beside these there are reset, cut, drip, and the truth."""
DRIP = 0.4


@dataclass(frozen=True)
class Fault:
    """How one create goes wrong.

    work: "none", "done", or "late": done only after a look-up has found nothing.
    answer: "refused" or "unread" (then no work is done), "reset", "cut", "drip", or one of `ANSWERS`.
    """

    work: str
    answer: str


class FaultyService:
    """The service; `faults[key]` are those of the next creates under a key, in order."""

    def __init__(self) -> None:
        self.machines: dict[str, dict[str, Any]] = {}
        self.faults: dict[str, list[Fault]] = {}
        self._late: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()
        self._server = HostileServer(self._answer, resets_unread=self._resets_unread)

    @property
    def base_url(self) -> str:
        return self._server.base_url

    def __enter__(self) -> FaultyService:
        self._server.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._server.__exit__(*error)

    def settle(self, key: str) -> None:
        """Whatever of a create is still on its way is done now, as far as its key is free."""
        with self._lock:
            late = self._late.pop(key, None)
            if late is not None:
                self.machines.setdefault(key, late)

    def next_fault(self, key: str) -> Fault | None:
        faults = self.faults.get(key)
        return faults.pop(0) if faults else None

    def is_refused(self, body: bytes) -> bool:
        """Is the next create of this body to meet a closed port? For the transports below, which play that."""
        faults = self.faults.get(json.loads(body)["custom_meta_key"])
        if faults and faults[0].answer == "refused":
            faults.pop(0)
            return True
        return False

    def _resets_unread(self, peeked: bytes) -> bool:
        head, _, body = peeked.partition(b"\r\n\r\n")
        if not head.startswith(b"POST") or not body:
            return False
        key = json.loads(body)["custom_meta_key"]
        faults = self.faults.get(key)
        if faults and faults[0].answer == "unread":
            faults.pop(0)
            return True
        return False

    def _answer(self, request: Request) -> Answer:
        path = urlsplit(request.target).path.removeprefix("/sdk/v1")
        query = {name: values[-1] for name, values in parse_qs(urlsplit(request.target).query).items()}
        if path == "/spec/list":
            rows = [spec_row()] if query["machine_category"] == "0" else []
            pagination = {"total": len(rows), "numPages": 1, "page": 1, "perPage": 20}
            return json_answer({"code": 0, "msg": "", "pagination": pagination, "specs": rows, "regions": []})
        if path == "/instance/list":
            with self._lock:
                machines = list(self.machines.values())
            pagination = {"total": len(machines), "numPages": 1, "page": 1, "perPage": 20}
            return json_answer({"code": 0, "msg": "", "pagination": pagination, "instances": machines})
        if request.method == "GET":
            return self._look_up(query["meta_key"])
        return self._create(json.loads(request.body))

    def _look_up(self, key: str) -> Answer:
        with self._lock:
            found = self.machines.get(key)
        if found is not None:
            return json_answer({"code": 0, "msg": "", "instance": found})
        self.settle(key)
        return json_answer({"code": 6, "msg": "param illegal"})

    def _create(self, body: dict[str, Any]) -> Answer:
        key = body["custom_meta_key"]
        with self._lock:
            fault = self.next_fault(key) or Fault("done", "truth")
            row = instance_row(key, regionName=body["region_name"])
            row["instanceID"] = f"ins-{len(self.machines) + len(self._late):08d}"
            truth = json_answer({"code": 0, "msg": "", "instance": row})
            if fault.work == "done":
                if key in self.machines:
                    truth = json_answer({"code": 10, "msg": "meta key exist"})
                else:
                    self.machines[key] = row
            elif fault.work == "late":
                self._late.setdefault(key, row)
        if fault.answer == "reset":
            raise Reset
        if fault.answer == "cut":
            return Answer(truth.body, cut_at=len(truth.body) // 2)
        if fault.answer == "drip":
            return Answer(truth.body, drip=DRIP)
        return ANSWERS.get(fault.answer, truth)


class RefusingTransport(httpx.HTTPTransport):
    """A network on which some creates meet a closed port."""

    def __init__(self, service: FaultyService) -> None:
        super().__init__()
        self._service = service

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST" and self._service.is_refused(request.read()):
            raise httpx.ConnectError("Connection refused", request=request)
        return super().handle_request(request)


class AsyncRefusingTransport(httpx.AsyncHTTPTransport):
    """The same for an AsyncClient."""

    def __init__(self, service: FaultyService) -> None:
        super().__init__()
        self._service = service

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST" and self._service.is_refused(await request.aread()):
            raise httpx.ConnectError("Connection refused", request=request)
        return await super().handle_async_request(request)
