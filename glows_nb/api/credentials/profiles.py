"""Writes profiles: the token into the profile file or the keyring, and out again. Reading them is in `config`.

The file is changed by tomlkit, so that comments and other profiles stay as the user wrote them; what comes out is read
back before it takes the file's place, which it does in one step.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from glows_nb.api.credentials.config import KEYRING_SERVICE, profiles_path
from glows_nb.api.credentials.private_file import replace_file
from glows_nb.api.credentials.tokens import Token
from glows_nb.api.errors import ConfigError

NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,40}")
OF_LOGIN: Final = ("token", "keyring")
LOCK_TIMEOUT: Final = 10.0
"""Seconds to wait for another process that changes the file."""


def check_profile_name(name: str) -> None:
    """Refuse what is no name for a profile, without repeating it: it may be a token in the wrong place.

    Raises:
        ConfigError: it holds other signs than letters, digits, - and _, or more than 40 of them.
    """
    if not NAME.fullmatch(name):
        raise ConfigError("A profile's name has 1 to 40 letters, digits, - or _; what was given is none.")


def store_token(name: str, token: Token, base_url: str | None = None, *, in_keyring: bool = False) -> Path:
    """Keep a profile's token; the profile comes into being where there is none.

    Args:
        name: the profile.
        token: its token.
        base_url: its address; None leaves what is there.
        in_keyring: keep it in the system's keyring, and in the file only that it is there.

    Returns:
        The profile file.

    Raises:
        ConfigError: the name is none, there is no keyring, or the file can't be read or written.
    """
    check_profile_name(name)
    if in_keyring:
        _out_of_sight(lambda: _keyring("set_password", name, token.get_secret_value()))
    address = {} if base_url is None else {"base_url": base_url}
    kept = {"keyring": True} if in_keyring else {"token": token}
    _out_of_sight(lambda: _change(name, {**kept, **address}))
    return profiles_path()


def remove_token(name: str) -> bool:
    """Remove a profile's token from the file and the keyring; its other settings stay. False where there was none.

    Raises:
        ConfigError: the file or the keyring can't be read or written.
    """
    check_profile_name(name)
    kept = _settings_of_login(name)
    if "keyring" in kept:
        with suppress(_NotThere):
            _keyring("delete_password", name)
    if not kept:
        return False
    _out_of_sight(lambda: _change(name, {}))
    return True


def has_keyring() -> bool:
    """Is the extra installed that keeps tokens in the system's keyring?"""
    try:
        import keyring  # noqa: F401
    except ImportError:
        return False
    return True


def _settings_of_login(name: str) -> set[str]:
    """By which settings a profile has a token, if any; a frame of its own, since the tokens stand in it."""
    table = _tables(_text()).get(name)
    return {setting for setting in OF_LOGIN if table.get(setting)} if isinstance(table, dict) else set()


def _out_of_sight(work: Callable[[], None]) -> None:
    """Do it, and let what it raises carry none of its frames: tokens stand in them, which tracebacks would show."""
    try:
        return work()
    except BaseException as error:  # noqa: BLE001 - raised below
        failure = error
    failure.__context__ = None
    raise failure.with_traceback(None)


class _NotThere(ConfigError):
    """The keyring has no such token."""


def _keyring(action: str, name: str, *secret: str) -> None:
    if not has_keyring():
        raise ConfigError('The keyring needs an extra that is not installed; run: pip install "glows-nb[keyring]"')
    import keyring
    from keyring.errors import KeyringError, PasswordDeleteError

    problem: Exception
    try:
        getattr(keyring, action)(KEYRING_SERVICE, name, *secret)
        return
    except PasswordDeleteError as error:
        raise _NotThere(f"The keyring has no token for {name!r}: {error}.") from None
    except KeyringError as error:
        problem = error
    raise ConfigError(f"The keyring can't be used: {type(problem).__name__}. Without --keyring the file keeps it.")


def _change(name: str, kept: dict[str, Any]) -> None:
    """Write the file with these settings in place of the profile's token, and nothing else changed."""
    kept = {key: value.get_secret_value() if isinstance(value, Token) else value for key, value in kept.items()}
    with _locked():
        _rewrite(name, kept)


def _rewrite(name: str, kept: dict[str, Any]) -> None:
    # Loaded where a profile is written: reading one, which most processes do, takes the standard library's own.
    from tomlkit.exceptions import TOMLKitError

    before = _text()
    expected = _tables(before)
    old = expected.get(name, {})
    if not isinstance(old, dict):
        raise ConfigError(f"{profiles_path()} has a value named {name!r}, which is no profile; edit it by hand.")
    table = {key: value for key, value in old.items() if key not in OF_LOGIN} | kept
    try:
        after = _with_settings(before, name, kept)
        is_right = tomllib.loads(after) == expected | {name: table}
    except (TOMLKitError, tomllib.TOMLDecodeError):
        is_right = False
    if not is_right:
        raise ConfigError(f"{profiles_path()} is written in a way that can't be changed here; edit it by hand.")
    _replace(_file(), after)


@contextmanager
def _locked() -> Iterator[None]:
    """No other process changes the file meanwhile: each would put its own back without what the others wrote.

    Raises:
        ConfigError: the folder can't be written, or another process keeps the lock.
    """
    from filelock import FileLock, Timeout

    path = _file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = FileLock(path.with_name(f".{path.name}.lock"), timeout=LOCK_TIMEOUT, mode=0o600)
        lock.acquire()
    except Timeout:
        problem = f"{path} is kept by another process; try again."
    except OSError as error:
        problem = f"{path} can't be written: {error.strerror or error}."
    else:
        try:
            yield
        finally:
            lock.release()
        return
    raise ConfigError(problem)


def _file() -> Path:
    """The file itself, where the usual place is a link to it."""
    return profiles_path().resolve()


def _with_settings(text: str, name: str, kept: dict[str, Any]) -> str:
    import tomlkit

    document = tomlkit.parse(text)
    profile = document.setdefault(name, tomlkit.table())
    for setting in set(OF_LOGIN).difference(kept):
        profile.pop(setting, None)
    profile.update(kept)
    return tomlkit.dumps(document)


def _text() -> str:
    path = profiles_path()
    try:
        return path.read_text(encoding="utf-8-sig") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} can't be read: {error}") from None


def _tables(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problem = str(error)
    except RecursionError:
        problem = "it is nested too deep"
    raise ConfigError(f"{profiles_path()} is not valid TOML: {problem}.")


def _replace(path: Path, text: str) -> None:
    try:
        replace_file(path, text)
    except OSError as error:
        raise ConfigError(f"{path} can't be written: {error.strerror or error}.") from None
