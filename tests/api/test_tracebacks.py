"""Whatever goes wrong at whichever line of a public call: no traceback shows a secret, in any form or encoding.

The calls are found in the public face, so that a new one can't be forgotten. GLOWS_NB_SEEDS says at how many lines of
each call something goes wrong.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import linecache
import os
import random
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import pytest

import glows_nb as glows
from glows_nb.api.credentials import config, profiles
from glows_nb.api.credentials.tokens import Token
from glows_nb.api.lifecycle import unparking
from glows_nb.api.lifecycle.launch_request import checked_launch
from glows_nb.api.requests.create import CreateInstance
from glows_nb.api.steps import Steps
from glows_nb.commands import run
from glows_nb.connection import used_for_a_while
from tests.api.fake_account import HARDWARE, MACHINE, Account, account, running_machine
from tests.api.fake_service import sample, spec_row
from tests.api.http.test_masking import ECHOES
from tests.api.test_secrets import with_ipython, with_rich
from tests.hostile_server import Answer, HostileServer, Request, json_answer

SEEDS = int(os.environ.get("GLOWS_NB_SEEDS", "2"))
PACKAGE = str(Path(glows.__file__).parent)
TESTS = str(Path(__file__).parent.parent)
TOKEN, VALUE = "planted.token.of-an-account", "postgres://planted:value&1@db"
SECRETS = (TOKEN, VALUE)
SEALS = ("sealed(", "masked(", "_without_values(")
"""The calls that take secrets out of sight, each the first statement of what it protects; they raise nothing."""

NOTHING_IS_RAISED = {
    "sealed",
    "_sealed",
    "masked",
    "_without_values",
    "_other_values",
    "_envs",
    "encode_envs",
    "masked_error",
}
"""Functions of a few lines in which a secret stands, and which raise nothing."""

IN_SECRET = ("tokens.py", "masking.py", "models/wire.py", "parsing.py")
"""Modules all of whose functions are such, or whose errors the transport takes the frames from."""

USUAL: dict[str, Any] = {
    "from_image_id": "img-87p9kq26",
    "gpu_name": "NVIDIA GeForce RTX 4090",
    "region_name": "TW-03",
}


# What goes wrong while a generator is closed is nobody's.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def nothing_is_left_for_others() -> Iterator[None]:
    yield
    gc.collect()


class Trouble(Exception):
    """What a test lets go wrong."""


class At:
    """Raises at the Nth line of this package, but where secrets are just being taken out of sight."""

    def __init__(self, number: float) -> None:
        self.number = number
        self.lines = 0

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Any:
        code, caller = frame.f_code, frame.f_back
        names = {code.co_name, caller.f_code.co_name if caller else ""}
        is_ours = code.co_filename.startswith(PACKAGE) and not code.co_filename.endswith(IN_SECRET)
        return self._line if is_ours and not names & NOTHING_IS_RAISED else None

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        text = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
        # Leaving a lock is a line too, at which nothing but a test raises.
        if event == "line" and "lock:" not in text and not any(seal in text for seal in SEALS):
            self.lines += 1
            if self.lines == self.number:
                raise Trouble("planned")
        return self._line

    def __enter__(self) -> At:
        self._before = sys.gettrace()
        sys.settrace(self)
        return self

    def __exit__(self, *error: object) -> None:
        sys.settrace(self._before)


def parked() -> Account:
    service = account()
    key = "train-" + config_mark()
    service.machines = {
        key: running_machine(status="Finished", metaKey=key, envs=f"DB={VALUE}", hardware=HARDWARE, instanceID=MACHINE)
    }
    service.snapshots = [{"instance_id": MACHINE, "create_time": 1, "snapshot_id": "snap-1", "status": 3}]
    return service


def config_mark() -> str:
    from glows_nb.api.credentials.tokens import account_mark

    return account_mark(TOKEN)


def on(client: Any, service: Account) -> Any:
    """The client, whose steps this service answers."""

    async def run_async(steps: Steps[Any]) -> Any:
        return service.play(steps)

    client.run = run_async if isinstance(client, glows.AsyncClient) else service.play
    return client


def new(kind: type[Any], service: Account) -> Any:
    return on(kind(Token(TOKEN), "http://127.0.0.1:9"), service)


def finished(result: Any) -> Any:
    return asyncio.run(result) if inspect.isawaitable(result) else result


def secrets() -> dict[str, Any]:
    """The secret arguments of one call, which nobody holds but who takes them."""
    return {"envs": {"DB": VALUE, "EPOCHS": "3"}}


def of_instances(kind: type[Any], method: str, fields: dict[str, Any], make: Callable[[], Account]) -> Any:
    return lambda **more: finished(
        getattr(new(kind, make()).instances, method)(
            *fields.get("args", ()),
            **({name: value for name, value in fields.items() if name != "args"} | secrets() | more),
        )
    )


CALLS: dict[str, Callable[..., Any]] = {
    "connect": lambda **more: glows.connect(TOKEN, "http://127.0.0.1:9"),
    "Client": lambda **more: glows.Client(TOKEN, "http://127.0.0.1:9").close(),
    "AsyncClient": lambda **more: glows.AsyncClient(TOKEN, "http://127.0.0.1:9"),
    "CreateInstance": lambda **more: CreateInstance(**(USUAL | {"custom_meta_key": "k"} | secrets() | more)).wire(),
    "CreateInstance.from_spec": lambda **more: CreateInstance.from_spec(
        glows.Spec.model_validate(spec_row()), **({"from_image_id": "i", "custom_meta_key": "k"} | secrets() | more)
    ),
    **{
        call.__name__: lambda call=call, **more: call(
            "4090", client=new(glows.Client, account()), **({"image": "img-87p9kq26"} | secrets() | more)
        )
        for call in (glows.plan, glows.launch)
    },
    **{
        f"{kind.__name__}.instances.{method}": of_instances(kind, method, fields, make)
        for kind in (glows.Client, glows.AsyncClient)
        for method, fields, make in (
            ("create", USUAL | {"custom_meta_key": "k"}, account),
            ("plan", USUAL | {"name": "x"}, account),
            ("launch", USUAL, account),
            ("unpark", {"args": ("train",)}, parked),
            ("plan_unpark", {"args": ("train",)}, parked),
        )
    },
}
TAKES_NO_SECRET = {"Port", "Instance"}


def test_every_public_call_that_takes_a_secret_is_tried() -> None:
    found = set()
    for name in glows.__all__:
        value = getattr(glows, name)
        if not callable(value) or (inspect.isclass(value) and issubclass(value, BaseException)):
            continue
        with suppress(ValueError, TypeError):
            if takes_secret(value):
                found.add(name)
        for method, function in list(vars(value).items()) if inspect.isclass(value) else ():
            function = getattr(function, "__func__", function)
            if not method.startswith("_") and inspect.isfunction(function) and takes_secret(function):
                found.add(f"{name}.{method}")
    for kind in (glows.Client, glows.AsyncClient):
        with_token = kind(TOKEN, "http://127.0.0.1:9")
        for resource in ("instances", "images", "specs", "networks", "snapshots"):
            for method, function in inspect.getmembers(getattr(with_token, resource), inspect.ismethod):
                if not method.startswith("_") and takes_secret(function):
                    found.add(f"{kind.__name__}.{resource}.{method}")
    assert found - TAKES_NO_SECRET == set(CALLS)


def takes_secret(function: Any) -> bool:
    parameters = inspect.signature(function).parameters.values()
    return any(
        each.name in ("token", "password", "envs", "fields", "changes")
        and (each.kind is each.VAR_KEYWORD or each.name in ("token", "password", "envs"))
        for each in parameters
    )


def shown_by(error: BaseException, ways: int) -> Iterator[str]:
    """The traceback with the values of variables: of the three ways to show it the first ones."""
    yield "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    if ways > 1:
        yield with_rich(error)
        yield with_ipython(error)


def leaks(error: BaseException, ways: int = 3) -> list[str]:
    # The frames of the tests name the secrets.
    error.__traceback__ = without_the_test(error.__traceback__)
    return [
        f"{name}: {secret} by way {way} in {shown[-300:]}"
        for way, shown in enumerate(shown_by(error, ways))
        for secret in SECRETS
        for name, write in ECHOES.items()
        if write(secret).strip("\"'") in shown
    ]


def without_the_test(frames: TracebackType | None) -> TracebackType | None:
    if frames is None:
        return None
    below = without_the_test(frames.tb_next)
    if frames.tb_frame.f_code.co_filename.startswith(TESTS):
        return below
    return TracebackType(below, frames.tb_frame, frames.tb_lasti, frames.tb_lineno)


@pytest.mark.parametrize("name", CALLS)
def test_no_secret_is_in_a_traceback_from_any_line_of_a_call(name: str) -> None:
    call = CALLS[name]
    call()
    with At(float("inf")) as count:
        call()
    assert count.lines > 5
    chance = random.Random(19)  # noqa: S311 - no secret
    numbers = sorted(chance.sample(range(1, count.lines + 1), min(SEEDS * 8, count.lines)))
    met = 0
    for place, number in enumerate(numbers):
        try:
            with At(number):
                call()
        except Exception as error:  # noqa: BLE001 - whatever becomes of it
            met += 1
            assert leaks(error, 3 if place % 8 == 0 else 1) == [], number
    assert met > len(numbers) / 2


WRONG: dict[str, dict[str, Any]] = {
    "unknown field": {"no_such": 1},
    "too long": {"cmd": "x" * 600},
    "a value with ;": {"envs": {"DB": VALUE + ";"}},
    "a value in the name": {"envs": {f"DB={VALUE}": ""}},
    "bytes": {"envs": {"DB": VALUE.encode()}},
    "a list": {"envs": {"DB": [VALUE]}},
    "no mapping": {"envs": [VALUE]},
    "a text": {"envs": f"DB={VALUE};=;"},
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("name", [name for name in CALLS if "." in name or name == "CreateInstance"])
def test_no_secret_is_in_a_refusal(name: str, wrong: str) -> None:
    with pytest.raises(glows.InvalidRequest) as refused:
        CALLS[name](**WRONG[wrong])
    assert leaks(refused.value) == []


@pytest.mark.parametrize("kind", [glows.Client, glows.AsyncClient, glows.connect])
@pytest.mark.parametrize("wrong", [str.encode, lambda token: {"token": token}, lambda token: [token], bytearray])
def test_what_can_not_be_a_token_is_refused_without_being_shown(kind: Any, wrong: Callable[[str], Any]) -> None:
    with pytest.raises(glows.ConfigError, match="The GLOWS token is ") as refused:
        kind(wrong(TOKEN) if wrong is not bytearray else bytearray(TOKEN.encode()), "http://127.0.0.1:9")
    assert leaks(refused.value) == []


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_no_secret_is_in_a_traceback_from_any_line_of_a_request(is_async: bool) -> None:
    def answer(request: Request) -> Answer:
        return json_answer(sample("instance_create.response"))

    async def create_async(base_url: str) -> None:
        async with glows.AsyncClient(Token(TOKEN), base_url, backoff=0, max_retries=0) as client:
            await client.instances.create(**USUAL, custom_meta_key="k", **secrets())

    def create(base_url: str) -> None:
        if is_async:
            asyncio.run(create_async(base_url))
            return
        with glows.Client(Token(TOKEN), base_url, backoff=0, max_retries=0) as client:
            client.instances.create(**USUAL, custom_meta_key="k", **secrets())

    with HostileServer(answer) as server:
        create(server.base_url)
        with At(float("inf")) as count:
            create(server.base_url)
        chance = random.Random(20)  # noqa: S311 - no secret
        met = 0
        for place, number in enumerate(sorted(chance.sample(range(1, count.lines + 1), min(SEEDS * 8, count.lines)))):
            try:
                with At(number):
                    create(server.base_url)
            except Exception as error:  # noqa: BLE001 - whatever becomes of it
                met += 1
                assert leaks(error, 3 if place % 8 == 0 else 1) == [], number
        assert met > SEEDS


@pytest.mark.parametrize(
    "line", [f"launch --gpu nothing-like-it --env DB='{VALUE}' --yes", "launch --gpu 4090 --env DB --yes --name ''"]
)
def test_no_value_of_a_variable_is_in_a_traceback_of_a_command(
    line: str, client: glows.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB", VALUE)
    monkeypatch.setattr("glows_nb.renting.words.Words.__post_init__", lambda words: 1 / 0)
    with used_for_a_while(client), pytest.raises(ZeroDivisionError) as met:
        run(line)
    assert leaks(met.value) == []


def test_no_token_is_in_a_traceback_of_the_profile_writer(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any, **options: Any) -> Any:
        raise OSError(28, "No space left on device")

    files = ("os.fsync", "os.fdopen", "tempfile.mkstemp", "pathlib.Path.replace")
    for where in (*files, "tomllib.loads", "tomlkit.parse", "tomlkit.dumps"):
        with monkeypatch.context() as patched:
            patched.setattr(where, full)
            with pytest.raises((glows.ConfigError, OSError)) as met:
                profiles.store_token("lab", Token(TOKEN))
        assert leaks(met.value) == [], where


def test_the_steps_of_a_launch_hold_no_secret() -> None:
    wanted = checked_launch("0123abcd", **USUAL, **secrets())
    assert VALUE not in repr(wanted)
    service = parked()
    _, again = service.play(unparking.want_again("train", config_mark()))
    assert VALUE not in repr(again)
    assert config.masked(TOKEN) == Token(TOKEN)
