"""Values as bytes of which nothing is ever run: what a notebook and the kernel of a machine give each other.

A body is a mark, pieces of raw data one behind the other, JSON that says what they make up, and the JSON's length. In
the JSON what JSON can hold stands for itself, and anything else is an object with a "kind". The pieces are taken in the
order in which the JSON names them, each once, and all of them: a body makes up no more than its bytes say. Nothing is
compressed, and no pickle is written or read.

The text of this file runs on machines too, and so does that of `tables`: they import nothing of glows_nb and not each
other, and run on Python 3.8, without numpy and pandas where these are not.
"""

from __future__ import annotations

import datetime
import decimal
import json
import math
import os
import re
import struct
import sys
import uuid
from typing import Any, BinaryIO, Dict, List, Mapping

Node = Any

MARK = b"glows values 1\n"
LENGTH = struct.Struct(">Q")
DEEPEST = 100
MOST_OF_NOTHING = 1 << 20
"""So many items an array may have whose items have no size."""
LARGEST_ITEM = 1 << 24
LONGEST_PATH = 200

_PLAIN = (type(None), bool, float, str)
_LISTS: Dict[Any, str] = {tuple: "tuple", set: "set", frozenset: "frozenset"}
_SINGLE = re.compile(
    r"[<>|=]?(b1|[iu][1248]|[fc]\d{1,2}|[SUV]\d{1,9}|[mM]8(\[\d{0,9}([YMWDhms]|[munpfa]s)\])?)", re.ASCII
)
_ZONE = re.compile(r"[A-Za-z0-9_+-]{1,40}(/[A-Za-z0-9_+-]{1,40}){0,3}", re.ASCII)


class NoSafeForm(Exception):
    """A value can't be given.

    Attributes:
        path: where it is, such as `df['x']`.
        what: what is there, such as "holds Tensor".
    """

    def __init__(self, path: str, what: str) -> None:
        self.path = path if len(path) <= LONGEST_PATH else path[:LONGEST_PATH] + "..."
        self.what = what
        super().__init__("%s %s" % (self.path, self.what))


class NoBody(ValueError):
    """Bytes are no body, or one that can't be."""


def pack(values: Mapping[str, Any], file: BinaryIO, tables: Any) -> None:
    """Write values by name as a body.

    Args:
        values: them.
        file: where to.
        tables: the module that knows of pandas.

    Raises:
        NoSafeForm: one can't be given.
    """
    file.write(MARK)
    packer = Packer(file, tables)
    node = [list(values), [packer.node(value, name, 0) for name, value in values.items()]]
    text = json.dumps(node, ensure_ascii=False, separators=(",", ":"), check_circular=False)
    told = text.encode("utf-8", "surrogatepass")
    file.write(told)
    file.write(LENGTH.pack(len(told)))


def unpack(file: BinaryIO, tables: Any) -> Dict[str, Any]:
    """Read a body: values by name.

    Args:
        file: it, alone in a file.
        tables: the module that knows of pandas.

    Raises:
        NoBody: it is none.
        ImportError: it holds what needs a library that is not here.
    """
    try:
        end = file.seek(0, os.SEEK_END) - LENGTH.size
        file.seek(max(0, end))
        (length,) = LENGTH.unpack(file.read(LENGTH.size))
        begin = end - length
        if begin < len(MARK):
            raise ValueError("it is shorter than it says")
        file.seek(begin)
        names, nodes = json.loads(file.read(length).decode("utf-8", "surrogatepass"))
        file.seek(0)
        if file.read(len(MARK)) != MARK or len(names) != len(nodes):
            raise ValueError("it has no mark, or not as many values as names")
        unpacker = Unpacker(file, begin - len(MARK), tables)
        values = {of(str, name): unpacker.value(node, 0) for name, node in zip(names, nodes)}
        if unpacker.left or len(values) != len(names):
            raise ValueError("something of it is no value")
        return values
    except ImportError:
        raise
    except Exception as error:  # each library has its own errors for what it can't take
        raise NoBody(repr(error)[:300]) from error


