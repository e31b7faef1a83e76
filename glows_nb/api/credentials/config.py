"""Where token and address come from: arguments, a profile file, the environment.

The profile file is TOML, one table a profile (`[default]`, `[lab]`) with `token` (or `keyring = true`) and, where
it is not the live service, `base_url`; a table `routes` in it changes paths. `profiles_path()` says where it lies.
GLOWS_CONFIG_DIR and GLOWS_DATA_DIR name other folders than the system's own for what this package keeps.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from platformdirs import user_config_path, user_data_path

from glows_nb.api.credentials.tokens import Token
from glows_nb.api.errors import ConfigError
from glows_nb.api.routes import ROUTES, Route

LIVE_BASE_URL: Final = "https://a.glows.ai/sdk/v1"
TOKEN_VARIABLE: Final = "GLOWS_SDK_TOKEN"  # noqa: S105 - the variable's name, not a token
BASE_URL_VARIABLE: Final = "GLOWS_BASE_URL"
PROFILE_VARIABLE: Final = "GLOWS_PROFILE"
CONFIG_FOLDER_VARIABLE: Final = "GLOWS_CONFIG_DIR"
DATA_FOLDER_VARIABLE: Final = "GLOWS_DATA_DIR"
DEFAULT_PROFILE: Final = "default"
LONGEST_HOST: Final = 64
"""Characters; in a longer one a token may stand in the wrong place."""
KEYRING_SERVICE: Final = "glows-nb"


KINDS: Final[Mapping[str, type]] = {
    "token": Token,
    "base_url": str,
    "routes": dict,
    "keyring": bool,
    "allow_http": bool,
}
NOT_A: Final[Mapping[type, str]] = {
    Token: "no text",
    str: "no text",
    dict: "no table of paths",
    bool: "neither true nor false",
}


@dataclass(frozen=True)
class Connection:
    """An address, the token for it (masked in the repr), and the routes that are others there."""

    base_url: str
    token: Token
    routes: Mapping[str, Route] = field(default_factory=dict)

    def route(self, usual: Route) -> Route:
        """The route to take for an operation."""
        return self.routes.get(usual.name, usual)

    def not_found(self, usual: Route) -> str:
        """What a 404 means for an operation: a wrong address, or a wrong guess at a path."""
        tried = self.route(usual)
        missing = f"{self.base_url} has nothing at {tried.method} {tried.path} (HTTP 404)."
        if usual.is_confirmed or usual.name in self.routes:
            return f"{missing} Is base_url right?"
        others = ", ".join(repr(path) for path in usual.alternatives)
        return (
            f"{missing} The contract's text lost this path, so it is a guess; others are {others}. "
            f"Try one with Client(routes={{{usual.name!r}: {usual.alternatives[0]!r}}}) or in the profile file."
        )


def masked(token: object) -> Token | None:
    """The token as a value that no traceback shows; callers forget the plain one.

    It never raises, since the plain one stands in the frames up to here: what can't be a token is refused when used.
    """
    if token is None or isinstance(token, Token):
        return token
    if isinstance(token, str):
        return Token(token)
    if isinstance(token, bytes | bytearray):
        return Token("", "is bytes, not a text")
    try:
        # pydantic's SecretStr, by what it does: loading it takes time.
        text = token.get_secret_value()  # type: ignore[attr-defined]
    except Exception:  # noqa: BLE001 - anything may have been given
        text = None
    return Token(text) if isinstance(text, str) else Token("", f"is of the type {type(token).__name__}, not a text")


def resolve(
    token: Token | None = None,
    base_url: str | None = None,
    profile: str | None = None,
    routes: Mapping[str, str] | None = None,
    *,
    allow_http: bool = False,
) -> Connection:
    """The connection meant by these arguments, the environment and the profile file.

    The token is the argument's, else the named profile's, else GLOWS_SDK_TOKEN's, else that of the profile named
    by GLOWS_PROFILE ("default" without). The address follows the same order and ends at the live service. Both have to
    come from one source: a token goes nowhere but where it belongs. Routes come from the profile and, over them, from
    the argument.

    Raises:
        ConfigError: no token is found, it and the address come from two sources, the profile can't be used, or the
            address or a route is refused.
    """
    settings = _settings(profile, has_token=token is not None or bool(os.getenv(TOKEN_VARIABLE)))
    named = f"profile {profile or os.getenv(PROFILE_VARIABLE) or DEFAULT_PROFILE!r}"
    sources = (
        ("the argument", token, base_url),
        (named, settings.get("token"), settings.get("base_url")),
        ("the environment", masked(os.getenv(TOKEN_VARIABLE)), os.getenv(BASE_URL_VARIABLE)),
    )
    given = next(((source, given, own) for source, given, own in sources if given is not None), None)
    if given is None:
        raise ConfigError(
            "No GLOWS token. %glows login (in a terminal: glows-nb login) asks for one and keeps it; or give it in "
            "the environment variable "
            f"{TOKEN_VARIABLE}, with glows.connect(token=…), or as a profile in {profiles_path()}; "
            "or rehearse without an account in the sandbox: glows.sandbox() or %glows sandbox."
        )
    is_http_allowed = allow_http or settings.get("allow_http") is True
    place, address = next(((source, str(own)) for source, _, own in sources if own), (given[0], LIVE_BASE_URL))
    address = checked_base_url(address, is_http_allowed=is_http_allowed)
    if address != str(given[2] or LIVE_BASE_URL).strip().rstrip("/"):
        raise ConfigError(
            f"The token is from {given[0]} and the address {address} from {place}, so nothing is sent: they may not "
            f"belong together. Give both in one place; on purpose: glows.connect(token=…, base_url={address!r})."
        )
    return Connection(
        address, checked_token(given[1]), {**_routes(settings.get("routes", {})), **_routes(routes or {})}
    )


def profiles_path() -> Path:
    """The file that holds the profiles."""
    return config_folder() / "profiles.toml"


def config_folder() -> Path:
    """The folder for what the user sets: GLOWS_CONFIG_DIR, else the one in the system's folder for that."""
    named = os.getenv(CONFIG_FOLDER_VARIABLE)
    return Path(named) if named else user_config_path("glows-nb", appauthor=False)


