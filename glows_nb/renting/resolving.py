"""From words to a choice: which image, which of the offers' names, which regions by price."""

from __future__ import annotations

from collections.abc import Sequence

from glows_nb.api.client import Client
from glows_nb.api.errors import InvalidRequest, ParamIllegal
from glows_nb.api.models.networks import NetworkType
from glows_nb.api.offers import match_cpu, match_gpu, regions_by_price
from glows_nb.renting.names import below, image_id, network_id, snapshot_named
from glows_nb.renting.resolved import ResolvedLaunch
from glows_nb.renting.words import Words


def resolve(client: Client, words: Words, *, usual_regions: Sequence[str] = ()) -> ResolvedLaunch:
    """What these words mean, by what the service offers now; reads only.

    Args:
        client: whom to ask.
        words: what is asked for.
        usual_regions: where, in this order, if the words name no region; without any, all that have it, cheapest first.

    Raises:
        InvalidRequest: a word means nothing that is offered, or several things; it says what there is.
    """
    image, default_image, snapshot_id = None, None, ""
    if words.snapshot is not None:
        snapshot = snapshot_named(client, words.snapshot)
        snapshot_id, image = snapshot.snapshot_id, below(client, snapshot).image_id or None
    elif words.image is not None:
        image = image_id(client, words.image)
    else:
        default_image = client.images.default()
        image = default_image.image_id
    try:
        specs = client.specs.all(from_image_id=image, instance_category=words.category)
    except ParamIllegal:
        if words.image is None:
            raise
        raise InvalidRequest("image", f"you have none with the id {image!r}; the images list shows them.") from None
    gpu_name = match_gpu(specs, words.gpu) if words.gpu is not None else None
    cpu_name = match_cpu(specs, words.cpu) if words.cpu is not None else None
    is_named = words.name is not None or words.meta_key is not None
    return ResolvedLaunch(
        name=words.name if is_named else words.derived_name,
        meta_key=words.meta_key,
        image_id=image,
        snapshot_id=snapshot_id,
        gpu_name=gpu_name,
        cpu_name=cpu_name,
        regions=words.regions or usual_regions or regions_by_price(specs, gpu_name or cpu_name or "", words.units),
        category=words.category,
        units=words.units,
        ports=words.ports,
        envs=words.envs,
        cmd=words.cmd,
        network_id=network_id(client, words.network) if words.network else "",
        public_ip_id=network_id(client, words.public_ip, NetworkType.NAT4) if words.public_ip else "",
        extra=words.extra,
        remark=words.remark or "",
        max_price=words.max_price,
        default_image=default_image,
    )
