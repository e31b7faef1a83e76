"""What a client holds of secrets is masked in texts that come from elsewhere, however it is written there.

A service may repeat in an error what was sent to it. What is known is looked for first, as it is and as programs write
it: escaped, quoted, in URLs, in base64. What only looks like a secret comes second.
"""

from __future__ import annotations

import html
import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from threading import Lock
from typing import Final
from urllib.parse import quote, quote_plus

MASK: Final = "***"
SHORTEST: Final = 4
"""Characters; a shorter value, such as the 3 of EPOCHS=3, is masked only where its name stands before it."""

MOST_SEEN: Final = 256
"""Passwords that are remembered, the newest."""

LONGEST_LOOKED_AT: Final = 4096
"""Characters of a foreign text, its blanks folded; more is never shown of one."""

NAMED: Final = re.compile(r'("?(?:password|token|envs|authorization)"?\s*[:=]\s*"?)[^"&\s,}]+', re.IGNORECASE)
IN_ADDRESS: Final = re.compile(r"(\w://[^/\s:@]*:)[^@\s/]+@")


class SecretMasker:
    """The secrets that one client holds: its token, and the passwords of machines that it was told."""

    def __init__(self, token: str) -> None:
        self._token = token
        self._seen: dict[str, None] = {}
        self._lock = Lock()

    def __repr__(self) -> str:
        return f"<{len(self._seen) + 1} secrets>"

    def see(self, password: str) -> None:
        """Remember a password that was told, the newest of them."""
        if password and password not in self._seen:
            with self._lock:
                self._seen[password] = None
                while len(self._seen) > MOST_SEEN:
                    del self._seen[next(iter(self._seen))]

    def mask(self, text: str, envs: str = "") -> str:
        """The text without what is held.

        Args:
            text: anything.
            envs: the variables of the request that this is about, as a=b;c=d.
        """
        variables = [part.partition("=")[::2] for part in envs.split(";") if part]
        with self._lock:
            held = [self._token, *self._seen, *(value for _, value in variables)]
        for name, value in variables:
            text = text.replace(f"{name}={value}", f"{name}={MASK}") if name and value else text
        for form in sorted({form for secret in held for form in forms(secret)}, key=len, reverse=True):
            text = text.replace(form, MASK)
        return NAMED.sub(rf"\1{MASK}", IN_ADDRESS.sub(rf"\1{MASK}@", text))

    def masked_line(self, body: bytes, length: int, envs: str = "") -> str:
        """The first characters of a foreign text on one line, masked; signs that don't print are left out."""
        text = b" ".join(body.split()).decode(errors="replace")
        is_cut = len(text) > LONGEST_LOOKED_AT
        text = self.mask(text[:LONGEST_LOOKED_AT], envs)
        if is_cut:
            # A secret that the cut went through was not found as one.
            held = (form for secret in (self._token, *self._seen, envs) for form in forms(secret))
            text = text[: len(text) - max(map(len, held), default=0)]
        return "".join(sign for sign in text if sign.isprintable())[:length]


def forms(secret: str) -> Iterator[str]:
    """A secret as programs write it; nothing for one that is too short to be told from other text."""
    if len(secret) < SHORTEST:
        return
    data = secret.encode(errors="surrogatepass")
    yield secret
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield repr(secret)[1:-1]
    yield html.escape(secret)
    for encoded in (quote(data, safe=""), quote(data), quote_plus(data)):
        yield encoded
        yield re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), encoded)
    yield data.hex()
    yield data.hex().upper()
    for encode in (b64encode, urlsafe_b64encode):
        yield from _in_base64(data, encode)


def _in_base64(data: bytes, encode: Callable[[bytes], bytes]) -> Iterator[str]:
    """What is the same of it in base64 wherever it stands among other bytes, which may begin at three places."""
    for before in range(3):
        text = encode(b"\0" * before + data).decode().rstrip("=")
        # The first and last signs also hold bits of what stands beside it.
        first = -(-8 * before // 6)
        last = 8 * (before + len(data)) // 6
        if last - first >= SHORTEST:
            yield text[first:last]
