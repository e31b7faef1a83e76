"""README, CONTRIBUTING, CHANGELOG and the notebooks as pages: their links lead somewhere, their commands exist."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

import glows_nb as glows
from glows_nb.cli import terminal
from glows_nb.commands import group
from glows_nb.commands.settings import Glows

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "notebooks").glob("*.ipynb")])
ELSEWHERE = {"uv", ".venv-lowest/bin/python"}
"""Programs that CONTRIBUTING names and that the test environment lacks."""


def text_of(page: Path) -> str:
    """A page's Markdown; that of a notebook's cells of prose."""
    text = page.read_text(encoding="utf-8")
    if page.suffix == ".md":
        return text
    cells = json.loads(text)["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def tokens(text: str) -> Iterator[Token]:
    for token in MarkdownIt().parse(text):
        yield token
        yield from token.children or ()


def links(text: str) -> list[str]:
    return [
        str(token.attrs.get("href") or token.attrs.get("src"))
        for token in tokens(text)
        if token.tag in ("a", "img") and token.nesting >= 0
    ]


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    words = re.findall(r"^#+ +(.+?) *$", re.sub(r"^```.*?^```", "", text, flags=re.S | re.M), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in words}


def broken(page: Path, root: Path = ROOT) -> list[str]:
    """The links of a page that lead nowhere in its repository, or are no addresses."""
    found = []
    for link in links(text_of(page)):
        parts = urlsplit(link)
        if parts.scheme:
            is_good = parts.scheme in ("https", "mailto") and bool(parts.netloc or parts.path)
        else:
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            is_good = target.exists() and target.is_relative_to(root)
            if is_good and parts.fragment:
                is_good = parts.fragment in anchors(text_of(target))
        if not is_good:
            found.append(link)
    return found


def inline_code(text: str) -> list[str]:
    """What stands between backticks in a page's prose."""
    return [token.content for token in tokens(text) if token.type == "code_inline"]


def unknown_words(line: str) -> list[str]:
    """The command and the options in a line of `%glows` or `glows-nb` that there are not."""
    program, *words = shlex.split(line.replace("…", "x").partition(" -- ")[0])
    table = group if program == "%glows" else terminal
    context = table.make_context(program, [], resilient_parsing=True)
    options = {option for part in table.get_params(context) for option in part.opts}
    unknown = []
    while words and words[0].startswith("-"):
        unknown += [word for word in [words.pop(0)] if word not in options]
    if not words or words[0] == "COMMAND":
        return unknown
    command = table.get_command(context, words[0])
    if command is None:
        return [*unknown, words[0]]
    options = {option for part in command.get_params(context) for option in [*part.opts, *part.secondary_opts]}
    return unknown + [word for word in words[1:] if word.startswith("-") and word.partition("=")[0] not in options]


def unknown_names(code: str) -> list[str]:
    """The names after `glows.` in some code that the package has not, and the settings after `Glows.`."""
    named = re.findall(r"(?<![\w.])glows\.([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)?)", code)
    found = []
    for path in named:
        value: object = glows
        for name in path.split(".")[: 2 if path.startswith(("plots.", "frames.")) else 1]:
            value = getattr(value, name, None)
        found += [] if value is not None else [f"glows.{path}"]
    settings = re.findall(r"\bGlows\.(\w+)", code)
    return found + [f"Glows.{name}" for name in settings if name not in Glows.class_trait_names(config=True)]


def shell_lines(page: str) -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```$", (ROOT / page).read_text(encoding="utf-8"), flags=re.S | re.M)
    return [line for block in blocks for line in block.splitlines()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    assert broken(page) == []


def test_broken_links_would_be_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# One Thing\n[a](#one-thing) [b](#other) [c](gone.md) ![d](no.png) [e](ftp://x) [f](https://x.y)\n"
    )
    assert broken(page, tmp_path) == ["#other", "gone.md", "no.png", "ftp://x"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_placeholder_is_left(page: Path) -> None:
    assert re.findall(r"^[A-Z]+(?:_[A-Z]+)+$|\b(?:TODO|FIXME|TBD)\b", text_of(page), flags=re.M) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_names_in_prose_exist(page: Path) -> None:
    words = inline_code(text_of(page))
    lines = [word for word in words if re.match(r"(%glows|glows-nb)( |$)", word)]
    assert [(line, unknown) for line in lines if (unknown := unknown_words(line))] == []
    assert [name for word in words for name in unknown_names(word)] == []


def test_unknown_commands_and_names_would_be_found() -> None:
    assert unknown_words("%glows specs --gpu 4090 --gup 1") == ["--gup"]
    assert unknown_words("%glows lab") == ["lab"]
    assert unknown_words("glows-nb --speed lab --speed 3") == ["--speed"]
    assert unknown_words("glows-nb sandbox --fresh") == []
    assert unknown_names("glows.specs(); glows.spec(); glows.plots.prices; glows.plots.price; Glows.ask") == [
        *("glows.spec", "glows.plots.price", "Glows.ask"),
    ]


@pytest.mark.parametrize("line", shell_lines("CONTRIBUTING.md"))
def test_every_shell_line_of_contributing_can_be_run(line: str) -> None:
    subprocess.run(["/bin/bash", "-n", "-c", line], check=True, timeout=10)  # noqa: S603 - only parsed
    words = [word for word in shlex.split(line) if not re.match(r"[A-Z_]+=", word)]
    program = words[0]
    if program not in ELSEWHERE:
        assert shutil.which(program, path=f"{Path(sys.executable).parent}:{os.environ['PATH']}"), program
    named = [word for word in words[1:] if re.match(r"(tests|tools|glows_nb|notebooks)/", word)]
    assert [word for word in named if not (ROOT / word).exists()] == []


def test_contributing_names_the_checks_of_the_gate_and_files_that_exist() -> None:
    gate = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    checks = gate[gate.index("ruff check .") :]
    lines = shell_lines("CONTRIBUTING.md")
    assert lines[lines.index("ruff check .") :][: len(checks)] == checks
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:glows_nb|tests|tools|notebooks)/[\w./]*)`", text))
    assert len(named) > 10
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_spelling_is_checked_where_people_read(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("Teh first machine.\n")
    check = [sys.executable, "-m", "codespell_lib", "--toml", str(ROOT / "pyproject.toml")]
    wrong = subprocess.run([*check, str(page)], capture_output=True, text=True, check=False)  # noqa: S603
    assert (wrong.returncode, "Teh ==> The" in wrong.stdout) == (65, True)
    right = subprocess.run(check, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    assert (right.returncode, right.stdout) == (0, "")
