"""What can be made to go wrong, and when: ordered, counted, seeded, listed and cleared.

A fault either hits calls (how that looks on the wire is in `wire`) or the backend behind them (`backend` asks here).
They are kept in memory: a sandbox that starts again is a healthy one.
"""

import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from fnmatch import fnmatchcase

from glows_nb.sandbox.catalogue import Catalogue
from glows_nb.sandbox.machines.inside.worse_line import WorseLine
from glows_nb.sandbox.machines.lifecycle import STATUS_NAMES, Machine
from glows_nb.sandbox.machines.machine_faults import MachineFaults, clock_library
from glows_nb.sandbox.resources.routes import OPERATIONS
from glows_nb.sandbox.store.store import OfferState

CALL_KINDS = {
    "latency": "the answer takes `seconds` longer, or up to `most_seconds`",
    "rate_limit": "429 in plain text, with Retry-After if `retry_after` is given",
    "http_error": "the `status` of a gateway, with a page of HTML",
    "code": "any `code`, known or not, with `msg`",
    "token_expired": "code 176, as when the token has run out",
    "cut": "the answer breaks off in the middle of its body",
    "reset": "the connection is reset instead of an answer",
}
BACKEND_KINDS = {
    "stuck_queue": "machines stay in SchedQueued",
    "no_stock": "nothing is left of the offers that match",
    "price_change": "the offers that match cost `factor` times as much",
    "machine_status": "running machines get into the contract's status `becomes`, and stay where nothing follows on it",
    "host_unavailable": "running machines become Unavail; they run again when it is cleared",
    "balance_exhausted": "running machines are saved as snapshots and released, and none leaves the queue",
    "slow_sshd": "ssh answers only `seconds` of virtual time after Running; never, if that are very many",
}
MACHINE_KINDS = {
    "line_breaks": "a line of ssh breaks when the machine has sent `bytes`, those of its handshake counted too",
    "line_slow": "a line of ssh takes `seconds` longer each way, or lets `bytes_per_second` through",
    "other_host_key": "the machine shows another host key than before",
    "disk_full": "no file of the machine can grow: sftp says that the disk is full, programs that a file is too large",
    "no_python": "`python3` is not found",
    "no_ipykernel": "`python3` finds no ipykernel",
    "no_sftp": "there is no sftp",
    "clock_off": "what is started sees the clock `seconds` ahead, or behind; needs libfaketime, Debian's package",
}
"""Of machines that are real alone. Those of lines count lines, and the others machines."""
KINDS = CALL_KINDS | BACKEND_KINDS | MACHINE_KINDS
_OF_OFFERS = ("no_stock", "price_change")
_NEEDED = {"line_slow": ("seconds", "bytes_per_second"), "clock_off": ("seconds",)}
_OF_LINES = ("line_breaks", "line_slow")
_OF_QUEUES = ("stuck_queue", "balance_exhausted")
_MOMENTS = ("before", "after", "late")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One order. Names may have the wildcards of a shell; of `count` None is for ever."""

    kind: str
    operation: str = "*"
    """Of calls alone: the operation's name."""
    user: str = "*"
    """Of calls alone: the user's name; "" is one with a bad token."""
    when: str = "before"
    """Is the call's work not done at all, done "after" all, or done "late", when the caller has been told already?"""
    delay: float = 0.2
    """How late, in real seconds."""
    first: int = 1
    """The first match that it hits: 3 is the third create, the third machine, the third look at prices."""
    count: int | None = None
    """How many it hits. Where it isn't said, a call fault hits one, and another all."""
    probability: float = 1.0
    """Of being hit, for each that matches from the first on."""
    seed: int = 0
    seconds: float = 0.0
    most_seconds: float = 0.0
    status: int = 502
    code: int = 1
    msg: str | None = None
    retry_after: int | None = None
    region: str = "*"
    gpu_name: str = "*"
    meta_key: str = "*"
    becomes: str = "Migrating"
    factor: float = 1.0
    bytes: int = 0
    bytes_per_second: int = 0

    @property
    def is_of_calls(self) -> bool:
        """Does it hit calls, not the backend?"""
        return self.kind in CALL_KINDS


