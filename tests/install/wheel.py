"""The package as it is given out: built, and installed in an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
SCRIPTS = "Scripts" if os.name == "nt" else "bin"


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel in it: its folder, the wheel, and the source archive."""

    environment: Path
    wheel: Path
    source: Path

    @property
    def python(self) -> str:
        """Its Python."""
        return str(self.environment / SCRIPTS / "python")

    @property
    def program(self) -> str:
        """Its `glows-nb`."""
        return str(self.environment / SCRIPTS / "glows-nb")

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables for it: nothing leads back to the source tree."""
        own = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
        return {**own, "JUPYTER_PATH": str(Path(sys.prefix) / "share" / "jupyter")}


def build_and_install(folder: Path) -> Installed:
    """Build the source archive and from it the wheel, and install that where the source tree can't be seen.

    Dependencies are those of the environment that runs the tests: its folders come after the new one's own. The
    source tree does not come along, since what makes an editable install visible works in its own environment only.
    """
    dist, environment = folder / "dist", folder / "environment"
    _run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(dist), str(ROOT))
    (wheel,) = dist.glob("*.whl")
    (source,) = dist.glob("*.tar.gz")
    venv.create(environment, symlinks=os.name != "nt")
    packages = next(environment.rglob("site-packages"))
    shared = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "dependencies.pth").write_text("\n".join(shared))
    installed = Installed(environment, wheel, source)
    _run(sys.executable, "-m", "pip", "--python", installed.python, "install", "--no-deps", "--no-index", str(wheel))
    return installed


def _run(*command: str) -> None:
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)  # noqa: S603 - our own
    assert ran.returncode == 0, ran.stdout + ran.stderr
