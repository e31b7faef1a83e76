"""What is called so: an image, a snapshot or a network, by its id or its name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from glows_nb.api.client import Client
from glows_nb.api.domains import DOMAIN_OF_REGION, networks_and_regions_not_asked
from glows_nb.api.errors import InvalidRequest, ParamIllegal
from glows_nb.api.ids import IMAGE_PREFIX, NETWORK_PREFIX, bare_id
from glows_nb.api.lifecycle.parking import is_being_taken
from glows_nb.api.models.images import Image
from glows_nb.api.models.networks import Network, NetworkType
from glows_nb.api.models.snapshots import Snapshot
from glows_nb.ledger.database import LedgerError
from glows_nb.ledger.recorder import recorder_of

LEGACY_ID: Final = re.compile("[0-9a-z]{8}")
"""An id as the service once gave it, without its prefix."""

SHOWN: Final = 5
"""How many names an error tells."""


def image_named(client: Client, word: str) -> Image | str:
    """An image by its id or a name as people write it; an id is not looked for, since no list need have it.

    Returns:
        The image, or where the word is an id that no list was asked for, that id.

    Raises:
        InvalidRequest: there is no image called so, or there are several.
    """
    if word.startswith(IMAGE_PREFIX):
        return word
    images = [image for image in client.images.all() if not image.unread]
    found = [image for image in images if bare_id(image.image_id) == word or image.name == word] or _called(
        images, word
    )
    if len(found) == 1:
        return found[0]
    if not found and LEGACY_ID.fullmatch(word):
        return word
    some = ", ".join(str(image) for image in (found or images)[:SHOWN]) or "none"
    more = ", …" if len(found or images) > SHOWN else ""
    if found:
        raise InvalidRequest("image", f"{word!r} may mean {some}{more}; give the id of one.")
    raise InvalidRequest("image", f"there is no image {word!r}; there are: {some}{more}.")


def network_named(
    client: Client, word: str, regions: Sequence[str] = (), kind: NetworkType = NetworkType.MESH
) -> Network | str:
    """A network by its id or its name; an id is not looked for, since no list need have it.

    Args:
        client: whom to ask.
        word: the id or the name.
        regions: where it may be; none is anywhere.
        kind: a private network, or a public IP, which is one with a single place.

    Returns:
        The network, or where the word is an id, that id.

    Raises:
        InvalidRequest: there is none of this name, or there are several.
    """
    if word.startswith(NETWORK_PREFIX):
        return word
    known, unasked = client.run(networks_and_regions_not_asked(kind, strict=False))
    field, what = ("network", "network") if kind == NetworkType.MESH else ("public_ip", "public IP")
    found = [each for each in known if word in (each.network_id, each.name)]
    if len(found) > 1 and regions:
        domains = [DOMAIN_OF_REGION.get(region) for region in regions]
        found = [each for each in found if each.domain in domains] or found
    if len(found) == 1:
        return found[0]
    if found:
        some = ", ".join(str(each) for each in found)
        raise InvalidRequest(field, f"{word!r} may mean {some}; give the id of one.")
    names = ", ".join(str(each) for each in known) or "none"
    elsewhere = f" In {' and '.join(unasked)} nobody can look; give its id." if unasked else ""
    raise InvalidRequest(field, f"there is no {what} {word!r}; there are: {names}.{elsewhere}")


def snapshot_named(client: Client, word: str) -> Snapshot:
    """A snapshot by its id or name, of several of one name the newest; names are known to the ledger alone (FACTS 7).

    Raises:
        InvalidRequest: there is none, or the newest is not there yet: an older one has not all of the work.
    """
    names: dict[str, str] = {}
    with suppress(LedgerError):
        names = recorder_of(client).snapshot_names()
    known = [snapshot for snapshot in client.snapshots.all() if snapshot.snapshot_id]
    found = [
        each for each in known if bare_id(each.snapshot_id) == bare_id(word) or names.get(each.snapshot_id) == word
    ]
    if not found:
        some = ", ".join(each.snapshot_id for each in known[:SHOWN]) or "none"
        raise InvalidRequest("snapshot", f"there is no snapshot {word!r}; there are: {some}.")
    newest = max(found, key=lambda each: (not each.has_failed, each.taken_at))
    if newest.has_failed:
        raise InvalidRequest("snapshot", f"{newest.snapshot_id} has failed or is deleted.")
    if names.get(newest.snapshot_id) == word and is_being_taken(newest):
        raise InvalidRequest("snapshot", f"the newest called {word!r}, {newest.snapshot_id}, is not available yet.")
    return newest


class Below(NamedTuple):
    """What a snapshot was taken of; "" for what nobody knows.

    Prices are listed by image, also for a start from a snapshot (FACTS 7), and a container does not become a VM.
    """

    image_id: str
    category: str


def below(client: Client, snapshot: Snapshot) -> Below:
    """The image below a snapshot, and the category of its machine."""
    image, category = "", ""
    if not snapshot.instance_id:
        return Below(image, category)
    recorder = recorder_of(client)
    with suppress(LedgerError):
        record = recorder.ledger.images(recorder.account).get(snapshot.instance_id)
        image = record.image_id if record is not None else ""
    # The service may forget machines that ended long ago; a snapshot of one can be started all the same.
    with suppress(ParamIllegal):
        machine = client.instances.get(snapshot.instance_id)
        category = machine.category
        image = image or (machine.base_image.image_id if machine.base_image else "")
    return Below(image, category)


def _called(images: Sequence[Image], word: str) -> list[Image]:
    """Images of this name but for case and what stands between words, else those whose names have all words of it."""
    wanted = _words(word)
    if not wanted:
        return []
    same = [image for image in images if _words(image.name) == wanted]
    return same or [image for image in images if set(wanted) <= set(_words(image.name))]


def _words(text: str) -> list[str]:
    """Letters, numbers such as 12.8, and other signs, each for itself; what only stands between words is none."""
    return re.findall(r"[^\W\d_]+|\d+(?:\.\d+)*|[^\w\s.,:;/()-]+", text.casefold())
