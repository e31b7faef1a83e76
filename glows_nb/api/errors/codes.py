"""The service answered with a non-zero code: one class for each code that is known (contract, "Error codes")."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from glows_nb.api.errors.base import GlowsError


class ErrCode(IntEnum):
    """The service's error codes: those of the contract, and 176, seen on the live service (FACTS 2)."""

    Success = 0
    InternalError = 1
    ParamIllegal = 6
    PermissionDenied = 7
    MetaKeyExist = 10
    DiskQuotaExceeded = 17
    IllegalStatus = 20
    OutOfNetCountLimit = 88
    EndpointExist = 89
    TakingSnapNotAllowed = 114
    NetNameRepeat = 133
    OutOfNetEndpointCountLimit = 164
    ImageAlreadyExists = 174
    TokenRefused = 176
    ImagePendingLimitExceeded = 192
    UserNodeQtyExceedQuota = 198
    UserSnapQtyExceedQuota = 199
    InvalidDomainInfo = 206
    RegionAccessDenied = 208
    NoResourceAvailable = 215


class APIError(GlowsError):
    """The service answered with a non-zero code.

    Attributes:
        code: the number that came.
        name: its name in the contract, or "Unknown".
        msg: the service's own words.
        operation: what was asked, such as "list instances".
        http_status: usually 200, also for errors.
    """

    name: str = "Unknown"
    meaning: str = "a code that no document names"
    advice: str = ""

    def __init__(self, code: int, msg: str, operation: str, http_status: int = 200) -> None:
        self.code = code
        self.msg = msg
        self.operation = operation
        self.http_status = http_status
        said = f' The service said: "{msg}".' if msg else ""
        advice = f" {self.advice}" if self.advice else ""
        super().__init__(f"Could not {operation}: {self.meaning} (code {code} {self.name}).{said}{advice}")


class UnknownCodeError(APIError):
    """A non-zero code that neither the contract nor experience names; it is an error all the same."""


class AuthError(APIError):
    """The token was refused (code 176), or is not allowed to do this (PermissionDenied)."""

    name = "TokenRefused"
    meaning = "the token was refused"
    advice = (
        "It is wrong, of the wrong kind or expired; GLOWS support gives out SDK tokens, "
        "and the Datadrive CLI token is not one."
    )

    @classmethod
    def expired(cls, when: str, operation: str) -> AuthError:
        """The same, read from the token itself before a request was made.

        Args:
            when: the token's end, as it is said.
            operation: what was to be asked.
        """
        error = cls(ErrCode.TokenRefused, "", operation)
        error.args = (
            f"Could not {operation}: the token expired at {when} by this computer's clock; "
            "get a new one from GLOWS support.",
        )
        return error


class PermissionDenied(AuthError):
    """Code 7."""

    name = "PermissionDenied"
    meaning = "this account is not allowed to"
    advice = "GLOWS support can tell whether it may be."


class InternalError(APIError):
    """Code 1."""

    name = "InternalError"
    meaning = "the service failed inside"
    advice = "Try again in a minute."


class ParamIllegal(APIError):
    """Code 6: also what the service says of an id that is unknown or somebody else's."""

    name = "ParamIllegal"
    meaning = "an argument is invalid, or names something that does not exist or is not yours"
    advice = "Compare the ids with those in the lists, which show what is yours."

    @classmethod
    def no_machine(cls, machine: str) -> ParamIllegal:
        """The same, where a machine was looked for in every way."""
        error = cls(ErrCode.ParamIllegal, "", "find a machine")
        error.args = (
            f"You have no machine with the name, key or id {machine!r}; the list of machines shows what is yours.",
        )
        return error


class MetaKeyExists(APIError):
    """Code 10: keys are unique across all users of the service."""

    name = "MetaKeyExist"
    meaning = "this meta key is taken"
    advice = "Choose another name or key."


class DiskQuotaExceeded(APIError):
    """Code 17."""

    name = "DiskQuotaExceeded"
    meaning = "the storage plan is full"
    advice = "Snapshots and images share the plan; the GLOWS console deletes them and sells more."


class IllegalStatus(APIError):
    """Code 20."""

    name = "IllegalStatus"
    meaning = "the machine's present state does not allow this"
    advice = "Look at its status, and wait until it is Running."


class OutOfNetCountLimit(APIError):
    """Code 88."""

    name = "OutOfNetCountLimit"
    meaning = "the quota of networks is used up"
    advice = "Use one that is there."


