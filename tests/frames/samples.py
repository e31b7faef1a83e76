"""The contract's sample bodies as models."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from glows_nb.api.models.images import Image
from glows_nb.api.models.instances import Instance
from glows_nb.api.models.networks import Endpoint, Network
from glows_nb.api.models.snapshots import Snapshot
from glows_nb.api.models.specs import Spec

SAMPLES = Path(__file__).parents[1] / "contract_examples"
RTX_4090 = "NVIDIA GeForce RTX 4090"
CREATED = 1_726_810_944
NOW = datetime.fromtimestamp(CREATED, UTC) + timedelta(hours=2)


def sample(name: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((SAMPLES / f"{name}.response.json").read_text())
    return body


def spec(unit: dict[str, Any] | None = None, **changes: Any) -> Spec:
    body = sample("spec_list")["specs"][0] | changes
    if unit is not None:
        body["base_resource"]["unit_spec"] = unit
    return Spec.model_validate(body)


def machine(**changes: Any) -> Instance:
    return Instance.model_validate(sample("instance_get")["instance"] | changes)


def image(**changes: Any) -> Image:
    return Image.model_validate(sample("image_list")["images"][0] | changes)


def snapshot(**changes: Any) -> Snapshot:
    return Snapshot.model_validate(sample("snapshot_list")["snapshots"][0] | changes)


def network(**changes: Any) -> Network:
    return Network.model_validate(sample("network_list")["networks"][0] | changes)


def endpoint(**changes: Any) -> Endpoint:
    return Endpoint.model_validate(sample("network_endpoints")["endpoints"][0] | changes)
