"""The admin side of a sandbox for Python: typed calls over HTTP to what `admin` serves. Needs nothing but Python."""

import json
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote

_TIMEOUT_SECONDS = 10.0


class AdminError(Exception):
    """The sandbox refuses an order; the text says why."""


class AdminClient:
    """Orders faults and scenarios, moves the clock, reads the bills. `url` is the server's address with no path."""

    def __init__(self, url: str, token: str) -> None:
        self._url = f"{url}/_sandbox"
        self._token = token

    def order(self, kind: str, operation: str = "*", **more: object) -> str:
        """Order a fault and return its id; `kinds()` has them all, with what they take beside what tells whom they hit.

        That is `operation` and `user` of calls, `region`, `gpu_name` and `meta_key` of machines, `first`, `count`,
        `probability` and `seed`.
        """
        id_: str = self._call("POST", "/faults", {"kind": kind, "operation": operation, **more})["id"]
        return id_

    def kinds(self) -> dict[str, str]:
        """Return all kinds of faults, with what they do."""
        kinds: dict[str, str] = self._call("GET", "/fault-kinds")
        return kinds

    def faults(self, *, fired: bool | None = None) -> list[dict[str, Any]]:
        """Return all faults, or those that have fired, or those that never have."""
        listed: list[dict[str, Any]] = self._call(
            "GET", "/faults" + ("" if fired is None else f"?fired={fired}".lower())
        )
        return listed

    def clear(self, id_: str | None = None) -> None:
        """Clear one fault, or all."""
        self._call("DELETE", "/faults" if id_ is None else f"/faults/{quote(id_)}")

    def scenarios(self) -> dict[str, str]:
        """Return the names of all scenarios, with what they are about."""
        named: dict[str, str] = self._call("GET", "/scenarios")
        return named

    def play(self, scenario: str, seed: int = 0) -> list[str]:
        """Play a scenario and return the ids of its faults."""
        ids: list[str] = self._call("POST", f"/scenarios/{quote(scenario)}", {"seed": seed})["ids"]
        return ids

    def clock(
        self, *, speed: float | None = None, is_paused: bool | None = None, advance: float | None = None
    ) -> dict[str, Any]:
        """Set what is given of the clock, and return `now`, `speed` and `is_paused`."""
        given = {"speed": speed, "is_paused": is_paused, "advance": advance}
        order = {name: value for name, value in given.items() if value is not None}
        clock: dict[str, Any] = self._call("POST", "/clock", order) if order else self._call("GET", "/clock")
        return clock

    def bills(self, user: str | None = None) -> list[dict[str, Any]]:
        """Return what every machine has cost, of all users or of one."""
        bills: list[dict[str, Any]] = self._call("GET", "/bills" + ("" if user is None else f"?user={quote(user)}"))
        return bills

    def transcript(self) -> list[dict[str, Any]]:
        """Return the latest calls, each with the faults that hit it."""
        entries: list[dict[str, Any]] = self._call("GET", "/transcript")
        return entries

    def token(self, user: str, lifetime: float | None = None) -> str:
        """Return a token for a user, who comes into being if need be; `lifetime` is in real seconds."""
        order = {"user": user} if lifetime is None else {"user": user, "lifetime": lifetime}
        token: str = self._call("POST", "/tokens", order)["token"]
        return token

    def limits(self, user: str, **changes: object) -> dict[str, Any]:
        """Change what is given of a user's limits, and return them all; they are those of `settings.Limits`."""
        method = "PATCH" if changes else "GET"
        limits: dict[str, Any] = self._call(method, f"/users/{quote(user, safe='')}", changes or None)
        return limits

    def switches(self, **changes: object) -> dict[str, Any]:
        """Change what is given of the switches, and return them all; they are those of `settings.Switches`."""
        switches: dict[str, Any] = self._call("PATCH" if changes else "GET", "/switches", changes or None)
        return switches

    def grant_public_ip(self, user: str, region: str) -> str:
        """Give a user a public IP, and return the id of its network."""
        network_id: str = self._call("POST", "/public-ips", {"user": user, "region": region})["network_id"]
        return network_id

    def end_command(self, instance_id: str) -> None:
        """Let the command of a running machine end, and with it the machine."""
        self._call("POST", f"/machines/{quote(instance_id)}/end-command")

    def change_machine(self, instance_id: str, **changes: str) -> dict[str, Any]:
        """Put a machine into any `status` of the contract, or give it another `source_type`; says what it has then."""
        changed: dict[str, Any] = self._call("PATCH", f"/machines/{quote(instance_id)}", dict(changes))
        return changed

    def show_gpu(self, instance_id: str, index: int = 0, **shown: int) -> None:
        """Let a real machine's nvidia-smi show a `utilization` in percent, or `memory_used_mb`, of one of its GPUs."""
        self._call("PATCH", f"/machines/{quote(instance_id)}/gpus/{index}", dict(shown))

    def change_snapshot(self, snapshot_id: str, status: int) -> None:
        """Put a snapshot into any status of the contract, 0 to 7."""
        self._call("PATCH", f"/snapshots/{quote(snapshot_id)}", {"status": status})

    def _call(self, method: str, path: str, order: dict[str, Any] | None = None) -> Any:
        request = urllib.request.Request(  # noqa: S310 - the address of a sandbox
            self._url + path,
            data=None if order is None else json.dumps(order).encode(),
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response:  # noqa: S310
                return json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                raise AdminError(json.load(error)["error"]) from None
