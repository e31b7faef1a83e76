"""What can be rented: every offer for an image, and which image to take where none is named."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from glows_nb.api.errors import BadResponse, InvalidRequest
from glows_nb.api.models.images import Image
from glows_nb.api.models.specs import BaseResource, MachineCategory, RegionSpecs, Spec
from glows_nb.api.models.wire import Page
from glows_nb.api.operations.images import all_images
from glows_nb.api.operations.specs import list_region_specs, list_specs
from glows_nb.api.paging import all_items
from glows_nb.api.steps import Operation, Steps
from glows_nb.gpus import called, nearest
from glows_nb.money import Rate

if TYPE_CHECKING:
    # Not loaded for this: who only looks at offers makes none.
    from glows_nb.api.requests.create import CreateInstance


def has_left(spec: Spec, units: int = 1) -> bool:
    """Are so many units of the offer to be had?"""
    # How many there are may be left untold; a launch then finds out.
    most = spec.max_available_units
    return bool(spec.avail) and not spec.unread and (most is None or most >= units)


def rate_for(spec: Spec, unit_qty: int = 1, extra_resource: Mapping[str, int] | None = None) -> Rate | None:
    """What so many units of an offer cost per hour, with what is added to each of them; None where it has no price.

    Args:
        spec: the offer.
        unit_qty: how many units.
        extra_resource: what is added to each unit, such as {"cpus": 4}, as a create takes it.

    Raises:
        InvalidRequest: the offer does not sell that, so nobody can say what it costs.
    """
    rate = spec.rate
    if rate is None:
        return None
    for name, quantity in (extra_resource or {}).items():
        if not quantity:
            continue
        sold = [(step.quantity, step.rate.millicents_per_hour) for step in extras_sold(spec) if step.name == name]
        # Where several steps make up the quantity, nobody tells which of them is billed: the dearest is shown.
        cost = max((price * (quantity // size) for size, price in sold if quantity % size == 0), default=None)
        if cost is None:
            sizes = ", ".join(str(size) for size in sorted({size for size, _ in sold}))
            steps = f"; steps of {sizes} are" if sizes else ""
            raise InvalidRequest("extra_resource", f"{quantity} more {name} are not sold there{steps}.")
        rate = rate + Rate(cost)
    return rate * unit_qty


class ExtraStep(NamedTuple):
    """So much more of something for each unit, at this price per hour."""

    name: str
    quantity: int
    rate: Rate


def extras_sold(spec: Spec) -> list[ExtraStep]:
    """What can be added to a unit of an offer; what has no price, or is no count, can't be reckoned with."""
    steps = []
    for extra in spec.extra_resources:
        price = extra.price.millicent_per_hour if extra.price is not None else None
        if price is None or len(extra.resource) != 1:
            continue
        ((name, quantity),) = extra.resource.items()
        if type(quantity) is int and quantity > 0:
            steps.append(ExtraStep(name, quantity, Rate(price)))
    return steps


def default_image() -> Steps[Image]:
    """The image that is taken where none is named."""
    return choose_default_image((yield from all_images(strict=False)))


def choose_default_image(images: Sequence[Image]) -> Image:
    """The newest plain PyTorch base image, else any base image, else the first.

    Names are the only thing that the service tells of an image, such as "CUDA12.8 Torch2.8.0 Base".
    """
    images = [image for image in images if not image.unread]
    if not images:
        raise BadResponse("The answer to list images holds no image, and a machine needs one.")

    def fitness(image: Image) -> tuple[bool, bool, list[int]]:
        name = image.name.lower()
        return "base" in name and "torch" in name, "base" in name, [int(n) for n in re.findall(r"\d+", name)]

    best = max(images, key=fitness)
    return best if "base" in best.name.lower() else images[0]


def all_specs(
    from_image_id: str | None = None,
    machine_category: int | None = None,
    region_name: str | None = None,
    instance_category: str | int | None = None,
    *,
    strict: bool = False,
) -> Steps[list[Spec]]:
    """Every offer for an image (the default image where none is given), of one machine category or of all."""
    image_id = from_image_id or (yield from default_image()).image_id
    categories: Iterable[int] = MachineCategory if machine_category is None else [machine_category]
    specs: list[Spec] = []
    for category in categories:

        def page_of(page: int, category: int = category) -> Operation[Page[Spec]]:
            return list_specs(
                category,
                image_id,
                page=page,
                region_name=region_name,
                instance_category=instance_category,
                strict=strict,
            )

        specs += yield from all_items(
            page_of, lambda spec: (spec.region_name, spec.resource_id, spec.price_order) if spec.resource_id else None
        )
    return specs


def all_region_specs(
    machine_category: int,
    from_image_id: str,
    region_name: str | None = None,
    instance_category: str | int | None = None,
    *,
    strict: bool = False,
) -> Steps[list[RegionSpecs]]:
    """Every region with its offers, of one machine category."""
    return all_items(
        lambda page: list_region_specs(
            machine_category,
            from_image_id,
            page,
            region_name=region_name,
            instance_category=instance_category,
            strict=strict,
        ),
        identity=lambda region: region.region_name or None,
    )


