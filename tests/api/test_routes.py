"""Where operations lie: routes come from the profile or an argument, and are refused where they can be none."""

from __future__ import annotations

import pytest

import glows_nb as glows
from glows_nb.api.credentials.config import profiles_path, resolve
from tests.hostile_server import HostileServer, json_answer


def test_routes_come_from_the_profile_and_over_it_from_the_argument() -> None:
    profiles_path().parent.mkdir(parents=True, exist_ok=True)
    profiles_path().write_text(
        '[default]\ntoken = "abc"\n[default.routes]\n"count instances" = "/instance/count"\n"list images" = "/images"\n'
    )
    profiles_path().chmod(0o600)
    routes = resolve(routes={"count instances": "POST /stats"}).routes
    assert {name: (route.method, route.path) for name, route in routes.items()} == {
        "count instances": ("POST", "/stats"),
        "list images": ("GET", "/images"),
    }


@pytest.mark.parametrize(
    ("routes", "words"),
    [
        ({"count instance": "/x"}, "did you mean 'count instances'"),
        ({"count instances": "x"}, "is no path"),
        ({"count instances": "BREW /x"}, "is no path"),
    ],
)
def test_a_route_that_is_none_is_refused(routes: dict[str, str], words: str) -> None:
    with pytest.raises(glows.ConfigError, match=words):
        glows.Client("token", "http://127.0.0.1:9", routes=routes)


def test_an_image_can_be_deleted_by_query_where_the_route_says_so() -> None:
    empty = {"code": 0, "msg": "", "pagination": {"total": 0}, "images": []}
    with HostileServer(lambda request: json_answer(empty)) as server:
        with glows.Client("token", server.base_url, routes={"delete image": "/image?"}) as client:
            client.images.delete("img-1")
        request = server.requests[-1]
    assert (request.method, request.target, request.body) == ("DELETE", "/sdk/v1/image?image_id=img-1", b"")