class Packer:
    """Makes nodes, and writes the pieces that they name.

    Args:
        file: where to.
        tables: the module that knows of pandas.
    """

    def __init__(self, file: BinaryIO, tables: Any) -> None:
        self.file = file
        self._tables = tables
        self._around: List[int] = []

    def refused(self, path: str, what: str) -> NoSafeForm:
        """The error of something that can't be given."""
        return NoSafeForm(path, what)

    def node(self, value: Any, path: str, depth: int) -> Node:
        """What stands for a value in the JSON."""
        kind = type(value)
        if kind in _PLAIN:
            return value
        if kind is int:
            return value if -(2**63) <= value < 2**63 else {"kind": "int", "of": hex(value)}
        if kind in (list, dict) or kind in _LISTS:
            return self._nested(value, path, depth)
        if kind in (bytes, bytearray):
            self.file.write(value)
            return {"kind": kind.__name__, "length": len(value)}
        if kind is complex:
            return {"kind": "complex", "of": [value.real, value.imag]}
        if kind in (decimal.Decimal, uuid.UUID):
            return {"kind": kind.__name__, "of": str(value)}
        module = kind.__module__.partition(".")[0]
        if module == "datetime":
            return self._moment(value, path)
        if module == "numpy":
            return self._numpy(value, path)
        if module == "pandas":
            return self._tables.packed(self, value, path, depth)
        raise self.no_form(value, path)

    def no_form(self, value: Any, path: str) -> NoSafeForm:
        """The error of a value of a type that has no safe form."""
        kind = type(value)
        base = next((each.__name__ for each in (*_LISTS, list, dict, str, int, float) if isinstance(value, each)), "")
        hint = " (%s() of it has one)" % base if base else ""
        return NoSafeForm(path, "holds %s, which has no safe form%s" % (kind.__name__, hint))

    def _nested(self, value: Any, path: str, depth: int) -> Node:
        if depth >= DEEPEST:
            raise NoSafeForm(path, "is nested over %d deep" % DEEPEST)
        if id(value) in self._around:
            raise NoSafeForm(path, "holds itself")
        self._around.append(id(value))
        kind = type(value)
        if kind is dict:
            keys = [self.node(key, path + " (a key)", depth + 1) for key in value]
            node: Node = [keys, [self.node(item, inside(path, key), depth + 1) for key, item in value.items()]]
        else:
            node = [
                item if type(item) in _PLAIN else self.node(item, inside(path, number), depth + 1)
                for number, item in enumerate(value)
            ]
        self._around.pop()
        return node if kind is list else {"kind": _LISTS.get(kind, "dict"), "of": node}

    def _moment(self, value: Any, path: str) -> Node:
        kind = type(value)
        if kind is datetime.date:
            return {"kind": "date", "of": [value.year, value.month, value.day]}
        if kind is datetime.timedelta:
            return {"kind": "timedelta", "of": [value.days, value.seconds, value.microseconds]}
        if kind is datetime.timezone:
            return {"kind": "timezone", "of": self.zone(value, path)}
        if kind not in (datetime.time, datetime.datetime):
            raise self.no_form(value, path)
        numbers = [value.hour, value.minute, value.second, value.microsecond]
        zone, fold = value.tzinfo, value.fold
        if kind is datetime.datetime:
            numbers = [value.year, value.month, value.day, *numbers]
            if hasattr(zone, "localize"):
                # Of the two times that are the same at a clock's change pytz tells by the zone which it is.
                first = zone.localize(value.replace(tzinfo=None), is_dst=True)
                fold = int(first.utcoffset() != value.utcoffset())
        return {"kind": kind.__name__, "of": numbers, "fold": fold, "zone": self.zone(zone, path)}

    def zone(self, zone: Any, path: str) -> Node:
        """What stands for a zone of time."""
        if zone is None:
            return None
        if type(zone) is datetime.timezone:
            ahead = zone.utcoffset(None)
            return [ahead.days, ahead.seconds, ahead.microseconds, zone.tzname(None)]
        module = type(zone).__module__.partition(".")[0]
        name = getattr(zone, "zone" if module == "pytz" else "key", None)
        if module not in ("zoneinfo", "backports", "pytz") or not isinstance(name, str) or not _ZONE.fullmatch(name):
            raise NoSafeForm(path, "has a zone of the type %s, which has no safe form" % type(zone).__name__)
        return name

    def _numpy(self, value: Any, path: str) -> Node:
        np = sys.modules["numpy"]
        if type(value) in (np.str_, np.bytes_):
            # As an item of an array it would lose what is 0 at its end.
            return {"kind": "numpy text", "of": self.node(value[:], path, 0)}
        if type(value) in (np.ndarray, np.memmap):
            return self.array(value, path)
        if isinstance(value, np.generic):
            return {"kind": "scalar", "of": self.array(np.array(value), path)}
        raise self.no_form(value, path)

    def array(self, value: Any, path: str) -> Node:
        """What stands for a numpy array, whose piece is written."""
        np = sys.modules["numpy"]
        if value.dtype.hasobject and value.dtype.kind == "O":
            kinds = sorted({type(each).__name__ for each in value.reshape(-1)[:1000]})
            raise NoSafeForm(path, "holds %s as objects, which an array has no safe form for" % ", ".join(kinds[:3]))
        form = self._form(np, value.dtype, path)
        if value.nbytes:
            self.file.write(np.ascontiguousarray(value).reshape(-1).view("u1").data)
        return {"kind": "array", "dtype": form, "shape": list(value.shape)}

    def _form(self, np: Any, dtype: Any, path: str) -> Node:
        if dtype.subdtype is not None:
            form: Node = {"of": self._form(np, dtype.base, path), "shape": list(dtype.shape)}
        elif dtype.names is not None:
            fields = [dtype.fields[name] for name in dtype.names]
            form = {"names": list(dtype.names), "formats": [self._form(np, each[0], path) for each in fields]}
            titles = [each[2] if len(each) > 2 else None for each in fields]
            if any(each is not None and type(each) is not str for each in titles):
                raise NoSafeForm(path, "has fields whose titles are no text")
            form.update(titles=titles, offsets=[int(each[1]) for each in fields], itemsize=dtype.itemsize)
        else:
            form = dtype.str
        try:
            is_same = bool(dtype_of(np, form) == dtype)
        except (ValueError, TypeError):
            is_same = False
        if not is_same:
            raise NoSafeForm(path, "holds items of the dtype %s, which has no safe form" % dtype)
        return form


