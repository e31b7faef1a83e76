"""launch: what it says, asks and rents, and what it refuses."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any

import click
import pytest
from traitlets.config import Config

import glows_nb as glows
from glows_nb.commands import CommandError, run
from glows_nb.commands.settings import Glows, settings
from tests.commands.lines import RTX_4090, TRAIN, answer, nobody

pytestmark = pytest.mark.usefixtures("default_client")


def test_launch_says_the_price_before_it_gives_the_machine(said: Callable[[], str]) -> None:
    machine = run(TRAIN)
    assert isinstance(machine, glows.Instance)
    text = said()
    assert "SANDBOX" in text
    assert f"Rents 1 × {RTX_4090} in TW-01 at 0.390 Credits/h, 9.36 Credits per day." in text
    assert "Image: CUDA12.8 Torch2.8.0 Base (img-6ypgvgpw)" in text
    assert text.splitlines()[-1] == f"SANDBOX · To release it: %glows cancel {machine.instance_id}"


def test_dry_run_gives_the_plan_alone_and_is_marked(client: glows.Client, said: Callable[[], str]) -> None:
    planned = run("launch --gpu 4090 --dry-run")
    assert type(planned) is glows.Plan
    assert said() == "SANDBOX · Only a plan; nothing is rented.\n"
    assert client.instances.all() == []


@pytest.mark.parametrize("line", [TRAIN, "launch --gpu 4090 --yes", "launch --gpu 4090 --region TW-04 --units 2 --yes"])
def test_same_line_twice_gives_one_machine(line: str, client: glows.Client, said: Callable[[], str]) -> None:
    first, second = run(line), run(line)
    assert first.instance_id == second.instance_id
    assert len(client.instances.all()) == 1
    assert "Nothing new is rented" in said().splitlines()[-2]


def test_other_line_gives_another_machine(client: glows.Client) -> None:
    machines = [run("launch --gpu 4090 --yes"), run("launch --gpu 5090 --yes"), run("launch --gpu 4090 --name b --yes")]
    assert len({machine.instance_id for machine in machines}) == len(client.instances.all()) == 3


def test_same_line_after_a_release_gives_a_new_machine() -> None:
    first = run(f"{TRAIN} --wait")
    run("cancel train --wait --yes")
    second = run(TRAIN)
    assert first.instance_id != second.instance_id
    assert second.meta_key == f"{first.meta_key}.2"


def test_two_kernels_that_run_the_same_line_at_once_get_one_machine(client: glows.Client) -> None:
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(run(TRAIN))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(found) == 4
    assert {machine.instance_id for machine in found} == {client.instances.all()[0].instance_id}
    assert len(client.instances.all()) == 1


@pytest.mark.parametrize(("gpu", "is_taken"), [(RTX_4090, True), ("NVIDIA GeForce RTX 5090", False)])
def test_machine_that_another_kernel_started_while_this_one_asked_is_taken_if_it_is_the_same(
    gpu: str, is_taken: bool, client: glows.Client, said: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer_late(prompt: str = "") -> str:
        image_id = client.images.default().image_id
        client.instances.launch(name="train", gpu_name=gpu, regions=["TW-01", "TW-04"], from_image_id=image_id)
        return "y"

    monkeypatch.setattr(click.termui, "visible_prompt_func", answer_late)
    if is_taken:
        machine = run("launch --gpu 4090 --name train")
        assert f"Nothing new is rented: {machine.instance_id}" in said()
    else:
        with pytest.raises(glows.MachineDiffers):
            run("launch --gpu 4090 --name train")
    assert len(client.instances.all()) == 1


def test_launch_takes_all_its_options(client: glows.Client) -> None:
    line = (
        "launch --gpu 4090 --region TW-03 --image img-87p9kq26 --name full --units 2 --category vm "
        "--port 8000 --port 3306/tcp --max-price 1.2 --yes --wait"
    )
    machine = run(line)
    assert (machine.status, machine.region_name, machine.category) == ("Running", "TW-03", "vm")
    assert (machine.hardware.gpus, machine.price_cent) == (2, 98)
    assert machine.base_image.image_id == "img-87p9kq26"
    assert {access.listen_port for access in machine.accesses} == {22, 8000, 3306}
    assert machine.remark == "full"


def test_regions_are_tried_in_the_order_in_which_they_are_given(said: Callable[[], str]) -> None:
    machine = run("launch --gpu 4090 --region TW-04 --region TW-01 --yes")
    assert machine.region_name == "TW-04"
    assert "If none is left: TW-01 at 0.390 Credits/h." in said()


def test_launch_with_wait_shows_each_status_and_ends_running(said: Callable[[], str]) -> None:
    assert run(f"{TRAIN} --wait").status == "Running"
    progress = re.findall(r"^ *[\d.]+ s  ins-\w+ (\w+)", said(), re.MULTILINE)
    assert progress[0] in ("SchedQueued", "Pending", "Running")
    assert progress[-1] == "Running"


def test_gpu_that_may_mean_several_is_refused_with_their_names(client: glows.Client) -> None:
    with pytest.raises(glows.InvalidRequest) as refused:
        run("launch --gpu H100 --yes")
    for name in ("NVIDIA H100 80GB HBM3", "NVIDIA H100 PCIe", "NVIDIA H100 SXM5"):
        assert name in str(refused.value)
    assert client.instances.all() == []


def test_gpu_that_is_not_there_is_refused_with_the_nearest(client: glows.Client) -> None:
    with pytest.raises(glows.InvalidRequest, match=f"nearest is '{RTX_4090}'"):
        run("launch --gpu 4080 --yes")
    assert client.instances.all() == []


def test_vm_without_an_image_is_refused_since_the_default_is_for_containers(client: glows.Client) -> None:
    with pytest.raises(glows.InvalidRequest, match="image: is required for a VM"):
        run("launch --gpu 4090 --category vm --yes")
    assert client.instances.all() == []


def test_image_that_no_gpu_takes_as_asked_is_refused_as_such(client: glows.Client) -> None:
    with pytest.raises(glows.InvalidRequest, match="no GPU at all is offered for this image and category"):
        run(f"launch --gpu 4090 --category vm --image {client.images.default().image_id} --yes")
    assert client.instances.all() == []


def test_price_cap_below_every_offer_rents_nothing(client: glows.Client) -> None:
    with pytest.raises(glows.PriceTooHigh, match=r"0\.390 Credits/h, the cap is 0\.100"):
        run("launch --gpu 4090 --max-price 0.1 --yes")
    assert client.instances.all() == []


def test_price_cap_counts_all_units(client: glows.Client) -> None:
    with pytest.raises(glows.PriceTooHigh, match=r"0\.780"):
        run("launch --gpu 4090 --region TW-01 --units 2 --max-price 0.5 --yes")
    assert client.instances.all() == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("launch --gpu 4090 --region TW-99 --yes", "TW-99 offers nothing; there are JP-01, TW-01"),
        (
            "launch --gpu 4090 --region JP-01 --yes",
            "JP-01 does not offer it; regions that have it: TW-03, TW-04, TW-01",
        ),
        ("launch --gpu 'nvidia l40 pcie' --yes", "TW-01 has 0 left, asked were 1; regions that have it: none"),
        (
            "launch --gpu H100 --region TW-01 --yes",
            r"H100 80GB HBM3 \(from \d+\.\d+ Credits/h\) or .*; say which",
        ),
        ("launch --gpu L40 --region TW-01 --yes", "TW-01 has 0 left"),
        ("launch --gpu 4090 --region TW-04 --units 99 --yes", "TW-04 has 9 left, asked were 99"),
        ("launch --gpu 4090 --port 70000 --yes", "port"),
        ("launch --gpu 4090 --port 80/udp --yes", "^ports: '80/udp' is not a port such as 8000"),
        ("launch --gpu 4090 --name '' --yes", "^name: '' of 0 characters is refused: it takes 1 to 64"),
        (f"launch --gpu 4090 --name {'x' * 65} --yes", "^name: 'x.* of 65 characters is refused: it takes 1 to 64"),
        ("launch --gpu 4090 --image img-nobody --yes", "^image: you have none with the id 'img-nobody'"),
        ("launch --gpu 4090 --max-price -1 --yes", "'--max-price': '-1' is not a number above 0"),
        ("launch --gpu 4090 --max-price nan --yes", "'--max-price': 'nan' is not a number above 0"),
        ("launch --gpu 4090 --max-price inf --yes", "'--max-price': 'inf' is not a number above 0"),
        ("launch --gpu 4090 --max-price cheap --yes", "'--max-price': 'cheap' is not a number above 0"),
        ("launch --gpu 4090 --name $name --yes", r"^name: '\$name' looks like a variable that is not set\."),
        ("launch --gpu 4090 --name run-{n} --yes", "looks like a variable that is not set"),
    ],
)
def test_launch_that_can_not_be_is_refused_and_rents_nothing(line: str, words: str, client: glows.Client) -> None:
    with pytest.raises(glows.GlowsError, match=words):
        run(line)
    assert client.instances.all() == []


@pytest.mark.parametrize(
    "line",
    [
        "launch --gpu 4090 --port 70000",
        "launch --gpu 4090 --port 80/udp",
        "launch --gpu 4090 --name $name",
        "launch --gpu 4090 --name ''",
        f"launch --gpu 4090 --name {'x' * 65}",
        f"launch --gpu 4090 --region {'x' * 129}",
        "launch --gpu 4090 --units 0",
        "launch --gpu 4090 --max-price 0",
        "launch --gpu 4090 --env A=b;c",
        "launch --gpu 4090 --category vm --image x --cmd y",
        f"launch --gpu 4090 --cmd {'x' * 513}",
        "wait train --timeout -1",
        "wait train --until Done",
        "unpark train --max-price inf",
        f"snap train --name {'x' * 33}",
        f"network create {'x' * 33} --region TW-01",
        f"network attach team {'train ' * 11}",
        "image submit 'registry.example.com/a b'",
        f"images {'x' * 101}",
        "specs --max-price -1",
        "list --limit 0",
    ],
)
def test_bad_words_are_refused_before_any_request(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLOWS_BASE_URL", "http://127.0.0.1:9/sdk/v1")  # a request would be a TransportError
    with pytest.raises((glows.InvalidRequest, CommandError)):
        run(line)


def test_launch_asks_and_rents_after_a_yes(client: glows.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    questions = answer("y", monkeypatch)
    machine = run("launch --gpu 4090 --name asked")
    assert [question.strip() for question in questions] == ["Rent it? [y/N]:"]
    assert [found.instance_id for found in client.instances.all()] == [machine.instance_id]
    run("launch --gpu 4090 --name asked")
    assert len(questions) == 1, "nothing new is rented, so there is nothing to ask"


@pytest.fixture
def asks_above(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the price above which launch asks."""
    return lambda limit: monkeypatch.setattr(settings(), "ask_above", limit)


