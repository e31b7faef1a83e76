"""Paths and links that a machine tells of: whatever is taken, and made, stays inside."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glows_nb.remote.errors import TransferError
from glows_nb.remote.files.comparing import compare, settle
from glows_nb.remote.files.entries import Entry, Lie, checked_path, is_same_time, stays_inside, why_refused
from glows_nb.remote.files.local_target import Target

NAMES = st.sampled_from(["a", "b", "..", ".", "", "c", "\x1b", "a b", "..."])
PATHS = st.lists(NAMES, min_size=1, max_size=5).map("/".join)
ENTRIES = st.dictionaries(
    PATHS, st.tuples(st.sampled_from("fdl?"), st.one_of(PATHS, PATHS.map(lambda path: f"/{path}")))
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(ENTRIES)
def test_whatever_is_made_stays_inside(entries: dict[str, tuple[str, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "deep", "er", "target").resolve()
        target = Target(root, ".glows-part-x")
        for path, (kind, to) in sorted(entries.items()):
            entry = Entry(kind, 0, 10**18, 0o644, to if kind == "l" else "")  # type: ignore[arg-type]
            with contextlib.suppress(Lie, TransferError):
                if why_refused(checked_path(path), entry):
                    continue
                if kind == "d":
                    target.make_folder(path)
                elif kind == "l":
                    target.place_link(path, entry)
                else:
                    part = target.part(path)
                    with target.writing(part) as file:
                        file.write(b"x")
                    target.place(part, path, entry)
        for path in [path for path in Path(folder).rglob("*") if path.is_symlink()]:
            assert not path.readlink().is_absolute()
            for through in (path, path / "evil"):
                with contextlib.suppress(OSError):
                    through.write_bytes(b"x")
        made = [path for path in Path(folder).rglob("*") if not path.is_symlink()]
        assert all(path.is_relative_to(root) or root.is_relative_to(path) for path in made)


@given(PATHS, PATHS)
def test_a_link_that_stays_inside_leads_nowhere_else(path: str, to: str) -> None:
    with contextlib.suppress(Lie):
        checked_path(path)
        if stays_inside(path, to):
            parts: list[str] = path.split("/")[:-1]
            for part in to.split("/"):
                if part == "..":
                    assert parts
                    parts.pop()
                elif part not in ("", "."):
                    parts.append(part)


@pytest.mark.parametrize(
    "path", ["", "/", "/a", "a/", "a//b", ".", "..", "a/..", "../a", "a/./b", "a\0b", "a/" * 3000 + "a"]
)
def test_paths_that_can_not_be_are_lies(path: str) -> None:
    with pytest.raises(Lie):
        checked_path(path)


KINDS = st.sampled_from("fdl")
SOME = st.dictionaries(
    st.sampled_from("abcdef"),
    st.builds(
        Entry,
        KINDS,
        st.integers(0, 2),
        st.sampled_from([10**18, 10**18 + 5, 10**18 + 123456, 10**18 + 10**9]),
        st.sampled_from([0o644, 0o755]),
        st.sampled_from(["x", "y"]),
    ),
)


@given(SOME, SOME, st.booleans())
def test_each_path_is_compared_once(wanted: dict[str, Entry], there: dict[str, Entry], has_hashes: bool) -> None:
    found = compare(wanted, there)
    hashes = dict.fromkeys(found.unsure, "0") if has_hashes else {}
    settle(found, dict.fromkeys(found.unsure, "0"), hashes, there)
    assert not found.unsure
    assert set(found.extra) == set(there) - set(wanted)
    for path, entry in wanted.items():
        if entry.kind == "d":
            right = path in there and there[path].kind == "d" and there[path].mode == entry.mode
            assert (path in found.folders) != right
            continue
        assert (path in found.new) + (path in found.same) == 1
        other = there.get(path)
        if other is None or other.kind != entry.kind:
            assert path in found.new
        elif entry == other:
            assert path in found.same
            assert path not in found.modes
        elif path in found.same and entry.kind == "f" and has_hashes:
            assert (path in found.modes) == (other.mode != entry.mode or is_same_time(entry, other) is False)
