"""The Python that machines have as `python3`, and what of it their processes may read."""

import json
import os
import shlex
import shutil
import site
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PYTHON_VARIABLE = "GLOWS_SANDBOX_PYTHON"
"""Names the interpreter that machines have; without it that is the sandbox's own."""

_ASKED = """
import json, site, sys
packages = site.getsitepackages() + [site.getusersitepackages()]
print(json.dumps([sys.executable, [sys.prefix, sys.base_prefix], packages]))
"""
_SECONDS = 60
_PARTS = ("bin", "etc", "include", "lib", "lib32", "lib64", "libexec", "plugins", "pyvenv.cfg", "share", "ssl")
"""Of an installation: who makes one in a folder with other things, or in the home, does not hand out all of it."""
_FOLDERS_FOR_PACKAGES = ("site-packages", "dist-packages")
_MADE_FOR = "made-for"


@dataclass(frozen=True)
class Interpreter:
    """An interpreter, where it is installed, and where the packages are that it imports."""

    path: str
    prefixes: tuple[str, ...]
    packages: tuple[str, ...]

    def readable(self) -> list[Path]:
        """Return what whoever runs it has to read."""
        parts = [part for prefix in self.prefixes for part in _parts_of(Path(prefix))]
        return [Path(self.path).resolve(), *parts, *map(Path, self.packages)]


OWN = Interpreter(sys.executable, (sys.prefix, sys.base_prefix), (*site.getsitepackages(), site.getusersitepackages()))


def of_machines() -> Interpreter:
    """Return the interpreter that machines have.

    Raises:
        ValueError: what the variable names is none.
    """
    named = os.getenv(PYTHON_VARIABLE)
    return _ask(named) if named else OWN


def program_of(environment: Path) -> Path:
    """Return the `python3` of an environment."""
    return environment / "bin" / "python3"


def make_environment(folder: Path) -> None:
    """Make the environment in which machines run theirs, unless it is there.

    It has all packages of the interpreter and can't be written, so that `pip install` puts what it installs into the
    machine's home.
    """
    interpreter = of_machines()
    made_for = folder / _MADE_FOR
    if made_for.exists() and made_for.read_text() == interpreter.path:
        return
    command = [interpreter.path, "-m", "venv", "--clear", "--without-pip", "--system-site-packages", str(folder)]
    subprocess.run(command, capture_output=True, check=True, timeout=_SECONDS)  # noqa: S603 - the user's own
    [packages] = (folder / "lib").glob("python3*/site-packages")
    # As they are: what is installed from elsewhere, such as a project that is being worked on, is out of reach there.
    (packages / "of-the-sandbox.pth").write_text("".join(f"{path}\n" for path in interpreter.packages))
    # Asked for, since pip looks at modes alone and would take this environment for one that can be written.
    (folder / "pip.conf").write_text("[install]\nuser = true\n")
    kernel = folder / "share" / "jupyter" / "kernels" / "python3"
    kernel.mkdir(parents=True)
    started = [str(program_of(folder)), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    described = {"argv": started, "display_name": "Python 3 (ipykernel)", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(described))
    made_for.write_text(interpreter.path)


def jupyter_command(environment: Path) -> tuple[str, dict[str, str]]:
    """Return how the sandbox's own Jupyter is started with kernels in the machines' environment: words, variables."""
    words = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1"]
    return (
        f"exec {shlex.join(words)} --ServerApp.port={{port}} --ServerApp.port_retries=0",
        {"JUPYTER_PATH": str(environment / "share" / "jupyter")} | _of_the_user(),
    )


def _of_the_user() -> dict[str, str]:
    """Packages that are installed for the user alone, who has another home there."""
    folder = site.getusersitepackages()
    return {"PYTHONPATH": folder} if folder in sys.path else {}


def import_path() -> list[str]:
    """Return where the sandbox's own program imports from: as the sandbox does, but not from where it was started."""
    return [*filter(os.path.isabs, sys.path), str(Path(__file__).parents[3])]


def own_packages() -> list[Path]:
    """Return what of that it has to read: folders for packages, and this package wherever it lies."""
    folders = [Path(path) for path in import_path() if Path(path).name in _FOLDERS_FOR_PACKAGES]
    return [Path(__file__).parents[2], *folders]


def _parts_of(prefix: Path) -> list[Path]:
    """What belongs to an installation; of one in the home, where others keep what is theirs, as little as can be."""
    if prefix in (Path.home(), Path.home() / ".local"):
        return [prefix / "pyvenv.cfg", prefix / "share" / "jupyter", *prefix.glob("lib*/python3*")]
    return [prefix / part for part in _PARTS]


@cache
def _ask(named: str) -> Interpreter:
    found = shutil.which(named)
    if found is None:
        raise ValueError(f"{PYTHON_VARIABLE} names no program: {named}")
    try:
        asked = subprocess.run(  # noqa: S603 - named by the user
            [found, "-I", "-c", _ASKED], capture_output=True, text=True, check=True, timeout=_SECONDS
        )
        path, prefixes, packages = json.loads(asked.stdout)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise ValueError(f"{PYTHON_VARIABLE} names no Python that runs: {named}") from error
    return Interpreter(path, tuple(prefixes), tuple(packages))
