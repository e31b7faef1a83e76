"""What is called so: an image, a snapshot or a network, by its id or its name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final, NamedTuple

from glows_nb.api.client import Client
from glows_nb.api.domains import networks_and_regions_not_asked
from glows_nb.api.errors import InvalidRequest, ParamIllegal
from glows_nb.api.ids import IMAGE_PREFIX, NETWORK_PREFIX, bare_id
from glows_nb.api.models.images import Image
from glows_nb.api.models.networks import NetworkType
from glows_nb.api.models.snapshots import Snapshot
from glows_nb.ledger.database import LedgerError
from glows_nb.ledger.recorder import recorder_of

SHOWN: Final = 5
"""How many names an error tells."""


def image_id(client: Client, word: str) -> str:
    """An image's id, of its id or of a name as people write it; an id is not looked for, since no list need have it.

    Raises:
        InvalidRequest: there is no image called so, or there are several.
    """
    if word.startswith(IMAGE_PREFIX):
        return word
    images = [image for image in client.images.all() if not image.unread]
    found = [image for image in images if image.image_id == word] or _called(images, word)
    if len(found) == 1:
        return found[0].image_id
    some = ", ".join(str(image) for image in (found or images)[:SHOWN]) or "none"
    more = ", …" if len(found or images) > SHOWN else ""
    if found:
        raise InvalidRequest("image", f"{word!r} may mean {some}{more}; give the id of one.")
    raise InvalidRequest("image", f"there is no image {word!r}; there are: {some}{more}.")


def network_id(client: Client, word: str, kind: NetworkType = NetworkType.MESH) -> str:
    """A network's id, of its id or its name; an id is not looked for, since no list need have it.

    Args:
        client: whom to ask.
        word: the id or the name.
        kind: a private network, or a public IP, which is one with a single place.

    Raises:
        InvalidRequest: there is none of this name.
    """
    if word.startswith(NETWORK_PREFIX):
        return word
    known, unasked = client.run(networks_and_regions_not_asked(kind, strict=False))
    found = [each.network_id for each in known if word in (each.network_id, each.name)]
    if found:
        return found[0]
    names = ", ".join(str(each) for each in known) or "none"
    elsewhere = f" In {' and '.join(unasked)} nobody can look; give its id." if unasked else ""
    field, what = ("network", "network") if kind == NetworkType.MESH else ("public_ip", "public IP")
    raise InvalidRequest(field, f"there is no {what} {word!r}; there are: {names}.{elsewhere}")


def snapshot_named(client: Client, word: str) -> Snapshot:
    """A snapshot by its id or name, of several of one name the newest; names are known to the ledger alone (FACTS 7).

    Raises:
        InvalidRequest: there is none.
    """
    recorder = recorder_of(client)
    names: dict[str, str] = {}
    with suppress(LedgerError):
        names = {id_: record.name for id_, record in recorder.ledger.snapshots(recorder.account).items()}
    known = [snapshot for snapshot in client.snapshots.all() if snapshot.snapshot_id]
    found = [
        each for each in known if bare_id(each.snapshot_id) == bare_id(word) or names.get(each.snapshot_id) == word
    ]
    if not found:
        some = ", ".join(each.snapshot_id for each in known[:SHOWN]) or "none"
        raise InvalidRequest("snapshot", f"there is no snapshot {word!r}; there are: {some}.")
    return max(found, key=lambda each: each.create_time or datetime.fromtimestamp(0, UTC))


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
    """Images of this very name, else those whose names have all words of it; case and punctuation do not count."""
    wanted = _words(word)
    same = [image for image in images if _words(image.name) == wanted]
    return same or [image for image in images if wanted and set(wanted) <= set(_words(image.name))]


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z]+|[\d.]*\d", text.casefold())
