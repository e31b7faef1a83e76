"""What pandas has, as nodes and pieces of `values`: each array as it lies in memory, text as Arrow lays it out.

It needs no pyarrow, and reads and writes text by it where it is, which is several times faster: raw data alone, none of
Arrow's own messages, which can be compressed and name types that run code. The text of this file runs on machines too.
"""

from __future__ import annotations

import math
import re
import sys
from contextlib import suppress
from typing import Any

Node = Any

FREQUENCY = re.compile(r"[A-Za-z0-9-]{1,30}", re.ASCII)
NUMPY_IN_PANDAS = ("NumpyEADtype", "PandasDtype")
MISSING = ("None", "nan", "NA")


def packed(packer: Any, value: Any, path: str, depth: int) -> Node:
    """What stands for a value of pandas, whose pieces are written."""
    pd = sys.modules["pandas"]
    kind = type(value)
    if value is pd.NaT or value is pd.NA:
        return {"kind": "NaT" if value is pd.NaT else "NA"}
    if kind in (pd.Timestamp, pd.Timedelta):
        of = packer.array(sys.modules["numpy"].array(value.asm8), path)
        zone = packer.zone(value.tzinfo, path) if kind is pd.Timestamp else None
        return {"kind": kind.__name__, "of": of, "zone": zone}
    if kind is pd.Series:
        return {
            "kind": "Series",
            "index": _index(packer, value.index, path + ".index", depth),
            "name": packer.node(value.name, path + ".name", depth),
            "of": _column(packer, value.array, path, depth),
            "attrs": packer.node(dict(value.attrs), path + ".attrs", depth),
        }
    if kind is pd.DataFrame:
        return _frame(packer, value, path, depth)
    if isinstance(value, pd.Index):
        return _index(packer, value, path, depth)
    is_own = isinstance(value, pd.api.extensions.ExtensionArray) and type(value.dtype).__name__ not in NUMPY_IN_PANDAS
    if is_own:
        return {"kind": "extension", "of": _column(packer, value, path, depth)}
    raise packer.no_form(value, path)


def _frame(packer: Any, value: Any, path: str, depth: int) -> Node:
    node = {
        "kind": "DataFrame",
        "index": _index(packer, value.index, path + ".index", depth),
        "columns": _index(packer, value.columns, path + ".columns", depth),
    }
    kinds = {getattr(dtype, "str", "") for dtype in value.dtypes}
    if value.shape[1] > 1 and len(kinds) == 1 and re.fullmatch("[<>|][biuf][0-9]", kinds.pop()):
        # As pandas keeps it: not a column is copied.
        node["block"] = packer.array(value.to_numpy().T, path)
    else:
        node["of"] = [
            _column(packer, value.iloc[:, number].array, "%s[%r]" % (path, label), depth)
            for number, label in enumerate(value.columns)
        ]
    node["attrs"] = packer.node(dict(value.attrs), path + ".attrs", depth)
    return node


def _index(packer: Any, value: Any, path: str, depth: int) -> Node:
    pd = sys.modules["pandas"]
    if type(value) is pd.MultiIndex:
        return {
            "kind": "MultiIndex",
            "levels": [_index(packer, level, path, depth + 1) for level in value.levels],
            "codes": [packer.array(sys.modules["numpy"].asarray(each), path) for each in value.codes],
            "names": packer.node(list(value.names), path + ".names", depth),
        }
    if type(value).__module__.partition(".")[0] != "pandas":
        raise packer.no_form(value, path)
    name = packer.node(value.name, path + ".name", depth)
    if type(value) is pd.RangeIndex:
        return {"kind": "RangeIndex", "of": [value.start, value.stop, value.step], "name": name}
    of = _column(packer, value.array, path, depth + 1)
    frequency = value.freqstr if isinstance(value, (pd.DatetimeIndex, pd.TimedeltaIndex)) else None
    return {"kind": "Index", "of": of, "name": name, "freq": frequency}


