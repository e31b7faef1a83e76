"""The resources of a `Client`, one class each; those of an `AsyncClient` are the same, awaited.

The methods are thin; all decisions are made elsewhere.

`async_resources.py` is made from this file by tools/make_async_resources.py; a test holds both together.
"""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from glows_nb.api import domains, keys, launching, listing, offers, operations, parking, waiting, writes
from glows_nb.api.interrupting import noting_order, noting_wait
from glows_nb.api.launching import Plan
from glows_nb.api.models import (
    SSH_PORT,
    Attached,
    Endpoint,
    Image,
    Instance,
    InstanceStatus,
    Network,
    Page,
    RegionSpecs,
    Snapshot,
    SnapshotsCreated,
    Spec,
    SubmittedImage,
)
from glows_nb.api.parking import Parked
from glows_nb.api.requests import CreateInstance
from glows_nb.api.steps import perform
from glows_nb.api.waiting import OnChange

if TYPE_CHECKING:
    from glows_nb.api.client import Client


class Instances:
    """Machines: start, find, watch and release them."""

    def __init__(self, client: Client) -> None:
        self._client = client

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
            request: what to start; or its fields, see `CreateInstance`.
            fields: the fields of `CreateInstance`, among them the required `custom_meta_key`.

        Raises:
            InvalidRequest: a field is over its limit; nothing was sent.
            MetaKeyExists: the key is taken.
            AmbiguousResult: the answer was lost and the machine can't be looked up.
        """
        checked = CreateInstance(**fields) if request is None else request
        return self._client.run(launching.create(checked, backoff=self._client.backoff))

    def plan(self, **fields: Any) -> Plan:
        """What `launch` with the same arguments would do: reads only, rents nothing.

        Args:
            fields: as for `launch`.

        Raises:
            NoResourceAvailable: no region offers it, or none has enough left.
            PriceTooHigh: what can be had costs more than `max_price_per_hour`.
        """
        wanted = launching.want(self._client.account_mark, **fields)
        planned = self._client.run(launching.plan(wanted))
        return replace(planned, _launch=partial(self._launch_planned, wanted))

    def launch(
        self,
        *,
        wait: bool = False,
        adopt: bool = False,
        timeout: float = 600,
        on_change: OnChange | None = None,
        **fields: Any,
    ) -> Instance:
        """The safe create: run twice, it finds the machine that the first run started.

        Args:
            wait: return only when the machine is Running.
            adopt: take a machine found under the key even if it is not what was asked for.
            timeout: seconds to wait at most.
            on_change: called with the machine at each new status while waiting.
            fields: those of `CreateInstance` but the key, and `name` or `meta_key` (without both, the key is
                derived from the arguments), `regions` (tried in this order), `max_price_per_hour` (Credits).

        Raises:
            InvalidRequest, NoResourceAvailable, PriceTooHigh: nothing was rented.
            MachineDiffers: the machine under the key is not what was asked for.
            MetaKeyExists: the key is somebody else's.
            AmbiguousResult: it can't be known whether a machine was started; the text has its key.
            MachineEnded, WaitTimeout: only with `wait`; the machine goes on as it was.
        """
        wanted = launching.want(self._client.account_mark, **fields)
        with noting_order(wanted.key):
            instance = self._client.run(launching.launch(wanted, adopt=adopt, backoff=self._client.backoff))
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
        self._client.run(writes.cancel_instance(request_id, meta_key))

    def stats(self) -> dict[str, int]:
        """How many machines are in each status; statuses without a machine are left out."""
        return self._client.run(perform(operations.count_instances()))

    def list(
        self, page: int = 1, per_page: int = 20, statuses: Sequence[str] = (), ascending: bool = False
    ) -> Page[Instance]:
        """A page of machines, newest first.

        Args:
            page: which page, from 1.
            per_page: how many on a page, 1 to 20.
            statuses: only machines in these, see `InstanceStatus`; none means all, ended ones included.
            ascending: oldest first.

        Raises:
            InvalidRequest: an argument is over its limit; nothing was sent.
        """
        return self._client.run(perform(operations.list_instances(page, per_page, statuses, ascending)))

    def all(
        self, statuses: Sequence[str] = (), ascending: bool = False, limit: int | None = None
    ) -> builtins.list[Instance]:
        """Every machine, newest first.

        Args:
            statuses: only machines in these, see `InstanceStatus`; none means all, ended ones included.
            ascending: oldest first.
            limit: at most so many; None is all.
        """
        return self._client.run(listing.all_instances(statuses, ascending, limit))

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
        return self._client.run(parking.park(found, timeout=timeout, on_change=on_change, backoff=self._client.backoff))

    def unpark(self, machine: str | Parked | Instance, **changes: Any) -> Instance:
        """Start a parked machine again: the same hardware, region, ports and environment, from its newest snapshot.

        It reads the service's own records, so it works on another computer; called again, it rents nothing twice.

        Args:
            machine: what `park` gave, or the machine's id, key or name.
            changes: fields of `launch` to have otherwise, such as `regions` or `max_price_per_hour`.

        Raises:
            ParamIllegal: there is no such machine.
            SnapshotFailed: no snapshot of it is available.
            NoResourceAvailable, PriceTooHigh, AmbiguousResult: as for `launch`.
        """
        return self._client.run(
            parking.unpark(machine, self._client.account_mark, backoff=self._client.backoff, **changes)
        )

    def plan_unpark(self, machine: str | Parked | Instance, **changes: Any) -> Plan:
        """What `unpark` with the same arguments would do: reads only, rents nothing.

        Args:
            machine, changes: as for `unpark`.

        Raises:
            ParamIllegal, SnapshotFailed, NoResourceAvailable, PriceTooHigh: as for `unpark`.
        """
        newest, wanted = self._client.run(parking.want_again(machine, self._client.account_mark, **changes))
        if wanted is None:
            return Plan(newest.meta_key, newest, (), _launch=partial(self._look_again, newest.instance_id))
        planned = self._client.run(launching.plan(wanted))
        return replace(planned, _launch=partial(self._launch_planned, wanted))

    def find(self, machine: str) -> Instance:
        """A machine by its id, its meta key or the name that it was launched with.

        Raises:
            ParamIllegal: there is none.
        """
        return self._client.run(keys.find_machine(machine, self._client.account_mark))

    def _launch_planned(self, wanted: launching.Wanted, planned: Plan) -> Instance:
        with noting_order(planned.meta_key):
            return self._client.run(launching.launch_planned(wanted, planned, backoff=self._client.backoff))

    def _look_again(self, instance_id: str, planned: Plan) -> Instance:
        return self._client.run(perform(operations.get_instance(instance_id)))


class Images:
    """Images to start machines from."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def submit(self, image_link: str) -> SubmittedImage:
        """Make a private image of a registry link (contract: image submission).

        Args:
            image_link: such as "registry.example.com/team/runtime:cuda12.2"; at most 512 characters, no white space.

        Raises:
            InvalidRequest: the link is over its limit; nothing was sent.
            ImageAlreadyExists: it was submitted before.
            ImagePendingLimitExceeded: too many are still being fetched.
            AmbiguousResult: the answer was lost and the image can't be found.
        """
        return self._client.run(writes.submit_image(image_link, backoff=self._client.backoff))

    def delete(self, image_id: str) -> None:
        """Delete a private image of one's own.

        Args:
            image_id: such as "img-87p9kq26".

        Raises:
            ParamIllegal: there is none, or it is public or somebody else's.
        """
        self._client.run(writes.delete_image(image_id, backoff=self._client.backoff))

    def list(self, page: int = 1, per_page: int = 20, owned: bool = False, keywords: str = "") -> Page[Image]:
        """A page of images.

        Args:
            page: which page, from 1.
            per_page: how many on a page, 1 to 20.
            owned: only one's own.
            keywords: only images whose names hold this; at most 100 characters.

        Raises:
            InvalidRequest: an argument is over its limit; nothing was sent.
        """
        return self._client.run(perform(operations.list_images(page, per_page, owned, keywords)))

    def all(self, owned: bool = False, keywords: str = "", limit: int | None = None) -> builtins.list[Image]:
        """Every image.

        Args:
            owned: only one's own.
            keywords: only images whose names hold this; at most 100 characters.
            limit: at most so many; None is all.
        """
        return self._client.run(listing.all_images(owned, keywords, limit))

    def default(self) -> Image:
        """The image that is taken where none is named: the newest plain PyTorch base image."""
        return self._client.run(offers.default_image())


