"""From words to what exactly is to be rented: which image, which of the offers' names, which regions by price."""

from __future__ import annotations

from collections.abc import Sequence

from glows_nb.api.client import Client
from glows_nb.api.domains import DOMAIN_OF_REGION
from glows_nb.api.errors import InvalidRequest, ParamIllegal
from glows_nb.api.lifecycle.launch_request import check_name
from glows_nb.api.models.images import Image
from glows_nb.api.models.networks import Network, NetworkType
from glows_nb.api.offers import known_region, match_cpu, match_gpu, regions_by_price
from glows_nb.renting.names import below, image_named, network_named, snapshot_named
from glows_nb.renting.resolved import ResolvedLaunch
from glows_nb.renting.words import Words


def resolve(
    client: Client, words: Words, *, usual_regions: Sequence[str] = (), shows_images: str = "glows.images()"
) -> ResolvedLaunch:
    """What these words mean, by what the service offers now; reads only.

    Args:
        client: whom to ask.
        words: what is asked for.
        usual_regions: where, in this order, if the words name no region; without any, all that have it, cheapest first.
        shows_images: what an error says that shows the images.

    Raises:
        InvalidRequest: a word means nothing that is offered, or several things; it says what there is.
    """
    if words.name is not None:
        check_name(words.name, client.account_mark)
    image: Image | str | None = None
    snapshot_id = ""
    if words.snapshot is not None:
        snapshot = snapshot_named(client, words.snapshot)
        snapshot_id, source = snapshot.snapshot_id, below(client, snapshot)
        image = source.image_id or None
        if source.category and source.category != words.category:
            raise InvalidRequest("category", f"{snapshot_id} was taken of a {source.category}, and starts as one.")
    else:
        image = client.images.default() if words.image is None else image_named(client, words.image)
    image_id = image.image_id if isinstance(image, Image) else image
    try:
        specs = client.specs.all(from_image_id=image_id, instance_category=words.category)
    except ParamIllegal:
        if words.image is None:
            raise
        raise InvalidRequest("image", f"you have none with the id {image_id!r}; to see them: {shows_images}") from None
    gpu_name = match_gpu(specs, words.gpu) if words.gpu is not None else None
    cpu_name = match_cpu(specs, words.cpu) if words.cpu is not None else None
    typed = [known_region(region, specs) for region in words.regions]
    regions = typed or usual_regions or regions_by_price(specs, gpu_name or cpu_name or "", words.units)
    network = network_named(client, words.network, typed) if words.network else ""
    public_ip = network_named(client, words.public_ip, typed, NetworkType.NAT4) if words.public_ip else ""
    for place in (network, public_ip):
        if isinstance(place, Network) and not typed:
            # Machines join from the same region alone.
            there = [region for region in regions if DOMAIN_OF_REGION.get(region) in (None, place.domain)]
            regions = there or regions
    is_named = words.name is not None or words.meta_key is not None
    return ResolvedLaunch(
        name=words.name if is_named else words.derived_name(typed),
        meta_key=words.meta_key,
        image_id=image_id,
        snapshot_id=snapshot_id,
        gpu_name=gpu_name,
        cpu_name=cpu_name,
        regions=regions,
        category=words.category,
        units=words.units,
        ports=words.ports,
        envs=words.envs,
        cmd=words.cmd,
        network_id=network.network_id if isinstance(network, Network) else network,
        public_ip_id=public_ip.network_id if isinstance(public_ip, Network) else public_ip,
        extra=words.extra,
        remark=words.remark or "",
        max_price=words.max_price,
        image=image if isinstance(image, Image) else None,
    )
