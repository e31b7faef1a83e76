"""What the widgets made of ipywidgets do alike: buttons, menus, showing and hiding, all parts of one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets

from glows_nb.formatting import visible


def button(label: str, clicked: Callable[[], None], **options: Any) -> ipywidgets.Button:
    """A button as wide as its text; a click that was on its way while it was switched off counts for nothing."""
    made = ipywidgets.Button(description=label, layout={"width": "auto"}, **options)
    made.on_click(lambda _: None if made.disabled else clicked())
    return made


def choose(menu: ipywidgets.Dropdown, options: list[tuple[str, Any]], wanted: Any) -> None:
    """Set a menu's options, keeping `wanted` where it is among them, else the first."""
    options = [(visible(label), value) for label, value in options]
    values = [value for _, value in options]
    if list(menu.options) != options:
        menu.options = options
    menu.value = wanted if wanted in values else (values[0] if values else None)


def choose_several(menu: ipywidgets.SelectMultiple, options: list[tuple[str, Any]]) -> None:
    """Set a menu's options, keeping of what was chosen what is still among them."""
    options = [(visible(label), value) for label, value in options]
    if list(menu.options) != options:
        chosen = menu.value
        # The page marks what is chosen by its place, which among fewer options may be none.
        menu.value = ()
        menu.options = options
        menu.value = tuple(value for _, value in options if value in chosen)


def set_shown(widget: Any, is_shown: bool) -> None:
    """Let a widget take its place on the page, or none."""
    widget.layout.display = "" if is_shown else "none"


def all_parts(widget: Any) -> list[Any]:
    """Everything that a widget is made of, but not itself: to close with it, so that no model stays behind."""
    found = [getattr(widget, name) for name in ("layout", "style") if hasattr(widget, name)]
    for child in getattr(widget, "children", ()):
        found += [child, *all_parts(child)]
    return found