def test_launch_within_the_limit_does_not_ask_and_falls_back_to_nothing_dearer(
    client: glows.Client,
    sandbox: glows.Sandbox,
    asks_above: Callable[[float], None],
    said: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asks_above(0.4)
    monkeypatch.setattr(click.termui, "visible_prompt_func", nobody)
    machine = run("launch --gpu 4090 --name cheap")
    assert machine.region_name == "TW-01"
    assert "If none is left" not in said(), "TW-03 costs 0.49"
    sandbox.admin.order("code", "instance_create", code=215)
    with pytest.raises(glows.NoResourceAvailable):
        run("launch --gpu 4090 --name other")
    assert len(client.instances.all()) == 1


def test_launch_whose_first_region_is_above_the_limit_asks(
    client: glows.Client, asks_above: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    asks_above(0.4)
    monkeypatch.setattr(click.termui, "visible_prompt_func", nobody)
    with pytest.raises(CommandError, match="add --yes"):
        run("launch --gpu 4090 --region TW-03 --region TW-01")
    assert client.instances.all() == []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0])
@pytest.mark.parametrize("name", ["ask_above", "max_price", "wait_timeout"])
def test_setting_that_is_no_number_is_refused(name: str, value: float) -> None:
    chosen = Glows()
    before = getattr(chosen, name)
    with pytest.raises(CommandError, match=name):
        chosen.update_config(Config({"Glows": {name: value}}))
    assert getattr(chosen, name) == before


