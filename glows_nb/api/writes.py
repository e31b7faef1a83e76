"""Writes whose answer may be lost: sent again only when it is certain, or was looked up, that nothing happened.

Instances are started in `launching.py`; cancelling may always be repeated and needs nothing of this.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, TypeVar

from glows_nb.api import operations
from glows_nb.api.domains import domains_of_region
from glows_nb.api.errors import (
    AmbiguousResult,
    APIError,
    BadResponse,
    EndpointExists,
    GlowsError,
    IllegalStatus,
    ImageAlreadyExists,
    InternalError,
    NetNameRepeat,
    ParamIllegal,
    RateLimited,
    TransportError,
    UnknownCodeError,
)
from glows_nb.api.keys import bare_id
from glows_nb.api.listing import all_endpoints, all_images, all_networks, all_snapshots
from glows_nb.api.models import LEAVING, Attached, Image, Snapshot, SnapshotsCreated, SubmittedImage
from glows_nb.api.steps import Operation, Steps, pause, perform

T = TypeVar("T")

ATTEMPTS: Final = 3
OUTCOME_UNKNOWN: Final = (TransportError, BadResponse, InternalError, UnknownCodeError)
"""After these the write may have happened; code 1 and codes that nobody knows say nothing about that."""


def may_have_happened(error: GlowsError) -> bool:
    """After this error, may the write have been done all the same?"""
    if isinstance(error, TransportError):
        return error.may_have_arrived
    return isinstance(error, OUTCOME_UNKNOWN)


def write(
    operation: Operation[T],
    look_up: Callable[[], Steps[T | None]],
    how_to_check: str,
    *,
    done_already: tuple[type[APIError], ...] = (),
    may_send_again: bool = True,
    backoff: float = 0.5,
) -> Steps[T]:
    """Send a write; when its answer is lost, look for what it would have made, and only then send it again.

    Args:
        operation: the write.
        look_up: finds what the write made, None where there is nothing of it.
        how_to_check: the sentence of AmbiguousResult on how the user can find out.
        done_already: refusals that, after a lost answer, mean that the lost one was done.
        may_send_again: False where a second write that follows a late first would do harm.
        backoff: seconds before the first repetition.

    Raises:
        AmbiguousResult: it can't be known whether it was done.
    """
    lost: GlowsError | None = None
    for attempt in range(ATTEMPTS):
        if attempt:
            yield from pause(backoff * 2 ** (attempt - 1))
        try:
            return (yield from perform(operation))
        except RateLimited as error:
            # A 429 says that nothing was done. Looking costs little, and a gateway may know less than it says.
            failure: GlowsError = error
            with suppress(GlowsError):
                found = yield from look_up()
                if found is not None:
                    return found
        except OUTCOME_UNKNOWN as error:
            failure = error
        except APIError as error:
            # A refusal settles nothing about an earlier write that got no answer: that one may still come.
            if lost is None:
                raise
            if not isinstance(error, done_already):
                raise _ambiguous(operation, lost, how_to_check) from None
            failure = error
        if may_have_happened(failure):
            lost = failure
        if lost is not None:
            found = yield from _found(look_up, operation, lost, how_to_check)
            if found is not None:
                return found
            if not may_send_again:
                break
    raise (failure if lost is None else _ambiguous(operation, lost, how_to_check))


def submit_image(image_link: str, *, backoff: float = 0.5) -> Steps[SubmittedImage]:
    """Make an image of a link. After a lost answer, the newest image that was not there before is the one."""
    operation = operations.submit_image(image_link)
    before = {image.image_id for image in (yield from all_images(owned=True))}
    repository = image_link.rpartition("/")[2].partition(":")[0].partition("@")[0]

    def look_up() -> Steps[SubmittedImage | None]:
        images: list[Image] = yield from all_images(owned=True)
        new = [image for image in images if image.image_id not in before and repository in image.name]
        if len(new) != 1:
            return None
        return SubmittedImage(image_id=new[0].image_id, name=new[0].name)

    return (
        yield from write(
            operation,
            look_up,
            "client.images.all(owned=True) lists your images; the service refuses the same link twice, so that "
            "submitting it again does no harm.",
            done_already=(ImageAlreadyExists,),
            backoff=backoff,
        )
    )


def delete_image(image_id: str, *, backoff: float = 0.5) -> Steps[None]:
    """Delete an image. After a lost answer, an image that was there before and is gone has been deleted."""
    operation = operations.delete_image(image_id)
    was_there = yield from _owns(image_id)

    def look_up() -> Steps[bool | None]:
        is_there = yield from _owns(image_id)
        return True if was_there and not is_there else None

    yield from write(
        operation,
        look_up,
        "client.images.all(owned=True) lists your images; deleting it again does no harm.",
        done_already=(ParamIllegal,),
        backoff=backoff,
    )


def cancel_instance(request_id: str | None = None, meta_key: str | None = None) -> Steps[None]:
    """Release a machine. One that is on its way out or has ended is released already, whatever the service says."""
    operation = operations.cancel_instance(request_id, meta_key)
    try:
        yield from perform(operation)
    except IllegalStatus as error:
        instance = yield from perform(operations.get_instance(request_id, meta_key))
        if instance.status in LEAVING:
            return
        refused = error
    else:
        return
    raise refused


def create_network(name: str, region_name: str, *, backoff: float = 0.5) -> Steps[str]:
    """Make a network and give its id. Names are unique, so after a lost answer the one of this name is it."""
    operation = operations.create_network(name, region_name)

    def look_up() -> Steps[str | None]:
        for domain in (yield from domains_of_region(region_name)):
            networks = yield from all_networks(domain=domain)
            for network in networks:
                if network.name == name:
                    return network.network_id
        return None

    return (
        yield from write(
            operation,
            look_up,
            f"client.networks.all() lists your networks; look for {name!r}.",
            done_already=(NetNameRepeat,),
            backoff=backoff,
        )
    )


def attach_instances(network_id: str, instance_ids: Sequence[str], *, backoff: float = 0.5) -> Steps[Attached]:
    """Put machines into a network. After a lost answer, its endpoints tell whether all of them are there."""
    operation = operations.attach_instances(network_id, instance_ids)
    wanted = {instance_ids} if isinstance(instance_ids, str) else set(instance_ids)

    def look_up() -> Steps[Attached | None]:
        endpoints = yield from all_endpoints(network_id)
        there = {endpoint.instance_id: endpoint.endpoint_id for endpoint in endpoints}
        if not wanted <= there.keys():
            return None
        return Attached(network_id=network_id, endpoint_ids=tuple(there[instance_id] for instance_id in wanted))

    return (
        yield from write(
            operation,
            look_up,
            f"client.networks.all_endpoints({network_id!r}) lists the machines in the network.",
            done_already=(EndpointExists,),
            backoff=backoff,
        )
    )


def create_snapshot(instance_id: str, name: str = "", *, backoff: float = 0.5) -> Steps[SnapshotsCreated]:
    """Take a snapshot. After a lost answer it is looked for, and never taken again blindly."""
    operation = operations.create_snapshot(instance_id, name)
    before = {snapshot.snapshot_id for snapshot in (yield from snapshots_of(instance_id))}

    def look_up() -> Steps[SnapshotsCreated | None]:
        snapshots = yield from snapshots_of(instance_id)
        new = tuple(snapshot.snapshot_id for snapshot in snapshots if snapshot.snapshot_id not in before)
        return SnapshotsCreated(snapshot_ids=new, instance_id=instance_id) if new else None

    return (
        yield from write(
            operation,
            look_up,
            f"client.snapshots.all() lists the snapshots; look for a new one of {instance_id}.",
            may_send_again=False,
            backoff=backoff,
        )
    )


def snapshots_of(instance_id: str) -> Steps[list[Snapshot]]:
    """Every snapshot of one machine."""
    snapshots = yield from all_snapshots()
    return [snapshot for snapshot in snapshots if snapshot.instance_id == instance_id]


def _owns(image_id: str) -> Steps[bool]:
    images = yield from all_images(owned=True)
    return any(bare_id(image.image_id) == bare_id(image_id) for image in images)


def _found(
    look_up: Callable[[], Steps[T | None]], operation: Operation[T], lost: GlowsError, how: str
) -> Steps[T | None]:
    try:
        return (yield from look_up())
    except GlowsError:
        failed = _ambiguous(operation, lost, how)
    raise failed


def _ambiguous(operation: Operation[T], lost: GlowsError, how_to_check: str) -> AmbiguousResult:
    return AmbiguousResult(f"It can't be known whether {operation.name} was done: {lost} {how_to_check}")