def specs_for(request: CreateInstance, image_id: str | None = None) -> Steps[list[Spec]]:
    """Every offer, of any hardware in any region, for the category of a create and an image.

    The service lists offers by image only; for a create from a snapshot that is the image below the snapshot, and
    where it is not known, the default image.
    """
    return (yield from all_specs(image_id or request.from_image_id, instance_category=request.instance_category))


def is_meant(spec: Spec, request: CreateInstance) -> bool:
    """Is the offer of the hardware that a create asks for?"""
    if request.base_resource is not None:
        return _is_such(spec.base_resource, request.base_resource)
    if request.gpu_name is not None:
        return spec.unit.gpu_name == request.gpu_name
    return not spec.unit.gpus and spec.unit.cpu_name == request.cpu_name


def _is_such(offered: BaseResource, asked: BaseResource) -> bool:
    """Is the resource what is asked for: of the id, where one is given, else with a unit that has what is named?"""
    if asked.resource_id:
        return offered.resource_id == asked.resource_id
    return all(getattr(offered.unit_spec, name) == value for name, value in asked.unit_spec if value)


def match_gpu(specs: Iterable[Spec], text: str) -> str:
    """The one GPU that a text such as "4090" means, by what `gpus.called` says of the names that are offered.

    Raises:
        InvalidRequest: no name or more than one fits.
    """
    offered = list(specs)
    names = gpu_names(offered)
    fitting = called(names, text)
    if len(fitting) == 1:
        return fitting[0]
    if not names:
        raise InvalidRequest("gpu", "no GPU at all is offered for this image and category.")
    if fitting:
        raise InvalidRequest("gpu", f"{text!r} may mean {_with_prices(fitting, offered)}; say which.")
    raise InvalidRequest("gpu", f"no GPU is called like {text!r}; the nearest is {nearest(names, text)!r}.")


def match_cpu(specs: Iterable[Spec], text: str) -> str:
    """The one CPU that a text such as "8468" means, of the machines that are offered without a GPU.

    Raises:
        InvalidRequest: no name or more than one fits.
    """
    offered = [spec for spec in specs if not spec.unit.gpus and spec.unit.cpu_name]
    names = sorted({spec.unit.cpu_name for spec in offered})
    fitting = _cpus_called(names, text)
    if len(fitting) == 1:
        return fitting[0]
    if not names:
        raise InvalidRequest("cpu", "no machine without a GPU is offered for this image and category.")
    if fitting:
        raise InvalidRequest("cpu", f"{text!r} may mean {_with_prices(fitting, offered)}; say which.")
    raise InvalidRequest("cpu", f"no CPU is called like {text!r}; there are {', '.join(names)}.")


def _cpus_called(names: Sequence[str], text: str) -> list[str]:
    """The names that a text is, or whose words it has; case and punctuation do not count."""
    same = [name for name in names if _bare(name) == _bare(text)]
    wanted = set(re.findall(r"\w+", text.casefold()))
    return same or [name for name in names if wanted and wanted <= set(re.findall(r"\w+", name.casefold()))]


def gpu_names(specs: Iterable[Spec]) -> list[str]:
    """The names of the GPUs that are offered."""
    return sorted({spec.unit.gpu_name for spec in specs if spec.unit.gpu_name})


def in_their_words(request: CreateInstance, specs: Sequence[Spec]) -> CreateInstance:
    """A create whose GPU is named as the offers name it; as it was written where nobody offers it.

    Raises:
        InvalidRequest: the name may mean several.
    """
    if request.cpu_name is not None:
        same = _cpus_called(sorted({spec.unit.cpu_name for spec in specs if not spec.unit.gpus}), request.cpu_name)
        return request.model_copy(update={"cpu_name": same[0]}) if len(same) == 1 else request
    if request.gpu_name is None:
        return request
    fitting = called(gpu_names(specs), request.gpu_name)
    if len(fitting) > 1:
        raise InvalidRequest("gpu_name", f"{request.gpu_name!r} may mean {_with_prices(fitting, specs)}; say which.")
    return request.model_copy(update={"gpu_name": fitting[0]}) if fitting else request


def known_region(text: str, specs: Iterable[Spec]) -> str:
    """The region that a text such as "tw03" means, of those that offer something; the text where it is none."""
    return next((spec.region_name for spec in specs if is_region(spec.region_name, text)), text)


def is_region(name: str, text: str) -> bool:
    """Does a text mean this region? Case and punctuation do not count."""
    return _bare(name) == _bare(text)


def _bare(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()


def _with_prices(names: Iterable[str], specs: Sequence[Spec]) -> str:
    """Names, each with the lowest price of it that is known."""
    said = []
    for name in names:
        rates = [spec.rate for spec in specs if spec.hardware_name == name and spec.rate is not None]
        said.append(f"{name} (from {min(rates)})" if rates else name)
    return " or ".join(said)


def regions_by_price(specs: Iterable[Spec], hardware_name: str, units: int = 1) -> list[str]:
    """Where so many units of a GPU (or CPU) are to be had, cheapest first; all that offer it where none has enough."""
    offers = sorted((spec for spec in specs if spec.hardware_name == hardware_name), key=lambda spec: spec.price_order)
    available = [spec for spec in offers if has_left(spec, units)]
    return list(dict.fromkeys(spec.region_name for spec in available or offers))