def test_launch_rents_nothing_after_a_no(client: glows.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    answer("n", monkeypatch)
    with pytest.raises(CommandError, match="Nothing was done"):
        run("launch --gpu 4090")
    assert client.instances.all() == []


def no_input_in_this_kernel(prompt: str = "") -> str:
    raise NotImplementedError("raw_input was called, but this frontend does not support input requests.")


def no_console(prompt: str = "") -> str:
    raise OSError("reading from stdin is not possible")


@pytest.mark.parametrize("ask", [nobody, no_input_in_this_kernel, no_console])
def test_launch_where_nobody_can_be_asked_refuses_and_rents_nothing(
    ask: Callable[[str], str], client: glows.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(click.termui, "visible_prompt_func", ask)
    with pytest.raises(CommandError, match="add --yes"):
        run("launch --gpu 4090")
    assert client.instances.all() == []


@pytest.mark.parametrize("word", ["Torch 2.8.0", "6ypgvgpw", "img-6ypgvgpw", "cuda12.8 torch2.8.0 base"])
def test_image_by_its_name_or_either_form_of_its_id(word: str, said: Callable[[], str]) -> None:
    planned = run(["launch", "--gpu", "4090", "--name", "x", "--image", word, "--dry-run"])
    assert planned.candidates[0].request.from_image_id == "img-6ypgvgpw"


def test_image_that_was_found_by_its_name_is_said(said: Callable[[], str]) -> None:
    run(["launch", "--gpu", "4090", "--name", "x", "--image", "Torch 2.8.0", "--yes"])
    assert "Image: CUDA12.8 Torch2.8.0 Base (img-6ypgvgpw)" in said()


def test_image_that_nobody_has_says_how_to_see_them() -> None:
    with pytest.raises(glows.InvalidRequest, match=r"you have none with the id 'img-88888888'; to see them: .*images$"):
        run("launch --gpu 4090 --image img-88888888 --dry-run")


def test_empty_option_is_one_that_was_left_out() -> None:
    options = ["--network", "", "--public-ip", "", "--meta-key", "", "--image", "", "--snapshot", ""]
    planned = run(["launch", "--gpu", "4090", "--dry-run", *options])
    assert planned.meta_key == run("launch --gpu 4090 --dry-run").meta_key