def read_fault(order: Mapping[str, object]) -> Fault:
    """Make a fault of an order's JSON object; ValueError says what is wrong with it."""
    known = {field.name: field for field in fields(Fault)}
    for name, value in order.items():
        if name not in known:
            raise ValueError(f"a fault has no {name!r}; it has: {', '.join(known)}")
        default = known[name].default
        if not _is_like(value, "" if default is MISSING else default, name):
            raise ValueError(f"{name} can't be {value!r}")
    if order.get("kind") not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}")
    needed = _NEEDED.get(str(order["kind"]), ())
    if needed and not any(order.get(name) for name in needed):
        raise ValueError(f"{order['kind']} needs {' or '.join(needed)}")
    is_of_calls = order["kind"] in CALL_KINDS
    fault = Fault(**({"count": 1 if is_of_calls else None} | dict(order)))  # type: ignore[arg-type]
    if fault.kind == "clock_off" and clock_library() is None:
        raise ValueError("clock_off needs libfaketime, which this system has not; Debian's package has that name")
    if fault.seconds < 0 and fault.kind != "clock_off":
        raise ValueError("seconds must be 0 or more; only a clock can be behind")
    if fault.when not in _MOMENTS or (fault.when != "before" and not is_of_calls):
        raise ValueError("when must be before, after or late, and only for what hits calls")
    if fault.kind == "latency" and fault.when == "late":
        raise ValueError("late work has its own delay; order it with another kind")
    if fault.becomes not in STATUS_NAMES:
        raise ValueError(f"becomes must be one of {', '.join(STATUS_NAMES)}")
    if is_of_calls and not any(fnmatchcase(operation.name, fault.operation) for operation in OPERATIONS):
        names = ", ".join(operation.name for operation in OPERATIONS)
        raise ValueError(f"no operation is called {fault.operation!r}; there are: {names}")
    if not 400 <= fault.status <= 599 or fault.first < 1 or not 0 <= fault.probability <= 1 or fault.factor <= 0:
        raise ValueError("status must be from 400 to 599, first at least 1, probability from 0 to 1, factor above 0")
    return fault


@dataclass(frozen=True)
class FaultsOfCall:
    """What goes wrong with one call: it is slow, and then it may be spoiled."""

    seconds_before: float = 0.0
    seconds_after: float = 0.0
    spoiled_by: Fault | None = None
    faults: tuple[str, ...] = ()
    """The ids of all that hit it."""


class _Ordered:
    """A fault that was ordered, with its own count and its own chance, so that no other fault shifts it."""

    def __init__(self, id_: str, fault: Fault) -> None:
        self.id = id_
        self.fault = fault
        self.seen = 0
        self.fired = 0
        self.machines: dict[str, bool] = {}
        # Seeded with a text: the same in every process, whatever its hashes are seeded with.
        self._chance = random.Random(f"{fault.seed} {fault.kind}")  # noqa: S311 - to be repeated is what it is for

    def hits(self) -> bool:
        """Count one that matches, and decide whether it is hit."""
        self.seen += 1
        if self.seen < self.fault.first or (self.fault.count is not None and self.fired >= self.fault.count):
            return False
        if self._chance.random() >= self.fault.probability:
            return False
        self.fired += 1
        return True

    def matches(self, machine: Machine) -> bool:
        """Is it one of the machines that are meant?"""
        return (
            fnmatchcase(machine.region, self.fault.region)
            and fnmatchcase(machine.hardware.gpu_name, self.fault.gpu_name)
            and fnmatchcase(machine.meta_key, self.fault.meta_key)
        )

    def hits_machine(self, machine: Machine) -> bool:
        """Decide once for each machine that matches."""
        if not self.matches(machine):
            return False
        if machine.hash not in self.machines:
            self.machines[machine.hash] = self.hits()
        return self.machines[machine.hash]

    def seconds(self) -> float:
        low, high = self.fault.seconds, max(self.fault.seconds, self.fault.most_seconds)
        return self._chance.uniform(low, high)


