"""Creates under every fault, over real sockets: never two machines, never one that nobody knows of, never a lie.

The moments: before sending, unread, read and not done, done and unanswered, done and half answered, done and
answered too late, done after our look-up found nothing. Each is crossed with what the caller may hear, with sync
and async, and with the same client or a new one for the second run of the cell.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
from typing import Any

import pytest

import glows_nb as glows
from glows_nb.api.credentials.tokens import account_mark
from glows_nb.api.lifecycle.keys import key_for_name
from tests.api.lifecycle.faulty_service import ANSWERS, AsyncRefusingTransport, Fault, FaultyService, RefusingTransport

TOKEN = "token"
MARK = account_mark(TOKEN)
OPTIONS: dict[str, Any] = {"backoff": 0, "timeout": 0.25}
FIELDS = {
    "gpu_name": "NVIDIA GeForce RTX 4090",
    "region_name": "TW-03",
    "from_image_id": "img-87p9kq26",
}
LAUNCH = """
import json, sys
import glows_nb as glows
token, base_url, fields = sys.argv[1:]
with glows.Client(token, base_url, backoff=0) as client:
    print(client.instances.launch(name="train", **json.loads(fields)).instance_id)
"""
QUICK = [
    Fault("none", "refused"),
    Fault("none", "unread"),
    *(Fault(work, answer) for work in ("none", "done", "late") for answer in ("reset", *ANSWERS)),
    Fault("done", "cut"),
    Fault("late", "cut"),
]
# A late commit behind a 429 is left out: 429 says that nothing was done, and nothing will be.
QUICK = [fault for fault in QUICK if not (fault.work == "late" and fault.answer.startswith("429"))]
SLOW = [Fault("done", "drip"), Fault("late", "drip")]
# GLOWS_NB_SEEDS=8 makes it 2,080 runs.
BATCHES, RUNS_PER_BATCH = int(os.environ.get("GLOWS_NB_SEEDS", "3")), 260


def faults_of(chance: random.Random) -> list[Fault]:
    """One to four faults in a row; the slow one is rare, since each costs a time-out."""
    slow = chance.random() < 0.02
    return [chance.choice(SLOW)] if slow else chance.choices(QUICK, k=chance.choice([1, 1, 2, 3, 4]))


def check(service: FaultyService, key: str, result: glows.Instance | glows.GlowsError) -> None:
    """What the caller holds is true, and there is no machine that it does not know of."""
    if isinstance(result, glows.Instance):
        assert service.machines[key]["instanceID"] == result.instance_id
    service.settle(key)
    assert [known for known in service.machines if known.startswith(key)] in ([], [key])
    if key in service.machines and not isinstance(result, glows.Instance):
        assert isinstance(result, glows.AmbiguousResult), f"a machine exists, and the caller heard {result!r}"
        assert key in str(result)


@pytest.mark.parametrize("seed", range(BATCHES))
def test_sync_creates_make_one_machine_and_tell_the_truth(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - to repeat a run
    with FaultyService() as service:
        same = glows.Client(TOKEN, service.base_url, transport=RefusingTransport(service), **OPTIONS)
        for run in range(RUNS_PER_BATCH // 2):
            key = key_for_name(f"run-{run}", MARK)
            service.faults[key] = faults_of(chance)
            try:
                result: Any = same.instances.launch(name=f"run-{run}", **FIELDS)
            except glows.GlowsError as error:
                result = error
            check(service, key, result)
            service.faults[key] = []
            again = same if chance.random() < 0.5 else glows.Client(TOKEN, service.base_url, **OPTIONS)
            found = again.instances.launch(name=f"run-{run}", **FIELDS)
            check(service, key, found)
            if again is not same:
                again.close()
        same.close()


@pytest.mark.parametrize("seed", range(BATCHES))
def test_async_creates_make_one_machine_and_tell_the_truth(seed: int) -> None:
    async def scenario(service: FaultyService) -> None:
        chance = random.Random(1000 + seed)  # noqa: S311 - to repeat a run
        same = glows.AsyncClient(TOKEN, service.base_url, transport=AsyncRefusingTransport(service), **OPTIONS)
        for run in range(RUNS_PER_BATCH // 2):
            key = key_for_name(f"run-{run}", MARK)
            service.faults[key] = faults_of(chance)
            try:
                result: Any = await same.instances.launch(name=f"run-{run}", **FIELDS)
            except glows.GlowsError as error:
                result = error
            check(service, key, result)
            service.faults[key] = []
            again = same if chance.random() < 0.5 else glows.AsyncClient(TOKEN, service.base_url, **OPTIONS)
            found = await again.instances.launch(name=f"run-{run}", **FIELDS)
            check(service, key, found)
            if again is not same:
                await again.close()
        await same.close()

    with FaultyService() as service:
        asyncio.run(scenario(service))


@pytest.mark.parametrize("fault", [Fault("done", "reset"), Fault("late", "502"), Fault("none", "reset")])
def test_a_new_process_finds_the_machine_of_one_that_heard_nothing(fault: Fault) -> None:
    key = key_for_name("train", MARK)
    with FaultyService() as service:
        service.faults[key] = [fault] * 3
        with glows.Client(TOKEN, service.base_url, **OPTIONS) as client:
            try:
                first: Any = client.instances.launch(name="train", **FIELDS)
            except glows.GlowsError as error:
                first = error
        check(service, key, first)
        service.faults[key] = []
        ran = subprocess.run(  # noqa: S603 - our own code
            [sys.executable, "-c", LAUNCH, TOKEN, service.base_url, json.dumps(FIELDS)],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert ran.stderr == ""
        assert service.machines[key]["instanceID"] == ran.stdout.strip()
        assert len(service.machines) == 1


def test_many_threads_that_launch_one_name_under_faults_get_one_machine() -> None:
    from concurrent.futures import ThreadPoolExecutor

    chance = random.Random(7)  # noqa: S311 - to repeat a run
    with FaultyService() as service:
        for run in range(10):
            name = f"run-{run}"
            key = key_for_name(name, MARK)
            service.faults[key] = faults_of(chance)

            def launch(_: int, name: str = name) -> Any:
                with glows.Client(TOKEN, service.base_url, **OPTIONS) as client:
                    try:
                        return client.instances.launch(name=name, **FIELDS)
                    except glows.GlowsError as error:
                        return error

            with ThreadPoolExecutor(8) as pool:
                results = list(pool.map(launch, range(8)))
            for result in results:
                check(service, key, result)
        assert len(service.machines) <= 10