class Specs:
    """What can be rented, at which price."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def list(
        self,
        machine_category: int,
        from_image_id: str,
        page: int = 1,
        per_page: int = 20,
        region_name: str | None = None,
        instance_category: str | None = None,
    ) -> Page[Spec]:
        """A page of the offers of one machine category that an image can run on.

        Args:
            machine_category: 0 is GPU, 1 (as inferred) CPU.
            from_image_id: the image; offers depend on it.
            page: which page, from 1.
            per_page: how many on a page, 1 to 20.
            region_name: only this region.
            instance_category: only offers for "container" or "vm".

        Raises:
            InvalidRequest: an argument is over its limit; nothing was sent.
        """
        return self._client.run(
            perform(
                operations.list_specs(machine_category, from_image_id, page, per_page, region_name, instance_category)
            )
        )

    def all(
        self,
        machine_category: int | None = None,
        from_image_id: str | None = None,
        region_name: str | None = None,
        instance_category: str | None = None,
    ) -> builtins.list[Spec]:
        """Every offer, with prices in Credits per hour.

        Args:
            machine_category: 0 is GPU, 1 (as inferred) CPU; None is every category.
            from_image_id: the image that is to run; None is the default image.
            region_name: only this region.
            instance_category: only offers for "container" or "vm".
        """
        return self._client.run(offers.all_specs(from_image_id, machine_category, region_name, instance_category))

    def by_region(
        self,
        machine_category: int,
        from_image_id: str,
        region_name: str | None = None,
        instance_category: str | None = None,
    ) -> builtins.list[RegionSpecs]:
        """Every region with its offers of one machine category for an image, as the service groups them.

        Args:
            machine_category: 0 is GPU, 1 (as inferred) CPU.
            from_image_id: the image; offers depend on it.
            region_name: only this region.
            instance_category: only offers for "container" or "vm".
        """
        return self._client.run(
            offers.all_region_specs(machine_category, from_image_id, region_name, instance_category)
        )


class Networks:
    """Private networks between machines."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def create(self, name: str, region_name: str) -> str:
        """Make a mesh network; gives its id.

        Args:
            name: at most 32 characters, unique among one's own.
            region_name: where; machines join it from the same region.

        Raises:
            NetNameRepeat: there is one of this name.
            OutOfNetCountLimit: the quota is used up.
            AmbiguousResult: the answer was lost and the network can't be found.
        """
        return self._client.run(writes.create_network(name, region_name, backoff=self._client.backoff))

    def list(self, page: int = 1, per_page: int = 20, network_type: int = 0, domain: int = 0) -> Page[Network]:
        """A page of the networks of one region.

        Args:
            page: which page, from 1.
            per_page: how many on a page, 1 to 20.
            network_type: 0 for meshes, 6 for owned public IPs.
            domain: the region's number.

        Raises:
            InvalidRequest: an argument is over its limit; nothing was sent.
        """
        return self._client.run(perform(operations.list_networks(page, per_page, network_type, domain)))

    def all(self, network_type: int = 0, domain: int | None = None, limit: int | None = None) -> builtins.list[Network]:
        """Every network of a type, or the first `limit`.

        Args:
            network_type: 0 for meshes, 6 for owned public IPs.
            domain: a region's number; without one every domain that is known: the service lists none, so that is
                those seen before and those of the account's machines.
            limit: at most so many.
        """
        if domain is None:
            return self._client.run(domains.networks_everywhere(network_type, limit))
        return self._client.run(listing.all_networks(network_type, domain, limit))

    def attach(self, network_id: str, instance_ids: Sequence[str]) -> Attached:
        """Put running machines into a network; see how they are connected by `endpoints`.

        Args:
            network_id: the network.
            instance_ids: 1 to 10 machines; one named twice counts once.

        Raises:
            EndpointExists: one of them is in it already.
            OutOfNetEndpointCountLimit: there is no place for so many.
            AmbiguousResult: the answer was lost and not all of them are in it.
        """
        return self._client.run(writes.attach_instances(network_id, instance_ids, backoff=self._client.backoff))

    def endpoints(self, network_id: str, page: int = 1, per_page: int = 20) -> Page[Endpoint]:
        """A page of the machines in a network, with their addresses.

        Args:
            network_id: the network.
            page: which page, from 1.
            per_page: how many on a page, 1 to 20.

        Raises:
            ParamIllegal: there is no such network, or it is somebody else's.
        """
        return self._client.run(perform(operations.list_endpoints(network_id, page, per_page)))

    def all_endpoints(self, network_id: str, limit: int | None = None) -> builtins.list[Endpoint]:
        """Every machine in a network, with its address.

        Args:
            network_id: the network.
            limit: at most so many; None is all.

        Raises:
            ParamIllegal: there is no such network, or it is somebody else's.
        """
        return self._client.run(listing.all_endpoints(network_id, limit))


