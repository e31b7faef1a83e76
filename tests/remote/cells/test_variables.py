"""Variables go to a machine's kernel and come back, over SSH; what is nobody's business there stays as it was."""

from __future__ import annotations

import asyncio
import sys
import threading
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

import glows_nb as glows
from glows_nb.remote import calling
from glows_nb.remote.cells import exchanging
from tests.remote.conftest import SANDBOX
from tests.remote.cutting_proxy import CuttingProxy
from tests.remote.ways import Door, Service
from tests.sandbox.machines.real import eventually

LARGE = np.arange(200_000)
"""1.6 MB: it goes as a file."""


def test_variables_go_there_and_come_back(machine: glows.Machine) -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None]}, index=pd.date_range("2026-01-01", periods=2, tz="UTC"))
    machine.put(df=frame, cfg={"epochs": 3, "at": datetime(2026, 1, 2, tzinfo=UTC)}, large=LARGE)
    result = machine.run("type(df).__name__, cfg['epochs'] + 1, int(large.sum())", quiet=True)
    assert result.text == f"('DataFrame', 4, {LARGE.sum()})\n"
    pd.testing.assert_frame_equal(machine.get("df"), frame)
    cfg, large = machine.get("cfg", "large")
    assert cfg == {"epochs": 3, "at": datetime(2026, 1, 2, tzinfo=UTC)}
    np.testing.assert_array_equal(large, LARGE)


def test_it_counts_as_no_cell_there(machine: glows.Machine) -> None:
    machine.run("6 * 7", quiet=True)
    names = "sorted(each for each in globals() if each.strip('_i0123456789'))"
    before = machine.run(names, quiet=True).text
    machine.put(small=1, large=LARGE)
    machine.get("small")
    machine.get("large")
    assert [run.title for run in machine.kernel_status().runs][-2:] == ["6 * 7", names]
    assert machine.output().text == before
    assert machine.run("len(_), len(In), Out[1]", quiet=True).text == f"({before.count(',') + 1}, 4, 42)\n"
    machine.run("del small, large", quiet=True)
    assert machine.run(names, quiet=True).text == before


def test_nothing_is_left_there_and_nobody_else_can_look(doors: dict[str, Door]) -> None:
    door = doors[SANDBOX]
    with Service(door) as service, service.machine() as machine:
        machine.put(large=LARGE)
        machine.get("large")
        with pytest.raises(glows.RemoteError):
            machine.get("large", "not_there")
    folder = door.home / ".glows-nb" / "values"
    assert (folder.stat().st_mode & 0o077, list(folder.iterdir())) == (0, [])


def test_question_comes_before_much_goes(machine: glows.Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchanging, "ASKS_ABOVE", 1_000_000)
    asked: list[str] = []
    with pytest.raises(glows.TransferError, match="Nothing was done"):
        machine.put(large=LARGE, ask=lambda question: asked.append(question) or False)
    machine.put(large=LARGE, yes=True)
    with pytest.raises(glows.TransferError, match="Nothing was done"):
        machine.get("large", ask=lambda question: asked.append(question) or False)
    found = machine.get("large", ask=lambda question: asked.append(question) or True)
    np.testing.assert_array_equal(found, LARGE)
    assert [question.partition(" ")[0] for question in asked] == ["Send", "Fetch", "Fetch"]
    assert all(question.endswith(": 1.6 MB?") for question in asked)
    assert len(machine.get("large", yes=True)) == len(LARGE)


def test_what_can_not_go_is_said_before_anything_is_sent() -> None:
    unreachable = glows.Machine("nowhere", client=glows.Client("token", "http://127.0.0.1:9", max_retries=0))
    with pytest.raises(glows.InvalidRequest, match=r"cfg\['f'\] holds function, which has no safe form; write it to a"):
        unreachable.put(cfg={"f": test_it_counts_as_no_cell_there})
    for name in ("a b", "class", "", "1x"):
        with pytest.raises(glows.InvalidRequest, match="can be no variable's name"):
            unreachable.put({name: 1})
        with pytest.raises(glows.InvalidRequest, match="can be no variable's name"):
            unreachable.get(name)
    with pytest.raises(glows.InvalidRequest, match="give the name of a variable"):
        unreachable.get()
    with pytest.raises(
        glows.InvalidRequest, match=r"is an option; a variable of this name is put by m.put\({'yes': …}\)"
    ):
        unreachable.put(yes=3)  # type: ignore[arg-type]


def test_what_can_not_come_is_said_with_a_way(machine: glows.Machine) -> None:
    machine.run(
        "class Tensor: pass\nimport collections\ndf = {'x': [Tensor()]}\na = collections.OrderedDict()", quiet=True
    )
    with pytest.raises(
        glows.RemoteError, match=r"df\['x'\]\[0\] holds Tensor, .* on .*: write it to a file, and fetch"
    ):
        machine.get("df")
    with pytest.raises(
        glows.RemoteError, match=r"a holds OrderedDict, which has no safe form \(dict\(\) of it has one\)"
    ):
        machine.get("a")
    with pytest.raises(glows.RemoteError, match="has no variable nothing, neither"):
        machine.get("df", "nothing", "neither")
    assert machine.run("'Tensor' in str(df)", quiet=True).text == "True\n"


