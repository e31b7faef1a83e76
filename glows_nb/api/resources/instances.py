"""Machines: start, find, watch and release them."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from glows_nb.api.errors import InvalidRequest
from glows_nb.api.interrupting import noting_order, noting_wait, noting_write
from glows_nb.api.lifecycle import creating, keys, parking, planning, unparking, waiting
from glows_nb.api.lifecycle.launch_request import LaunchRequest, checked_launch
from glows_nb.api.lifecycle.parking import Parked
from glows_nb.api.lifecycle.planning import Plan
from glows_nb.api.lifecycle.price_watch import PriceWatch
from glows_nb.api.lifecycle.unparking import Again, Cap
from glows_nb.api.lifecycle.waiting import OnChange
from glows_nb.api.models.instances import Instance
from glows_nb.api.models.wire import Page
from glows_nb.api.operations import instances as operations
from glows_nb.api.paging import one_page
from glows_nb.api.ports import SSH_PORT
from glows_nb.api.requests.create import CreateInstance, sealed
from glows_nb.api.runner import Runner
from glows_nb.api.statuses import InstanceStatus
from glows_nb.api.steps import perform
from glows_nb.api.writes import instances as writes


class Instances:
    """Machines: start, find, watch and release them."""

    def __init__(self, client: Runner) -> None:
        self._client = client
        client.observers.add(PriceWatch())

    def get(self, request_id: str | None = None, *, meta_key: str | None = None) -> Instance:
        """One machine, by its id or its meta key (contract: "Query an instance").

        Args:
            request_id: its id, such as "ins-boyqp4g8".
            meta_key: its key; give one of the two.

        Raises:
            InvalidRequest: neither was given, or both.
            ParamIllegal: there is none, or it is somebody else's.
        """
        return self._client.run(perform(operations.get_instance(request_id, meta_key)))

    def create(self, request: CreateInstance | None = None, /, **fields: Any) -> Instance:
        """Start a machine by one raw create; `launch` is the call that may be run twice.

        Args:
            request: what to start; or its fields, see `CreateInstance`, not both.
            fields: the fields of `CreateInstance`, among them the required `custom_meta_key`.

        Raises:
            InvalidRequest: a field is over its limit; nothing was sent.
            MetaKeyExists: the key is taken.
            AmbiguousResult: the answer was lost and the machine can't be looked up.
            BudgetReached: the budget is used up.
        """
        fields = sealed(fields)
        if request is not None and fields:
            raise InvalidRequest(", ".join(fields), "stands beside a whole request; give the one or the fields.")
        checked = CreateInstance(**fields) if request is None else request
        key = checked.custom_meta_key
        with noting_write(f"A machine may be started under the key {key!r}", f"client.instances.get(meta_key={key!r})"):
            return self._client.run(creating.create_alone(checked, backoff=self._client.backoff))

    def plan(self, **fields: Any) -> Plan:
        """What `launch` with the same arguments would do: reads only, rents nothing.

        Args:
            fields: as for `launch`.

        Raises:
            NoResourceAvailable: no region offers it, or none has enough left.
            PriceTooHigh: what can be had costs more than `max_price_per_hour`.
        """
        fields = sealed(fields)
        wanted = checked_launch(self._client.account_mark, **fields)
        planned = self._client.run(planning.plan(wanted))
        return replace(planned, _launch=partial(self._launch_planned, wanted))

    def launch(
        self,
        *,
        wait: bool = False,
        adopt: bool = False,
        over_budget: bool = False,
        timeout: float = 600,
        on_change: OnChange | None = None,
        **fields: Any,
    ) -> Instance:
        """The safe create: run twice, it finds the machine that the first run started.

        Args:
            wait: return only when the machine is Running.
            adopt: take a machine found under the key even if it is not what was asked for.
            over_budget: rent though the budget would be passed; one that is used up is refused all the same.
            timeout: seconds to wait at most.
            on_change: called with the machine at each new status while waiting.
            fields: those of `CreateInstance` but the key, and `name` or `meta_key` (without both, the key is
                derived from the arguments), `regions` (tried in this order), `max_price_per_hour` (Credits).

        Raises:
            InvalidRequest, NoResourceAvailable, PriceTooHigh, BudgetReached: nothing was rented.
            MachineDiffers: the machine under the key is not what was asked for.
            MetaKeyExists: the key is somebody else's.
            AmbiguousResult: it can't be known whether a machine was started; the text has its key.
            MachineEnded, WaitTimeout: only with `wait`; the machine goes on as it was.
        """
        fields = sealed(fields)
        wanted = checked_launch(self._client.account_mark, **fields)
        with noting_order(wanted.key):
            instance = self._client.run(
                creating.launch(wanted, adopt=adopt, over_budget=over_budget, backoff=self._client.backoff)
            )
        if not wait:
            return instance
        return self.wait(instance.instance_id, timeout=timeout, on_change=on_change)

    def cancel(self, request_id: str | None = None, *, meta_key: str | None = None) -> None:
        """Release a machine; its disk is gone. Returns when the service has accepted it, before it has ended.

        A machine that is being released or has ended is released already, so that repeating it does no harm.

        Args:
            request_id: its id.
            meta_key: its key; give one of the two.

        Raises:
            InvalidRequest: neither was given, or both.
            ParamIllegal: there is no such machine.
            IllegalStatus: it can't be released now, such as while a snapshot is taken.
        """
        which = repr(request_id) if request_id is not None else f"meta_key={meta_key!r}"
        with noting_write("The machine may be released", f"client.instances.get({which})"):
            self._client.run(writes.cancel_instance(request_id, meta_key))

    def stats(self) -> dict[str, int]:
        """How many machines are in each status; statuses without a machine are left out."""
        return self._client.run(perform(operations.count_instances()))

    def list(
        self,
        page: int = 1,
        per_page: int = 20,
        statuses: Sequence[str] = (),
        ascending: bool = False,
        *,
        strict: bool = False,
    ) -> Page[Instance]:
        """A page of machines, newest first.

        Args:
            page: which page, from 1.
            per_page: how many on a page, 1 to 20.
            statuses: only machines in these, see `InstanceStatus`; none means all, ended ones included.
            ascending: oldest first.
            strict: refuse a list with a row that can't be read; else such a row stands there as far as it can be, its
                fields in `unread`, and a warning names it.

        Raises:
            InvalidRequest: an argument is over its limit; nothing was sent.
        """
        return self._client.run(one_page(operations.list_instances(page, per_page, statuses, ascending, strict=strict)))

    def all(
        self,
        statuses: Sequence[str] = (),
        ascending: bool = False,
        limit: int | None = None,
        *,
        strict: bool = False,
    ) -> builtins.list[Instance]:
        """Every machine, newest first.

        Args:
            statuses: only machines in these, see `InstanceStatus`; none means all, ended ones included.
            ascending: oldest first.
            limit: at most so many; None is all.
            strict: refuse a list with a row that can't be read; else such a row stands there as far as it can be, its
                fields in `unread`, and a warning names it.
        """
        return self._client.run(operations.all_instances(statuses, ascending, limit, strict=strict))

    def wait(
        self,
        request_id: str,
        until: str = InstanceStatus.RUNNING,
        timeout: float = 600,
        on_change: OnChange | None = None,
    ) -> Instance:
        """Wait until a machine's status is `until`.

        Args:
            request_id: the machine's id.
            until: a status of the contract.
            timeout: seconds to wait at most.
            on_change: called with the machine at each new status, the first one included.

        Raises:
            MachineEnded: it ended, so `until` can't come.
            WaitTimeout: `timeout` passed; it carries the machine as last seen.
        """
        with noting_wait(request_id):
            return self._client.run(waiting.wait_for_status(request_id, until, timeout, on_change))

    def wait_reachable(
        self,
        request_id: str,
        port: int = SSH_PORT,
        timeout: float = 600,
        on_change: OnChange | None = None,
    ) -> Instance:
        """Wait until a machine is Running and its port answers: sshd comes up later than Running.

        Args:
            request_id: the machine's id.
            port: the port inside the machine: 22 is SSH, 8888 Jupyter; what is tried is its address outside.
            timeout: seconds to wait at most.
            on_change: called with the machine at each new status, the first one included.

        Raises:
            InvalidRequest: the machine has no address for this port.
            MachineEnded, WaitTimeout: as for `wait`.
        """
        with noting_wait(request_id):
            return self._client.run(waiting.wait_until_reachable(request_id, port, timeout, on_change))

    def park(self, machine: str | Instance, *, timeout: float = 1800, on_change: OnChange | None = None) -> Parked:
        """Snapshot a machine, wait until it runs again, and release it, so that it costs nothing till `unpark`.

        Interrupted anywhere, calling it again goes on; it releases nothing before its own snapshot is available.

        Args:
            machine: the machine, its id, key or name.
            timeout: seconds for the whole.
            on_change: called with the machine at each new status.

        Raises:
            SnapshotFailed: no snapshot became available; the machine goes on.
            AmbiguousResult: the answer to taking the snapshot was lost, and no new one is to be seen.
            MachineEnded, WaitTimeout: as for `wait`.
        """
        found = machine if isinstance(machine, Instance) else self.find(machine)
        what_may_be = f"A snapshot of {found.instance_id} may be taken, and the machine released"
        steps = parking.park(found, timeout=timeout, on_change=on_change, backoff=self._client.backoff)
        with noting_write(what_may_be, f"client.instances.get({found.instance_id!r})"):
            return self._client.run(steps)

    def unpark(
        self,
        machine: str | Parked | Instance,
        *,
        max_price_per_hour: Cap = None,
        over_budget: bool = False,
        **changes: Any,
    ) -> Instance:
        """Start a parked machine again: the same hardware, region, ports and environment, from its newest snapshot.

        It reads the service's own records, so it works on another computer; called again, it rents nothing twice. It
        never costs more than the machine did, unless `max_price_per_hour` allows it.

        Args:
            machine: what `park` gave, or the machine's id, key or name.
            max_price_per_hour: Credits per hour at most; without it, what the machine cost.
            over_budget: as for `launch`.
            changes: fields of `launch` to have otherwise, such as `regions`.

        Raises:
            ParamIllegal: there is no such machine.
            SnapshotFailed: no snapshot of it is available.
            NoResourceAvailable: no offer has the hardware that it had, or none has enough left.
            InvalidRequest: what it cost is not known, and no `max_price_per_hour` is given.
            PriceTooHigh, BudgetReached, AmbiguousResult: as for `launch`.
        """
        changes = sealed(changes)
        name = machine if isinstance(machine, str) else machine.meta_key
        steps = unparking.unpark(
            machine,
            self._client.account_mark,
            backoff=self._client.backoff,
            max_price_per_hour=max_price_per_hour,
            over_budget=over_budget,
            **changes,
        )
        with noting_write("A machine may be started from its snapshot", f"client.instances.find({name!r})"):
            return self._client.run(steps)

    def plan_unpark(self, machine: str | Parked | Instance, *, max_price_per_hour: Cap = None, **changes: Any) -> Plan:
        """What `unpark` with the same arguments would do: reads only, rents nothing.

        Args:
            machine, changes: as for `unpark`.
            max_price_per_hour: as for `unpark`; where the machine's price is not known either, the plan has no cap.

        Raises:
            ParamIllegal, SnapshotFailed, NoResourceAvailable, PriceTooHigh: as for `unpark`.
        """
        changes = sealed(changes)
        steps = unparking.plan_unpark(
            machine, self._client.account_mark, max_price_per_hour=max_price_per_hour, **changes
        )
        planned, again = self._client.run(steps)
        if again is not None:
            return replace(planned, _launch=partial(self._launch_again, again))
        return replace(planned, _launch=self._look_again)

    def find(self, machine: str) -> Instance:
        """A machine by its id, its meta key or the name that it was launched with.

        Raises:
            ParamIllegal: there is none.
        """
        return self._client.run(keys.find_machine(machine, self._client.account_mark))

    def _launch_planned(self, wanted: LaunchRequest, planned: Plan, over_budget: bool) -> Instance:
        steps = creating.launch_planned(wanted, planned, over_budget=over_budget, backoff=self._client.backoff)
        with noting_order(planned.meta_key):
            return self._client.run(steps)

    def _launch_again(self, again: Again, planned: Plan, over_budget: bool) -> Instance:
        steps = unparking.launch_planned(again, planned, over_budget=over_budget, backoff=self._client.backoff)
        with noting_order(planned.meta_key):
            return self._client.run(steps)

    def _look_again(self, planned: Plan, over_budget: bool) -> Instance:
        return self._client.run(creating.look_again(planned))
