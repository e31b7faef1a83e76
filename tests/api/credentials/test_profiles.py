"""Tokens are put into the profile file and taken out again, and nothing else in it changes."""

from __future__ import annotations

import stat
import subprocess
import sys
import tomllib
import types
from contextlib import suppress
from pathlib import Path

import pytest
from filelock import FileLock

import glows_nb as glows
from glows_nb.api.credentials.config import profile_names, profiles_path, resolve, stored_base_url
from glows_nb.api.credentials.profiles import remove_token, store_token
from glows_nb.api.credentials.tokens import Token

WRITTEN = """# my accounts
[default]
token = "from-default"  # the first
routes = {"count instances" = "/instance/stat"}

[lab]  # the lab's
base_url = "https://lab/sdk/v1"
# until March
token = "from-lab"

[other.deep]
x = 1
"""


@pytest.fixture
def path() -> Path:
    path = profiles_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(WRITTEN)
    path.chmod(0o600)
    return path


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], str]:
    """A keyring in memory in place of the extra, which need not be installed."""
    kept: dict[tuple[str, str], str] = {}
    module, errors = types.ModuleType("keyring"), types.ModuleType("keyring.errors")
    errors.KeyringError = type("KeyringError", (Exception,), {})  # type: ignore[attr-defined]
    errors.PasswordDeleteError = type("PasswordDeleteError", (errors.KeyringError,), {})  # type: ignore[attr-defined]
    module.errors = errors  # type: ignore[attr-defined]
    module.get_password = lambda service, name: kept.get((service, name))  # type: ignore[attr-defined]
    module.set_password = lambda service, name, token: kept.update({(service, name): token})  # type: ignore[attr-defined]
    module.delete_password = lambda service, name: kept.pop((service, name))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", module)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)
    return kept


def test_first_token_makes_a_file_that_only_its_owner_can_read() -> None:
    assert store_token("default", Token("abc")) == profiles_path()
    assert profiles_path().read_text() == '[default]\ntoken = "abc"\n'
    assert profiles_path().stat().st_mode & 0o777 == 0o600
    kept = {each.name: each.stat().st_mode & 0o777 for each in profiles_path().parent.iterdir()}
    assert kept == {"profiles.toml": 0o600, ".profiles.toml.lock": 0o600}
    assert resolve().token.get_secret_value() == "abc"


def test_token_is_changed_and_all_else_stays_as_it_was_written(path: Path) -> None:
    store_token("lab", Token('new"\\token'), "https://lab2/sdk/v1")
    changed = path.read_text()
    assert resolve(profile="lab").token.get_secret_value() == 'new"\\token'
    assert stored_base_url("lab") == "https://lab2/sdk/v1"
    for line in WRITTEN.splitlines():
        if "from-lab" not in line and "https://lab/" not in line:
            assert line in changed.splitlines()


def test_new_profile_comes_behind_the_others(path: Path) -> None:
    store_token("fresh", Token("abc"))
    assert path.read_text() == WRITTEN + '\n[fresh]\ntoken = "abc"\n'


def test_token_is_taken_out_and_the_other_settings_stay(path: Path) -> None:
    assert remove_token("lab")
    assert "from-lab" not in path.read_text()
    assert stored_base_url("lab") == "https://lab/sdk/v1"
    assert resolve().token.get_secret_value() == "from-default"
    assert not remove_token("lab")
    assert not remove_token("nobody")


@pytest.mark.parametrize(
    "text",
    [
        'lab.token = "x"\n',
        'lab = {token = "x"}\n',
        '[lab]\ntoken = """x\ny"""\n',
        '[lab]\n"token" = "x"\n',
        '[lab]\ntext = """\n[lab]\ntoken = "no"\n"""\ntoken = "x"\n',
    ],
)
def test_token_is_changed_however_the_profile_is_written(text: str, path: Path) -> None:
    path.write_text(text)
    store_token("lab", Token("new-token"))
    before = tomllib.loads(text)
    assert tomllib.loads(path.read_text()) == {"lab": {**before["lab"], "token": "new-token"}}


def test_what_is_said_behind_a_value_stays_when_it_is_changed(path: Path) -> None:
    store_token("default", Token("new"))
    assert path.read_text() == WRITTEN.replace("from-default", "new")


