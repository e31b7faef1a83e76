"""What is ignored is what git ignores."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from glows_nb.remote.files.local_tree import scan

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")

FILES = ["a", "b.log", "c.log", "d/a", "d/b.log", "d/e/a", "d/e/c.log", "e/a", "a b", "d/[x]", "d/#h", "!n"]
_WORDS = (
    "a|*.log|b*|d|e|**|*|/|/a|d/|d/a|/d/e|**/a|d/**|a/**/b|?|[ab]*|[!a]|\\!n|\\#h|#h|a |a\\ b|d/*|e/|!b.log|*/a|"
    "d/**/a||\\[x\\]|**/e/**|/*|/d/*"
)
PIECES = st.sampled_from(_WORDS.split("|"))
LINES = st.lists(st.tuples(st.booleans(), PIECES).map(lambda pair: ("!" if pair[0] else "") + pair[1]), max_size=5)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@example({"": ["*.log", "!b.log"], "d": ["!c.log"]})
@example({"": ["d/*", "!d/a"]})
@example({"": ["d", "!d/a"]})
@example({"": ["d/**"], "d": ["!a"]})
@example({"": ["!", "a"]})
@example({"": ["/*", "!/d", "/d/*", "!/d/e"]})
@given(st.dictionaries(st.sampled_from(["", "d", "d/e"]), LINES, max_size=3))
def test_it_is_as_git_does(rules: dict[str, list[str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name in FILES:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(b"")
        for place, lines in rules.items():
            (root / place / ".gitignore").write_text("\n".join(lines) + "\n")
        git = ["git", "-c", "core.excludesFile=", "-C", str(root)]
        subprocess.run([*git, "init", "-q"], check=True)  # noqa: S603 - our own words
        listed = subprocess.run(  # noqa: S603 - our own words
            [*git, "ls-files", "-z", "--others", "--exclude-standard"], check=True, capture_output=True
        ).stdout
        tree, _ = scan(root, include_ignored=False)
        assert sorted(path for path, entry in tree.entries.items() if entry.kind == "f") == sorted(
            listed.decode().split("\0")[:-1]
        )
