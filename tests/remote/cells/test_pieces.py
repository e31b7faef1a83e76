"""Text that is too long for one message of a keeper's comes in several, and is the same."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from glows_nb.remote import keeper

SIGNS = st.text(st.sampled_from('a\\"\n\t/ü実😀\x00\x1b'), max_size=60)


@given(SIGNS, st.booleans(), st.integers(8, 40))
@example("\\" * 30, False, 7)
@example("😀" * 20, True, 9)
@example('\\"' * 20, False, 11)
def test_pieces_are_the_whole(text: str, is_ascii: bool, most: int) -> None:
    content = json.dumps({"name": "stdout", "text": text}, ensure_ascii=is_ascii).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keeper, "LARGE_TEXT", 2 * most)
        pieces = keeper.in_pieces("stream", [b'{"msg_type": "stream", "msg_id": "m"}', b"{}", b"{}", content])
    said = [json.loads(piece[3]) for piece in pieces]
    assert "".join(each["text"] for each in said) == text
    assert {each["name"] for each in said} <= {"stdout"}
    assert all(len(each["text"].encode()) <= most + 12 for each in said) or b"\\ud" in content or len(pieces) == 1
