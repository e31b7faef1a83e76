"""A kernel in which all examples of all commands were run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import glows_nb as glows
from tests.magic.examples import EXAMPLES, OWN_IMAGE
from tests.magic.live_kernel import live_kernel
from tests.magic.session import ENV_VALUE, Session


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """All examples of all commands, run in one kernel; the other tests go on in it."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch, glows.sandbox(speed=200) as sandbox:
        for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
            patch.setenv(name, str(home))
        patch.delenv("GLOWS_PROFILE", raising=False)
        environment = {"GLOWS_BASE_URL": sandbox.base_url, "GLOWS_SDK_TOKEN": sandbox.token, "FROM_HERE": ENV_VALUE}
        with live_kernel(environment) as kernel, sandbox.client() as client:
            assert kernel.run("%load_ext glows_nb").error is None
            session = Session(kernel, sandbox, client, home, {}, {})
            run_examples(session)
            assert session.run("%glows launch --gpu 4090 --name train --wait --yes").error is None
            yield session


def run_examples(session: Session) -> None:
    own_image = OWN_IMAGE
    folder = session.home / "work"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "results.csv").write_text("a,b\n1,2\n")
    (folder / "train.py").write_text("print('trained')\n")
    assert session.run(f"%cd -q {folder}").error is None
    for line in EXAMPLES:
        answers = [session.sandbox.token] if line.startswith("login") else None
        session.examples[line] = shown = session.run(
            f"value = %glows {line.replace(OWN_IMAGE, own_image)}\nvalue", answers
        )
        session.kinds[line] = session.run("type(value).__name__").result.get("text/plain", "").strip("'")
        if line.startswith("image submit"):
            own_image = shown.text.split()[1]