def data_folder() -> Path:
    """The folder for what is kept for the user: GLOWS_DATA_DIR, else the one in the system's folder for that."""
    named = os.getenv(DATA_FOLDER_VARIABLE)
    return Path(named) if named else user_data_path("glows-nb", appauthor=False)


def profile_names() -> list[str]:
    """The names of the profiles in the profile file, in its order; none where there is no file.

    Raises:
        ConfigError: the file can't be read.
    """
    path = profiles_path()
    return [name for name, table in _read_profiles(path).items() if isinstance(table, dict)] if path.is_file() else []


def is_token_in_keyring() -> bool:
    """Would `resolve()` have to ask the system's keyring? That can take its time.

    Raises:
        ConfigError: the profile can't be used.
    """
    return not os.getenv(TOKEN_VARIABLE) and _is_in_keyring(_profile(os.getenv(PROFILE_VARIABLE)))


def stored_base_url(profile: str) -> str | None:
    """The address in a profile; None where the file, the profile or the address in it is missing.

    Raises:
        ConfigError: the file can't be read.
    """
    path = profiles_path()
    settings = _read_profiles(path).get(profile) if path.is_file() else None
    return str(settings["base_url"]) if isinstance(settings, dict) and "base_url" in settings else None


def checked_token(token: Token) -> Token:
    """The token as it goes into a header: without stray white space, byte-order mark or "Bearer "."""
    if token.problem:
        raise ConfigError(f"The GLOWS token {token.problem}.")
    cleaned = Token(token.get_secret_value().strip().lstrip("\ufeff").strip().removeprefix("Bearer ").strip())
    if not cleaned.get_secret_value():
        raise ConfigError("The GLOWS token is empty; give one, or unset the variable or setting that it comes from.")
    if not re.fullmatch(r"[!-~]+", cleaned.get_secret_value()):
        raise ConfigError("The GLOWS token holds characters that no token has, such as a space or a line end.")
    return cleaned


def checked_base_url(base_url: str, *, is_http_allowed: bool = False) -> str:
    """The address without a trailing slash; https, or http on this machine or where it is asked for."""
    cleaned = base_url.strip().rstrip("/")
    try:
        parts = urlsplit(cleaned)
        host = parts.hostname
        parts.port  # noqa: B018 - raises for a port that is none
        (host or "").encode("idna")
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https") or parts.username or parts.query or parts.fragment:
        raise ConfigError(f"base_url: {_shown(cleaned)} is no address such as {LIVE_BASE_URL}.")
    if parts.scheme == "http" and not is_loopback(host) and not is_http_allowed:
        raise ConfigError(
            f"base_url: {_shown(cleaned)} would send the token unencrypted; use https. "
            "Where that is meant, say allow_http=True."
        )
    return cleaned


