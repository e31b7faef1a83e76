"""Rent GPU machines from GLOWS in a notebook.

    import glows_nb as glows

    client = glows.connect()    # the token is in GLOWS_SDK_TOKEN or a profile
    glows.specs()               # what can be rented, as a DataFrame
    glows.launch_form()         # pick, see the price, launch
    %load_ext glows_nb          # then: %glows help

Without an account, `%glows sandbox` or `glows.sandbox()` rehearses on this machine. The calls of a client are explained
in `glows_nb.api.resources`, the columns of tables in `glows_nb.frames`, pictures in `glows_nb.plots`, and the fixtures
for tests in `glows_nb.pytest_plugin`.

Importing this package loads neither pandas nor widgets nor the network: each name loads what it needs when it
is first used (PEP 562).
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from glows_nb import frames, plots
    from glows_nb.api.client import AsyncClient, Client
    from glows_nb.api.errors import *  # noqa: F403 - it says in __all__ what is public
    from glows_nb.api.lifecycle.budget import Budget
    from glows_nb.api.lifecycle.parking import Parked
    from glows_nb.api.lifecycle.planning import Plan
    from glows_nb.api.models.images import Image
    from glows_nb.api.models.instances import Instance
    from glows_nb.api.models.networks import Endpoint, Network
    from glows_nb.api.models.snapshots import Snapshot
    from glows_nb.api.models.specs import Spec
    from glows_nb.api.models.wire import Page
    from glows_nb.api.requests.create import CreateInstance, Port
    from glows_nb.api.statuses import InstanceStatus, SnapshotStatus
    from glows_nb.connection import connect, current_client
    from glows_nb.doctor.report import doctor
    from glows_nb.embedded import Sandbox, sandbox
    from glows_nb.frames.costs import (
        balance,
        budget,
        burn_rate,
        discrepancies,
        set_balance,
        set_budget,
        spending,
        timeline,
    )
    from glows_nb.frames.queries import (
        cheapest,
        endpoints,
        images,
        instances,
        instances_async,
        networks,
        snapshots,
        specs,
    )
    from glows_nb.ledger.database import LedgerError
    from glows_nb.ledger.spending import Balance, BurnRate, UnreadWarning
    from glows_nb.money import Cost, Rate, set_exchange_rate
    from glows_nb.remote.async_machine import AsyncMachine
    from glows_nb.remote.cells.failing import CellFailed
    from glows_nb.remote.errors import (
        CommandFailed,
        HostKeyChanged,
        LineLost,
        NotReachable,
        RemoteError,
        Stopped,
        TransferError,
    )
    from glows_nb.remote.files.transfer import Transfer
    from glows_nb.remote.jobs.async_job import AsyncJob
    from glows_nb.remote.jobs.job import Job
    from glows_nb.remote.machine import Machine
    from glows_nb.remote.opening import machine
    from glows_nb.remote.output import Completed
    from glows_nb.remote.ports.forward import Forward
    from glows_nb.renting.launching import launch, plan
    from glows_nb.watching.jobs import jobs
    from glows_nb.widgets.form.launch_form import launch_form
    from glows_nb.widgets.form.spec_picker import spec_picker
    from glows_nb.widgets.panel.images_panel import images_panel
    from glows_nb.widgets.panel.machines_panel import panel
    from glows_nb.widgets.panel.networks_panel import networks_panel
    from glows_nb.widgets.panel.snapshots_panel import snapshots_panel
    from glows_nb.widgets.table.table import show

__version__ = "0.1.0"

_HOMES: Final = {
    "glows_nb.api.client": ("AsyncClient", "Client"),
    "glows_nb.api.lifecycle.planning": ("Plan",),
    "glows_nb.api.models.images": ("Image",),
    "glows_nb.api.models.instances": ("Instance",),
    "glows_nb.api.models.networks": ("Endpoint", "Network"),
    "glows_nb.api.models.snapshots": ("Snapshot",),
    "glows_nb.api.models.specs": ("Spec",),
    "glows_nb.api.models.wire": ("Page",),
    "glows_nb.api.lifecycle.budget": ("Budget",),
    "glows_nb.api.lifecycle.parking": ("Parked",),
    "glows_nb.api.requests.create": ("CreateInstance", "Port"),
    "glows_nb.api.statuses": ("InstanceStatus", "SnapshotStatus"),
    "glows_nb.frames.queries": (
        "cheapest",
        "endpoints",
        "images",
        "instances",
        "instances_async",
        "networks",
        "snapshots",
        "specs",
    ),
    "glows_nb.connection": ("connect", "current_client"),
    "glows_nb.doctor.report": ("doctor",),
    "glows_nb.embedded": ("Sandbox", "sandbox"),
    "glows_nb.ledger.database": ("LedgerError",),
    "glows_nb.money": ("Cost", "Rate", "set_exchange_rate"),
    "glows_nb.frames.costs": (
        "balance",
        "budget",
        "burn_rate",
        "discrepancies",
        "set_balance",
        "set_budget",
        "spending",
        "timeline",
    ),
    "glows_nb.ledger.spending": ("Balance", "BurnRate", "UnreadWarning"),
    "glows_nb.remote.async_machine": ("AsyncMachine",),
    "glows_nb.remote.cells.failing": ("CellFailed",),
    "glows_nb.remote.errors": (
        "CommandFailed",
        "HostKeyChanged",
        "LineLost",
        "NotReachable",
        "RemoteError",
        "Stopped",
        "TransferError",
    ),
    "glows_nb.remote.output": ("Completed",),
    "glows_nb.remote.files.transfer": ("Transfer",),
    "glows_nb.remote.jobs.async_job": ("AsyncJob",),
    "glows_nb.remote.jobs.job": ("Job",),
    "glows_nb.remote.machine": ("Machine",),
    "glows_nb.remote.opening": ("machine",),
    "glows_nb.remote.ports.forward": ("Forward",),
    "glows_nb.renting.launching": ("launch", "plan"),
    "glows_nb.watching.jobs": ("jobs",),
    "glows_nb.widgets.form.launch_form": ("launch_form",),
    "glows_nb.widgets.form.spec_picker": ("spec_picker",),
    "glows_nb.widgets.panel.machines_panel": ("panel",),
    "glows_nb.widgets.panel.images_panel": ("images_panel",),
    "glows_nb.widgets.panel.networks_panel": ("networks_panel",),
    "glows_nb.widgets.panel.snapshots_panel": ("snapshots_panel",),
    "glows_nb.widgets.table.table": ("show",),
}
_HOME_OF: Final = {name: home for home, names in _HOMES.items() for name in names}

_ERRORS: Final = "glows_nb.api.errors"
_MODULES: Final = ("frames", "plots")


def load_ipython_extension(shell: InteractiveShell) -> None:
    """What `%load_ext glows_nb` calls: registers %glows."""
    from glows_nb.magic.extension import load

    load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """What `%unload_ext glows_nb` calls: takes %glows away again."""
    from glows_nb.magic.extension import unload

    unload(shell)


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"glows_nb.{name}")
    if name == "__all__":
        return _public_names()
    home = _HOME_OF.get(name)
    if home is None and name in import_module(_ERRORS).__all__:
        home = _ERRORS
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return _public_names()


def _public_names() -> list[str]:
    # Not plots: `from glows_nb import *` must not need matplotlib.
    own = ["__version__", "frames", "load_ipython_extension", "unload_ipython_extension"]
    return sorted([*own, *_HOME_OF, *import_module(_ERRORS).__all__])


class _Face(ModuleType):
    """This module, where `sandbox` and `doctor` stay functions.

    Importing a subpackage binds its name in its parent; where a public name is the same, that one stays.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if not (isinstance(value, ModuleType) and name in _HOME_OF):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Face