class Faults:
    """All faults that were ordered and not cleared. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ordered: dict[str, _Ordered] = {}
        self._numbers = 0

    def order(self, fault: Fault) -> str:
        """Order a fault and return its id."""
        with self._lock:
            self._numbers += 1
            id_ = f"flt-{self._numbers}"
            self._ordered[id_] = _Ordered(id_, fault)
        return id_

    def clear(self, id_: str | None = None) -> int:
        """Forget one fault, or all, and return how many that were."""
        with self._lock:
            gone = [id_] if id_ in self._ordered else [] if id_ is not None else list(self._ordered)
            for each in gone:
                del self._ordered[each]
        return len(gone)

    def listed(self) -> list[dict[str, object]]:
        """Return all as JSON objects: the order, its id, how many it has seen and how many it has hit."""
        with self._lock:
            return [
                {"id": each.id, "seen": each.seen, "fired": each.fired, **asdict(each.fault)}
                for each in self._ordered.values()
            ]

    def hit_call(self, operation: str, user: str) -> FaultsOfCall:
        """Count a call and return what goes wrong with it.

        All that match count it. Latencies add up; of the others the one that was ordered first spoils the call.
        """
        before = after = 0.0
        spoiled_by: Fault | None = None
        hit = []
        with self._lock:
            for each in self._of(lambda fault: fault.is_of_calls):
                fault = each.fault
                if not (fnmatchcase(operation, fault.operation) and fnmatchcase(user, fault.user)):
                    continue
                if fault.kind != "latency" and spoiled_by is not None:
                    each.seen += 1
                elif each.hits():
                    hit.append(each.id)
                    if fault.kind != "latency":
                        spoiled_by = fault
                    elif fault.when == "before":
                        before += each.seconds()
                    else:
                        after += each.seconds()
        return FaultsOfCall(before, after, spoiled_by, tuple(hit))

    def as_seen(self, states: Mapping[str, OfferState], catalogue: Catalogue) -> dict[str, OfferState]:
        """Return the offers as a look at them shows them: with no stock, or at another price."""
        seen = dict(states)
        with self._lock:
            for each in self._of(lambda fault: fault.kind in _OF_OFFERS):
                if not each.hits():
                    continue
                for offer in catalogue.offers:
                    fault, state = each.fault, seen[offer.resource_id]
                    if not (fnmatchcase(offer.region, fault.region) and fnmatchcase(offer.gpu_name, fault.gpu_name)):
                        continue
                    if fault.kind == "no_stock":
                        seen[offer.resource_id] = OfferState(0, state.millicent_per_hour)
                    else:
                        price = round(state.millicent_per_hour * fault.factor)
                        seen[offer.resource_id] = OfferState(state.stock, price)
        return seen

    def holds(self, machine: Machine) -> bool:
        """Does a machine stay in the queue? While there is no stock, too."""
        with self._lock:
            stuck = [each.hits_machine(machine) for each in self._of(lambda fault: fault.kind in _OF_QUEUES)]
            gone = [
                fnmatchcase(machine.region, each.fault.region)
                and fnmatchcase(machine.hardware.gpu_name, each.fault.gpu_name)
                for each in self._of(lambda fault: fault.kind == "no_stock")
                if each.fault.count is None
            ]
        return any(stuck + gone)

    def status_for(self, machine: Machine) -> str | None:
        """Return the status that a running machine is to get into, None where it runs on."""
        with self._lock:
            ordered = self._of(lambda fault: fault.kind == "machine_status")
            return next((each.fault.becomes for each in ordered if each.hits_machine(machine)), None)

    def is_ordered(self, kind: str) -> bool:
        """Is there a fault of this kind?"""
        with self._lock:
            return bool(self._of(lambda fault: fault.kind == kind))

    def hits(self, kind: str, machine: Machine) -> bool:
        """Does a fault of this kind hit a machine?"""
        with self._lock:
            hit = [each.hits_machine(machine) for each in self._of(lambda fault: fault.kind == kind)]
        return any(hit)

    def releases_when_saved(self, machine: Machine) -> bool:
        """Is a machine released when its snapshot is there, instead of running on? Where nobody pays for it."""
        return self.hits("balance_exhausted", machine)

    def ssh_delay(self, machine: Machine) -> float:
        """Return how many virtual seconds after Running a machine's ssh answers, 0 if nothing slows it."""
        with self._lock:
            slow = self._of(lambda fault: fault.kind == "slow_sshd")
            return max([each.fault.seconds for each in slow if each.hits_machine(machine)], default=0.0)

    def of_machine(self, machine: Machine) -> MachineFaults:
        """Return what goes wrong with a real machine."""
        with self._lock:
            hit = {
                each.fault.kind: each.fault
                for each in self._of(lambda fault: fault.kind in MACHINE_KINDS and fault.kind not in _OF_LINES)
                if each.hits_machine(machine)
            }
        return MachineFaults(
            has_python="no_python" not in hit,
            has_ipykernel="no_ipykernel" not in hit,
            has_files="no_sftp" not in hit,
            is_disk_full="disk_full" in hit,
            has_other_host_key="other_host_key" in hit,
            clock_ahead=round(hit["clock_off"].seconds) if "clock_off" in hit else 0,
        )

    def line_of(self, machine: Machine) -> WorseLine | None:
        """Return what is wrong with the next line to a machine, and count it; None is nothing."""
        with self._lock:
            of_lines = self._of(lambda fault: fault.kind in _OF_LINES)
            hit = {each.fault.kind: each.fault for each in of_lines if each.matches(machine) and each.hits()}
        if not hit:
            return None
        slow, breaks = hit.get("line_slow"), hit.get("line_breaks")
        return WorseLine(
            latency=slow.seconds if slow else 0.0,
            bytes_per_second=slow.bytes_per_second if slow else 0,
            breaks_after=breaks.bytes if breaks else None,
        )

    def _of(self, is_wanted: Callable[[Fault], bool]) -> list[_Ordered]:
        return [each for each in self._ordered.values() if is_wanted(each.fault)]


def _is_like(value: object, default: object, name: str) -> bool:
    if name in ("count", "retry_after", "msg"):
        if value is None:
            return True
        default = "" if name == "msg" else 0
    if isinstance(value, bool):
        return False
    if isinstance(default, float):
        return isinstance(value, int | float) and abs(value) < float("inf") and (value >= 0 or name == "seconds")
    if isinstance(default, int):
        return isinstance(value, int) and (value >= 0 or name in ("code", "seed"))
    return isinstance(value, str)
