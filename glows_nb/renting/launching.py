"""`glows.plan()` and `glows.launch()`: a machine from words, as `%glows launch` starts it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from pydantic import SecretStr

from glows_nb.api.client import Client
from glows_nb.api.errors import InvalidRequest
from glows_nb.api.lifecycle.planning import Plan
from glows_nb.api.models.instances import Instance
from glows_nb.api.requests.create import Port, sealed
from glows_nb.connection import current_client
from glows_nb.renting.resolved import ResolvedLaunch
from glows_nb.renting.resolving import resolve
from glows_nb.renting.words import WORD_OF_ARGUMENT, Words


def plan(
    gpu: str | None = None,
    cpu: str | None = None,
    *,
    name: str | None = None,
    meta_key: str | None = None,
    image: str | None = None,
    snapshot: str | None = None,
    region: str | Sequence[str] | None = None,
    units: int = 1,
    extra: Mapping[str, int] | None = None,
    category: str = "container",
    ports: Port | str | int | Sequence[Port | str | int] = (),
    cmd: str = "",
    envs: Mapping[str, str | SecretStr] | None = None,
    network: str | None = None,
    public_ip: str | None = None,
    remark: str | None = None,
    max_price: float | Decimal | str | None = None,
    lease: None = None,
    client: Client | None = None,
) -> Plan:
    """What `glows.launch` with the same words would do: reads only, rents nothing.

    Without a region the cheapest that has it comes first, then the others; `plan.launch()` carries the plan out, if it
    still holds. Without a name the key is derived from the words, as `%glows launch` derives it: the same words,
    written the same, find the same machine in either.

    Args:
        gpu: the GPU, or part of its name, such as "4090".
        cpu: instead, part of a CPU's name: a machine without a GPU.
        name: a name; the same name finds the machine that is there.
        meta_key: a key of your own instead of a name; it is used once, for ever.
        image: an image's id or name, such as "CUDA12.8 Torch2.8.0 Base"; without it a base image is chosen.
        snapshot: instead, a snapshot's id, or the name that it was given from here.
        region: where, or several in the order to try; None is the cheapest that has it.
        units: how many units of the offer.
        extra: what is added to each unit, such as {"cpus": 4}.
        category: "container" or "vm".
        ports: ports to open: 8000, "8000/http", "3306/tcp".
        cmd: the start command; when it ends, so does the machine.
        envs: environment variables; their values are in no repr, log or traceback.
        network: a network to join, by id or name.
        public_ip: an owned public IP to use, by id or name.
        remark: a remark that the service keeps, at most 32 characters.
        max_price: Credits per hour at most.
        lease: how the machine ends by itself; there is none yet, and anything but None is refused.
        client: the client to ask; without it the current one.

    Raises:
        InvalidRequest: a word means nothing that is offered, or several things; nothing was rented.
        NoResourceAvailable: no region has enough left.
        PriceTooHigh: what can be had costs more than `max_price`.
    """
    envs = sealed({"envs": envs})["envs"]
    client = _client(client)
    with _in_words():
        resolved = _resolved(
            client,
            lease,
            gpu=gpu,
            cpu=cpu,
            name=name,
            meta_key=meta_key,
            image=image,
            snapshot=snapshot,
            region=region,
            units=units,
            extra=extra,
            category=category,
            ports=ports,
            cmd=cmd,
            envs=envs,
            network=network,
            public_ip=public_ip,
            remark=remark,
            max_price=max_price,
        )
        return resolved.plan(client)


def launch(
    gpu: str | None = None,
    cpu: str | None = None,
    *,
    name: str | None = None,
    meta_key: str | None = None,
    image: str | None = None,
    snapshot: str | None = None,
    region: str | Sequence[str] | None = None,
    units: int = 1,
    extra: Mapping[str, int] | None = None,
    category: str = "container",
    ports: Port | str | int | Sequence[Port | str | int] = (),
    cmd: str = "",
    envs: Mapping[str, str | SecretStr] | None = None,
    network: str | None = None,
    public_ip: str | None = None,
    remark: str | None = None,
    max_price: float | Decimal | str | None = None,
    lease: None = None,
    wait: bool = False,
    adopt: bool = False,
    over_budget: bool = False,
    client: Client | None = None,
) -> Instance:
    """Start a machine, or find the one that the same words started: the safe create.

    Args:
        gpu, cpu, name, meta_key, image, snapshot, region, units, extra, category, ports, cmd, envs, network, public_ip:
            as for `glows.plan`.
        remark, max_price, lease: as for `glows.plan`.
        wait: return only when the machine is Running.
        adopt: take a machine found under the name even if it is not what was asked for.
        over_budget: rent though the budget would be passed; one that is used up is refused all the same.
        client: the client to use; without it the current one.

    Raises:
        InvalidRequest, NoResourceAvailable, PriceTooHigh: as for `glows.plan`; nothing was rented.
        BudgetReached: the budget is used up, or would be passed, and `over_budget` is False; nothing was rented.
        MachineDiffers: the machine under the name is not what was asked for.
        MetaKeyExists: the key is somebody else's.
        AmbiguousResult: it can't be known whether a machine was started; the text has its key.
        MachineEnded, WaitTimeout: only with `wait`; the machine goes on as it was.
    """
    envs = sealed({"envs": envs})["envs"]
    client = _client(client)
    with _in_words():
        resolved = _resolved(
            client,
            lease,
            gpu=gpu,
            cpu=cpu,
            name=name,
            meta_key=meta_key,
            image=image,
            snapshot=snapshot,
            region=region,
            units=units,
            extra=extra,
            category=category,
            ports=ports,
            cmd=cmd,
            envs=envs,
            network=network,
            public_ip=public_ip,
            remark=remark,
            max_price=max_price,
        )
        return resolved.launch(client, wait=wait, adopt=adopt, over_budget=over_budget)


def _client(client: Client | None) -> Client:
    if client is not None and not isinstance(client, Client):
        raise InvalidRequest("client", f"takes a Client, not {type(client).__name__}; leave it out for the one in use.")
    return client or current_client()


def _resolved(
    client: Client, lease: None, *, region: Any, ports: Any, extra: Any, envs: Any, **words: Any
) -> ResolvedLaunch:
    if lease is not None:
        raise InvalidRequest("lease", "can't be kept yet, so none is taken; release the machine yourself.")
    asked = Words(
        regions=_several("region", region),
        ports=_several("ports", ports),
        extra=_mapping("extra", extra),
        envs=_mapping("envs", envs),
        **words,
    )
    return resolve(client, asked)


@contextmanager
def _in_words() -> Iterator[None]:
    """An error says the word that was written, and not what the contract calls its field."""
    try:
        yield
    except InvalidRequest as error:
        reason = str(error).removeprefix(f"{error.field}: ")
        field = error.field.partition(".")[0]
        error.field = WORD_OF_ARGUMENT.get(field, field)
        error.args = (f"{error.field}: {reason}",)
        raise


def _several(word: str, values: Any) -> tuple[Any, ...]:
    """One thing as several; what comes in no order, as a set's things do, in one."""
    if values is None:
        return ()
    if isinstance(values, str | int | Port):
        return (values,)
    if not isinstance(values, Iterable):
        raise InvalidRequest(word, f"{values!r} is neither one nor several.")
    return tuple(sorted(values, key=str)) if isinstance(values, Set) else tuple(values)


def _mapping(word: str, value: Any) -> Mapping[str, Any]:
    if value is not None and not isinstance(value, Mapping):
        raise InvalidRequest(word, "takes a mapping of names to values.")
    return value or {}