def test_names_of_arguments_are_put_by_a_dict(machine: glows.Machine) -> None:
    machine.put({"yes": 1, "ask": 2}, other=3)
    assert machine.get("yes", "ask", "other") == (1, 2, 3)


def test_it_waits_its_turn_and_an_interrupt_leaves_the_cell_alone(
    doors: dict[str, Door], capsys: pytest.CaptureFixture[str]
) -> None:
    with Service(doors[SANDBOX]) as service, service.machine() as machine, service.machine() as other:
        machine.restart_kernel()
        code = (
            "import time, pathlib\nx = 1\nwhile not pathlib.Path('go').exists():\n    time.sleep(0.01)\nprint('done')"
        )
        ended: list[str] = []
        cell = threading.Thread(target=lambda: ended.append(other.run(code, quiet=True).text))
        cell.start()
        eventually(lambda: machine.kernel_status().state == "busy")
        said: list[str] = []
        waiting = threading.Thread(target=lambda: said.append(machine.get("x")))
        waiting.start()
        eventually(lambda: "A cell runs on ins-00000001; this waits its turn." in capsys.readouterr().err)

        stop = threading.Event()
        with pytest.raises(asyncio.CancelledError) as stopped:
            calling.run(
                lambda caller: machine._handle.put(caller, {"y": 2}, False, None),
                on_progress=lambda words: stop.set(),
                stop=stop,
            )
        assert stopped.value.__notes__ == ["ins-00000001 may still set y, once its cell has ended."]
        assert ended == []
        (doors[SANDBOX].home / "go").touch()
        cell.join()
        waiting.join()
        (doors[SANDBOX].home / "go").unlink()
        assert (ended, said) == (["done\n"], [1])


@pytest.mark.parametrize("seed", range(3))
def test_lines_that_break_lose_nothing(doors: dict[str, Door], seed: int) -> None:
    door = doors[SANDBOX]
    # A file of 8 MB goes on where it was, which some MB of a line are lost from.
    much = np.random.default_rng(seed).integers(0, 255, 32_000_000, dtype="u1")
    cuts = [20_000 + 7_000 * seed, 12_000_000 + 1_000_000 * seed, 14_000_000, 25_000_000, 11_000_000]
    with Service(door) as service, CuttingProxy(door.port, cuts) as proxy:
        service.told.port = proxy.port
        with service.machine() as machine:
            machine.put(much=much)
            np.testing.assert_array_equal(machine.get("much"), much)
        assert proxy.cut == len(cuts)
    assert list((door.home / ".glows-nb" / "values").iterdir()) == []


def test_it_is_awaited_too(doors: dict[str, Door]) -> None:
    async def there_and_back(machine: glows.AsyncMachine) -> tuple[object, int]:
        await machine.put(x=[1, 2], large=LARGE)
        found = await machine.get("x"), len(await machine.get("large"))
        await machine.close()
        return found

    with Service(doors[SANDBOX]) as service, service.machine() as machine:
        awaited = glows.AsyncMachine(service.told.instance_id, client=glows.Client("token", service.base_url))
        assert asyncio.run(there_and_back(awaited)) == ([1, 2], len(LARGE))
        assert machine.get("x") == [1, 2]


def test_what_a_cell_is_sent_is_there_before_it_runs_and_not_sent_where_it_runs_already(doors: dict[str, Door]) -> None:
    code = "import time, pathlib\nwhile not pathlib.Path('go2').exists():\n    time.sleep(0.01)\nprint(sent)"
    with Service(doors[SANDBOX]) as service, service.machine() as machine, service.machine() as other:
        machine.restart_kernel()
        ended: list[str] = []
        cell = threading.Thread(target=lambda: ended.append(machine.run(code, quiet=True, send={"sent": 1}).text))
        cell.start()
        eventually(lambda: any("go2" in run.title for run in other.kernel_status().runs))
        again = threading.Thread(target=lambda: ended.append(other.run(code, quiet=True, send={"sent": 2}).text))
        again.start()
        (doors[SANDBOX].home / "go2").touch()
        cell.join()
        again.join()
        (doors[SANDBOX].home / "go2").unlink()
        assert ended == ["1\n", "1\n"]
        assert machine.get("sent") == 1


def test_library_that_is_missing_on_either_side_is_named(
    machine: glows.Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.put(x=LARGE, y=LARGE[:3])
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "numpy", None)  # type: ignore[arg-type]
        for name in ("x", "y"):
            with pytest.raises(glows.RemoteError, match=f"To have {name} here needs numpy; run: pip install numpy"):
                machine.get(name)
    machine.run("import sys; sys.modules['numpy'] = None", quiet=True)
    for value in (LARGE, LARGE[:3]):
        with pytest.raises(glows.RemoteError, match=r"To have z there needs numpy; on .*: pip install numpy"):
            machine.put(z=value)
    with pytest.raises(glows.RemoteError, match="has no variable z"):
        machine.get("z")