def _column(packer: Any, values: Any, path: str, depth: int) -> Node:
    """What stands for one array."""
    import numpy as np
    import pandas as pd

    dtype: Any = values.dtype
    if isinstance(dtype, np.dtype) or type(dtype).__name__ in NUMPY_IN_PANDAS:
        items = np.asarray(values)
        if dtype.kind != "O":
            return packer.array(items, path)
        text = _text(packer, items)
        return text or {"kind": "objects", "of": [packer.node(each, path, depth + 1) for each in items]}
    if type(dtype).__module__.partition(".")[0] != "pandas":
        raise packer.no_form(values, path)
    if isinstance(dtype, pd.DatetimeTZDtype):
        of = packer.array(np.asarray(values, dtype="M8[%s]" % dtype.unit), path)
        return {"kind": "zoned", "of": of, "zone": packer.zone(dtype.tz, path)}
    if isinstance(values, (pd.arrays.IntegerArray, pd.arrays.FloatingArray, pd.arrays.BooleanArray)):
        plain = values.to_numpy(dtype=dtype.numpy_dtype, na_value=dtype.numpy_dtype.type(0))
        of = packer.array(plain, path)
        return {"kind": "masked", "of": of, "missing": packer.array(np.asarray(values.isna()), path)}
    if isinstance(dtype, pd.StringDtype):
        of = _text(packer, values if dtype.storage == "pyarrow" else np.asarray(values, dtype=object))
        return {"kind": "string", "is_nan": dtype.na_value is not pd.NA, "storage": dtype.storage, "of": of}
    if isinstance(dtype, pd.CategoricalDtype):
        codes = packer.array(np.asarray(values.codes), path)
        categories = _index(packer, values.categories, path, depth + 1)
        return {"kind": "categorical", "codes": codes, "categories": categories, "is_ordered": bool(values.ordered)}
    if isinstance(dtype, pd.PeriodDtype):
        return {
            "kind": "periods",
            "of": packer.array(np.asarray(values.asi8), path),
            "freq": str(dtype)[len("period[") : -1],
        }
    if isinstance(dtype, pd.IntervalDtype):
        sides = [_index(packer, each, path, depth + 1) for each in (values.left, values.right)]
        return {"kind": "intervals", "sides": sides, "closed": str(values.closed)}
    raise packer.refused(path, "holds %s, which has no safe form" % dtype)


def _text(packer: Any, items: Any) -> Node:
    """Text of which some may be missing, all in one way; None where objects are not such."""
    import numpy as np

    if not isinstance(items, np.ndarray):
        is_text, missing = ~np.asarray(items.isna()), "NA"
    else:
        is_text = np.fromiter((type(each) is str for each in items), bool, len(items))
        missing = _way_of(items[~is_text])
    if not missing:
        return None
    written = _by_arrow(items, is_text)
    if written is None:
        pieces = [each.encode("utf-8", "surrogatepass") if is_one else b"" for each, is_one in zip(items, is_text)]
        ends = np.zeros(len(items) + 1, "<i8")
        np.cumsum(np.fromiter(map(len, pieces), "<i8", len(pieces)), out=ends[1:])
        written = ends, b"".join(pieces)
    ends, data = written
    bits = np.packbits(is_text, bitorder="little")
    node = {"kind": "text", "missing": missing, "bits": packer.array(bits, ""), "ends": packer.array(ends, "")}
    packer.file.write(data)
    return node


def _way_of(missing: Any) -> str:
    """What stands for all that is missing; "" where several things do, or others."""
    pd = sys.modules["pandas"]
    if all(each is None for each in missing):
        return "None"
    if all(type(each) is float and math.isnan(each) for each in missing):
        return "nan"
    return "NA" if all(each is pd.NA for each in missing) else ""


def _by_arrow(items: Any, is_text: Any) -> Any:
    """Where each text ends, and all of them; None where there is no pyarrow, or it does not take them."""
    import numpy as np

    try:
        import pyarrow as pa  # type: ignore[import-not-found]

        if isinstance(items, np.ndarray):
            made = pa.array(items, pa.large_string(), mask=~is_text)
        else:
            made = pa.chunked_array(items.__arrow_array__()).cast(pa.large_string()).combine_chunks()
        _, ends, data = made.buffers()
        ends = np.frombuffer(ends, "<i8")[: len(items) + 1]
        if made.offset or len(ends) != len(items) + 1 or ends[0]:
            return None  # a part of another, or nothing
        return ends, memoryview(data)[: int(ends[-1])] if data is not None else b""
    except Exception:  # noqa: BLE001 - it is not needed, whatever is wrong with it
        return None


