"""Images, networks and snapshots by the names that people write."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import glows_nb as glows
from glows_nb.api.models.images import Image
from glows_nb.renting.names import image_named, network_named
from tests.hostile_server import Answer, HostileServer, Request, json_answer


def named(names: list[str], word: str) -> Image | str:
    """What `image_named` gives where these are the names of all images."""
    images = [{"image_id": f"img-{number:08}", "name": name} for number, name in enumerate(names)]

    def answer(request: Request) -> Answer:
        listed = {"images": images, "pagination": {"page": 1, "perPage": 20, "total": len(images)}}
        return json_answer({"code": 0, "msg": "", **listed})

    with HostileServer(answer) as server, glows.Client("token", server.base_url, backoff=0) as client:
        return image_named(client, word)


@pytest.mark.parametrize(
    ("names", "word", "meant"),
    [
        (["訓練", "実験"], "実験", "実験"),
        (["資料 v2", "模型 v2"], "模型 v2", "模型 v2"),
        (["Тест", "Обучение"], "обучение", "Обучение"),
        (["C", "C++", "C#"], "C++", "C++"),
        (["C++", "C"], "c", "C"),
        (["my-model", "my_model"], "my_model", "my_model"),
        (["cuda-12.8", "CUDA 12.8"], "CUDA 12.8", "CUDA 12.8"),
        (["CUDA12.8 Torch2.8.0 Base", "CUDA12.8 Torch2.7.1 Base"], "torch 2.8.0", "CUDA12.8 Torch2.8.0 Base"),
        (["Ubuntu 22.04", "Ubuntu 24.04"], "ubuntu 24.04", "Ubuntu 24.04"),
    ],
)
def test_image_is_the_one_of_exactly_this_name_else_the_one_with_all_its_words(
    names: list[str], word: str, meant: str
) -> None:
    found = named(names, word)
    assert isinstance(found, Image)
    assert found.name == meant


@pytest.mark.parametrize(
    ("names", "word", "said"),
    [
        (["訓練"], "実験", "there is no image '実験'; there are: 訓練"),
        (["???"], "!!!", "there is no image '!!!'"),
        (["C"], "C#", "there is no image 'C#'"),
        (["CUDA12.8 a"], "12", "there is no image '12'"),
        (["same", "same"], "same", r"'same' may mean same \(img-00000000\), same"),
        (["Torch 2", "Torch 3"], "torch", "'torch' may mean Torch 2"),
        ([], "any", "there is no image 'any'; there are: none"),
    ],
)
def test_image_that_is_none_or_several_is_no_other(names: list[str], word: str, said: str) -> None:
    with pytest.raises(glows.InvalidRequest, match=f"^image: {said}"):
        named(names, word)


@pytest.mark.parametrize("word", ["img-12345678", "6ypgvgpw"])
def test_id_that_no_list_has_is_sent_as_it_is(word: str) -> None:
    assert named(["Base"], word) == word


def test_id_of_the_old_kind_is_that_of_an_image() -> None:
    found = named(["Base", "Other"], "00000001")
    assert isinstance(found, Image)
    assert found.image_id == "img-00000001"


@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=5, unique=True), st.data())
def test_name_as_it_stands_in_the_list_is_never_another_image(names: list[str], data: Any) -> None:
    images = [Image(image_id=f"img-{number:08}", name=name) for number, name in enumerate(names)]
    word = data.draw(st.sampled_from(names))

    class Listed:
        class images:
            all = staticmethod(lambda: images)

    client: Any = Listed()
    if word.startswith("img-"):
        return
    try:
        found = image_named(client, word)
    except glows.InvalidRequest as error:
        assert "may mean" in str(error)
        return
    assert found == word or (isinstance(found, Image) and (found.name == word or found.image_id.endswith(word)))


def test_network_of_one_name_in_two_regions_is_that_of_the_region(client: glows.Client) -> None:
    first = client.networks.create("team", "TW-03")
    plan = glows.plan("4090", network="team", name="x", client=client)
    assert {candidate.region_name for candidate in plan.candidates} == {"TW-03"}, "machines join from its region alone"
    assert network_named(client, "net-12345678") == "net-12345678"
    assert plan.candidates[0].request.net_ids == (first,)
