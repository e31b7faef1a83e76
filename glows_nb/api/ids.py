"""Ids as the service gives them: `ins-boyqp4g8`, and without a prefix as it once did."""

from __future__ import annotations

from typing import Final

IMAGE_PREFIX: Final = "img-"
INSTANCE_PREFIX: Final = "ins-"
NETWORK_PREFIX: Final = "net-"


def bare_id(resource_id: str) -> str:
    """An id without its prefix: ins-boyqp4g8 and the legacy boyqp4g8 are the same."""
    return resource_id.rpartition("-")[2]
