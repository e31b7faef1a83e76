"""Where token and address come from: arguments, a profile file, the environment.

The profile file is TOML, one table a profile (`[default]`, `[lab]`) with `token` and, where it is not the
live service, `base_url`; `profiles_path()` says where it lies.
"""

from __future__ import annotations

import ipaddress
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from platformdirs import user_config_path
from pydantic import SecretStr

from glows_nb.api.errors import ConfigError

LIVE_BASE_URL: Final = "https://a.glows.ai/sdk/v1"
TOKEN_VARIABLE: Final = "GLOWS_SDK_TOKEN"  # noqa: S105 - the variable's name, not a token
BASE_URL_VARIABLE: Final = "GLOWS_BASE_URL"
PROFILE_VARIABLE: Final = "GLOWS_PROFILE"
DEFAULT_PROFILE: Final = "default"


@dataclass(frozen=True)
class Connection:
    """An address and the token for it; the token is masked in the repr."""

    base_url: str
    token: SecretStr


def resolve(token: str | None = None, base_url: str | None = None, profile: str | None = None) -> Connection:
    """The connection meant by these arguments, the environment and the profile file.

    The token is the argument's, else the named profile's, else GLOWS_SDK_TOKEN's, else that of the profile
    named by GLOWS_PROFILE ("default" without). The address follows the same order and ends at the live service.

    Raises:
        ConfigError: no token is found, the profile can't be used, or the address is refused.
    """
    environment_token = os.environ.get(TOKEN_VARIABLE)
    if profile is None and token is None and not environment_token:
        settings = _profile(os.environ.get(PROFILE_VARIABLE))
    else:
        settings = _profile(profile) if profile is not None else {}
    found_token = token or settings.get("token") or environment_token
    if not found_token:
        raise ConfigError(
            "No GLOWS token. Give one with glows.connect(token=…), in the environment variable "
            f"{TOKEN_VARIABLE}, or as a profile in {profiles_path()}; "
            "or rehearse without an account in the sandbox: glows.sandbox() or %glows sandbox."
        )
    address = base_url or settings.get("base_url") or os.environ.get(BASE_URL_VARIABLE) or LIVE_BASE_URL
    return Connection(checked_base_url(str(address)), SecretStr(checked_token(str(found_token))))


def profiles_path() -> Path:
    """The file that holds the profiles."""
    return user_config_path("glows-nb", appauthor=False) / "profiles.toml"


def checked_token(token: str) -> str:
    """The token as it goes into a header: without stray white space, byte-order mark or "Bearer "."""
    cleaned = token.strip().lstrip("\ufeff").strip().removeprefix("Bearer ").strip()
    if not cleaned:
        raise ConfigError("The GLOWS token is empty.")
    if not cleaned.isascii() or not cleaned.isprintable() or " " in cleaned:
        raise ConfigError("The GLOWS token holds characters that no token has, such as a space or a line end.")
    return cleaned


def checked_base_url(base_url: str) -> str:
    """The address without a trailing slash; https, or http on this machine alone."""
    cleaned = base_url.strip().rstrip("/")
    parts = urlsplit(cleaned)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"base_url: {base_url!r} is no address such as {LIVE_BASE_URL}.")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ConfigError(
            f"base_url: {base_url!r} would send the token unencrypted; use https (http is for this machine alone)."
        )
    return cleaned


def is_loopback(host: str) -> bool:
    """Does the host name this machine itself?"""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _profile(name: str | None) -> Mapping[str, Any]:
    """The settings of a profile; an unnamed one may be missing, a named one may not."""
    path = profiles_path()
    if not path.is_file():
        if name is None:
            return {}
        raise ConfigError(f"There is no profile {name!r}: the file {path} does not exist.")
    if os.name == "posix" and path.stat().st_mode & 0o077:
        raise ConfigError(f"Others can read {path}, which holds tokens; run: chmod 600 '{path}'")
    try:
        profiles = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from None
    settings = profiles.get(name or DEFAULT_PROFILE, {} if name is None else None)
    if not isinstance(settings, dict):
        raise ConfigError(f"{path} has no profile {name!r}; it has {', '.join(profiles) or 'none'}.")
    return settings
