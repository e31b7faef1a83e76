"""Values come out of a body as they went in, or are refused with the place of what has no safe form."""

from __future__ import annotations

import datetime as dt
import math
import shutil
import subprocess
import uuid
from collections import OrderedDict, namedtuple
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from hypothesis.extra import numpy as some_numpy
from hypothesis.extra import pandas as some_pandas

from glows_nb.remote.cells import values
from glows_nb.remote.cells.values import NoSafeForm
from tests.remote.cells.bodies import back, body_of, is_same

OLD_PYTHONS = [
    *map(Path, filter(None, [shutil.which("python3.8")])),
    *Path.home().glob(".pyenv/versions/3.8.*/bin/python"),
]
FEW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])

zones = some.none() | some.just(dt.UTC) | some.sampled_from(["Europe/Berlin", "Asia/Kathmandu"]).map(ZoneInfo)
text = some.text(some.characters())
surrogates = some.text(some.characters(categories=["Cs", "Lu"]))
singles = (
    some.none()
    | some.booleans()
    | some.integers()
    | some.integers(min_value=2**4000, max_value=2**20000)
    | some.floats()
    | some.complex_numbers()
    | text
    | surrogates
    | some.binary()
    | some.datetimes(timezones=zones)
    | some.dates()
    | some.times(timezones=some.none() | some.just(dt.UTC))
    | some.timedeltas()
    | some.decimals(allow_nan=False)
    | some.uuids()
)
hashable = some.booleans() | some.integers() | text | some.binary() | some.dates() | some.tuples(some.integers(), text)
nested = some.recursive(
    singles | some.binary().map(bytearray) | some.sets(hashable) | some.frozensets(hashable),
    lambda inner: some.lists(inner) | some.lists(inner).map(tuple) | some.dictionaries(hashable, inner),
    max_leaves=30,
)
dtypes = (
    some_numpy.scalar_dtypes()
    | some_numpy.byte_string_dtypes()
    | some_numpy.unicode_string_dtypes()
    | some_numpy.datetime64_dtypes()
    | some_numpy.timedelta64_dtypes()
    | some_numpy.array_dtypes(some_numpy.scalar_dtypes(), allow_subarrays=True)
    | some_numpy.nested_dtypes(some_numpy.scalar_dtypes())
)
arrays = dtypes.filter(lambda dtype: dtype.subdtype is None).flatmap(
    lambda dtype: some_numpy.arrays(dtype, some_numpy.array_shapes(min_dims=0, min_side=0, max_dims=4, max_side=4))
)
columns = [
    some_pandas.column("i", dtype="int16"),
    some_pandas.column("f", dtype=float),
    some_pandas.column("b", dtype=bool),
    some_pandas.column("d", dtype="M8[ns]"),
    some_pandas.column("t", elements=text | some.none(), dtype=object),
    some_pandas.column("o", elements=singles, dtype=object),
]
frames = some_pandas.data_frames(columns, index=some_pandas.indexes(dtype=int) | some_pandas.range_indexes())


@FEW
@given(nested)
def test_plain_values_come_back(value: Any) -> None:
    assert is_same(back(value), value)


@FEW
@given(arrays)
def test_arrays_come_back(value: np.ndarray) -> None:
    assert is_same(back(value), value)
    turned = np.asfortranarray(value)
    assert is_same(back(turned), turned)
    assert back(value).flags.writeable


@FEW
@given(frames)
def test_frames_come_back(value: pd.DataFrame) -> None:
    assert is_same(back(value), value)
    by = value.set_index(["t", "i"])
    assert is_same(back(by), by)


@FEW
@given(some.lists(text | some.none()), some.sampled_from(["str", "string", "object"]))
def test_text_comes_back(items: list[str | None], dtype: str) -> None:
    value = pd.Series(items, dtype=dtype, name=("a", 1))
    assert is_same(back(value), value)
    assert is_same(back(value[1:]), value[1:])


def frame_of_all() -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "Int64": pd.array([1, None, 3], dtype="Int64"),
            "UInt8": pd.array([1, None, 3], dtype="UInt8"),
            "Float32": pd.array([1.5, None, math.nan], dtype="Float32"),
            "boolean": pd.array([True, None, False], dtype="boolean"),
            "string": pd.array(["x", None, "z"], dtype="string"),
            "category": pd.Categorical(["b", "a", None], ["b", "a"], ordered=True),
            "by interval": pd.cut([1, 2, 3], 2),
            "day": pd.date_range("2026-01-01", periods=3, unit="s"),
            "zoned": pd.date_range("2026-10-25", periods=3, freq="h", tz="Europe/Berlin"),
            "delta": pd.to_timedelta([1, 2, None], "s"),
            "period": pd.period_range("2026-01", periods=3, freq="M"),
            "nested": [[1], {"a": np.arange(2)}, pd.NA],
            "moments": [pd.Timestamp("2026-01-01", tz="UTC"), pd.Timedelta("1s"), pd.NaT],
        }
    )
    frame.attrs = {"unit": "m"}
    return frame


@pytest.mark.parametrize("name", frame_of_all().columns)
def test_every_kind_of_column_comes_back(name: str) -> None:
    frame = frame_of_all()
    found = back(frame[name])
    assert found.dtype == frame[name].dtype
    if name != "nested":
        assert is_same(found, frame[name])
        assert is_same(back(pd.Index(frame[name])), pd.Index(frame[name]))
    else:
        assert is_same(list(found), list(frame[name]))


