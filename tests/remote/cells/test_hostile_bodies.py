"""A body that lies is refused in one way, runs nothing, and takes no more memory than it has bytes."""

from __future__ import annotations

import io
import json
import pickle
import tracemalloc
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from glows_nb.remote.cells.values import LENGTH, MARK, NoBody
from tests.remote.cells.bodies import body_of, read

GOOD = body_of(
    a=np.arange(3),
    b=pd.DataFrame({"t": ["x", None], "c": pd.Categorical(["u", "v"]), "n": pd.array([1, None], dtype="Int64")}),
    c=[1, {"k": (b"bytes", 2**70)}],
)
MEMORY = 8 << 20


class Evil:
    """Its pickle would run something."""

    def __reduce__(self) -> Any:
        return exec, ("raise SystemExit('a pickle was run')",)


PICKLE = pickle.dumps(Evil())


def lying(node: Any, pieces: bytes = b"") -> bytes:
    """A body of one node."""
    told = node if isinstance(node, bytes) else json.dumps([["x"], [node]]).encode()
    return MARK + pieces + told + LENGTH.pack(len(told))


def array(dtype: Any, *shape: Any) -> dict[str, Any]:
    return {"kind": "array", "dtype": dtype, "shape": list(shape)}


def field(form: Any, **changes: Any) -> dict[str, Any]:
    return {"names": ["a"], "titles": [None], "formats": [form], "offsets": [0], "itemsize": 8} | changes


def index(of: Any) -> dict[str, Any]:
    return {"kind": "Index", "of": of, "name": None, "freq": None}


def series(of: Any, rows: int = 2) -> dict[str, Any]:
    rows_index = {"kind": "RangeIndex", "of": [0, rows, 1], "name": None}
    return {"kind": "Series", "index": rows_index, "name": None, "of": of, "attrs": {"kind": "dict", "of": [[], []]}}


def text(bits: Any, ends: Any) -> dict[str, Any]:
    return {"kind": "text", "missing": "None", "bits": bits, "ends": ends}


def npy_of_objects() -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([Evil()], dtype=object), allow_pickle=True)
    return file.getvalue()