def unpacked(unpacker: Any, kind: str, node: Node, depth: int) -> Any:
    """What a node stands for."""
    import pandas as pd

    if kind in ("NaT", "NA"):
        return getattr(pd, kind)
    if kind in ("Timestamp", "Timedelta"):
        moment: Any = getattr(pd, kind)(unpacker.array(node["of"])[()])
        zone = unpacker.zone(node["zone"])
        return moment if zone is None else moment.tz_localize("UTC").tz_convert(zone)
    if kind == "Series":
        index, name = _index_of(unpacker, node["index"], depth), unpacker.value(node["name"], depth)
        values = _column_of(unpacker, node["of"], depth)
        series = pd.Series(values, index=index, name=name, dtype=_kept(values), copy=False)
        series.attrs = dict(unpacker.value(node["attrs"], depth))
        return series
    if kind == "DataFrame":
        return _frame_of(unpacker, node, depth)
    if kind in ("Index", "RangeIndex", "MultiIndex"):
        return _index_of(unpacker, node, depth)
    if kind == "extension":
        values = _column_of(unpacker, node["of"], depth)
        return values if isinstance(values, pd.api.extensions.ExtensionArray) else pd.array(values)
    raise ValueError("there is no such kind")


def _kept(values: Any) -> Any:
    """The dtype to say, so that nobody guesses another."""
    return values.dtype if str(values.dtype) == "object" else None


def _frame_of(unpacker: Any, node: Node, depth: int) -> Any:
    import pandas as pd

    index, columns = (_index_of(unpacker, node[each], depth) for each in ("index", "columns"))
    if "block" in node:
        frame = pd.DataFrame(unpacker.array(node["block"]).T, index=index, columns=columns, copy=False)
    else:
        series = {}
        for number, each in enumerate(node["of"]):
            values = _column_of(unpacker, each, depth)
            series[number] = pd.Series(values, index=index, dtype=_kept(values), copy=False)
        frame = pd.DataFrame(series, index=index, copy=False)
        frame.columns = columns
    frame.attrs = dict(unpacker.value(node["attrs"], depth))
    return frame


def _index_of(unpacker: Any, node: Node, depth: int) -> Any:
    import pandas as pd

    kind = node["kind"]
    if kind == "MultiIndex":
        levels = [_index_of(unpacker, each, depth + 1) for each in node["levels"]]
        codes = [_one_row(unpacker.array(each)) for each in node["codes"]]
        return pd.MultiIndex(levels=levels, codes=codes, names=unpacker.value(node["names"], depth))
    name = unpacker.value(node["name"], depth)
    if kind == "RangeIndex":
        start, stop, step = node["of"]
        return pd.RangeIndex(start, stop, step, name=name)
    if kind != "Index":
        raise ValueError("that is no index")
    values = _column_of(unpacker, node["of"], depth + 1)
    index = pd.Index(values, dtype=_kept(values), name=name)
    if node["freq"] is not None and FREQUENCY.fullmatch(node["freq"]):
        with suppress(ValueError):  # versions of pandas name some otherwise, and nothing is wrong without
            index.freq = pd.tseries.frequencies.to_offset(node["freq"])
    return index