def _shown(address: str) -> str:
    """What was given for an address, as far as nothing of it can be a secret: scheme, host and port."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        return f"what was given, of {len(address)} characters,"
    if not host or parts.scheme not in ("http", "https") or len(host) > LONGEST_HOST:
        return f"what was given, of {len(address)} characters,"
    return repr(f"{parts.scheme}://{host}{f':{port}' if port else ''}")


def is_loopback(host: str) -> bool:
    """Does the host name this machine itself?"""
    if host == "localhost":
        return True
    import ipaddress

    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _settings(profile: str | None, *, has_token: bool) -> Mapping[str, Any]:
    """The settings of the profile that counts: the named one, else the default one where nothing else has a token."""
    if profile is None and has_token:
        return {}
    name = profile or os.getenv(PROFILE_VARIABLE)
    settings = _profile(name)
    if not _is_in_keyring(settings):
        return settings
    return {**settings, "token": _from_keyring(name or DEFAULT_PROFILE)}


def _is_in_keyring(settings: Mapping[str, Any]) -> bool:
    return "token" not in settings and bool(settings.get("keyring"))


def _profile(name: str | None) -> Mapping[str, Any]:
    """The settings of a profile; an unnamed one may be missing, a named one may not."""
    path = profiles_path()
    if not path.is_file():
        if name is None:
            return {}
        raise ConfigError(f"There is no profile {name!r}: the file {path} does not exist.")
    if os.name == "posix" and path.stat().st_mode & 0o077:
        raise ConfigError(f"Others can read {path}, which holds tokens; run: chmod 600 '{path}'")
    profiles = _read_profiles(path)
    settings = profiles.get(name or DEFAULT_PROFILE, {} if name is None else None)
    if not isinstance(settings, dict):
        raise ConfigError(f"{path} has no profile {name!r}; it has {', '.join(profiles) or 'none'}.")
    for key, kind in KINDS.items():
        if key in settings and not isinstance(settings[key], kind):
            raise ConfigError(f"{path}: {key!r} of the profile {name or DEFAULT_PROFILE!r} is {NOT_A[kind]}.")
    return settings


def _read_profiles(path: Path) -> dict[str, Any]:
    """The profile file's tables, their tokens masked from here on."""
    import tomllib

    try:
        return {name: _masked(table) for name, table in tomllib.loads(path.read_text(encoding="utf-8-sig")).items()}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problem = f"is not valid TOML: {error}"
    except RecursionError:
        problem = "is not valid TOML: it is nested too deep"
    except OSError as error:
        problem = f"can't be read: {error.strerror or error}"
    raise ConfigError(f"{path} {problem}.")


def _masked(table: Any) -> Any:
    if isinstance(table, dict) and isinstance(table.get("token"), str):
        return {**table, "token": Token(table["token"])}
    return table


def _from_keyring(profile: str) -> Token:
    """The token that the system's keyring has for a profile whose table says `keyring = true`."""
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        raise ConfigError(
            f'The profile {profile!r} keeps its token in the keyring; run: pip install "glows-nb[keyring]"'
        ) from None
    try:
        token = Token(keyring.get_password(KEYRING_SERVICE, profile) or "")
    except KeyringError as error:
        raise ConfigError(
            f"The profile {profile!r} keeps its token in the keyring, which can't be used: {type(error).__name__}; "
            f"unlock it, or give the token in {TOKEN_VARIABLE}."
        ) from None
    if not token.get_secret_value():
        raise ConfigError(
            f"The keyring has no token for the profile {profile!r}; "
            f"put one there with: keyring set {KEYRING_SERVICE} {profile}"
        )
    return token


def _routes(paths: Mapping[str, str]) -> dict[str, Route]:
    """Routes written as a path, or as "POST /path" where the method is another too."""
    changed = {}
    for name, words in paths.items():
        if name not in ROUTES:
            from difflib import get_close_matches

            near = get_close_matches(name, ROUTES, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(ROUTES)}."
            raise ConfigError(f"routes: {name!r} is no operation; {hint}")
        method, _, path = words.rpartition(" ") if isinstance(words, str) else ("", "", "")
        if not path.startswith("/") or method not in ("", "GET", "POST", "DELETE", "PUT"):
            raise ConfigError(f"routes: {words!r} is no path such as /instance/stats or POST /image/delete.")
        changed[name] = ROUTES[name]._replace(method=method or ROUTES[name].method, path=path)
    return changed
