"""What a page shows of a command's output: the end of it, as text, whatever was written."""

from __future__ import annotations

import time

import pytest

from glows_nb.widgets import texts
from glows_nb.widgets.work.output_text import MOST_CHARACTERS, MOST_LINES, OutputText


def shown(*pieces: bytes) -> str:
    output = OutputText()
    for piece in pieces:
        output.add(piece, False)
    output.end()
    return output.text()


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        ([b"one\ntwo\n"], "one\ntwo\n"),
        ([b"one\r\ntwo\r\n"], "one\ntwo\n"),
        ([b"\x1b[31mred\x1b[0m\n"], "red\n"),
        ([b"\x1b[3", b"1mred\x1b", b"[0m\n"], "red\n"),
        ([b" 10%\r 50%\r100%\n"], "100%\n"),
        ([b" 10%\r", b" 50%\r"], " 50%"),
        ([b"\r\x1b[Kdone\n"], "done\n"),
        ([b"|\b/\b-\n"], "-\n"),
        ([b"ab\b\bc\b\b\b"], ""),
        (["über".encode()[:1], "über".encode()[1:]], "über"),
        ([b"\xff"], "\ufffd"),
        ([b"\x1b]0;title\x07"], r"\x1b]0;title\x07"),
        ([b"a\x1b["], r"a\x1b["),
        ([b"<b>bold</b>"], "<b>bold</b>"),
        (["\u202eevil".encode()], r"\u202eevil"),
    ],
)
def test_what_is_written_is_shown_as_text(pieces: list[bytes], text: str) -> None:
    assert shown(*pieces) == text


def test_both_streams_stand_in_one_text_and_a_half_sign_of_the_one_does_not_spoil_the_other() -> None:
    output = OutputText()
    output.add(b"out\xc3", False)
    output.add(b"err", True)
    output.add(b"\xbc\n", False)
    assert output.text() == "outerrü\n"


def test_last_lines_are_kept_and_it_is_said_that_there_were_more() -> None:
    lines = [f"line {number}\n".encode() for number in range(MOST_LINES + 1)]
    assert shown(*lines[:-1]).startswith("line 0\n")
    first, second, *_, last = shown(*lines).splitlines()
    assert (first, second, last) == (texts.WORK_CUT, "line 1", f"line {MOST_LINES}")


def test_endless_line_is_bounded() -> None:
    text = shown(*[b"x" * 10_000] * 100)
    assert text == f"{texts.WORK_CUT}\n{'x' * MOST_CHARACTERS}"


def test_as_much_as_can_be_written_over_takes_no_time() -> None:
    half = MOST_CHARACTERS // 2
    began = time.perf_counter()
    assert shown(b"x" * half + b"\b" * half) == ""
    assert time.perf_counter() - began < 5


def test_colours_take_no_place_from_the_text() -> None:
    assert shown(b"\x1b[31mx\x1b[0m" * MOST_CHARACTERS) == "x" * MOST_CHARACTERS


def test_next_command_begins_with_nothing() -> None:
    output = OutputText()
    output.add(b"x" * 2 * MOST_CHARACTERS + b"\xc3", False)
    output.clear()
    output.note("a \x1b sentence")
    output.add(b"\n", False)
    assert output.text() == "[a \\x1b sentence]\n\n"
