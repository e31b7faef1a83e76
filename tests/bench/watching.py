"""A panel that nobody touches: how many requests it makes in ten minutes, played through in no time."""

from __future__ import annotations

import glows_nb as glows
from glows_nb.api.observing import Event
from tests.bench import wire
from tests.bench.measuring import Figures, Size
from tests.bench.server import serving

MACHINES = 20
SECONDS = 600.0


def many_against_one(size: Size) -> Figures:
    """Twenty machines, against one."""
    return Figures(float(_requests(MACHINES)), float(_requests(1)), "requests")


def many_alone(size: Size) -> Figures:
    """Twenty machines."""
    return Figures(float(_requests(MACHINES)), None, "requests")


def _requests(machines: int) -> int:
    """Requests in ten virtual minutes in which nothing changes."""
    answers: list[Event] = []
    with serving(machines) as base_url, glows.Client(wire.token(), base_url) as client:
        client.observers.add(answers.append)
        panel = glows.panel(client=client)
        try:
            # From here on the readings are ours, one after each pause that the panel asks for.
            panel.refresher.close()
            passed = 0.0
            while passed < SECONDS:
                pause = panel.refresher.read_now()
                assert pause is not None
                passed += pause
        finally:
            panel.close()
    return len(answers)
