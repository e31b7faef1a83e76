"""SDK tokens: signed JWTs that say who is calling. Users are rows of the store; what they may see is decided there.

Lifetimes run on the real clock, not the virtual one, because clients decode `exp` and compare it with theirs.
"""

import hashlib
import time
from dataclasses import dataclass

import jwt

from glows_nb.sandbox.codes import Code, Refusal

ISSUER = "glows-sandbox"
LIFETIME_SECONDS = 30 * 24 * 3600.0
"""How long a token is good for; unknown for GLOWS, about a month on the sister service (FACTS 2)."""

_ALGORITHM = "HS256"


@dataclass(frozen=True)
class User:
    """Whose token it is."""

    uid: int
    name: str


def issue(user: User, secret: str, lifetime: float = LIFETIME_SECONDS) -> str:
    """Sign a token for `user` that is good for `lifetime` real seconds from now."""
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "sub": user.name,
        "uid": user.uid,
        # Users of two sandboxes are two accounts, though both are called the same: a client may tell them apart by it.
        "sandbox": hashlib.sha256(secret.encode()).hexdigest()[:12],
        "orig_iat": now,
        "exp": now + int(lifetime),
    }
    return jwt.encode(claims, secret, algorithm=_ALGORITHM)


def verify(authorization: str, secret: str) -> User:
    """Return the user of an `Authorization` value, or refuse with code 176, whatever is wrong with it."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise Refusal(Code.TOKEN_REJECTED, "no bearer token")
    try:
        claims = jwt.decode(
            token.strip(),
            secret,
            algorithms=[_ALGORITHM],
            issuer=ISSUER,
            options={"require": ["exp", "sub", "uid"]},
        )
        return User(uid=int(claims["uid"]), name=str(claims["sub"]))
    # PyJWT lets ValueError and the like through for some headers that are valid JSON but make no sense.
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise Refusal(Code.TOKEN_REJECTED, f"{type(error).__name__}: {error}") from None


def authorization_of(header: str, query: str) -> str:
    """Choose between the header and the `?Authorization=` parameter, which may leave the word Bearer out.

    The service "copies" the parameter "into the header before JWT validation" (contract), so where both are
    given the parameter counts.
    """
    if not query:
        return header
    return query if query[:7].lower() == "bearer " else f"Bearer {query}"
