"""What can be set: how much a user may have, and where the service's behaviour isn't known.

The defaults are what FACTS makes likeliest. Who changes them is in `admin`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TypeVar

_Settings = TypeVar("_Settings", "Limits", "Switches")


@dataclass(frozen=True)
class Limits:
    """What one user may have. The numbers of the first four are those of the console (FACTS 2)."""

    instances: int = 20
    snapshots: int = 20
    networks: int = 1
    endpoints: int = 5
    """In one network."""
    storage_gb: int = 2048
    """Of all snapshot volumes together."""
    pending_images: int = 5
    """Invented: that there is a limit is known from code 192 alone."""
    regions: tuple[str, ...] | None = None
    """Where machines may be rented, as in a team's region permission; None is everywhere."""
    may_write: bool = True
    """False for a member of a team who may only look: all that changes something is code 7 (invented)."""


@dataclass(frozen=True)
class Switches:
    """Where nobody knows what the service does, and both have to be tried."""

    frees_meta_keys: bool = False
    """May the key of a Finished machine be used again?"""
    bills_from_order: bool = False
    """Is a machine billed from its order, as the checkout dialog says, or from Running (FACTS 4.4)?"""
    refuses_from_snapshot_id: bool = True
    """Is the sister service's name of `from_snap_id` refused, or taken for it, as one who uses it expects?"""
    takes_base_resource: bool = True
    """Can `base_resource` stand for `gpu_name` or `cpu_name`, or only beside the name that the contract requires?"""
    takes_cpu_name: bool = True
    """Can `cpu_name` stand for `gpu_name` (FACTS 3.2, C and D)?"""
    sells_extras: bool = True
    """Can `extra_resource` be ordered, as spec list offers it, or is any refused? Its fields are inferred."""
    snapshot_volumes: int = 1
    """How many snapshots one request makes ("one or more", contract)."""


DEFAULT_LIMITS = Limits()
DEFAULT_SWITCHES = Switches()


def changed(settings: _Settings, changes: Mapping[str, object]) -> _Settings:
    """Return settings with some of them changed; ValueError names what is no setting or of another type."""
    defaults = type(settings)()
    for name, value in changes.items():
        if name not in {field.name for field in fields(settings)}:
            raise ValueError(f"there is no setting {name!r}")
        if name == "regions":
            if value is not None and not (isinstance(value, list | tuple) and all(isinstance(r, str) for r in value)):
                raise ValueError("regions must be a list of names or null")
        elif type(value) is not type(getattr(defaults, name)) or (isinstance(value, int) and value < 0):
            raise ValueError(f"{name} must be like {getattr(defaults, name)!r}, not {value!r}")
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in changes.items()}
    return replace(settings, **values)  # type: ignore[arg-type]