def _column_of(unpacker: Any, node: Node, depth: int) -> Any:
    import numpy as np
    import pandas as pd

    kind = node["kind"]
    if kind == "array":
        return _one_row(unpacker.array(node))
    if kind == "text":
        return _objects(*_text_of(unpacker, node))
    if kind == "objects":
        made = np.empty(len(node["of"]), object)
        for number, each in enumerate(node["of"]):
            made[number] = unpacker.value(each, depth + 1)
        return made
    if kind == "zoned":
        values = pd.Series(_one_row(unpacker.array(node["of"])))
        return values.dt.tz_localize("UTC").dt.tz_convert(unpacker.zone(node["zone"])).array
    if kind == "masked":
        values, missing = _one_row(unpacker.array(node["of"])), _one_row(unpacker.array(node["missing"]))
        arrays = {"b": pd.arrays.BooleanArray, "f": pd.arrays.FloatingArray}
        return arrays.get(values.dtype.kind, pd.arrays.IntegerArray)(values, missing)
    if kind == "string":
        return _strings(node, *_text_of(unpacker, node["of"]))
    if kind == "categorical":
        codes, categories = _one_row(unpacker.array(node["codes"])), _index_of(unpacker, node["categories"], depth + 1)
        return pd.Categorical.from_codes(codes, categories, ordered=bool(node["is_ordered"]))
    if kind == "periods" and FREQUENCY.fullmatch(node["freq"]):
        return pd.arrays.PeriodArray(_one_row(unpacker.array(node["of"])), dtype=pd.PeriodDtype(node["freq"]))
    if kind == "intervals":
        left, right = (_index_of(unpacker, each, depth + 1) for each in node["sides"])
        return pd.arrays.IntervalArray.from_arrays(left, right, closed=node["closed"])
    raise ValueError("that is no column")


def _one_row(array: Any) -> Any:
    if array.ndim != 1:
        raise ValueError("a column has to be one row")
    return array


def _text_of(unpacker: Any, node: Node) -> Any:
    """Which are text, where each ends, all of it, and what stands for one that is missing."""
    import numpy as np
    import pandas as pd

    bits, ends = _one_row(unpacker.array(node["bits"])), _one_row(unpacker.array(node["ends"]))
    count = len(ends) - 1
    is_rising = count >= 0 and ends.dtype == "<i8" and ends[0] == 0 and bool((np.diff(ends) >= 0).all())
    if not is_rising or bits.dtype != "u1" or len(bits) != math.ceil(count / 8):
        raise ValueError("a text does not end where it says")
    is_text = np.unpackbits(bits, count=count, bitorder="little").astype(bool) if count else np.zeros(0, bool)
    missing = dict(zip(MISSING, (None, math.nan, pd.NA)))[node["missing"]]
    return is_text, ends, unpacker.taken(int(ends[-1])), missing


def _arrow(is_text: Any, ends: Any, data: bytes) -> Any:
    """It as pyarrow has it; None where there is none, or it does not take it."""
    import numpy as np

    try:
        import pyarrow as pa

        bits = np.packbits(is_text, bitorder="little")
        buffers = [pa.py_buffer(bits), pa.py_buffer(ends), pa.py_buffer(data)]
        made = pa.Array.from_buffers(pa.large_string(), len(is_text), buffers)
        made.validate(full=True)
    except Exception:  # noqa: BLE001 - it is not needed, whatever is wrong with it
        return None
    return made


def _objects(is_text: Any, ends: Any, data: bytes, missing: Any) -> Any:
    import numpy as np

    arrow = _arrow(is_text, ends, data)
    if arrow is not None:
        made = arrow.to_numpy(zero_copy_only=False)
    else:
        made = np.empty(len(is_text), object)
        at = ends.tolist()
        for number, is_one in enumerate(is_text.tolist()):
            if is_one:
                made[number] = data[at[number] : at[number + 1]].decode("utf-8", "surrogatepass")
    made[~is_text] = missing
    return made


def _strings(node: Node, is_text: Any, ends: Any, data: bytes, missing: Any) -> Any:
    import pandas as pd

    options: Any = {"na_value": math.nan} if node["is_nan"] else {}
    arrow = _arrow(is_text, ends, data) if node["storage"] == "pyarrow" else None
    if arrow is not None:
        with suppress(ImportError, TypeError, ValueError):
            dtype: Any = pd.StringDtype("pyarrow", **options)
            return dtype.__from_arrow__(arrow)
    objects = _objects(is_text, ends, data, math.nan if node["is_nan"] else pd.NA)
    try:
        return pd.array(objects, dtype=pd.StringDtype("python", **options))
    except TypeError:
        return objects  # which is what text was before pandas had this dtype