@pytest.mark.parametrize("text", ['lab.token = "x"\n', f'[lab]\ntoken = "x"\nx = {"[" * 101}{"]" * 101}\n'])
def test_file_that_would_not_come_out_right_is_left_alone(text: str, path: Path) -> None:
    path.write_text(text)
    with pytest.raises(glows.ConfigError, match="edit it by hand"):
        remove_token("lab")
    assert path.read_text() == text


def test_file_that_is_no_toml_is_left_alone(path: Path) -> None:
    path.write_text("[lab\n")
    with pytest.raises(glows.ConfigError, match="not valid TOML"):
        store_token("lab", Token("new-token"))
    assert path.read_text() == "[lab\n"


@pytest.mark.parametrize("name", ["", "two words", "a.b.c", "x" * 41, "[x]", "é"])
def test_name_that_is_none_is_refused_without_repeating_it(name: str) -> None:
    with pytest.raises(glows.ConfigError, match="1 to 40 letters") as refused:
        store_token(name, Token("abc"))
    assert not name or name not in str(refused.value)
    assert not profiles_path().exists()


def test_keyring_keeps_the_token_and_the_file_says_so(keyring: dict[tuple[str, str], str], path: Path) -> None:
    store_token("lab", Token("in-keyring"), in_keyring=True)
    assert keyring == {("glows-nb", "lab"): "in-keyring"}
    assert "in-keyring" not in path.read_text()
    assert "from-lab" not in path.read_text()
    assert resolve(profile="lab").token.get_secret_value() == "in-keyring"
    assert remove_token("lab")
    assert keyring == {}


def test_keyring_that_is_not_installed_is_said_before_anything_is_written(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(glows.ConfigError, match=r"pip install \"glows-nb\[keyring\]\""):
        store_token("lab", Token("abc"), in_keyring=True)
    assert path.read_text() == WRITTEN


def test_a_file_behind_a_link_is_changed_itself(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "dotfiles" / "glows.toml"
    target.parent.mkdir()
    path.rename(target)
    path.symlink_to(target)
    assert remove_token("lab")
    assert path.is_symlink()
    assert "from-lab" not in target.read_text()
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


WRITER = """
import sys
from glows_nb.api.credentials.profiles import store_token
from glows_nb.api.credentials.tokens import Token
for number in range(5):
    store_token(f"{sys.argv[1]}-{number}", Token(f"token-{sys.argv[1]}-{number}"))
"""


def test_eight_processes_that_write_profiles_lose_none(path: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(number)], stderr=subprocess.PIPE)  # noqa: S603 - our own
        for number in range(8)
    ]
    said = [writer.communicate(timeout=60)[1] for writer in writers]
    assert said == [b""] * 8
    names = {f"{writer}-{number}" for writer in range(8) for number in range(5)}
    assert set(profile_names()) - set(tomllib.loads(WRITTEN)) == names
    assert resolve(profile="7-4").token.get_secret_value() == "token-7-4"


def test_a_lock_that_is_kept_is_said(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glows_nb.api.credentials.profiles.LOCK_TIMEOUT", 0.1)
    with FileLock(path.with_name(f".{path.name}.lock")), pytest.raises(glows.ConfigError, match="another process"):
        store_token("lab", Token("new"))
    assert path.read_text() == WRITTEN


@pytest.mark.parametrize(
    "text",
    [
        "lab = 3\n",
        "lab = [[1, [2]]]\n",
        "[[lab]]\nx = 1\n",
        "[lab]\ntoken = [1]\n",
        "[lab]\ntoken = 'x'\nroutes = 3\n",
        "[lab]\ntoken = 'x'\nroutes = {a = 1}\n",
        "lab = " + "[" * 100_000,
    ],
)
def test_junk_in_the_file_is_one_sentence(text: str) -> None:
    profiles_path().parent.mkdir(parents=True, exist_ok=True)
    profiles_path().write_text(text)
    profiles_path().chmod(0o600)
    for use in (
        lambda: resolve(profile="lab"),
        lambda: store_token("lab", Token("abc")),
        lambda: remove_token("lab") or resolve(profile="lab"),
        lambda: glows.connect(profile="lab"),
    ):
        with suppress(glows.ConfigError):
            use()
    with pytest.raises(glows.ConfigError):
        resolve(profile="lab")
