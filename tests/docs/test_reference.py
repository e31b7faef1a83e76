"""The API reference: built without a warning, complete, and readable with no network."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

import glows_nb as glows
from glows_nb import plots, pytest_plugin
from tests.test_public_face import public_parts

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The pages by their paths."""
    folder = tmp_path_factory.mktemp("reference")
    ran = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-W", "error", str(ROOT / "tools" / "make_reference.py"), str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in folder.rglob("*.*")}


def explained(page: str) -> set[str]:
    return set(re.findall(r'<section id="([^"]+)">', page)) | set(re.findall(r'<div id="([^"]+)"', page))


def resources_of_a_client() -> dict[str, type]:
    """The classes of a client's resources, by the names that they have on it."""
    with glows.Client("token", "http://127.0.0.1:9") as client:
        nouns = [name for name, value in vars(glows.Client).items() if isinstance(value, cached_property)]
        return {noun: type(getattr(client, noun)) for noun in nouns}


def test_every_public_name_is_there(reference: dict[str, str]) -> None:
    there = explained(reference["glows_nb.html"])
    names = set(glows.__all__) - {"__version__", "frames"}
    assert names - there == set()
    for name in names:
        if isinstance(value := getattr(glows, name), type):
            # What pydantic calls by itself is for nobody to read.
            assert {part for part, _ in public_parts(value)} - there - {f"{name}.model_post_init"} == set()
    assert "glows_nb/frames.html" in reference


def test_every_resource_of_a_client_is_there(reference: dict[str, str]) -> None:
    resources = resources_of_a_client()
    assert len(resources) == 5
    for noun, resource in resources.items():
        assert f"Client.{noun}" in explained(reference["glows_nb.html"])
        there = explained(reference[f"glows_nb/api/resources/{noun}.html"])
        assert {part for part, _ in public_parts(resource)} - there == set()


@pytest.mark.parametrize(
    ("page", "module"),
    [
        ("glows_nb/frames.html", glows.frames),
        ("glows_nb/plots.html", plots),
        ("glows_nb/pytest_plugin.html", pytest_plugin),
    ],
)
def test_every_function_of_the_other_modules_is_there(reference: dict[str, str], page: str, module: object) -> None:
    own = {
        name
        for name, value in vars(module).items()
        if getattr(value, "__module__", None) == vars(module)["__name__"] and not name.startswith("_")
    }
    own = set(getattr(module, "__all__", own))
    assert own
    assert own - explained(reference[page]) == set()


def test_every_page_is_linked_from_the_first(reference: dict[str, str]) -> None:
    assert re.search(r"url=\.?/?glows_nb\.html", reference["index.html"])
    pages = {path for path in reference if path.endswith(".html")} - {"index.html", "glows_nb.html"}
    assert len(pages) == 9
    links = {link.partition("#")[0] for link in re.findall(r'href="([^"]+)"', reference["glows_nb.html"])}
    assert pages - links == set()


def with_arguments() -> Iterator[tuple[str, Any]]:
    """What users call with arguments: functions of the face, and methods of its classes and of a client's resources."""
    for name in set(glows.__all__) - {"load_ipython_extension", "unload_ipython_extension"}:
        value = getattr(glows, name)
        if inspect.isfunction(value):
            yield name, value
        elif inspect.isclass(value):
            yield from public_parts(value)
    for resource in resources_of_a_client().values():
        yield from public_parts(resource)
    yield from ((f"plots.{name}", getattr(plots, name)) for name in plots.__all__)


def test_every_argument_is_explained() -> None:
    silent = [
        f"{name}: {argument}"
        for name, function in with_arguments()
        if inspect.isfunction(function) and not name.endswith(".model_post_init")
        for argument in inspect.signature(function).parameters
        if argument not in ("self", "cls") and not re.search(rf"\b{argument}\b", inspect.getdoc(function) or "")
    ]
    assert silent == []


def test_pages_need_no_network_and_show_nothing_of_this_machine(reference: dict[str, str]) -> None:
    for path, page in reference.items():
        if path.endswith(".html"):
            assert set(re.findall(r'(?:src|href)="(https?:[^"]+)"', page)) <= {"https://pdoc.dev"}, path
            assert not re.search(r"\b0x[0-9a-f]{6,}|Undefined|@import|url\(http", page), path
        assert str(ROOT) not in page
