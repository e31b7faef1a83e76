"""The admin side over HTTP, /_sandbox/…: time, faults, scenarios, users, bills. The service has nothing like it.

It has a token of its own, which no user has, and plain HTTP statuses: 400 with `{"error": …}` for a wrong order, 401
without the token, 404 for what isn't there.
"""

import hmac
import inspect
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, replace

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from glows_nb.sandbox import tokens
from glows_nb.sandbox.backend import Backend
from glows_nb.sandbox.faults.registry import KINDS, read_fault
from glows_nb.sandbox.faults.scenarios import SCENARIOS
from glows_nb.sandbox.faults.wire import Transcript
from glows_nb.sandbox.ids import bare
from glows_nb.sandbox.machines import lifecycle
from glows_nb.sandbox.resources import networks
from glows_nb.sandbox.store.bills import ledger

PREFIX = "/_sandbox"
FASTEST = 1e6
LAST_MOMENT = 32_503_680_000.0
"""Seconds since 1970, in the year 3000: so far the clock goes."""

_Order = Mapping[str, object]
_Answer = Callable[[Request, _Order], object]


class _NotThere(Exception):
    """What is asked for doesn't exist."""


class Admin:
    """The admin routes over a backend."""

    def __init__(self, backend: Backend, transcript: Transcript) -> None:
        self._backend = backend
        self._transcript = transcript
        self._token = backend.store.users.admin_token()

    def routes(self) -> list[BaseRoute]:
        """Return all routes; only `health` needs no token."""
        table: list[tuple[str, str, _Answer]] = [
            ("GET", "/clock", self._clock),
            ("POST", "/clock", self._set_clock),
            ("GET", "/faults", self._faults),
            ("POST", "/faults", self._order_fault),
            ("DELETE", "/faults", self._clear_faults),
            ("DELETE", "/faults/{id}", self._clear_fault),
            ("GET", "/fault-kinds", lambda request, order: KINDS),
            ("GET", "/scenarios", self._scenarios),
            ("POST", "/scenarios/{name}", self._play),
            ("GET", "/transcript", lambda request, order: [asdict(entry) for entry in self._transcript.entries()]),
            ("DELETE", "/transcript", lambda request, order: self._transcript.clear()),
            ("GET", "/bills", self._bills),
            ("POST", "/tokens", self._issue_token),
            ("GET", "/users/{name}", self._limits),
            ("PATCH", "/users/{name}", self._change_limits),
            ("GET", "/switches", lambda request, order: asdict(self._backend.store.users.switches())),
            ("PATCH", "/switches", self._change_switches),
            ("POST", "/public-ips", self._grant_public_ip),
            ("POST", "/hashes", self._reserve_hashes),
            ("POST", "/machines/{id}/end-command", self._end_command),
            ("PATCH", "/machines/{id}", self._change_machine),
            ("PATCH", "/machines/{id}/gpus/{index}", self._show_gpu),
            ("PATCH", "/snapshots/{id}", self._change_snapshot),
        ]
        routes: list[BaseRoute] = [Route(f"{PREFIX}/health", self._health, methods=["GET"])]
        routes += [Route(PREFIX + path, self._endpoint(answer), methods=[method]) for method, path, answer in table]
        return routes

    def _endpoint(self, answer: _Answer) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            given = request.headers.get("Authorization", "").encode()
            if not hmac.compare_digest(given, f"Bearer {self._token}".encode()):
                return JSONResponse({"error": "the admin token is needed: Authorization: Bearer …"}, status_code=401)
            try:
                raw = await request.body()
                order = json.loads(raw, parse_constant=_no_number) if raw else {}
                if not isinstance(order, dict):
                    raise ValueError("the body must be a JSON object")
                answered = answer(request, order)
                return JSONResponse(await answered if inspect.isawaitable(answered) else answered)
            except _NotThere as error:
                return JSONResponse({"error": str(error)}, status_code=404)
            except RecursionError:
                return JSONResponse({"error": "the body is nested too deep"}, status_code=400)
            except (ValueError, TypeError, KeyError, OverflowError) as error:
                reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
                return JSONResponse({"error": reason}, status_code=400)

        return endpoint

    async def _health(self, request: Request) -> Response:
        clock = self._backend.clock
        return JSONResponse({"status": "ok", "speed": clock.speed, "now": clock.now()})

    def _clock(self, request: Request, order: _Order) -> object:
        clock = self._backend.clock
        return {"now": clock.now(), "speed": clock.speed, "is_paused": clock.is_paused}

    def _set_clock(self, request: Request, order: _Order) -> object:
        if unknown := order.keys() - {"speed", "is_paused", "advance"}:
            raise ValueError(f"the clock has no {', '.join(sorted(unknown))}")
        clock = self._backend.clock
        # All of it is looked at before any of it is done.
        speed = _number(order, "speed", clock.speed, most=FASTEST)
        advance = _number(order, "advance", 0.0, most=LAST_MOMENT - clock.now())
        if speed == 0:
            raise ValueError("speed must be above 0; is_paused stops the clock")
        is_paused = order.get("is_paused", clock.is_paused)
        if not isinstance(is_paused, bool):
            raise ValueError("is_paused must be true or false")
        clock.speed = speed
        if is_paused:
            clock.pause()
        clock.advance(advance)
        if not is_paused:
            clock.resume()
        self._backend.catch_up()
        return self._clock(request, order)

    def _faults(self, request: Request, order: _Order) -> object:
        wanted = request.query_params.get("fired")
        listed = self._backend.faults.listed()
        return [fault for fault in listed if wanted is None or bool(fault["fired"]) == (wanted == "true")]

    def _order_fault(self, request: Request, order: _Order) -> object:
        return {"id": self._backend.order(read_fault(order))}

    def _clear_faults(self, request: Request, order: _Order) -> object:
        return {"cleared": self._backend.clear()}

    def _clear_fault(self, request: Request, order: _Order) -> object:
        cleared = self._backend.clear(request.path_params["id"])
        if not cleared:
            raise _NotThere("no such fault")
        return {"cleared": cleared}

    def _scenarios(self, request: Request, order: _Order) -> object:
        return {name: scenario.description for name, scenario in SCENARIOS.items()}

    def _play(self, request: Request, order: _Order) -> object:
        scenario = SCENARIOS.get(request.path_params["name"])
        if scenario is None:
            raise _NotThere(f"no such scenario; there are: {', '.join(SCENARIOS)}")
        seed = int(_number(order, "seed", 0, most=2**63))
        return {"ids": [self._backend.order(fault) for fault in scenario.seeded(seed)]}

    def _bills(self, request: Request, order: _Order) -> object:
        now, users = self._backend.catch_up(), self._backend.store.users
        name = request.query_params.get("user")
        owner = None if name is None else users.user(name).uid
        return ledger(self._backend.store.bills.periods(owner), users.names(), now)

    def _issue_token(self, request: Request, order: _Order) -> object:
        users = self._backend.store.users
        lifetime = _number(
            order, "lifetime", tokens.LIFETIME_SECONDS, most=LAST_MOMENT - time.time(), least=-LAST_MOMENT
        )
        return {"token": tokens.issue(users.user(_name(order["user"])), users.secret(), lifetime)}

    def _limits(self, request: Request, order: _Order) -> object:
        users = self._backend.store.users
        return asdict(users.limits(users.user(request.path_params["name"]).uid))

    def _change_limits(self, request: Request, order: _Order) -> object:
        users = self._backend.store.users
        return asdict(users.change_limits(users.user(request.path_params["name"]).uid, order))

    def _change_switches(self, request: Request, order: _Order) -> object:
        return asdict(self._backend.store.users.change_switches(order))

    def _grant_public_ip(self, request: Request, order: _Order) -> object:
        region = _name(order["region"])
        domain = self._backend.catalogue.regions.get(region)
        if domain is None:
            raise ValueError("unknown region")
        owner = self._backend.store.users.user(_name(order["user"])).uid
        network = networks.grant_public_ip(self._backend.store, owner, region, domain)
        return {"network_id": f"net-{network.hash}"}

    def _reserve_hashes(self, request: Request, order: _Order) -> object:
        hashes = order["hashes"]
        if not isinstance(hashes, list):
            raise ValueError("hashes must be a list")
        self._backend.store.ids.reserve([_name(hash_) for hash_ in hashes])
        return {"reserved": len(hashes)}

    def _end_command(self, request: Request, order: _Order) -> object:
        now = self._backend.catch_up()
        machine = self._backend.store.machine_by_hash(bare(request.path_params["id"], "ins-"))
        if machine is None:
            raise _NotThere("no such machine")
        if machine.status != lifecycle.RUNNING or not machine.cmd:
            raise ValueError(f"the machine is {machine.status} with the command {machine.cmd!r}")
        return {"status": self._backend.store.enter(machine, lifecycle.EXITED, now).status}

    def _change_machine(self, request: Request, order: _Order) -> object:
        """Put a machine into any status of the contract, or give it another source."""
        now = self._backend.catch_up()
        machine = self._backend.store.machine_by_hash(bare(request.path_params["id"], "ins-"))
        if machine is None:
            raise _NotThere("no such machine")
        status, source = order.get("status", machine.status), _name(order.get("source_type", machine.source))
        if status not in lifecycle.STATUS_NAMES or set(order) - {"status", "source_type"}:
            raise ValueError(f"give source_type, or status, one of {', '.join(lifecycle.STATUS_NAMES)}")
        if source != machine.source:
            self._backend.store.change(machine, replace(machine, source=source))
            machine = replace(machine, source=source)
        if status != machine.status:
            machine = self._backend.store.enter(machine, str(status), now)
        return {"status": machine.status, "source_type": machine.source}

    async def _show_gpu(self, request: Request, order: _Order) -> object:
        """Change what a real machine's nvidia-smi shows of one GPU."""
        self._backend.catch_up()
        machine = self._backend.store.machine_by_hash(bare(request.path_params["id"], "ins-"))
        index = request.path_params["index"]
        if machine is None or not index.isdecimal() or int(index) >= machine.hardware.gpus:
            raise _NotThere("no such GPU of a machine")
        if self._backend.real_machines is None or machine.status != lifecycle.RUNNING:
            raise ValueError("the machine is not real, or does not run")
        if unknown := order.keys() - {"utilization", "memory_used_mb"}:
            raise ValueError(f"a GPU shows no {', '.join(sorted(unknown))}")
        most = {"utilization": 100, "memory_used_mb": machine.hardware.gpu_ram_mb}
        shown = {name: round(_number(order, name, 0, most=most[name])) for name in order}
        await self._backend.real_machines.show_gpu(machine, int(index), shown)
        return shown

    def _change_snapshot(self, request: Request, order: _Order) -> object:
        """Put a snapshot into any status of the contract."""
        hash_ = bare(request.path_params["id"], "snap-", "snp-")
        if self._backend.store.snapshots.snapshot(hash_) is None:
            raise _NotThere("no such snapshot")
        status = order.get("status")
        if type(status) is not int or not 0 <= status <= 7:
            raise ValueError("status must be a whole number from 0 to 7")
        self._backend.store.snapshots.put(hash_, status, time.time())
        return {"status": status}


def _number(order: _Order, name: str, default: float, *, most: float, least: float = 0) -> float:
    value = order.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise ValueError(f"{name} must be a number from {least:.0f} to {most:.0f}")
    return value


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no number")


def _name(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r} is no name")
    return value