class Snapshots:
    """Snapshots of machines."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def create(self, instance_id: str, name: str = "") -> SnapshotsCreated:
        """Take a snapshot of a running machine, which pauses and then goes on by itself.

        Args:
            instance_id: the machine.
            name: at most 32 characters; the service does not return it.

        Raises:
            IllegalStatus: the machine is not Running.
            UserSnapQtyExceedQuota, DiskQuotaExceeded, TakingSnapNotAllowed: there is no place, or no right.
            AmbiguousResult: the answer was lost and no new snapshot is to be seen; it is not taken twice.
        """
        return self._client.run(writes.create_snapshot(instance_id, name, backoff=self._client.backoff))

    def list(self, page: int = 1, per_page: int = 20, status: Sequence[int] = ()) -> Page[Snapshot]:
        """A page of snapshots.

        Args:
            page: which page, from 1.
            per_page: how many on a page, 1 to 20.
            status: only snapshots in any of these, see `SnapshotStatus`; none means the service's choice.

        Raises:
            InvalidRequest: an argument is over its limit; nothing was sent.
        """
        return self._client.run(perform(operations.list_snapshots(page, per_page, status)))

    def all(self, status: Sequence[int] = (), limit: int | None = None) -> builtins.list[Snapshot]:
        """Every snapshot.

        Args:
            status: only snapshots in any of these, see `SnapshotStatus`; none means the service's choice.
            limit: at most so many; None is all.
        """
        return self._client.run(listing.all_snapshots(status, limit))
