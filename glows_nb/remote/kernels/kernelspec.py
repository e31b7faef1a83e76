"""Machines in JupyterLab's menu of kernels: each is a small file in the user's Jupyter folder, without secrets."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from glows_nb.api.errors import ConfigError, InvalidRequest
from glows_nb.formatting import visible

if TYPE_CHECKING:
    from jupyter_client.kernelspec import KernelSpecManager

PROVISIONER: Final = "glows-machine"
"""Its name among `jupyter_client.kernel_provisioners`, see pyproject.toml."""
LONGEST: Final = 40
COMMAND: Final = ("python", "-P", "-m", "glows_nb.remote.kernels.bridge", "{connection_file}")


@dataclass(frozen=True)
class MachineKernel:
    """A kernel in JupyterLab's menu that is on a machine.

    Attributes:
        name: what Jupyter calls it.
        machine: the machine, as it was named.
        profile: whose token is used; "" is what the environment of JupyterLab says.
        is_trusted: are HTML and scripts of the machine shown as they are?
    """

    name: str
    machine: str
    profile: str
    is_trusted: bool


def add_kernel(machine: str, *, profile: str, trust: bool) -> MachineKernel:
    """Put a kernel into the menu; one of this machine that is there already is replaced.

    Raises:
        ConfigError: jupyter_client is missing.
    """
    kernel = MachineKernel(_name_of(machine), machine, profile, trust)
    config = {"machine": machine, "profile": profile, "trust": trust}
    description = {
        "argv": COMMAND,
        "display_name": f"{visible(machine)} (GLOWS)",
        "language": "python",
        "interrupt_mode": "message",
        "metadata": {"kernel_provisioner": {"provisioner_name": PROVISIONER, "config": config}},
    }
    with TemporaryDirectory() as folder:
        (Path(folder) / "kernel.json").write_text(json.dumps(description, indent=1), encoding="utf-8")
        _specs().install_kernel_spec(folder, kernel.name, user=True)
    return kernel


def remove_kernel(machine: str) -> None:
    """Take a kernel out of the menu.

    Raises:
        InvalidRequest: there is none of this machine.
        ConfigError: jupyter_client is missing.
    """
    found = next((each for each in kernels() if machine in (each.machine, each.name)), None)
    if found is None:
        names = ", ".join(visible(each.machine) for each in kernels())
        there = f"there are {names}." if names else "there is none at all."
        raise InvalidRequest("machine", f"{visible(machine)!r} has no kernel in JupyterLab's menu; {there}")
    _specs().remove_kernel_spec(found.name)


def kernels() -> list[MachineKernel]:
    """Those in the menu.

    Raises:
        ConfigError: jupyter_client is missing.
    """
    found: list[MachineKernel] = []
    for name, folder in sorted(_specs().find_kernel_specs().items()):
        try:
            description: Any = json.loads((Path(folder) / "kernel.json").read_text(encoding="utf-8"))
            stanza = description["metadata"]["kernel_provisioner"]
            if stanza["provisioner_name"] == PROVISIONER:
                config = stanza["config"]
                found.append(MachineKernel(name, config["machine"], config["profile"], config["trust"]))
        except (OSError, ValueError, LookupError, TypeError):
            continue  # somebody else's
    return found


def _name_of(machine: str) -> str:
    """A name that Jupyter allows, another one for each machine."""
    plain = re.sub(r"[^a-z0-9._-]+", "-", machine.lower())[:LONGEST].strip("-.") or "machine"
    if plain != machine:
        plain = f"{plain}-{hashlib.sha256(machine.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
    return f"glows-{plain}"


def _specs() -> KernelSpecManager:
    if find_spec("jupyter_client") is None:
        raise ConfigError('This needs jupyter_client, which is not installed; run: pip install "glows-nb[remote]"')
    from jupyter_client.kernelspec import KernelSpecManager

    # The kernel of this Python is not asked for, which would load ipykernel.
    return KernelSpecManager(ensure_native_kernel=False)
