"""`import glows_nb as glows`: the promised names, what loading it costs, and that all of it is explained."""

from __future__ import annotations

import inspect
import pkgutil
import subprocess
import sys
import types
from collections.abc import Iterator
from typing import Any

import pytest

import glows_nb as glows

# DESIGN, "Names that are promised", as far as this version has them.
PROMISED = """
connect Client specs instances images snapshots networks endpoints launch_form spec_picker panel sandbox
snapshots_panel images_panel networks_panel
frames.specs frames.instances frames.images frames.snapshots frames.networks frames.endpoints frames.stats
plan launch machine AsyncMachine jobs Job AsyncJob
cheapest doctor spending burn_rate balance set_balance budget set_budget discrepancies set_exchange_rate
GlowsError APIError AuthError UnknownCodeError MetaKeyExists NoResourceAvailable RateLimited TransportError
BadResponse AmbiguousResult MachineDiffers BudgetReached StalePlan WaitTimeout ConfigError
RemoteError LineLost HostKeyChanged CommandFailed CellFailed NotReachable TransferError
load_ipython_extension unload_ipython_extension
"""
CLIENT = """
instances.get instances.create instances.plan instances.launch instances.cancel instances.stats instances.list
instances.all instances.wait images.list images.all specs.list specs.all
"""
INSTANCE = ("instance_id", "status", "meta_key", "create_time", "ssh_command", "url", "is_terminal", "is_billed")
FRAMES = (
    *("specs", "specs_by_region", "instances", "images", "snapshots", "networks", "endpoints", "stats"),
    *("spending", "discrepancies"),
)
HEAVY = {
    "pandas",
    "ipywidgets",
    "httpx",
    "IPython",
    "pydantic",
    "starlette",
    "uvicorn",
    "click",
    "asyncssh",
    "pathspec",
}