EIGHT = np.arange(8, dtype="<i8").tobytes()
LIES = {
    "no body": b"",
    "another mark": GOOD.replace(MARK, b"glows values 2\n"),
    "a pickle": PICKLE,
    "a pickle behind the mark": MARK + PICKLE + LENGTH.pack(len(PICKLE)),
    "npy with objects": npy_of_objects(),
    "JSON longer than all": MARK + LENGTH.pack(1 << 62),
    "no JSON": lying(b"{"),
    "other JSON": lying(b"7"),
    "more names than values": lying(b'[["x","y"],[1]]'),
    "a name twice": lying(b'[["x","x"],[1,1]]'),
    "a name that is none": lying(b"[[1],[1]]"),
    "deep JSON": lying(b"[" * 100_000),
    "deep lists": lying(json.loads("[" * 300 + "]" * 300)),
    "deep indexes": lying(b'[["x"],[' + b'{"kind":"Index","of":' * 200 + b"1" + b"}" * 200 + b"]]"),
    "a kind that there is not": lying({"kind": "pickle", "of": PICKLE.hex()}),
    "a kind that is no name": lying({"kind": ["dict"]}),
    "objects": lying(array("|O8", 1), EIGHT),
    "objects in a field": lying(array(field("|O"), 1), EIGHT),
    "objects in a field's array": lying(array(field({"of": "O", "shape": [1]}), 1), EIGHT),
    "a dtype of many": lying(array("i4,O", 1), EIGHT),
    "a huge array": lying(array("<f8", 1 << 40)),
    "a huge array of many sides": lying(array("<f8", *[1 << 20] * 8)),
    "a huge array of nothing": lying(array("|V0", 1 << 40)),
    "a huge item": lying(array("<U500000000", 0)),
    "a huge field": lying(array(field("|u1", itemsize=1 << 40), 0)),
    "a huge array in a field": lying(array(field({"of": "<f8", "shape": [1 << 30]}), 0)),
    "a field of huge nothing": lying(array(field({"of": "|V0", "shape": [1 << 40]}), 0)),
    "a field outside": lying(array(field("<f8", offsets=[1]), 1), EIGHT),
    "a field before": lying(array(field("<f8", offsets=[-8]), 1), EIGHT),
    "a negative shape": lying(array("<f8", -1)),
    "a shape that is none": lying(array("<f8", 1.5)),
    "a true shape": lying(array("|u1", True), b"1"),
    "an array longer than the pieces": lying(array("<i8", 9), EIGHT),
    "pieces that nobody names": lying(array("<i8", 7), EIGHT),
    "the same piece twice": lying([array("<i8", 8), array("<i8", 8)], EIGHT),
    "bytes longer than the pieces": lying({"kind": "bytes", "length": 1 << 40}),
    "bytes of negative length": lying({"kind": "bytes", "length": -1}, b"1"),
    "a set of lists": lying({"kind": "set", "of": [[1]]}),
    "a key that is a list": lying({"kind": "dict", "of": [[[1]], [1]]}),
    "more keys than values": lying({"kind": "dict", "of": [[1], []]}),
    "no number": lying({"kind": "int", "of": "__import__('os')"}),
    "no decimal": lying({"kind": "Decimal", "of": "1e99999999999999999999"}),
    "no day": lying({"kind": "date", "of": [2026, 13, 1]}),
    "a zone that is a file": lying({"kind": "timezone", "of": "../../../etc/passwd"}),
    "a zone of a time that is a file": lying(
        {"kind": "datetime", "of": [2026, 1, 1], "fold": 0, "zone": "/etc/localtime"}
    ),
    "more rows than values": lying(series(array("<i8", 8), rows=1 << 40), EIGHT),
    "a column of many rows": lying(series(array("<i8", 2, 4)), EIGHT),
    "codes without categories": lying(
        series({"kind": "categorical", "codes": array("|i1", 2), "categories": index({"kind": "objects", "of": []})}),
        b"\5\5",
    ),
    "a text that ends behind all": lying(series(text(array("|u1", 1), array("<i8", 3))), b"\3" + EIGHT[:24]),
    "a text that goes back": lying(
        series(text(array("|u1", 1), array("<i8", 3))), b"\3" + np.array([0, 5, 2], "<i8").tobytes() + b"ab"
    ),
    "a text that is none": lying(
        series(text(array("|u1", 1), array("<i8", 3))), b"\3" + np.array([0, 1, 2], "<i8").tobytes() + b"\xff\xff"
    ),
    "a frequency that is code": lying(
        {"kind": "extension", "of": {"kind": "periods", "of": array("<i8", 8), "freq": "__import__('os')"}}, EIGHT
    ),
    "codes of no level": lying(
        {
            "kind": "MultiIndex",
            "levels": [index({"kind": "objects", "of": [1]})],
            "codes": [array("<i8", 8)],
            "names": [1],
        },
        EIGHT,
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_no_body(lie: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(NoBody) as refused:
            read(LIES[lie])
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(str(refused.value)) <= 300
    assert most < MEMORY


def test_cut_off_anywhere_it_is_no_body() -> None:
    assert set(read(GOOD)) == {"a", "b", "c"}
    for end in range(len(GOOD)):
        with pytest.raises(NoBody):
            read(GOOD[:end])


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(some.lists(some.tuples(some.integers(0, len(GOOD) - 1), some.integers(0, 255)), min_size=1, max_size=5))
def test_changed_anywhere_it_is_other_values_or_no_body(changes: list[tuple[int, int]]) -> None:
    body = bytearray(GOOD)
    for place, byte in changes:
        body[place] = byte
    try:
        found = read(bytes(body))
    except NoBody:
        return
    assert len(found) == 3


def test_index_without_columns_may_say_any_length_and_takes_no_memory() -> None:
    empty = index({"kind": "objects", "of": []})
    rows = {"kind": "RangeIndex", "of": [0, 1 << 40, 1], "name": None}
    attrs: dict[str, Any] = {"kind": "dict", "of": [[], []]}
    tracemalloc.start()
    found = read(lying({"kind": "DataFrame", "index": rows, "columns": empty, "of": [], "attrs": attrs}))["x"]
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.shape == (1 << 40, 0)
    assert most < MEMORY
