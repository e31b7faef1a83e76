"""The table of the service's 15 operations: name, method and path, in this one place.

The contract's text lost its paths. `is_confirmed` says whether a path was seen in official text or in code
that talked to the live service, or was inferred from its neighbours (FACTS 1); `alternatives` are the other
guesses known. Paths are relative to the base address, which ends in /sdk/v1.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Route(NamedTuple):
    """Where one operation is found."""

    name: str
    method: str
    path: str
    is_confirmed: bool
    alternatives: tuple[str, ...] = ()


ROUTES: Final[dict[str, Route]] = {
    route.name: route
    for route in (
        Route("get instance", "GET", "/instance", True),
        Route("create instance", "POST", "/instance", True),
        Route("cancel instance", "DELETE", "/instance", True),
        Route(
            "count instances",
            "GET",
            "/instance/stats",
            False,
            ("/instance/stat", "/instance/count", "/instance/statistics"),
        ),
        Route("list instances", "GET", "/instance/list", True),
        Route("submit image", "POST", "/image", False, ("/image/submit", "/image/link", "/image/create")),
        Route("delete image", "DELETE", "/image", False, ("/image/delete",)),
        Route("list images", "GET", "/image/list", False, ("/images",)),
        Route("list specs", "GET", "/spec/list", True),
        Route("create network", "POST", "/network", False, ("/network/create", "/net")),
        Route("list networks", "GET", "/network/list", False, ("/net/list", "/networks")),
        Route(
            "attach to network",
            "POST",
            "/network/endpoint",
            False,
            ("/network/attach", "/network/endpoints", "/network/instance", "/network/endpoint/attach"),
        ),
        Route(
            "list endpoints",
            "GET",
            "/network/endpoint/list",
            False,
            ("/network/endpoints", "/endpoint/list"),
        ),
        Route("create snapshot", "POST", "/snapshot", True),
        Route("list snapshots", "GET", "/snapshot/list", False, ("/snapshots",)),
    )
}
