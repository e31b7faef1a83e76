"""What can be asked of the service, with the contract's limits."""

from glows_nb.api.requests.create import CMD_LIMIT, ENVS_LIMIT, CreateInstance, Port, encode_envs, encode_ports
from glows_nb.api.requests.limits import RequestModel, shortened
from glows_nb.api.requests.parameters import (
    AttachInstances,
    CreateNetwork,
    CreateSnapshot,
    DeleteImage,
    ListEndpoints,
    ListImages,
    ListInstances,
    ListNetworks,
    ListSnapshots,
    ListSpecs,
    PageOf,
    SubmitImage,
    WhichInstance,
)

__all__ = [
    "CMD_LIMIT",
    "ENVS_LIMIT",
    "AttachInstances",
    "CreateInstance",
    "CreateNetwork",
    "CreateSnapshot",
    "DeleteImage",
    "ListEndpoints",
    "ListImages",
    "ListInstances",
    "ListNetworks",
    "ListSnapshots",
    "ListSpecs",
    "PageOf",
    "Port",
    "RequestModel",
    "SubmitImage",
    "WhichInstance",
    "encode_envs",
    "encode_ports",
    "shortened",
]
