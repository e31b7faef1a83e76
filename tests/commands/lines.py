"""A line that rents a machine, and who answers when it asks."""

from __future__ import annotations

import click
import pytest

RTX_4090 = "NVIDIA GeForce RTX 4090"
TRAIN = "launch --gpu 4090 --name train --yes"


def answer(words: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let whoever is asked answer with these words; gives the questions that were asked."""
    questions: list[str] = []

    def visible_input(prompt: str = "") -> str:
        questions.append(prompt)
        return words

    monkeypatch.setattr(click.termui, "visible_prompt_func", visible_input)
    return questions


def nobody(prompt: str = "") -> str:
    raise EOFError
