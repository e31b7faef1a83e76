"""Write the API reference from the docstrings, as pages that need no network: python tools/make_reference.py FOLDER.

A docstring that can't be read or a name that can't be resolved is an error.
"""

from __future__ import annotations

import re
import sys
import warnings
from pathlib import Path
from typing import get_type_hints

import pdoc
from pydantic import BaseModel

import glows_nb
from glows_nb import plots  # noqa: F401 - looks for the system's fonts, for which pdoc would start no program

MODULES = (
    "glows_nb",
    "!glows_nb.doctor",
    "!glows_nb.sandbox",
    "glows_nb.api.resources",
    "glows_nb.plots",
    "glows_nb.pytest_plugin",
)
"""The face, and what is reached through it: the resources of a client, pictures, and the fixtures for tests."""

NO_DEFAULT = re.compile(r'\s*=?\s*<span class="default_value">PydanticUndefined</span>')
"""What is shown as the default of a field that has none."""


def make(folder: Path) -> None:
    """Write the pages into a folder; `index.html` is the first."""
    warnings.simplefilter("error")
    # The face loads each name when it is asked for; pdoc looks at what is there, and would take a subpackage for the
    # function of its name.
    for module in (glows_nb, glows_nb.frames):
        for name in module.__all__:
            vars(module)[name] = value = getattr(module, name)
            if isinstance(value, type) and issubclass(value, BaseModel):
                _show_plain_types(value)
    pdoc.render.configure(docformat="google", footer_text=f"glows_nb {glows_nb.__version__}", show_source=False)
    pdoc.pdoc(*MODULES, output_directory=folder)
    for page in folder.rglob("*.html"):
        page.write_text(NO_DEFAULT.sub("", page.read_text(encoding="utf-8")), encoding="utf-8")


def _show_plain_types(model: type[BaseModel]) -> None:
    """Leave out of the fields' types what checks and converts them; limits are said in words."""
    types = get_type_hints(model)
    model.__annotations__ = {name: types[name] for name in model.__annotations__}


if __name__ == "__main__":
    make(Path(sys.argv[1]))
