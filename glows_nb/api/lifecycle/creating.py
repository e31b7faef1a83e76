"""Start a machine once: a plan carried out by the safe create, region by region.

Not one fault, and no two kernels that run a cell at once, may lead to two machines (DESIGN, rule 3): every
create carries a meta key that depends on the arguments alone, a create whose answer was lost is looked up by
its key before it is sent again, and a machine found under the key is taken instead of renting another.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from pydantic import SecretStr

from glows_nb.api.errors import (
    AmbiguousResult,
    APIError,
    InvalidDomainInfo,
    MachineDiffers,
    MetaKeyExists,
    NoResourceAvailable,
    RegionAccessDenied,
    StalePlan,
)
from glows_nb.api.ids import bare_id
from glows_nb.api.lifecycle.budget import how_it_stands
from glows_nb.api.lifecycle.keys import (
    look_up,
)
from glows_nb.api.lifecycle.launch_request import LaunchRequest
from glows_nb.api.lifecycle.planning import Plan, as_shown, changes, plan
from glows_nb.api.models.instances import Instance
from glows_nb.api.offers import (
    in_their_words,
    is_meant,
    specs_for,
)
from glows_nb.api.operations.instances import create_instance, get_instance
from glows_nb.api.requests.create import CreateInstance
from glows_nb.api.statuses import LEAVING
from glows_nb.api.steps import Steps, hold_to, perform
from glows_nb.api.writes.lost_answers import write
from glows_nb.gpus import VRAM_GB, called
from glows_nb.money import Rate

MOVES_ON: Final = (NoResourceAvailable, InvalidDomainInfo, RegionAccessDenied)
"""The only refusals after which the next region is tried (DESIGN, rule 3)."""


LAUNCH_ATTEMPTS: Final = 3


def launch(
    wanted: LaunchRequest, *, adopt: bool = False, over_budget: bool = False, backoff: float = 0.5
) -> Steps[Instance]:
    """The safe create: plan, then carry out; the machine that is there already, or a new one.

    Raises:
        MachineDiffers: the machine under the key is not what was asked for, and `adopt` is False.
        MetaKeyExists: the key is somebody else's.
        AmbiguousResult: it can't be known whether a machine was started; the text has its key.
        BudgetReached: the budget is used up, or would be passed, and `over_budget` is False.
    """
    for _ in range(LAUNCH_ATTEMPTS):
        instance, is_new = yield from carry_out((yield from plan(wanted)), over_budget=over_budget, backoff=backoff)
        if is_new:
            return instance
        if instance.status in LEAVING:
            # Another kernel started and released it between our look-up and our create: its generation is used up.
            continue
        if not adopt:
            yield from check_same(wanted, instance)
        yield from _tell_differences(wanted, instance)
        return instance
    raise AmbiguousResult(f"The machine under the key {wanted.key!r} is released as fast as it is started.")


def launch_planned(
    wanted: LaunchRequest, planned: Plan, *, over_budget: bool = False, backoff: float = 0.5
) -> Steps[Instance]:
    """Carry out a plan that was shown, if it still holds."""
    now = yield from plan(wanted)
    changed = changes(planned, now)
    if changed:
        if now.existing is not None:
            yield from check_same(wanted, now.existing)
        raise StalePlan(changed, now.existing)
    instance, is_new = yield from carry_out(as_shown(planned, now), over_budget=over_budget, backoff=backoff)
    if not is_new:
        if instance.status in LEAVING:
            raise StalePlan([f"machine {instance.instance_id} was started under the key and released meanwhile"])
        yield from check_same(wanted, instance)
        yield from _tell_differences(wanted, instance)
    return instance


def look_again(planned: Plan) -> Steps[Instance]:
    """The machine of a plan that only takes one, as it is now.

    Raises:
        StalePlan: it has ended since.
    """
    instance = yield from perform(get_instance(planned.existing.instance_id if planned.existing else None))
    if instance.status in LEAVING:
        raise StalePlan([f"machine {instance.instance_id} has ended"])
    yield from hold_to(instance.meta_key, instance, planned.cap)
    return instance


def carry_out(planned: Plan, *, over_budget: bool = False, backoff: float) -> Steps[tuple[Instance, bool]]:
    """The existing machine and False, or one rented from the first candidate that the service grants and True.

    Raises:
        BudgetReached: the budget is used up, or would be passed, and `over_budget` is False.
    """
    if planned.existing is not None:
        return planned.existing, False
    refused: APIError | None = None
    for candidate in planned.within_budget(over_budget=over_budget).candidates:
        try:
            return (yield from create(candidate.request, promised=candidate.rate, backoff=backoff)), True
        except MetaKeyExists as error:
            found = yield from look_up(planned.meta_key)
            if found is None:
                raise _foreign_key(error, planned.meta_key) from None
            return found, False
        except MOVES_ON as error:
            refused = error
    assert refused is not None  # noqa: S101 - a plan has a candidate or an existing machine
    raise refused


def create_alone(request: CreateInstance, *, backoff: float = 0.5) -> Steps[Instance]:
    """A create that no plan stands behind, unless the budget is used up: what it will cost is not known.

    Raises:
        BudgetReached: the budget is used up.
        MetaKeyExists, AmbiguousResult: as for `create`.
    """
    budget = yield from how_it_stands()
    if budget is not None and budget.is_reached:
        raise budget.refusal(None)
    return (yield from create(request, backoff=backoff))


def create(request: CreateInstance, *, promised: Rate | None = None, backoff: float = 0.5) -> Steps[Instance]:
    """One create, sent again only when its outcome was looked up and nothing was found.

    Args:
        request: what to start.
        promised: what it costs per hour by the plan; a machine that turns out dearer is said loudly (`PriceWatch`).
        backoff: seconds before the first repetition.

    Raises:
        MetaKeyExists: the key was taken before.
        AmbiguousResult: answers were lost and no machine can be found under the key.
    """
    key = request.custom_meta_key
    return (
        yield from write(
            replace(create_instance(request), promised=promised),
            lambda: look_up(key),
            f"A machine may be there under the key {key!r}: client.instances.get(meta_key={key!r}) finds it; "
            "launching again with the same arguments is safe.",
            done_already=(MetaKeyExists,),
            backoff=backoff,
        )
    )


def check_same(wanted: LaunchRequest, instance: Instance) -> Steps[None]:
    """Is the machine found what was asked for: GPU, units, category, image?

    Raises:
        MachineDiffers: it is not, with each difference.
    """
    asked = wanted.template
    found = instance.hardware
    differences = []
    gpu_name = asked.base_resource.unit_spec.gpu_name if asked.base_resource else asked.gpu_name
    if gpu_name and found.gpu_name and found.gpu_name not in called({found.gpu_name, *VRAM_GB}, gpu_name):
        differences.append(f"its GPU is {found.gpu_name}, asked was {gpu_name}")
    elif found.gpus not in (0, asked.unit_qty) and found.gpus not in (yield from _gpu_counts(asked)):
        differences.append(f"it has {found.gpus} GPUs, asked were {asked.unit_qty} units")
    if instance.category and instance.category != asked.instance_category:
        differences.append(f"it is a {instance.category}, asked was a {asked.instance_category}")
    image_id = instance.base_image.image_id if instance.base_image else ""
    if asked.from_image_id and image_id and bare_id(image_id) != bare_id(asked.from_image_id):
        differences.append(f"its image is {image_id}, asked was {asked.from_image_id}")
    if differences:
        raise MachineDiffers(instance, differences)


def _tell_differences(wanted: LaunchRequest, found: Instance) -> Steps[None]:
    """Warn of what the machine that is there has otherwise, where that is no reason to rent another or to stop."""
    yield from hold_to(found.meta_key, found, wanted.max_rate)
    others = _other_values(wanted.template.envs, found)
    if others:
        warnings.warn(
            f"Machine {found.instance_id} was started with another value of {', '.join(sorted(others))}, and keeps it.",
            stacklevel=2,
        )


def _other_values(asked: Mapping[str, SecretStr | None], found: Instance) -> list[str]:
    """The names of the variables that a machine has with another value; a frame of its own, which raises nothing."""
    has = dict(part.partition("=")[::2] for part in found.envs.get_secret_value().split(";") if "=" in part)
    return [name for name, value in asked.items() if value and name in has and has[name] != value.get_secret_value()]


def _gpu_counts(asked: CreateInstance) -> Steps[set[int]]:
    """How many GPUs the asked units may mean: a unit can hold several (FACTS 5.2, row 7)."""
    if asked.base_resource is not None:
        return {asked.unit_qty * asked.base_resource.unit_spec.gpus}
    specs = yield from specs_for(asked)
    asked = in_their_words(asked, specs)
    return {asked.unit_qty * spec.unit.gpus for spec in specs if is_meant(spec, asked)}


def _foreign_key(error: MetaKeyExists, key: str) -> MetaKeyExists:
    return MetaKeyExists(
        error.code,
        f"the key {key} exists and can't be read, so it is somebody else's; choose another name",
        error.operation,
        error.http_status,
    )