def python(code: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def public_parts(owner: Any) -> Iterator[tuple[str, Any]]:
    """The functions, methods and properties that a class of ours shows."""
    for name, value in vars(owner).items():
        value = value.__func__ if isinstance(value, classmethod | staticmethod) else value
        if not name.startswith("_") and isinstance(value, types.FunctionType | property):
            yield f"{owner.__name__}.{name}", value


def explained() -> dict[str, Any]:
    """Everything that can be reached from the face and ought to say what it is."""
    found: dict[str, Any] = {"glows_nb": glows}
    for name in glows.__all__:
        value = getattr(glows, name)
        if isinstance(value, type | types.FunctionType | types.ModuleType):
            found[name] = value
        if isinstance(value, type):
            found |= dict(public_parts(value))
    with glows.Client("token", "http://127.0.0.1:9") as client:
        for noun in ("instances", "images", "specs"):
            found |= dict(public_parts(type(getattr(client, noun))))
    found |= {f"frames.{name}": getattr(glows.frames, name) for name in FRAMES}
    return found


@pytest.mark.parametrize("name", PROMISED.split())
def test_promised_name_is_there(name: str) -> None:
    value: Any = glows
    for part in name.split("."):
        value = getattr(value, part)
    assert callable(value)


def test_client_and_machine_have_the_promised_names() -> None:
    with glows.Client("token", "http://127.0.0.1:9") as client:
        for path in CLIENT.split():
            noun, verb = path.split(".")
            assert callable(getattr(getattr(client, noun), verb)), path
    machine = glows.Instance.model_validate({"instanceID": "ins-x", "status": "Pending"})
    assert [name for name in INSTANCE if not hasattr(machine, name)] == []


def test_every_name_that_the_face_lists_resolves() -> None:
    assert len(glows.__all__) == len(set(glows.__all__))
    for name in glows.__all__:
        assert getattr(glows, name) is not None
    assert set(dir(glows)) == set(glows.__all__)


def test_star_import_gives_the_names_that_are_listed() -> None:
    namespace: dict[str, Any] = {}
    exec("from glows_nb import *", namespace)  # noqa: S102 - the only way to import a star in a function
    assert set(namespace) - {"__builtins__"} == set(glows.__all__)


@pytest.mark.parametrize("name", ["Klient", "api_error", "_missing"])
def test_unknown_name_is_an_attribute_error(name: str) -> None:
    with pytest.raises(AttributeError, match=f"'glows_nb' has no attribute '{name}'"):
        getattr(glows, name)


def test_name_is_the_same_object_each_time() -> None:
    for name in ("Client", "specs", "GlowsError", "Rate"):
        assert getattr(glows, name) is getattr(glows, name)
    assert glows.sandbox is glows.sandbox


def test_import_loads_neither_pandas_nor_widgets_nor_the_network() -> None:
    assert python(f"import sys, glows_nb; print(sorted({HEAVY!r} & set(sys.modules)))") == "[]"


def test_client_loads_neither_pandas_nor_widgets() -> None:
    heavy = {"pandas", "ipywidgets", "IPython"}
    assert python(f"import sys, glows_nb; glows_nb.Client; print(sorted({heavy!r} & set(sys.modules)))") == "[]"


@pytest.mark.parametrize(
    "first",
    [
        "from glows_nb.sandbox.server import SandboxServer",
        "import glows_nb.sandbox",
        "import glows_nb.sandbox.server; import glows_nb.embedded",
        "import glows_nb; glows_nb.sandbox; import glows_nb.sandbox.server",
        "from glows_nb import sandbox; import glows_nb.sandbox.server",
    ],
)
def test_sandbox_is_the_function_whatever_was_imported_first(first: str) -> None:
    code = f"{first}\nimport glows_nb as glows\nwith glows.sandbox() as s: print(s.base_url)"
    assert python(code).startswith("http://127.0.0.1:")


@pytest.mark.parametrize(
    "first",
    ["import glows_nb.doctor", "from glows_nb.doctor.report import diagnosis", "import glows_nb; glows_nb.doctor"],
)
def test_doctor_is_the_function_whatever_was_imported_first(first: str) -> None:
    code = f"{first}\nimport glows_nb.doctor.checks, glows_nb as glows\nprint(type(glows.doctor).__name__)"
    assert python(code) == "function"


def test_everything_that_can_be_reached_is_explained() -> None:
    parts = explained()
    assert {"connect", "Instance.ssh_command", "Instances.launch", "Sandbox.close", "frames.specs"} <= set(parts)
    silent = [name for name, value in parts.items() if not (inspect.getdoc(value) or "").strip()]
    assert silent == []


def test_errors_are_one_tree() -> None:
    errors = [value for name in glows.__all__ if isinstance(value := getattr(glows, name), type)]
    errors = [error for error in errors if issubclass(error, Exception) and not issubclass(error, Warning)]
    assert len(errors) > 25
    assert all(issubclass(error, glows.GlowsError) for error in errors)
    assert issubclass(glows.PermissionDenied, glows.AuthError)
    assert issubclass(glows.AuthError, glows.APIError)


def test_version_is_that_of_the_package() -> None:
    from importlib.metadata import version

    assert glows.__version__ == version("glows-nb")


def test_name_of_a_function_is_no_module_whatever_was_asked_first() -> None:
    modules = {module.name for module in pkgutil.iter_modules(glows.__path__)}
    assert modules & set(glows._HOME_OF) == {"doctor", "sandbox"}, "which _Face takes care of"
    assert python("import glows_nb as g; g.burn_rate; g.set_balance; print(callable(g.spending))") == "True"


ALL_AT_ONCE = """
import sys, threading
import glows_nb as glows

with glows.Client(*sys.argv[1:]) as client:
    calls = [
        lambda: client.specs.all(),
        lambda: client.instances.all(),
        lambda: client.images.all(),
        lambda: client.networks.all(domain=0),
        lambda: client.snapshots.all(),
        lambda: glows.specs(client=client),
        lambda: glows.instances(client=client),
        lambda: glows.spending(client=client),
        lambda: glows.CreateInstance,
    ]
    start, done = threading.Barrier(len(calls)), []

    def make(call):
        start.wait()
        call()
        done.append(call)

    threads = [threading.Thread(target=make, args=[call]) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    print(len(calls) - len(done))
"""


@pytest.mark.parametrize("attempt", range(3))
def test_what_is_loaded_when_it_is_first_used_may_be_used_by_all_threads_at_once(
    attempt: int, shared_sandbox: glows.Sandbox
) -> None:
    command = [sys.executable, "-W", "error", "-c", ALL_AT_ONCE, shared_sandbox.token, shared_sandbox.base_url]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 - our own code
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")