class EndpointExists(APIError):
    """Code 89."""

    name = "EndpointExist"
    meaning = "this machine is in the network already"
    advice = "The endpoints of the network show who is in it; attach the others alone."


class TakingSnapNotAllowed(APIError):
    """Code 114."""

    name = "TakingSnapNotAllowed"
    meaning = "this machine can't be snapshotted"
    advice = "Copy what is to be kept off it before it is released."


class NetNameRepeat(APIError):
    """Code 133."""

    name = "NetNameRepeat"
    meaning = "a network of this name exists"
    advice = "Use that one, or choose another name; one that no list shows is in a region whose number is not known."


class OutOfNetEndpointCountLimit(APIError):
    """Code 164."""

    name = "OutOfNetEndpointCountLimit"
    meaning = "the network has no place for more machines"
    advice = "Release one that is in it, or use another network."


class ImageAlreadyExists(APIError):
    """Code 174."""

    name = "ImageAlreadyExists"
    meaning = "this image was submitted before"
    advice = "It is among your own images."


class ImagePendingLimitExceeded(APIError):
    """Code 192."""

    name = "ImagePendingLimitExceeded"
    meaning = "too many submitted images are still being fetched"
    advice = "Try again when one of them is there."


class UserNodeQtyExceedQuota(APIError):
    """Code 198."""

    name = "UserNodeQtyExceedQuota"
    meaning = "the quota of machines is used up"
    advice = "Release one that is no longer needed."


class UserSnapQtyExceedQuota(APIError):
    """Code 199."""

    name = "UserSnapQtyExceedQuota"
    meaning = "the quota of snapshots is used up"
    advice = "The GLOWS console deletes those that are no longer needed."


class InvalidDomainInfo(APIError):
    """Code 206."""

    name = "InvalidDomainInfo"
    meaning = "there is no region of this name"
    advice = "The offers name the regions that there are."


class RegionAccessDenied(APIError):
    """Code 208."""

    name = "RegionAccessDenied"
    meaning = "this account has no access to the region"
    advice = "Choose another; the offers name those that there are."


class NoResourceAvailable(APIError):
    """Code 215."""

    name = "NoResourceAvailable"
    meaning = "none is free at the moment"
    advice = "Try another region or GPU, or this one later."

    @classmethod
    def in_offers(cls, sentence: str) -> NoResourceAvailable:
        """The same, known from the offers before any create was sent.

        Args:
            sentence: why, as it is said.
        """
        error = cls(ErrCode.NoResourceAvailable, sentence, "plan a machine")
        error.args = (sentence,)
        return error


ERROR_BY_CODE: Final[dict[int, type[APIError]]] = {
    ErrCode.InternalError: InternalError,
    ErrCode.ParamIllegal: ParamIllegal,
    ErrCode.PermissionDenied: PermissionDenied,
    ErrCode.MetaKeyExist: MetaKeyExists,
    ErrCode.DiskQuotaExceeded: DiskQuotaExceeded,
    ErrCode.IllegalStatus: IllegalStatus,
    ErrCode.OutOfNetCountLimit: OutOfNetCountLimit,
    ErrCode.EndpointExist: EndpointExists,
    ErrCode.TakingSnapNotAllowed: TakingSnapNotAllowed,
    ErrCode.NetNameRepeat: NetNameRepeat,
    ErrCode.OutOfNetEndpointCountLimit: OutOfNetEndpointCountLimit,
    ErrCode.ImageAlreadyExists: ImageAlreadyExists,
    ErrCode.TokenRefused: AuthError,
    ErrCode.ImagePendingLimitExceeded: ImagePendingLimitExceeded,
    ErrCode.UserNodeQtyExceedQuota: UserNodeQtyExceedQuota,
    ErrCode.UserSnapQtyExceedQuota: UserSnapQtyExceedQuota,
    ErrCode.InvalidDomainInfo: InvalidDomainInfo,
    ErrCode.RegionAccessDenied: RegionAccessDenied,
    ErrCode.NoResourceAvailable: NoResourceAvailable,
}


def api_error(code: int, msg: str, operation: str, http_status: int = 200) -> APIError:
    """The error for a non-zero code of the service, known or not."""
    return ERROR_BY_CODE.get(code, UnknownCodeError)(code, msg, operation, http_status)
