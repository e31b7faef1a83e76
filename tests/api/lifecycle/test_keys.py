"""Which machine a name, a key or a launch means: nothing is guessed of generations, order, secrets or retention."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glows_nb.api.errors import AmbiguousResult, GlowsError, InvalidRequest, MetaKeyExists, ParamIllegal
from glows_nb.api.lifecycle.creating import launch
from glows_nb.api.lifecycle.keys import find_machine, generation_of, key_for_name, key_of_generation, made_from_name
from glows_nb.api.lifecycle.launch_request import checked_launch
from glows_nb.api.steps import Noted
from tests.api.fake_service import FakeService, instance_row

MARK = "0123abcd"
KEY = f"train-{MARK}"
RTX_4090 = "NVIDIA GeForce RTX 4090"
ASKED: dict[str, Any] = {"from_image_id": "img-87p9kq26", "gpu_name": RTX_4090, "region_name": "TW-03"}


class Category(StrEnum):
    CONTAINER = "container"


def machine(key: str, number: int, status: str = "Running", **fields: Any) -> dict[str, Any]:
    return instance_row(key, number, status, hardware={"gpuName": RTX_4090, "gpuNum": 1}) | fields


def service_with(
    *rows: dict[str, Any], forgotten: set[str] | None = None, noted: list[Noted] | None = None
) -> FakeService:
    return FakeService(machines={row["metaKey"]: row for row in rows}, forgotten=forgotten or set(), noted=noted or [])


def found(service: FakeService, word: str) -> str:
    return service.play(find_machine(word, MARK)).meta_key


# The key of a launch without a name.


def derived(**fields: Any) -> str:
    return checked_launch(MARK, **(ASKED | fields)).key


@given(st.data(), st.dictionaries(st.text("ABCXYZ_", min_size=1, max_size=6), st.text("abc", max_size=5), max_size=6))
def test_no_order_and_no_value_of_variables_changes_the_key(data: st.DataObject, envs: dict[str, str]) -> None:
    names = data.draw(st.permutations(sorted(envs)))
    renewed = {name: data.draw(st.text("xyz", max_size=5)) for name in names}
    assert derived(envs=renewed) == derived(envs=envs)


@given(st.permutations(["8000/http", "3306/tcp", "22/tcp"]), st.permutations(["cpus", "ram_mb", "disk_gb"]))
def test_no_order_of_ports_or_extras_changes_the_key(ports: list[str], extras: list[str]) -> None:
    amounts: Mapping[str, int] = {"cpus": 4, "ram_mb": 1024, "disk_gb": 10}
    expected = derived(ports=["22/tcp", "3306/tcp", "8000/http"], extra_resource=dict(amounts))
    assert derived(ports=ports, extra_resource={name: amounts[name] for name in extras}) == expected


@pytest.mark.parametrize(
    "fields",
    [
        {"unit_qty": 1.0},
        {"unit_qty": True},
        {"instance_category": Category.CONTAINER},
        {"regions": ("TW-03",), "region_name": None},
        {"regions": "TW-03", "region_name": None},
        {"ports": ()},
        {"envs": {}},
    ],
)
def test_equal_arguments_of_other_types_give_the_same_key(fields: dict[str, Any]) -> None:
    assert derived(**fields) == derived()


@pytest.mark.parametrize("field", [{"unit_qty": 2}, {"envs": {"A": "1"}}, {"ports": [8000]}, {"cmd": "true"}])
def test_what_asks_for_another_machine_gives_another_key(field: dict[str, Any]) -> None:
    assert derived(**field) != derived()


def test_the_key_is_the_same_under_every_hash_seed_also_of_sets() -> None:
    code = (
        "from glows_nb.api.lifecycle.launch_request import checked_launch\n"
        "names = {'HF_TOKEN', 'WANDB', 'SEED', 'EPOCHS', 'LR'}\n"
        f"print(checked_launch({MARK!r}, from_image_id='img-1', gpu_name='x', regions={{'TW-01', 'TW-03', 'JP-01'}},"
        " ports={8000, 8001, 9000}, envs={name: name for name in names}).key)\n"
    )
    keys = {
        subprocess.run(  # noqa: S603 - our own line
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in range(6)
    }
    assert len(keys) == 1


def test_a_renewed_secret_finds_the_machine_and_says_that_it_keeps_the_old_one() -> None:
    service = FakeService()
    first = service.play(launch(checked_launch(MARK, **ASKED, envs={"HF_TOKEN": "old"})))
    service.machines[first.meta_key]["envs"] = "HF_TOKEN=old"
    with pytest.warns(UserWarning, match="another value of HF_TOKEN") as told:
        again = service.play(launch(checked_launch(MARK, **ASKED, envs={"HF_TOKEN": "renewed"})))
    assert again.instance_id == first.instance_id
    assert service.creates() == 1
    assert "renewed" not in str(told[0].message)


# Generations that the service tells nothing of any more.


def test_a_later_generation_that_lives_is_found_though_the_first_is_forgotten() -> None:
    service = service_with(machine(KEY, 1, "Finished"), machine(f"{KEY}.2", 2), forgotten={KEY})
    assert service.play(launch(checked_launch(MARK, **ASKED, name="train"))).meta_key == f"{KEY}.2"
    assert service.creates() == 0
    assert found(service, "train") == f"{KEY}.2"


def test_one_that_only_the_ledger_knows_is_asked_by_its_id() -> None:
    service = service_with(
        machine(f"{KEY}.2", 2),
        forgotten={KEY, f"{KEY}.2"},
        noted=[Noted(f"{KEY}.2", "ins-00000002", has_ended=False)],
    )
    a_list_that_lags(service)
    assert found(service, "train") == f"{KEY}.2"
    assert service.play(launch(checked_launch(MARK, **ASKED, name="train"))).instance_id == "ins-00000002"
    assert service.creates() == 0


def test_generations_that_the_ledger_saw_end_are_used_up() -> None:
    service = FakeService(noted=[Noted(KEY, "ins-1", has_ended=True), Noted(f"{KEY}.2", "ins-2", has_ended=True)])
    assert service.play(launch(checked_launch(MARK, **ASKED, name="train"))).meta_key == f"{KEY}.3"


def test_one_that_was_not_seen_to_end_is_never_passed_over() -> None:
    """It may yet come to light; a create under the same key is then refused and takes it."""
    service = FakeService(noted=[Noted(KEY, "ins-1", has_ended=False)])
    assert service.play(launch(checked_launch(MARK, **ASKED, name="train"))).meta_key == KEY


@given(
    ended=st.integers(0, 12),
    forgets=st.sets(st.integers(1, 12)),
    lives=st.booleans(),
    remembers=st.booleans(),
)
def test_no_retention_leads_to_a_second_machine_or_to_none_found(
    ended: int, forgets: set[int], lives: bool, remembers: bool
) -> None:
    rows = [machine(key_of_generation(KEY, number), number, "Finished") for number in range(1, ended + 1)]
    if lives:
        rows.append(machine(key_of_generation(KEY, ended + 1), ended + 1))
    noted = [Noted(row["metaKey"], row["instanceID"], has_ended=row["status"] == "Finished") for row in rows]
    service = service_with(
        *rows,
        forgotten={key_of_generation(KEY, number) for number in forgets},
        noted=noted if remembers else [],
    )
    if lives:
        assert found(service, "train") == rows[-1]["metaKey"]
    try:
        service.play(launch(checked_launch(MARK, **ASKED, name="train")))
    except MetaKeyExists:
        assert not lives
    alive = [row for row in service.machines.values() if row["status"] != "Finished"]
    assert len(alive) <= 1


def test_of_several_later_generations_that_live_the_newest_is_meant() -> None:
    service = service_with(machine(KEY, 1, "Finished"), machine(f"{KEY}.2", 2), machine(f"{KEY}.3", 3))
    service.forgotten = set(service.machines)
    assert found(service, "train") == f"{KEY}.3"


def test_a_later_one_that_was_not_seen_to_end_is_not_passed_over_either() -> None:
    service = service_with(machine(KEY, 1, "Finished"), noted=[Noted(f"{KEY}.3", "ins-3", has_ended=False)])
    assert service.play(launch(checked_launch(MARK, **ASKED, name="train"))).meta_key == f"{KEY}.3"


def a_list_that_lags(service: FakeService) -> None:
    service._list_instances = lambda params, body: {  # type: ignore[method-assign]
        "pagination": {"total": 0, "numPages": 0, "page": 1, "perPage": 20},
        "instances": [],
    }


def test_a_key_of_ones_own_that_only_the_ledger_knows_is_asked_by_its_id() -> None:
    service = service_with(machine("order", 1), forgotten={"order"}, noted=[Noted("order", "ins-00000001", False)])
    a_list_that_lags(service)
    assert service.play(launch(checked_launch(MARK, **ASKED, meta_key="order"))).instance_id == "ins-00000001"
    assert service.creates() == 0


def test_a_note_of_another_key_leads_to_no_machine_of_that_name() -> None:
    service = service_with(machine("order.2", 2), noted=[Noted("order.2", "ins-00000002", has_ended=False)])
    a_list_that_lags(service)
    assert service.play(launch(checked_launch(MARK, **ASKED, meta_key="order"))).meta_key == "order"


# A key with a number behind it is not always a generation.


def test_the_key_of_another_model_is_not_released_for_an_ended_one() -> None:
    service = service_with(machine("llama3", 1, "Finished"), machine("llama3.2", 2))
    assert found(service, "llama3") == "llama3"
    assert found(service, "llama3.2") == "llama3.2"


def test_an_exact_living_key_comes_before_the_name() -> None:
    service = service_with(machine(KEY, 1), machine("train", 2))
    assert found(service, "train") == "train"


def test_a_name_whose_machine_has_ended_does_not_hide_a_living_key() -> None:
    service = service_with(machine(KEY, 1, "Finished"), machine("train", 2))
    assert found(service, "train") == "train"


def test_a_key_whose_machine_has_ended_does_not_hide_a_living_name() -> None:
    service = service_with(machine("train", 1, "Finished"), machine(KEY, 2, "Finished"), machine(f"{KEY}.2", 3))
    assert found(service, "train") == f"{KEY}.2"
    assert found(service, KEY) == f"{KEY}.2"


def test_a_key_of_ones_own_that_lives_is_found_though_asking_for_it_tells_nothing() -> None:
    service = service_with(machine("order.7", 1), forgotten={"order.7"})
    assert found(service, "order.7") == "order.7"
    assert service.play(launch(checked_launch(MARK, **ASKED, meta_key="order.7"))).instance_id == "ins-00000001"


def test_a_key_that_was_freed_and_used_again_means_the_machine_that_lives() -> None:
    service = service_with(machine("order", 1, "Finished"))
    again = machine("order", 2)
    service._list_instances = lambda params, body: {  # type: ignore[method-assign]
        "pagination": {"total": 1, "numPages": 1, "page": 1, "perPage": 20},
        "instances": [again],
    }
    assert service.play(launch(checked_launch(MARK, **ASKED, meta_key="order"))).instance_id == "ins-00000002"
    assert service.creates() == 0


def asked_keys(service: FakeService) -> list[str]:
    return [params["meta_key"] for name, params in service.asked if name == "get instance"]


def test_a_first_machine_that_lives_takes_one_look_up() -> None:
    service = service_with(machine(KEY, 1))
    assert service.play(launch(checked_launch(MARK, **ASKED, name="train"))).meta_key == KEY
    assert asked_keys(service) == [KEY]


def test_a_note_of_the_generation_that_was_read_is_not_asked_for_again() -> None:
    service = service_with(machine(KEY, 1, "Finished"), noted=[Noted(KEY, "ins-00000001", has_ended=False)])
    assert service.play(launch(checked_launch(MARK, **ASKED, name="train"))).meta_key == f"{KEY}.2"
    assert asked_keys(service) == [KEY, f"{KEY}.2"]


def test_what_nothing_leads_to_is_said() -> None:
    with pytest.raises(ParamIllegal, match="no machine"):
        found(service_with(machine("llama3.2", 2)), "llama3")


def test_a_key_of_ones_own_is_used_once() -> None:
    service = service_with(machine("order", 1, "Finished"))
    with pytest.raises(MetaKeyExists, match=r"'order' was that of ins-00000001, which is Finished.*name="):
        service.play(launch(checked_launch(MARK, **ASKED, meta_key="order")))
    assert service.creates() == 0


@pytest.mark.parametrize("field", ["name", "meta_key"])
@pytest.mark.parametrize("generation", ["2", "17"])
def test_what_reads_like_a_generation_of_a_name_is_refused(field: str, generation: str) -> None:
    with pytest.raises(InvalidRequest, match=f"^{field}: .*'train'"):
        checked_launch(MARK, **ASKED, **{field: f"{KEY}.{generation}"})


def test_a_name_with_a_number_behind_it_is_a_name_like_others() -> None:
    service = FakeService()
    assert service.play(launch(checked_launch(MARK, **ASKED, name="llama3.2"))).meta_key == f"llama3.2-{MARK}"
    assert found(service, "llama3.2") == f"llama3.2-{MARK}"
    with pytest.raises(GlowsError):
        found(service, "llama3")


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), min_size=1, max_size=48), st.integers(1, 999))
def test_a_generation_leads_back_to_its_name_and_to_no_other(name: str, number: int) -> None:
    key = key_for_name(name, MARK)
    numbered = key_of_generation(key, number)
    assert (generation_of(numbered, key), made_from_name(numbered, MARK)) == (number, key)
    assert generation_of(numbered, f"{key}x") == 0
    assert made_from_name(numbered, "ffffffff") is None


@pytest.mark.parametrize("tail", [".1", ".0", ".02", ".x", ".2.3", ".²", ".", "2", "-2"])
def test_a_tail_that_we_would_not_write_is_no_generation(tail: str) -> None:
    assert generation_of(f"{KEY}{tail}", KEY) == 0


def test_keys_have_64_characters_at_most_and_the_last_fits() -> None:
    stem = "k" * 62
    assert len(key_of_generation(stem, 9)) == 64
    with pytest.raises(InvalidRequest, match="of 65 characters is refused: the limit is 64"):
        key_of_generation(stem, 10)


@pytest.mark.parametrize(("length", "is_whole"), [(47, True), (48, True), (49, False), (64, False)])
def test_a_name_of_48_characters_stands_whole_in_its_key_and_a_longer_one_by_its_hash(
    length: int, is_whole: bool
) -> None:
    name = "n" * length
    key = key_for_name(name, MARK)
    assert (key == f"{name}-{MARK}") is is_whole
    assert len(key) == min(length, 48) + 1 + len(MARK)
    assert key_for_name("n" * (length - 1) + "m", MARK) != key


def test_a_name_may_have_one_character() -> None:
    assert checked_launch(MARK, **ASKED, name="a").key == f"a-{MARK}"


@pytest.mark.parametrize("younger", ["train", KEY])
def test_of_those_that_have_ended_the_youngest_is_meant(younger: str) -> None:
    rows = [
        machine(key, number, "Finished", createTime={"seconds": 2000 if key == younger else 1000})
        for number, key in enumerate(("train", KEY), 1)
    ]
    assert found(service_with(*rows), "train") == younger


def test_one_that_tells_no_time_is_older_than_one_that_does() -> None:
    rows = [machine("train", 1, "Finished", createTime=None), machine(KEY, 2, "Finished", createTime={"seconds": 1})]
    assert found(service_with(*rows), "train") == KEY


def test_a_machine_that_is_released_as_fast_as_it_is_started_is_given_up_after_three_launches() -> None:
    class Released(FakeService):
        """Whatever is created is there already, and ended, when it is looked for."""

        def _create_instance(self, params: dict[str, str], body: Any) -> dict[str, Any]:
            key = body["custom_meta_key"]
            self.machines[key] = machine(key, len(self.machines) + 1, "Finished")
            return super()._create_instance(params, body)

    service = Released()
    with pytest.raises(AmbiguousResult, match="released as fast as it is started"):
        service.play(launch(checked_launch(MARK, **ASKED, name="train")))
    assert service.creates() == 3
    assert list(service.machines) == [KEY, f"{KEY}.2", f"{KEY}.3"]
