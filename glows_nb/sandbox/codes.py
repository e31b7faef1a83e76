"""The answer codes of the service and the exception that carries one out of an operation.

Codes and meanings are the contract's table; how an answer is written is in `resources.answers`.
"""

from enum import IntEnum


class Code(IntEnum):
    """Every application code that the sandbox may answer."""

    SUCCESS = 0
    INTERNAL_ERROR = 1
    PARAM_ILLEGAL = 6
    PERMISSION_DENIED = 7
    META_KEY_EXIST = 10
    DISK_QUOTA_EXCEEDED = 17
    ILLEGAL_STATUS = 20
    OUT_OF_NET_COUNT_LIMIT = 88
    ENDPOINT_EXIST = 89
    TAKING_SNAP_NOT_ALLOWED = 114
    NET_NAME_REPEAT = 133
    OUT_OF_NET_ENDPOINT_COUNT_LIMIT = 164
    IMAGE_ALREADY_EXISTS = 174
    # Missing in the contract's table, but what the live service answers to a bad token (FACTS 2).
    TOKEN_REJECTED = 176
    IMAGE_PENDING_LIMIT_EXCEEDED = 192
    USER_NODE_QTY_EXCEED_QUOTA = 198
    USER_SNAP_QTY_EXCEED_QUOTA = 199
    INVALID_DOMAIN_INFO = 206
    REGION_ACCESS_DENIED = 208
    NO_RESOURCE_AVAILABLE = 215

    @property
    def msg(self) -> str:
        """The `msg` that goes with the code.

        Seen in the wild are only 176's text and, on the sister service, 6's "param illegal". All others are
        invented in that style: the code's name in lower-case words (FACTS 2).
        """
        if self is Code.SUCCESS:
            return ""
        if self is Code.TOKEN_REJECTED:
            return "check jwt token failed"
        return self.name.lower().replace("_", " ")


class Refusal(Exception):
    """An operation says no: `code` is answered, `reason` is only for the log, since the service gives none."""

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(f"{int(code)} {code.msg}: {reason}")
        self.code = code
        self.reason = reason


def illegal(reason: str) -> Refusal:
    """Make the most frequent refusal: something is wrong with the request itself."""
    return Refusal(Code.PARAM_ILLEGAL, reason)
