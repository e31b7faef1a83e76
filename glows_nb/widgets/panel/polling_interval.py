"""How long a live panel waits before it looks again; pure, so that ten minutes can be played through in no time."""

from __future__ import annotations

from enum import Enum
from typing import Final

SHORTEST: Final = 2.0
LONGEST: Final = 60.0
LONGEST_WHILE_PASSING: Final = 20.0
SHORTEST_AFTER_TOO_MANY: Final = 15.0
GROWTH: Final = 1.5


class Outcome(Enum):
    """What a reading came to."""

    CHANGED = "changed"
    SAME = "same"
    PASSING = "passing"
    """Nothing changed, and something is in a status that it will leave by itself."""
    UNREADABLE = "unreadable"
    TOO_MANY = "too many"
    """The service wants fewer requests: looking closer would be the wrong answer."""
    REFUSED = "refused"
    """The token was refused: asking again can't help until the user says so."""


class Pace:
    """The pause before the next reading, in seconds: short after a change or an action, then longer and longer.

    Attributes:
        pause: None means that nothing is read until somebody asks for it.
    """

    def __init__(self) -> None:
        self.pause: float | None = SHORTEST
        self._last = Outcome.CHANGED

    def after(self, outcome: Outcome) -> float | None:
        """The pause after a reading that came to this."""
        if outcome is Outcome.REFUSED:
            self.pause = None
        elif outcome is Outcome.TOO_MANY:
            self.pause = min(max((self.pause or 0) * GROWTH, SHORTEST_AFTER_TOO_MANY), LONGEST)
        elif outcome is Outcome.CHANGED or self.pause is None or self._is_turn(outcome):
            self.pause = SHORTEST
        else:
            longest = LONGEST_WHILE_PASSING if outcome is Outcome.PASSING else LONGEST
            self.pause = min(self.pause * GROWTH, longest)
        self._last = outcome
        return self.pause

    def hasten(self) -> None:
        """Somebody has done something: what follows is looked at closely again."""
        self.pause = SHORTEST

    def _is_turn(self, outcome: Outcome) -> bool:
        """Did the service go away or come back just now?"""
        return (outcome is Outcome.UNREADABLE) != (self._last in (Outcome.UNREADABLE, Outcome.REFUSED))
