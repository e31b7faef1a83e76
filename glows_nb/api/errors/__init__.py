"""Every error that glows_nb raises on purpose.

GlowsError
 ├─ ConfigError            no token, an unreadable profile, a refused address
 ├─ InvalidRequest         a field over its limit: refused before any request was made
 ├─ APIError               the service answered with a non-zero code (contract, "Error codes")
 │   ├─ AuthError          176: the token was refused
 │   │   └─ PermissionDenied                        7
 │   ├─ InternalError                               1
 │   ├─ ParamIllegal                                6
 │   ├─ MetaKeyExists                              10
 │   ├─ DiskQuotaExceeded                          17
 │   ├─ IllegalStatus                              20
 │   ├─ OutOfNetCountLimit                         88
 │   ├─ EndpointExists                             89
 │   ├─ TakingSnapNotAllowed                      114
 │   ├─ NetNameRepeat                             133
 │   ├─ OutOfNetEndpointCountLimit                164
 │   ├─ ImageAlreadyExists                        174
 │   ├─ ImagePendingLimitExceeded                 192
 │   ├─ UserNodeQtyExceedQuota                    198
 │   ├─ UserSnapQtyExceedQuota                    199
 │   ├─ InvalidDomainInfo                         206
 │   ├─ RegionAccessDenied                        208
 │   ├─ NoResourceAvailable                       215
 │   └─ UnknownCodeError   a code that no document names
 ├─ TransportError         no valid answer came: refused, reset, timed out, HTTP 5xx
 ├─ RateLimited            HTTP 429
 ├─ BadResponse            an answer came, and it is not what the contract describes
 ├─ AmbiguousResult        a write may have happened; the message says how to find out
 ├─ MachineDiffers         the machine found under the key is not the one asked for
 ├─ PriceTooHigh           everything that fits costs more than max_price_per_hour
 ├─ BudgetReached          the budget is used up, or would be passed without over_budget
 ├─ StalePlan              what a Plan promised no longer holds; nothing was rented
 ├─ MachineEnded           a wait can't succeed any more: the machine reached a final state
 └─ WaitTimeout            a wait's deadline passed; the machine goes on as it was
"""

from __future__ import annotations

from glows_nb.api.errors.base import (
    AmbiguousResult,
    BadResponse,
    ConfigError,
    GlowsError,
    InvalidRequest,
    RateLimited,
    TransportError,
)
from glows_nb.api.errors.codes import (
    APIError,
    AuthError,
    DiskQuotaExceeded,
    EndpointExists,
    ErrCode,
    IllegalStatus,
    ImageAlreadyExists,
    ImagePendingLimitExceeded,
    InternalError,
    InvalidDomainInfo,
    MetaKeyExists,
    NetNameRepeat,
    NoResourceAvailable,
    OutOfNetCountLimit,
    OutOfNetEndpointCountLimit,
    ParamIllegal,
    PermissionDenied,
    RegionAccessDenied,
    TakingSnapNotAllowed,
    UnknownCodeError,
    UserNodeQtyExceedQuota,
    UserSnapQtyExceedQuota,
)
from glows_nb.api.errors.machines import (
    BudgetReached,
    MachineDiffers,
    MachineEnded,
    PriceTooHigh,
    SnapshotFailed,
    StalePlan,
    WaitTimeout,
)

__all__ = [
    "APIError",
    "AmbiguousResult",
    "AuthError",
    "BadResponse",
    "BudgetReached",
    "ConfigError",
    "DiskQuotaExceeded",
    "EndpointExists",
    "ErrCode",
    "GlowsError",
    "IllegalStatus",
    "ImageAlreadyExists",
    "ImagePendingLimitExceeded",
    "InternalError",
    "InvalidDomainInfo",
    "InvalidRequest",
    "MachineDiffers",
    "MachineEnded",
    "MetaKeyExists",
    "NetNameRepeat",
    "NoResourceAvailable",
    "OutOfNetCountLimit",
    "OutOfNetEndpointCountLimit",
    "ParamIllegal",
    "PermissionDenied",
    "PriceTooHigh",
    "RateLimited",
    "RegionAccessDenied",
    "SnapshotFailed",
    "StalePlan",
    "TakingSnapNotAllowed",
    "TransportError",
    "UnknownCodeError",
    "UserNodeQtyExceedQuota",
    "UserSnapQtyExceedQuota",
    "WaitTimeout",
]

for _name in __all__:
    # A traceback names an error by the place that users import it from.
    globals()[_name].__module__ = __name__
