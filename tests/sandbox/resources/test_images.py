"""Users' own images: submitting, listing, deleting, and starting from one."""

import re

import pytest

LINK = "registry.example.com/team/runtime:cuda12.2"


def submit(api, link=LINK):
    return api.call("POST", "/image", body={"image_link": link})


def own(api, **params):
    return api.get("/image/list", owned="true", **params)["images"]


def test_submitted_image_is_listed_first_and_becomes_ready(server, api):
    answer = submit(api)
    assert re.fullmatch(r"sdk-10001-\d{10}000000000-runtime", answer["name"])
    [shown] = own(api)
    assert (shown["image_id"], shown["name"], shown["status"]) == (answer["image_id"], answer["name"], 1)
    assert api.get("/image/list")["images"][0] == shown
    assert api.get("/image/list")["pagination"]["total"] == 48
    server.clock.advance(60)
    assert own(api)[0]["status"] == 0
    assert own(api, keywords="RUNTIME sdk") == own(api)
    assert own(api, keywords="other") == []


@pytest.mark.parametrize(
    ("link", "name"),
    [
        ("runtime", "runtime"),
        ("registry.example.com:5000/team/runtime", "runtime"),
        ("registry.example.com/runtime@sha256:" + "0" * 64, "runtime"),
        ("r/" + "i" * 510, "i" * 510),
    ],
)
def test_image_is_named_after_its_repository(api, link, name):
    assert submit(api, link)["name"].split("-", 3)[3] == name


@pytest.mark.parametrize("link", ["", None, 5, "a b", " a", "a\n", "a\tb", "a\u3000b", "i" * 513, [LINK]])
def test_link_that_breaks_a_rule_is_code_6(api, link):
    assert submit(api, link)["code"] == 6
    assert own(api) == []


def test_same_link_again_is_there_already_until_it_is_deleted(server, as_user, api):
    image_id = submit(api)["image_id"]
    assert submit(api) == {"code": 174, "msg": "image already exists"}
    assert submit(as_user(server, "other"))["code"] == 0
    assert api.call("DELETE", "/image", body={"image_id": image_id}) == {"code": 0, "msg": ""}
    assert own(api) == []
    assert submit(api)["code"] == 0


def test_only_so_many_images_are_fetched_at_once(server, api):
    assert {submit(api, f"image-{number}")["code"] for number in range(5)} == {0}
    assert submit(api, "one-more") == {"code": 192, "msg": "image pending limit exceeded"}
    server.clock.advance(60)
    assert submit(api, "one-more")["code"] == 0


@pytest.mark.parametrize(
    "how",
    [
        lambda api, image_id: api.call("DELETE", "/image", body={"image_id": image_id}),
        lambda api, image_id: api.call("DELETE", "/image", body={"image_id": image_id[4:]}),
        lambda api, image_id: api.call("DELETE", "/image", {"image_id": image_id}),
        lambda api, image_id: api.call("POST", "/image/delete", body={"image_id": image_id}),
    ],
)
def test_image_is_deleted_by_body_or_query(api, how):
    image_id = submit(api)["image_id"]
    assert how(api, image_id)["code"] == 0
    assert own(api) == []
    assert how(api, image_id)["code"] == 6


@pytest.mark.parametrize("body", [{}, {"image_id": ""}, {"image_id": "img-6np5yvq2"}, {"image_id": 5}, None])
def test_image_that_is_not_ones_own_is_not_deleted(api, body):
    assert api.call("DELETE", "/image", body=body)["code"] == 6
    assert api.get("/image/list")["pagination"]["total"] == 47


def test_machine_waits_in_the_queue_for_its_image(server, api):
    image_id = submit(api)["image_id"]
    created = api.create("own", from_image_id=image_id)["instance"]
    assert [access["listenPort"] for access in created["accesses"]] == [22]
    server.clock.advance(59)
    assert api.machine("own")["status"] == "SchedQueued"
    server.clock.advance(1)
    assert api.machine("own")["status"] == "Pending"
    assert api.create("later", from_image_id=image_id)["code"] == 0
    server.clock.advance(26)
    assert api.machine("later")["status"] == "Pending"
    assert api.machine("later")["baseImage"]["imageID"] == image_id


def test_snapshot_outlives_the_image_below_it(server, api):
    image_id = submit(api)["image_id"]
    machine = api.create("own", from_image_id=image_id)["instance"]["instanceID"]
    server.clock.advance(100)
    [snapshot] = api.call("POST", "/snapshot", body={"instance_id": machine})["snapshot_ids"]
    api.call("DELETE", "/image", body={"image_id": image_id})
    server.clock.advance(40)
    assert api.create("gone", from_image_id=image_id)["code"] == 6
    assert api.create("copy", from_image_id=None, from_snap_id=snapshot)["code"] == 0


def test_images_of_others_are_not_there(server, as_user, api):
    image_id = submit(api)["image_id"]
    other = as_user(server, "other")
    assert own(other) == []
    assert other.get("/image/list")["pagination"]["total"] == 47
    assert other.create("mine", from_image_id=image_id)["code"] == 6
    assert other.get("/spec/list", machine_category=0, from_image_id=image_id)["code"] == 6
    assert other.call("DELETE", "/image", body={"image_id": image_id})["code"] == 6
    assert api.get("/spec/list", machine_category=0, from_image_id=image_id)["pagination"]["total"] == 17
