"""Wheel and source archive: complete, the same from both, and at work where the source tree is not."""

from __future__ import annotations

import email
import json
import subprocess
import sys
import zipfile
from pathlib import Path

from glows_nb.embedded import about_machines_here
from tests.install.wheel import ROOT, Installed

IN_A_NOTEBOOK = """
import email
import json
from importlib.metadata import entry_points, version
from IPython.core.interactiveshell import InteractiveShell
import glows_nb as glows
from glows_nb.jupyter import notebooks

shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "glows_nb")
with glows.sandbox(speed=200) as sandbox:
    glows.connect(sandbox.token, sandbox.base_url)
    offers = len(shell.run_line_magic("glows", "specs"))
    table = type(glows.show(glows.specs())).__name__
    glows.current_client().close()
print(json.dumps({
    "file": glows.__file__, "version": version("glows-nb"), "offers": offers, "table": table,
    "notebooks": [str(path) for path in notebooks()],
    "pytest plugin": [entry.value for entry in entry_points(group="pytest11", name="glows_sandbox")][:1],
}))
"""


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_wheel_has_every_file_of_the_package_and_the_notebooks(installed: Installed) -> None:
    tracked = {path.relative_to(ROOT).as_posix() for path in (ROOT / "glows_nb").rglob("*.*") if path.suffix != ".pyc"}
    tracked |= {f"glows_nb/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / "notebooks").glob("*.ipynb")}
    packed = {name for name in contents(installed.wheel) if ".dist-info/" not in name}
    assert packed == tracked


def test_source_archive_and_source_tree_make_the_same_wheel(installed: Installed, tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(build, capture_output=True, check=True, timeout=120)  # noqa: S603 - our own command
    (wheel,) = tmp_path.glob("*.whl")
    assert contents(wheel) == contents(installed.wheel)


def test_extension_sandbox_table_and_notebooks_work_from_the_wheel(installed: Installed, tmp_path: Path) -> None:
    ran = subprocess.run(  # noqa: S603 - our own command
        [installed.python, "-W", "error", "-c", IN_A_NOTEBOOK],
        cwd=tmp_path,
        env=installed.variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    are_real, sentence = about_machines_here()
    assert (ran.returncode, ran.stderr) == (0, f"About the sandbox: {sentence}\n" if are_real else "")
    found = json.loads(ran.stdout.splitlines()[-1])
    package = Path(found["file"]).parent
    assert package.is_relative_to(installed.environment)
    assert found["offers"] > 17
    assert found["table"] == "TableWidget"
    assert {Path(path).parent for path in found["notebooks"]} == {package / "notebooks"}
    assert [Path(path).name for path in found["notebooks"]] == sorted(
        path.name for path in (ROOT / "notebooks").glob("*.ipynb")
    )
    assert found["pytest plugin"] == ["glows_nb.pytest_plugin"]
    assert found["version"] in installed.wheel.name


def test_what_an_index_shows_is_complete_and_well_formed(installed: Installed) -> None:
    check = [sys.executable, "-m", "twine", "check", "--strict", str(installed.wheel), str(installed.source)]
    checked = subprocess.run(check, capture_output=True, text=True, check=False, timeout=120)  # noqa: S603
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert checked.stdout.count("PASSED") == 2
    packed = contents(installed.wheel)
    [text] = [packed[name].decode() for name in packed if name.endswith(".dist-info/METADATA")]
    told = email.message_from_string(text)
    assert (told["License-Expression"], told["Author"]) == ("BSD-3-Clause", "the glows_nb authors")
    assert told.get_all("License-File") == ["LICENSE"]
    assert told.get_all("Project-URL") is None
    assert told["Home-page"] is None
    [licence] = [packed[name] for name in packed if name.endswith("/licenses/LICENSE")]
    assert licence == (ROOT / "LICENSE").read_bytes()
