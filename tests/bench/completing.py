"""Tab in a line of %glows, and in a shell: how long the words take that can follow."""

from __future__ import annotations

import time
from statistics import median
from threading import enumerate as threads

from IPython.core.completer import CompletionContext

import glows_nb as glows
from glows_nb.connection import names_of
from glows_nb.magic.completion import glows_matcher
from tests.bench import wire
from tests.bench.measuring import Figures, Size, new_process, said_by, seconds
from tests.bench.server import serving

IDS = 1_000
LINE = "%glows show ins-"
TERMINAL = "from glows_nb.cli import main; main()"
TABS_IN_A_RUN = 20
LONGEST_REFRESH = 30.0


def of_ids(size: Size) -> Figures:
    """The ids of an account of a thousand machines, from what was answered earlier."""
    with serving(IDS) as base_url:
        glows.connect(wire.token(), base_url)
        glows.instances()
        _words()
        _await_refresh()
        assert len(_words()) == IDS
        taken = [median(seconds(_words) for _ in range(TABS_IN_A_RUN)) for _ in range(size.runs)]
    return Figures(median(taken) * 1000, None, "ms")


def of_ids_in_a_shell(size: Size) -> Figures:
    """The same in a shell, where each Tab is a new process, from its start to its end."""
    with serving(IDS) as base_url:
        known = names_of(glows.connect(wire.token(), base_url))
        glows.instances()
        known.note_asking("machine")
        asked = {
            "GLOWS_SDK_TOKEN": wire.token(),
            "GLOWS_BASE_URL": base_url,
            "_GLOWS_NB_COMPLETE": "bash_complete",
            "COMP_LINE": LINE.replace("%glows", "glows-nb"),
        }
        assert len(said_by(TERMINAL, **asked).split()) == IDS
        tabs = TABS_IN_A_RUN if size.is_full else 1
        taken = [median(new_process(TERMINAL, **asked) for _ in range(tabs)) for _ in range(size.runs)]
    return Figures(median(taken) * 1000, None, "ms")


def _words() -> list[str]:
    context = CompletionContext(
        token=LINE.split()[-1], full_text=LINE, cursor_position=len(LINE), cursor_line=0, limit=None
    )
    return [completion.text for completion in glows_matcher(context)["completions"]]


def _await_refresh() -> None:
    """Let the reading end that the first Tab has begun in the background."""
    deadline = time.monotonic() + LONGEST_REFRESH
    for thread in threads():
        if thread.name.startswith("glows-nb-"):
            thread.join(max(0.0, deadline - time.monotonic()))
            assert not thread.is_alive()
