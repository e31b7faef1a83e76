"""What the service answers, as frozen typed models.

Attributes are snake_case whatever the wire says; aliases carry the wire's own spelling both ways. Tomorrow's
server is fine: unknown fields are kept, unknown status words pass through as text, null stands for an empty
list. Requests are in `requests.py`.
"""

from glows_nb.api.models.images import Image, SubmittedImage
from glows_nb.api.models.instances import (
    Access,
    BaseImage,
    BaseSnap,
    Hardware,
    Instance,
    NetworkEndpoint,
    SshCredentials,
    mark_sandbox,
)
from glows_nb.api.models.networks import Attached, Endpoint, EndpointStatus, Network, NetworkType
from glows_nb.api.models.snapshots import Snapshot, SnapshotsCreated, SnapshotStatus
from glows_nb.api.models.specs import (
    SPEC_CATEGORIES,
    BaseResource,
    ExtraResource,
    MachineCategory,
    Price,
    RegionSpecs,
    Spec,
    UnitSpec,
)
from glows_nb.api.models.wire import AccessUrl, Page, Pagination, WireModel
from glows_nb.api.ports import JUPYTER_PORT, SSH_PORT
from glows_nb.api.statuses import ENDED, LEAVING, InstanceStatus

__all__ = [
    "ENDED",
    "JUPYTER_PORT",
    "LEAVING",
    "SPEC_CATEGORIES",
    "SSH_PORT",
    "Access",
    "AccessUrl",
    "Attached",
    "BaseImage",
    "BaseResource",
    "BaseSnap",
    "Endpoint",
    "EndpointStatus",
    "ExtraResource",
    "Hardware",
    "Image",
    "Instance",
    "InstanceStatus",
    "MachineCategory",
    "Network",
    "NetworkEndpoint",
    "NetworkType",
    "Page",
    "Pagination",
    "Price",
    "RegionSpecs",
    "Snapshot",
    "SnapshotStatus",
    "SnapshotsCreated",
    "Spec",
    "SshCredentials",
    "SubmittedImage",
    "UnitSpec",
    "WireModel",
    "mark_sandbox",
]
