"""Where token and address come from, and which are refused."""

from __future__ import annotations

import base64
import json
import sys
import types
from pathlib import Path
from typing import Any

import pytest

import glows_nb as glows
from glows_nb.api.credentials.config import LIVE_BASE_URL, profiles_path, resolve
from glows_nb.api.credentials.tokens import Token, account_mark, claims


@pytest.fixture
def profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = profiles_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        '\ufeff[default]\ntoken = "from-default"\n[lab]\ntoken = "from-lab"\nbase_url = "https://lab/sdk/v1"\n'
    )
    path.chmod(0o600)
    return path


def test_without_a_token_the_three_ways_and_the_sandbox_are_named() -> None:
    with pytest.raises(glows.ConfigError) as missing:
        glows.connect()
    for way in ("connect(token=", "GLOWS_SDK_TOKEN", str(profiles_path()), "sandbox"):
        assert way in str(missing.value)


def test_argument_profile_environment_and_default_profile_come_in_this_order(
    profiles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert resolve().token.get_secret_value() == "from-default"
    monkeypatch.setenv("GLOWS_PROFILE", "lab")
    assert resolve().token.get_secret_value() == "from-lab"
    assert resolve().base_url == "https://lab/sdk/v1"
    monkeypatch.setenv("GLOWS_SDK_TOKEN", "from-environment")
    assert resolve().token.get_secret_value() == "from-environment"
    assert resolve().base_url == LIVE_BASE_URL
    assert resolve(profile="lab").token.get_secret_value() == "from-lab"
    both = resolve(Token("from-argument"), "https://other/v1", profile="lab")
    assert (both.token.get_secret_value(), both.base_url) == ("from-argument", "https://other/v1")


SANDBOX = "http://127.0.0.1:9/sdk/v1"


@pytest.mark.parametrize(
    ("environment", "arguments", "sentence"),
    [
        ({"GLOWS_BASE_URL": SANDBOX}, {"profile": "default"}, "from profile 'default' .* from the environment"),
        ({"GLOWS_BASE_URL": SANDBOX}, {}, "from profile 'default' .* from the environment"),
        ({"GLOWS_BASE_URL": SANDBOX}, {"token": Token("x")}, "from the argument .* from the environment"),
        ({"GLOWS_SDK_TOKEN": "x"}, {"profile": "address"}, "from the environment .* from profile 'address'"),
        ({"GLOWS_SDK_TOKEN": "x"}, {"base_url": SANDBOX}, "from the environment .* from the argument"),
        ({}, {"token": Token("x"), "profile": "lab"}, "from the argument .* from profile 'lab'"),
        ({}, {"base_url": SANDBOX}, "from profile 'default' .* from the argument"),
        ({"GLOWS_PROFILE": "lab"}, {"base_url": SANDBOX}, "from profile 'lab' .* from the argument"),
    ],
)
def test_a_token_goes_nowhere_but_where_it_belongs(
    profiles: Path,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    arguments: dict[str, Any],
    sentence: str,
) -> None:
    with profiles.open("a") as file:
        file.write('\n[address]\nbase_url = "https://address/v1"\n')
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(
        glows.ConfigError, match=f"The token is {sentence}, so nothing is sent.*on purpose: glows.connect"
    ):
        resolve(**arguments)


@pytest.mark.parametrize(
    ("environment", "arguments", "address"),
    [
        ({"GLOWS_BASE_URL": SANDBOX, "GLOWS_SDK_TOKEN": "x"}, {}, SANDBOX),
        ({"GLOWS_BASE_URL": SANDBOX, "GLOWS_SDK_TOKEN": "x"}, {"profile": "lab"}, "https://lab/sdk/v1"),
        ({"GLOWS_BASE_URL": SANDBOX}, {"token": Token("x"), "base_url": LIVE_BASE_URL}, LIVE_BASE_URL),
        ({"GLOWS_BASE_URL": f"{LIVE_BASE_URL}/ "}, {"profile": "default"}, LIVE_BASE_URL),
        ({"GLOWS_SDK_TOKEN": "x"}, {"base_url": LIVE_BASE_URL}, LIVE_BASE_URL),
        ({}, {"profile": "lab", "base_url": "https://lab/sdk/v1/"}, "https://lab/sdk/v1"),
    ],
)
def test_a_pair_from_one_source_or_that_is_the_same_is_taken(
    profiles: Path,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    arguments: dict[str, Any],
    address: str,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert resolve(**arguments).base_url == address


def test_a_profile_that_others_can_read_is_refused(profiles: Path) -> None:
    profiles.chmod(0o644)
    with pytest.raises(glows.ConfigError, match="chmod 600"):
        resolve()


def test_a_profile_that_is_not_there_is_named(profiles: Path) -> None:
    with pytest.raises(glows.ConfigError, match="no profile 'nobody'; it has default, lab"):
        resolve(profile="nobody")


@pytest.mark.parametrize("token", ["", "  ", "two words", "line\nend", "tab\t.", "null\0"])
def test_a_token_that_no_header_can_carry_is_refused_without_showing_it(token: str) -> None:
    with pytest.raises(glows.ConfigError) as refused:
        glows.Client(token, "http://127.0.0.1:9")
    assert token.strip() == "" or token.strip() not in str(refused.value)


@pytest.mark.parametrize("token", ["\ufeffabc", " abc\n", "Bearer abc", "\ufeff Bearer abc \r\n"])
def test_what_clings_to_a_copied_token_is_taken_off(token: str) -> None:
    assert resolve(Token(token)).token.get_secret_value() == "abc"


@pytest.mark.parametrize("base_url", ["http://a.glows.ai/sdk/v1", "ftp://127.0.0.1", "a.glows.ai", "https://"])
def test_an_address_that_is_none_or_not_encrypted_is_refused(base_url: str) -> None:
    with pytest.raises(glows.ConfigError, match="base_url"):
        resolve(Token("abc"), base_url)


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:8000/sdk/v1/", "http://localhost/sdk/v1", "http://[::1]:1/x"])
def test_this_machine_may_be_asked_without_encryption(base_url: str) -> None:
    assert resolve(Token("abc"), base_url).base_url == base_url.rstrip("/")


def test_a_renewed_token_gives_the_same_account_mark() -> None:
    first = jwt(sub="ada", uid=1, exp=1, orig_iat=2, jti="x")
    renewed = jwt(sub="ada", uid=1, exp=100, orig_iat=90, jti="y")
    other = jwt(sub="bob", uid=2, exp=1, orig_iat=2, jti="x")
    assert account_mark(first) == account_mark(renewed) != account_mark(other)
    assert len(account_mark("no jwt")) == 8


@pytest.mark.parametrize("token", ["", "a", "a.b", "a.b.c", "a.!!.c", "a.W10.c", "a.b.c.d"])
def test_a_token_that_is_no_jwt_has_no_claims(token: str) -> None:
    assert claims(token) is None


def jwt(**content: object) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")
    return f"header.{payload}.signature"


def test_a_profile_may_keep_its_token_in_the_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    profiles_path().parent.mkdir(parents=True, exist_ok=True)
    profiles_path().write_text("[default]\nkeyring = true\n[empty]\nkeyring = true\n")
    profiles_path().chmod(0o600)
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(glows.ConfigError, match=r"glows-nb\[keyring\]"):
        resolve()
    # The real keyring needs a desktop; what is tested is what we ask of it.
    stored = {("glows-nb", "default"): "from-keyring"}
    keyring = types.SimpleNamespace(get_password=lambda service, profile: stored.get((service, profile)))
    errors = types.SimpleNamespace(KeyringError=type("KeyringError", (Exception,), {}))
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)
    assert resolve().token.get_secret_value() == "from-keyring"
    with pytest.raises(glows.ConfigError, match="keyring set glows-nb empty"):
        resolve(profile="empty")

    def locked(service: str, profile: str) -> str:
        raise errors.KeyringError("locked")

    keyring.get_password = locked
    with pytest.raises(glows.ConfigError, match=r"can't be used: KeyringError; .* GLOWS_SDK_TOKEN"):
        resolve()