class Unpacker:
    """Makes values of nodes, and reads the pieces that they name.

    Args:
        file: what to read from, at the first of them.
        left: how many bytes all pieces have.
        tables: the module that knows of pandas.
    """

    def __init__(self, file: BinaryIO, left: int, tables: Any) -> None:
        self.left = left
        self._file = file
        self._tables = tables

    def value(self, node: Node, depth: int) -> Any:
        """What a node stands for."""
        if type(node) in _PLAIN or type(node) is int:
            return node
        if depth > DEEPEST + 10:
            raise ValueError("it is nested too deep")
        if type(node) is list:
            return [each if type(each) in _PLAIN else self.value(each, depth + 1) for each in node]
        kind, inner = of(str, node["kind"]), node.get("of")
        if kind in ("dict", "tuple", "set", "frozenset"):
            return self._nested(kind, of(list, inner), depth)
        if kind == "bytes":
            return self.taken(node["length"])
        if kind == "bytearray":
            return bytearray(self.taken(node["length"]))
        if kind == "int":
            return int(inner, 16)
        if kind == "complex":
            return complex(*inner)
        if kind == "Decimal":
            return decimal.Decimal(of(str, inner))
        if kind == "UUID":
            return uuid.UUID(inner)
        if kind in ("date", "timedelta"):
            return {"date": datetime.date, "timedelta": datetime.timedelta}[kind](*inner)
        if kind in ("datetime", "time", "timezone"):
            return self._moment(kind, node)
        if kind in ("array", "scalar", "numpy text"):
            return self._numpy(kind, node)
        return self._tables.unpacked(self, kind, node, depth)

    def taken(self, length: int) -> bytes:
        """The next piece."""
        if not 0 <= of(int, length) <= self.left:
            raise ValueError("a piece is longer than all of them")
        self.left -= length
        piece = self._file.read(length)
        if len(piece) != length:
            raise ValueError("a piece is cut off")
        return piece

    def _nested(self, kind: str, nodes: List[Node], depth: int) -> Any:
        if kind == "dict":
            keys, items = (self.value(of(list, each), depth) for each in nodes)
            if len(keys) != len(items):
                raise ValueError("there are not as many values as keys")
            return dict(zip(keys, items))
        items = self.value(nodes, depth)
        return {"tuple": tuple, "set": set, "frozenset": frozenset}[kind](items)

    def _moment(self, kind: str, node: Node) -> Any:
        if kind == "timezone":
            return self.zone(of(list, node["of"]))
        zone, make = self.zone(node["zone"]), datetime.datetime if kind == "datetime" else datetime.time
        made: Any = make(*node["of"], fold=node["fold"])
        if kind == "datetime" and hasattr(zone, "localize"):
            return zone.localize(made.replace(fold=0), is_dst=not node["fold"])
        return made.replace(tzinfo=zone)

    def zone(self, node: Node) -> Any:
        """A zone of time."""
        if node is None:
            return None
        if type(node) is list:
            days, seconds, microseconds, name = node
            ahead = datetime.timedelta(days, seconds, microseconds)
            unnamed = datetime.timezone(ahead)
            if not ahead and name == "UTC":
                return datetime.timezone.utc
            return unnamed if unnamed.tzname(None) == name else datetime.timezone(ahead, name)
        if not _ZONE.fullmatch(node):
            raise ValueError("that is no zone")
        try:
            import zoneinfo
        except ImportError:
            import pytz  # type: ignore[import-untyped]  # which pandas of that time has with it

            return pytz.timezone(node)
        return zoneinfo.ZoneInfo(node)

    def _numpy(self, kind: str, node: Node) -> Any:
        import numpy as np

        if kind == "array":
            return self.array(node)
        if kind == "scalar":
            return self.array(node["of"])[()]
        text = self.value(node["of"], 0)
        return np.str_(text) if isinstance(text, str) else np.bytes_(of(bytes, text))

    def array(self, node: Node) -> Any:
        """A numpy array, of the next piece."""
        import numpy as np

        if node["kind"] != "array":
            raise ValueError("that is no array")
        shape = shape_of(node["shape"])
        dtype = dtype_of(np, node["dtype"])
        if dtype.subdtype is not None:
            raise ValueError("an array's items are arrays")
        count = math.prod(shape)
        if count * dtype.itemsize > self.left or (dtype.itemsize == 0 and count > MOST_OF_NOTHING):
            raise ValueError("an array is larger than all pieces")
        made = np.empty(shape, dtype)
        if made.nbytes:
            read = self._file.readinto(made.reshape(-1).view("u1").data)  # type: ignore[attr-defined]
            if read != made.nbytes:
                raise ValueError("an array is cut off")
            self.left -= made.nbytes
        return made


