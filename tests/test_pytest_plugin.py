"""The pytest plugin, as somebody's own tests use it: isolation, the marker, and what loading it costs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import glows_nb as glows
from glows_nb.connection import current_client

pytest_plugins = ["pytester"]

PLUGIN = ("-p", "glows_sandbox", "-p", "no:cacheprovider", "-W", "error")
PLANTED = "planted-token-of-the-user"

THEIR_TESTS = """
import os, subprocess, sys
from pathlib import Path
import pytest
import glows_nb as glows
from glows_nb.api.credentials.config import profiles_path
from glows_nb.ledger.database import ledger_path

of_the_user = glows.connect()      # as some programs do when they are imported

def test_default_client_is_the_sandboxes(glows_sandbox, glows_client):
    assert glows.connect().base_url == glows_sandbox.base_url
    assert len(glows.specs()) > 17
    glows.current_client().instances.launch(
        name="mine", gpu_name="NVIDIA GeForce RTX 4090", regions=["TW-01"],
        from_image_id=glows_client.images.default().image_id, wait=True,
    )
    assert glows_client.instances.stats() == {"Running": 1}
    assert ledger_path().is_file()

def test_next_test_has_a_sandbox_of_its_own(glows_client):
    assert glows_client.instances.stats() == {}

def test_nothing_of_the_user_is_in_reach(glows_sandbox):
    assert sorted(name for name in os.environ if name.startswith("GLOWS_")) == [
        "GLOWS_BASE_URL", "GLOWS_CONFIG_DIR", "GLOWS_DATA_DIR", "GLOWS_SDK_TOKEN"]
    assert not profiles_path().exists()
    assert os.environ["XDG_DATA_HOME"] not in str(ledger_path())
    assert glows.current_client().is_sandbox
    with pytest.raises(glows.ConfigError, match="no profile 'lab'"):
        glows.connect(profile="lab")

def test_programs_that_the_test_starts_find_it(glows_sandbox, glows_client):
    ran = subprocess.run([sys.executable, "-m", "glows_nb", "stats"], capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert any(call["operation"] == "instance_stats" for call in glows_sandbox.admin.transcript())

def test_user_has_everything_back_without_the_fixture():
    assert os.environ["GLOWS_SDK_TOKEN"] == "planted-token-of-the-user"
    assert glows.current_client() is of_the_user

@pytest.mark.glows_sandbox(scenario="sold-out", speed=50)
def test_marker_alone_brings_the_sandbox():
    with pytest.raises(glows.NoResourceAvailable):
        glows.cheapest()

@pytest.mark.glows_sandbox(speed=50)
class TestClass:
    def test_marker_sets_the_speed(self, glows_sandbox):
        assert glows_sandbox.admin.clock()["speed"] == 50

def test_faults_can_be_ordered(glows_sandbox, glows_client):
    glows_sandbox.admin.order("token_expired")
    with pytest.raises(glows.AuthError):
        glows_client.instances.list()
"""


@pytest.fixture
def home_of_the_user(monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user with a token, a profile and an account on the live service."""
    profiles = Path(os.environ["XDG_CONFIG_HOME"]) / "glows-nb" / "profiles.toml"
    profiles.parent.mkdir()
    profiles.write_text(f'[lab]\ntoken = "{PLANTED}"\n')
    profiles.chmod(0o600)
    monkeypatch.setenv("GLOWS_SDK_TOKEN", PLANTED)
    monkeypatch.setenv("GLOWS_BASE_URL", "http://127.0.0.1:9/sdk/v1")
    monkeypatch.setenv("GLOWS_PROFILE", "lab")
    return Path(os.environ["HOME"])


@pytest.mark.usefixtures("home_of_the_user")
def test_tests_of_a_user_run_against_sandboxes_of_their_own(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_theirs=THEIR_TESTS)
    pytester.runpytest_subprocess(*PLUGIN, timeout=60).assert_outcomes(passed=8)
    ledgers = Path(os.environ["XDG_DATA_HOME"]).rglob("ledger.sqlite3")
    assert list(ledgers) == [], "what tests rent is in no ledger of the user's"


def test_marker_with_a_wrong_word_is_one_sentence(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.glows_sandbox(sped=3)
        def test_it(): ...
        """
    )
    result = pytester.runpytest_inprocess(*PLUGIN)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*takes speed, scenario, seed, real_machines by name, and not 'sped'."])


def test_marker_with_an_unknown_scenario_says_which_there_are(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.glows_sandbox(scenario="sold-owt")
        def test_it(): ...
        """
    )
    result = pytester.runpytest_inprocess(*PLUGIN)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*can't play 'sold-owt'*peak-hours*"])


def test_marker_and_fixtures_are_listed_by_pytest(pytester: pytest.Pytester) -> None:
    pytester.runpytest_inprocess(*PLUGIN, "--markers").stdout.fnmatch_lines(["*glows_sandbox(speed=200*"])
    listed = pytester.runpytest_inprocess(*PLUGIN, "--fixtures").stdout
    listed.fnmatch_lines(["glows_sandbox -- *", "*A running sandbox of the test's own*", "glows_client -- *"])


def test_loading_the_plugin_loads_nothing_heavy() -> None:
    code = (
        "import sys, pytest; before = set(sys.modules); import glows_nb.pytest_plugin;"
        "print(sorted(name for name in set(sys.modules) - before if not name.startswith('_')))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert ran.stdout.strip() == "['glows_nb', 'glows_nb.pytest_plugin']"


def test_this_suite_has_the_plugin_beside_its_own_fixtures(
    glows_sandbox: glows.Sandbox, sandbox: glows.Sandbox, client: glows.Client
) -> None:
    assert current_client().base_url == glows_sandbox.base_url
    assert client.base_url == sandbox.base_url != glows_sandbox.base_url
