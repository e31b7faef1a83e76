"""`Client`: the service's operations as methods, grouped by resource; thin, all decisions are made elsewhere."""

from __future__ import annotations

import builtins
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Any, Final, TypeVar

import httpx

from glows_nb.api import keys, launching, offers, operations, paging, waiting
from glows_nb.api.config import resolve
from glows_nb.api.launching import Plan
from glows_nb.api.models import Image, Instance, InstanceStatus, Page, Spec
from glows_nb.api.operations import Batch, Pause, Steps, perform
from glows_nb.api.requests import CreateInstance, build
from glows_nb.api.tokens import account_mark, is_sandbox
from glows_nb.api.transport import HttpTransport, RetryPolicy

T = TypeVar("T")

DEFAULT_TIMEOUT: Final = 30.0


class Client:
    """A connection to GLOWS, or to a sandbox.

    Reads are tried again after lost connections, HTTP 429 and 5xx, at most `max_retries` times, with pauses
    that start at `backoff` seconds and double. A create is sent again only after looking up its key; a release
    may always be sent again.

    Args:
        token: the SDK token; without it the profile's or GLOWS_SDK_TOKEN's is used (see `config.resolve`).
        base_url: the service's address; the live service where nothing else is said.
        profile: the name of a profile in the profile file.
        timeout: seconds for one HTTP request.
        max_retries: how often a read is repeated.
        backoff: seconds before the first repetition.
        max_concurrency: how many requests run at once where several are needed.
        transport: an httpx transport, for tests.

    Raises:
        ConfigError: no token was found, or the address is refused.
    """

    def __init__(
        self,
        token: str | None = None,
        base_url: str | None = None,
        *,
        profile: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        max_retries: int = 3,
        backoff: float = 0.5,
        max_concurrency: int = 8,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        connection = resolve(token, base_url, profile)
        self._token = connection.token
        self._base_url = connection.base_url
        self._backoff = backoff
        self._max_concurrency = max_concurrency
        self._transport = HttpTransport(
            connection,
            timeout=timeout,
            retry_policy=RetryPolicy(max_retries, backoff),
            max_connections=max_concurrency,
            transport=transport,
        )
        self.instances = Instances(self)
        self.images = Images(self)
        self.specs = Specs(self)

    @property
    def base_url(self) -> str:
        """The address that requests go to."""
        return self._base_url

    @property
    def is_sandbox(self) -> bool:
        """Does the client talk to an embedded sandbox? Read from the token, without a request."""
        return is_sandbox(self._token.get_secret_value())

    @property
    def account_mark(self) -> str:
        """Eight digits that stand for the account in the keys of named machines."""
        return account_mark(self._token.get_secret_value())

    def close(self) -> None:
        """Give the connections back; the client can't be used after."""
        self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Client {self.base_url}{' SANDBOX' if self.is_sandbox else ''}>"

    def run(self, steps: Steps[T]) -> T:
        """Carry out work of several steps: operations, batches at once, pauses."""
        try:
            step = next(steps)
            while True:
                try:
                    answer = self._carry_out(step)
                except Exception as error:  # noqa: BLE001 - the steps decide what to do about it
                    step = steps.throw(error)
                else:
                    step = steps.send(answer)
        except StopIteration as stop:
            result: T = stop.value
            return result

    def _carry_out(self, step: operations.Step) -> Any:
        if isinstance(step, Pause):
            return time.sleep(step.seconds)
        if isinstance(step, Batch):
            with ThreadPoolExecutor(self._max_concurrency) as pool:
                return list(pool.map(self._transport.send, step.operations))
        return self._transport.send(step)


class Instances:
    """Machines: start, find, watch and release them."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def get(self, request_id: str | None = None, *, meta_key: str | None = None) -> Instance:
        """One machine, by its id or its meta key (contract: "Query an instance").

        Raises:
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
        checked = build(CreateInstance, **fields) if request is None else request
        return self._client.run(launching.create(checked, backoff=self._client._backoff))

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
        on_change: waiting.OnChange | None = None,
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
        instance = self._client.run(launching.launch(wanted, adopt=adopt, backoff=self._client._backoff))
        if not wait:
            return instance
        return self.wait(instance.instance_id, timeout=timeout, on_change=on_change)

    def cancel(self, request_id: str | None = None, *, meta_key: str | None = None) -> None:
        """Release a machine; its disk is gone. Returns when the service has accepted it, before it has ended."""
        self._client.run(perform(operations.cancel_instance(request_id, meta_key)))

    def stats(self) -> dict[str, int]:
        """How many machines are in each status; statuses without a machine are left out."""
        return self._client.run(perform(operations.count_instances()))

    def list(
        self, page: int = 1, per_page: int = 20, statuses: Sequence[str] = (), ascending: bool = False
    ) -> Page[Instance]:
        """A page of machines, newest first unless `ascending`; no statuses means all, ended ones included."""
        return self._client.run(perform(operations.list_instances(page, per_page, statuses, ascending)))

    def all(
        self, statuses: Sequence[str] = (), ascending: bool = False, limit: int | None = None
    ) -> builtins.list[Instance]:
        """Every machine, or the first `limit`, ended ones included."""
        return self._client.run(
            paging.all_items(
                lambda page: operations.list_instances(page, statuses=statuses, ascending=ascending),
                identity=lambda instance: instance.instance_id,
                limit=limit,
            )
        )

    def wait(
        self,
        request_id: str,
        until: str = InstanceStatus.RUNNING,
        timeout: float = 600,
        on_change: waiting.OnChange | None = None,
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
        return self._client.run(waiting.wait_for_status(request_id, until, timeout, on_change))

    def find(self, machine: str) -> Instance:
        """A machine by its id, its meta key or the name that it was launched with.

        Raises:
            ParamIllegal: there is none.
        """
        return self._client.run(keys.find_machine(machine, self._client.account_mark))

    def _launch_planned(self, wanted: launching.Wanted, planned: Plan) -> Instance:
        return self._client.run(launching.launch_planned(wanted, planned, backoff=self._client._backoff))


class Images:
    """Images to start machines from."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def list(self, page: int = 1, per_page: int = 20, owned: bool = False, keywords: str = "") -> Page[Image]:
        """A page of images, all or one's own, whose names hold the keywords."""
        return self._client.run(perform(operations.list_images(page, per_page, owned, keywords)))

    def all(self, owned: bool = False, keywords: str = "", limit: int | None = None) -> builtins.list[Image]:
        """Every image, or the first `limit`."""
        return self._client.run(offers.all_images(owned, keywords, limit))

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
        """A page of the offers of one machine category (0 is GPU) that an image can run on."""
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
        """Every offer; without a category all categories, without an image those for the default image."""
        return self._client.run(offers.all_specs(from_image_id, machine_category, region_name, instance_category))