def test_every_shape_of_a_frame_comes_back() -> None:
    frame = frame_of_all().drop(columns="nested")
    shapes = [
        frame,
        frame.set_index(["category", "zoned"]),
        frame[["Int64", "string"]].T,
        frame.groupby("category", observed=False).agg({"Int64": ["min", "max"]}),
        pd.DataFrame(),
        pd.DataFrame(index=["a"]),
        pd.DataFrame(columns=["a"]),
        pd.DataFrame([[1, 2.5]], columns=["a", "a"], index=pd.Index([1], name="row")),
        pd.DataFrame(np.arange(12.0).reshape(3, 4), index=[1, 1, 2]),
        pd.DataFrame({1: [1], "b": [2], (1, 2): [3]}),
    ]
    assert [number for number, shape in enumerate(shapes) if not is_same(back(shape), shape)] == []
    found = back(pd.date_range("2026", periods=3, freq="MS"))
    assert found.freqstr == "MS"


def test_single_things_come_back() -> None:
    padded = np.dtype({"names": ["a", "b"], "formats": ["i1", "f8"], "offsets": [3, 8], "itemsize": 24})
    berlin = ZoneInfo("Europe/Berlin")
    singles = [
        dt.datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=berlin),
        dt.datetime(2026, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=2), "here")),
        dt.timezone(dt.timedelta(minutes=-90)),
        dt.time(1, 2, tzinfo=dt.UTC),
        pd.Timestamp("2026-10-25 01:30", tz="UTC").tz_convert(berlin),
        pd.Timestamp("2026-01-01").as_unit("s"),
        pd.Timedelta(5, "ns"),
        pd.NaT,
        pd.NA,
        Decimal("1.20"),
        Decimal("Infinity"),
        uuid.uuid4(),
        np.float32(1.5),
        np.bool_(True),
        np.datetime64("NaT"),
        np.datetime64("2026-01", "M"),
        np.str_("a\0"),
        np.bytes_(b"a\0"),
        np.zeros(2, padded)[0],
        np.zeros(3, padded),
        np.zeros((2, 0)),
        np.longdouble(1) / 3,
        frame_of_all()["Int64"].array,
        "\ud83d\ude00",
        -0.0,
    ]
    assert [each for each in singles if not is_same(back(each), each)] == []
    assert back(singles[0]).utcoffset() == dt.timedelta(hours=1)
    assert math.copysign(1, back(-0.0)) == -1


class Tensor:
    """What nobody knows."""


def holding_itself() -> list[Any]:
    value: list[Any] = []
    value.append([value])
    return value


def nested_over(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


Point = namedtuple("Point", "x y")

REFUSED = {
    "x['a'][1] holds Tensor, which has no safe form": {"a": [1, Tensor()]},
    "x['b'] holds Tensor, which has no safe form": pd.DataFrame({"a": [1], "b": [Tensor()]}),
    "x (a key) holds Tensor, which has no safe form": {Tensor(): 1},
    "x holds Tensor as objects": np.array([Tensor()]),
    "x holds items of the dtype StringDType()": np.array(["a"], dtype=np.dtypes.StringDType()),
    "x holds items of the dtype object, which has no safe form": np.zeros(1, [("a", "O")]),
    "x holds MaskedArray, which has no safe form": np.ma.masked_array([1]),
    "x holds OrderedDict, which has no safe form (dict() of it has one)": OrderedDict(),
    "x holds Point, which has no safe form (tuple() of it has one)": Point(1, 2),
    "x holds function, which has no safe form": nested_over,
    "x holds Sparse[int64, 0], which has no safe form": pd.Series(pd.arrays.SparseArray([0, 1])),
    "x.attrs['by'] holds Tensor": pd.DataFrame({"a": [1]}).assign(),
    "x[0][0] holds itself": holding_itself(),
    "is nested over 100 deep": nested_over(101),
    "x has a zone of the type": dt.datetime(2026, 1, 1, tzinfo=type("Zone", (dt.tzinfo,), {})()),
}
REFUSED["x.attrs['by'] holds Tensor"].attrs["by"] = Tensor()


@pytest.mark.parametrize("said", REFUSED)
def test_what_has_no_safe_form_is_refused_with_its_place(said: str) -> None:
    with pytest.raises(NoSafeForm) as refused:
        body_of(x=REFUSED[said])
    assert said in str(refused.value)
    assert len(str(refused.value)) < 500


def test_as_deep_as_is_allowed_comes_back() -> None:
    assert is_same(back(nested_over(100)), nested_over(100))


def test_same_list_twice_is_no_circle() -> None:
    inner = [1]
    assert back([inner, inner]) == [[1], [1]]


def test_old_python_without_numpy_takes_plain_values(tmp_path: Path) -> None:
    if not OLD_PYTHONS:
        pytest.skip("there is no Python 3.8 here")
    plain = {"a": [1, 2**70, None, "x\ud800", b"y", (1.5, {3})], "at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC)}
    (tmp_path / "here").write_bytes(body_of(x=plain))
    code = (
        "import importlib.util, sys\n"
        "def load(path):\n"
        "    spec = importlib.util.spec_from_file_location('m', path)\n"
        "    made = importlib.util.module_from_spec(spec)\n"
        "    spec.loader.exec_module(made)\n"
        "    return made\n"
        "values, tables, in_kernel = map(load, sys.argv[1:4])\n"
        "found = values.unpack(open('here', 'rb'), tables)\n"
        "values.pack(found, open('there', 'wb'), tables)\n"
    )
    folder = Path(values.__file__).parent
    sources = [str(folder / f"{name}.py") for name in ("values", "tables", "in_kernel")]
    subprocess.run([str(OLD_PYTHONS[-1]), "-c", code, *sources], cwd=tmp_path, check=True)  # noqa: S603 - our own code
    assert (tmp_path / "there").read_bytes() == body_of(x=plain)
