"""What a reader wants to know of a value: labels and words, top down, for the notebook and the terminal alike."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from glows_nb.api.lifecycle.parking import Parked
from glows_nb.api.lifecycle.planning import Plan
from glows_nb.api.models.images import SubmittedImage
from glows_nb.api.models.instances import Instance
from glows_nb.api.models.networks import Attached
from glows_nb.api.models.snapshots import SnapshotsCreated
from glows_nb.api.models.specs import Spec
from glows_nb.formatting import SANDBOX_WORD, visible
from glows_nb.money import Rate

if TYPE_CHECKING:
    from glows_nb.frames.tables import Table
    from glows_nb.remote.files.transfer import Transfer

Facts = list[tuple[str, str]]

COMPLETED: Final = ("glows_nb.remote.output", "Completed")
TRANSFER: Final = ("glows_nb.remote.files.transfer", "Transfer")
FORWARD: Final = ("glows_nb.remote.ports.forward", "Forward")
JOB: Final = ("glows_nb.remote.jobs.job", "Job")
"""Where a class is that is not loaded for the work of other commands."""


def facts(value: Any) -> Facts:
    """The facts of a value of one of `SHOWN`'s types; what is unknown is left out."""
    return [(label, visible(words)) for label, words in SHOWN[type(value)](value) if words]


def facts_text(value: Any) -> str:
    """The facts in a few lines."""
    return "\n".join(f"{label:<10}{words}" for label, words in facts(value))


def _instance(instance: Instance) -> Facts:
    hardware, rate, jupyter = instance.hardware, instance.rate, instance.url()
    sandbox = f"{SANDBOX_WORD} " if instance.is_sandbox else ""
    name = f" “{instance.remark}”" if instance.remark else ""
    return [
        ("machine", f"{sandbox}{instance.instance_id}{name}"),
        ("key", instance.meta_key),
        ("status", instance.status),
        ("hardware", f"{hardware.gpus or '?'} × {hardware.gpu_name}" if hardware.gpu_name else hardware.cpu_name),
        ("region", instance.region_name),
        ("price", _price(rate)),
        ("image", instance.base_image.image_name if instance.base_image else ""),
        ("ssh", instance.ssh_command or ""),
        ("jupyter", f"{jupyter.without_secret} (.url() gives it with its token)" if jupyter else ""),
    ]


def _spec(spec: Spec) -> Facts:
    unit = spec.unit
    left = spec.max_available_units
    return [
        ("offer", f"{unit.gpus} × {unit.gpu_name}" if unit.gpus else unit.cpu_name),
        ("region", spec.region_name),
        ("price", _price(spec.rate)),
        ("cpu", f"{unit.cpus} × {unit.cpu_name}" if unit.gpus and unit.cpu_name else f"{unit.cpus} cores"),
        ("memory", f"{unit.ram_mb / 1024:g} GB, disk {unit.disk_gb} GB"),
        ("left", "" if left is None else str(left)),
        ("starts", ", ".join(spec.categories)),
        ("resource", spec.resource_id),
    ]


def _plan(plan: Plan) -> Facts:
    return [
        ("plan", str(plan)),
        ("key", plan.meta_key),
        ("price", _price(plan.rate)),
        *(("left out", reason) for reason in plan.left_out),
        ("next", "" if plan.existing else _how_to_rent(plan)),
    ]


def _how_to_rent(plan: Plan) -> str:
    if plan.budget is not None and plan.budget.is_reached:
        return "nothing is rented until then, or until the budget is another: budget CREDITS"
    word = "over_budget=True" if plan.is_over_budget else ""
    return f".launch({word}) rents it, if it still holds then"


def _parked(parked: Parked) -> Facts:
    return [
        ("parked", parked.instance_id),
        ("key", parked.meta_key),
        ("snapshot", parked.snapshot_id),
        ("next", f"unpark {parked.instance_id} starts it again"),
    ]


def _snapshots(created: SnapshotsCreated) -> Facts:
    return [
        ("snapshot", ", ".join(created.snapshot_ids)),
        ("machine", f"{created.instance_id} {created.status}".strip()),
    ]


def _image(image: SubmittedImage) -> Facts:
    return [("image", image.image_id), ("name", image.name), ("next", "images --owned lists it")]


def _attached(attached: Attached) -> Facts:
    return [("network", attached.network_id), ("endpoints", ", ".join(attached.endpoint_ids))]


def _price(rate: Rate | None) -> str:
    return f"{rate}, {rate.per_day:.2f} Credits per day" if rate else ""


SHOWN: Final[Mapping[type[Any], Callable[[Any], Facts]]] = {
    Instance: _instance,
    Spec: _spec,
    Plan: _plan,
    Parked: _parked,
    SnapshotsCreated: _snapshots,
    SubmittedImage: _image,
    Attached: _attached,
}
"""The types that are shown by their facts, and what these are."""


def is_a(value: Any, place: tuple[str, str]) -> bool:
    """Is the value of this class? Where its module was never loaded, it is not."""
    module = sys.modules.get(place[0])
    return module is not None and isinstance(value, getattr(module, place[1]))


def was_shown(value: Any) -> bool:
    """Is it a command on a machine that ended well, whose output was shown while it ran?"""
    return is_a(value, COMPLETED) and value.exit_status == 0


def transfer_text(transfer: Transfer) -> str:
    """What was done; of what only would be, the files too."""
    return repr(_files(transfer)) if _has_table(transfer) else str(transfer)


def transfer_html(transfer: Transfer) -> str | None:
    """The same for a notebook; None where the text alone says it all."""
    return _files(transfer)._repr_html_() if _has_table(transfer) else None


def _has_table(transfer: Transfer) -> bool:
    return transfer.is_dry_run and bool(transfer.rows)


def _files(transfer: Transfer) -> Table:
    from glows_nb.frames.tables import captioned

    return captioned(transfer.files, str(transfer), is_sandbox=False)
