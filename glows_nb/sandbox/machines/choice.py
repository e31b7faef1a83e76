"""Whether a sandbox's machines are real, and what whoever opens it is told about that in one line."""

import importlib.util
import os
from dataclasses import dataclass

from glows_nb.sandbox.machines.inside import confinement
from glows_nb.sandbox.machines.interpreter import of_machines

CONFINED = (
    "Its machines can be entered: each is a folder and processes of yours on this computer, kept to that folder by "
    "Landlock."
)
UNCONFINED = (
    "Its machines can be entered: each is a folder and processes of yours on this computer, and nothing confines them, "
    "so that all your files are in reach of what runs there."
)
ELSEWHERE = (
    "Its machines can't be entered, as it listens elsewhere than on this computer alone: nobody is behind their ports."
)
TURN_ON = "glows.sandbox(real_machines=True) or --real-machines"


@dataclass(frozen=True)
class Choice:
    """What was decided.

    Attributes:
        is_real: is somebody behind the machines' ports?
        is_confined: is what runs there kept to the machine's folder?
        sentence: that in words; where nobody is behind the ports, why, and what to do about it.
    """

    is_real: bool
    is_confined: bool
    sentence: str


def choose(asked: bool | None = None) -> Choice:
    """Decide it: without a word from the user machines are real where this system can confine them.

    Raises:
        ValueError: they are asked for where they can't be; the text says why.
    """
    why_not = _why_not()
    if why_not and asked:
        raise ValueError(why_not)
    if asked is False:
        return nobody(f"Nobody is behind the ports of this sandbox's machines; {TURN_ON} changes that.")
    if why_not:
        return nobody(why_not)
    of_machines()
    if confinement.is_possible():
        return Choice(is_real=True, is_confined=True, sentence=CONFINED)
    if asked:
        return Choice(is_real=True, is_confined=False, sentence=UNCONFINED)
    return nobody(
        "Nobody is behind the ports of this sandbox's machines, since this system can't keep to a folder what runs "
        f"there (Linux can, from 5.13 on, by Landlock); {TURN_ON} lets it run all the same, with all your files in "
        "reach."
    )


def nobody(sentence: str) -> Choice:
    """Return the choice of machines that are not real, for the reason that the sentence tells."""
    return Choice(is_real=False, is_confined=False, sentence=sentence)


def _why_not() -> str:
    if os.name != "posix":
        return "Nobody is behind the ports of a sandbox's machines on Windows."
    if importlib.util.find_spec("asyncssh") is None:
        return (
            "Nobody is behind the ports of this sandbox's machines, since asyncssh is not installed; run: "
            'pip install "glows-nb[sandbox]"'
        )
    return ""
