"""A token that nothing shows by accident, and what can be read from one without asking the service.

Tokens are JWTs (FACTS 2). Nothing here verifies a signature; only the service can.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

SANDBOX_ISSUER: Final = "glows-sandbox"
TIME_CLAIMS: Final = frozenset({"exp", "iat", "nbf", "orig_iat", "auth_time", "jti"})
MARK_LENGTH: Final = 8


class Token:
    """An SDK token; no repr shows it.

    The same as pydantic's SecretStr, for processes that need to know whose token it is and nothing else of pydantic:
    one for each Tab in a shell.
    """

    __slots__ = ("_text", "problem")

    def __init__(self, text: str, problem: str = "") -> None:
        self._text = text
        self.problem = problem
        """Why what was given can't be one, as the second half of a sentence."""

    def get_secret_value(self) -> str:
        """The token itself."""
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Token) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "Token('**********')"

    def __str__(self) -> str:
        return "**********"


def revealed(secret: Any) -> str:
    """What a Token or SecretStr hides; for where it leaves this process."""
    value: str = secret.get_secret_value()
    return value


def claims(token: str) -> Mapping[str, Any] | None:
    """The token's claims, None when it is no JWT."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        payload = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        decoded = json.loads(payload)
    except (binascii.Error, ValueError):
        return None
    return decoded if isinstance(decoded, dict) else None


def account_mark(token: str) -> str:
    """Eight hexadecimal digits for the account, the same for a renewed token (DESIGN, rule 3)."""
    known = claims(token)
    if known is None:
        identity = token
    else:
        lasting = {name: value for name, value in known.items() if name not in TIME_CLAIMS}
        identity = json.dumps(lasting, sort_keys=True)
    return digest(identity)[:MARK_LENGTH]


def expiry(token: str) -> datetime | None:
    """When the token expires, None when it does not say."""
    exp = (claims(token) or {}).get("exp")
    if isinstance(exp, bool) or not isinstance(exp, int | float):
        return None
    try:
        return datetime.fromtimestamp(exp, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def is_sandbox(token: str) -> bool:
    """Was the token issued by an embedded sandbox?"""
    known = claims(token)
    return known is not None and known.get("iss") == SANDBOX_ISSUER


def digest(text: str) -> str:
    """A stable hash of a text, in hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()
