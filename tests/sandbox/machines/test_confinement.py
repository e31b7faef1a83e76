"""What a confined process can't do, by trying it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from glows_nb.sandbox.machines.inside import confinement

pytestmark = pytest.mark.skipif(not confinement.version(), reason="this system has no Landlock")

CONFINED = """
import os, sys
from pathlib import Path
from glows_nb.sandbox.machines.inside.confinement import confine
inside, outside = Path(sys.argv[1]), Path(sys.argv[2])
confine([inside], [Path(sys.prefix), Path(sys.base_prefix)])
"""


def confined(code: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Run code in a process that is confined to `inside`; `outside` is a folder beside it."""
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for folder in (inside, outside):
        folder.mkdir(exist_ok=True)
    (outside / "file").write_text("of somebody else")
    return subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", CONFINED + code, str(inside), str(outside)],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


@pytest.mark.parametrize(
    "action",
    [
        "(outside / 'file').read_text()",
        "list(outside.iterdir())",
        "(outside / 'new').write_text('x')",
        "(outside / 'file').write_text('x')",
        "(outside / 'file').unlink()",
        "(outside / 'file').rename(inside / 'file')",
        "os.link(outside / 'file', inside / 'file')",
        "(inside / 'link').symlink_to(outside); (inside / 'link' / 'file').read_text()",
        "(outside / 'folder').mkdir()",
        "os.truncate(outside / 'file', 0)",
        "os.kill(os.getppid(), 0)",
        "open(f'/proc/{os.getppid()}/environ').read()",
    ],
)
def test_what_lies_outside_can_neither_be_read_nor_changed(action: str, tmp_path: Path) -> None:
    tried = confined(action, tmp_path)
    assert tried.returncode == 1
    if confinement.version() >= 6 or "kill" not in action:
        assert tried.stderr.splitlines()[-1].startswith(("PermissionError", "OSError: [Errno 18]")), tried.stderr
    assert (tmp_path / "outside" / "file").read_text() == "of somebody else"


def test_inside_and_in_what_it_starts_all_goes_on(tmp_path: Path) -> None:
    code = """
import subprocess
(inside / "a").mkdir(); (inside / "a" / "b").write_text("x"); (inside / "a" / "b").rename(inside / "c")
os.symlink("c", inside / "d"); os.mkfifo(inside / "e")
os.chdir(inside)
read = [sys.executable, "-c", "import ssl, json; print(open('d').read())"]
done = subprocess.run(read, capture_output=True, text=True)
child = subprocess.Popen(["sleep", "100"])
print(done.stdout, done.stderr, os.kill(child.pid, 9))
child.wait()
print(subprocess.run(["sh", "-c", "cat ../outside/file; exit 3"], capture_output=True).returncode)
"""
    done = confined(code, tmp_path)
    assert (done.stdout.split(), done.stderr) == (["x", "None", "3"], "")


def test_folder_that_is_not_there_confines_nothing_and_says_so(tmp_path: Path) -> None:
    done = confined("confine([outside / 'none']); print('served')", tmp_path)
    assert done.returncode == 1
    assert "served" not in done.stdout