def dtype_of(np: Any, form: Node) -> Any:
    """A dtype, which never is one of objects."""
    if isinstance(form, str):
        if not _SINGLE.fullmatch(form):
            raise ValueError("that is no dtype")
        made = np.dtype(form)
    elif "names" in form:
        formats = [dtype_of(np, each) for each in form["formats"]]
        names, offsets = [of(str, each) for each in form["names"]], [of(int, each) for each in form["offsets"]]
        itemsize = of(int, form["itemsize"])
        if not 0 <= itemsize <= LARGEST_ITEM or any(not 0 <= each <= itemsize for each in offsets):
            raise ValueError("a dtype is too large")
        titles = [each and of(str, each) for each in form["titles"]]
        fields = {"names": names, "titles": titles, "formats": formats, "offsets": offsets, "itemsize": itemsize}
        made = np.dtype(fields)
    else:
        base, shape = dtype_of(np, form["of"]), shape_of(form["shape"])
        if base.itemsize * math.prod(shape) > LARGEST_ITEM or math.prod(shape) > LARGEST_ITEM:
            raise ValueError("a dtype is too large")
        made = np.dtype((base, shape))
    if made.hasobject or made.itemsize > LARGEST_ITEM:
        raise ValueError("a dtype is too large, or holds objects")
    return made


def shape_of(numbers: Node) -> Any:
    """A shape."""
    shape = tuple(of(int, each) for each in of(list, numbers))
    if any(each < 0 for each in shape):
        raise ValueError("that is no shape")
    return shape


def of(kind: Any, value: Any) -> Any:
    """The value, if it is exactly of this type."""
    if type(value) is not kind:
        raise TypeError("there is %s where there should be %s" % (type(value).__name__, kind.__name__))
    return value


def inside(path: str, key: Any) -> str:
    """Where an item of something is."""
    if len(path) > LONGEST_PATH:
        return path
    return "%s[%s]" % (
        path,
        repr(key)[:40] if type(key) in (str, int, float, bool, bytes) else "a " + type(key).__name__,
    )
