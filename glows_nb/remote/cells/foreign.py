"""What a machine's cell displays, without what would act in the page: no scripts, and HTML and SVG that are cleaned."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

HTML, SVG, LATEX = "text/html", "image/svg+xml", "text/latex"
PASSES: Final = frozenset(
    {
        "application/json",
        "application/pdf",
        "image/bmp",
        "image/gif",
        "image/jpeg",
        "image/png",
        "image/webp",
        "text/plain",
    }
)
"""Kinds of which no front end runs anything."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SVG_TAGS: Final = _words(
    "svg g defs path rect circle ellipse line polyline polygon text tspan title desc clipPath linearGradient "
    "radialGradient stop pattern mask marker symbol use"
)
_TAGS_ADDED: Final = frozenset({"label", "progress", "meter"})
_ATTRIBUTES: Final = _words("class style title dir lang align valign width height border colspan rowspan")
_SVG_ATTRIBUTES: Final = _words(
    "class style id d x y x1 y1 x2 y2 cx cy r rx ry dx dy fx fy width height viewBox points transform fill stroke "
    "opacity offset version xmlns preserveAspectRatio clip-path clip-rule fill-rule fill-opacity stroke-width "
    "stroke-opacity stroke-linecap stroke-linejoin stroke-dasharray stroke-dashoffset stroke-miterlimit "
    "stop-color stop-opacity text-anchor font-size font-family font-weight font-style gradientUnits gradientTransform "
    "patternUnits patternTransform clipPathUnits maskUnits markerWidth markerHeight orient refX refY"
)
_STYLES: Final = _words(
    "color background-color border border-collapse border-color border-style border-width border-radius "
    "border-top border-bottom border-left border-right padding padding-left padding-right padding-top padding-bottom "
    "margin margin-left margin-right margin-top margin-bottom text-align vertical-align font-weight font-style "
    "font-size font-family white-space width height max-width min-width max-height display text-decoration "
    "opacity overflow fill fill-opacity stroke stroke-width stroke-opacity stroke-linejoin stroke-linecap"
)
"""Nothing that leaves its place, and nothing that fetches."""

_PICTURE: Final = re.compile(r"data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]*")
_INSIDE: Final = re.compile(r"#[\w.:-]+|url\(#[\w.:-]+\)")
FETCHES: Final = re.compile(r"url\s*\(\s*[^#\s]|\\|/\*|expression|import", re.IGNORECASE)
ACTS: Final = re.compile(r"\\(href|url|require|style|class|cssId|unicode|data|html\w*|includegraphics)\b")
"""What MathJax or KaTeX make more than signs of."""

LONGEST_CLEANED: Final = 10_000_000


def cleaned(data: Mapping[str, Any], *, trust: bool) -> dict[str, Any]:
    """What may be shown of something that was displayed.

    Args:
        data: its representations by MIME type.
        trust: show all of them as they are.

    Returns:
        Those of which no front end runs anything; HTML and SVG without scripts, handlers, frames, forms, and addresses
        that are fetched from without a click.
    """
    if trust:
        return dict(data)
    shown: dict[str, Any] = {}
    for kind, value in data.items():
        if kind in PASSES:
            shown[kind] = value
        elif not isinstance(value, str) or len(value) > LONGEST_CLEANED:
            continue
        elif kind == HTML:
            shown[kind] = _html(value)
        elif kind == SVG:
            shown[kind] = _svg(value)
        elif kind == "text/markdown":
            # HTML is part of it, which not every front end cleans.
            shown[kind] = value if "<" not in value and "javascript:" not in value.lower() else _html(value)
        elif kind == LATEX and not ACTS.search(value):
            shown[kind] = value
    return shown


def cleaned_metadata(metadata: Mapping[str, Any], *, trust: bool) -> dict[str, Any]:
    """What may be said beside: sizes of pictures, and not that HTML stands in a frame of its own."""
    if trust:
        return dict(metadata)
    sizes = ("width", "height", "needs_background")
    return {
        kind: {name: value for name, value in words.items() if name in sizes and isinstance(value, int | float | str)}
        for kind, words in metadata.items()
        if isinstance(words, dict) and kind.startswith("image/")
    }


def _html(text: str) -> str:
    import nh3

    return nh3.clean(
        text,
        tags=set(nh3.ALLOWED_TAGS | _TAGS_ADDED),
        clean_content_tags={"script", "style", "template", "noscript", "iframe", "object"},
        attributes={"*": set(_ATTRIBUTES), "a": {"href"}, "img": {"src", "alt"}, "progress": {"value", "max"}},
        attribute_filter=_html_attribute,
        filter_style_properties=set(_STYLES),
        url_schemes={"http", "https", "mailto", "data"},
        link_rel="noopener noreferrer nofollow",
    )


def _svg(text: str) -> str:
    import nh3

    shown = nh3.clean(
        text,
        tags=set(_SVG_TAGS),
        clean_content_tags={"script", "style", "foreignObject", "foreignobject"},
        attributes={"*": set(_SVG_ATTRIBUTES), "use": set(_SVG_ATTRIBUTES) | {"href", "xlink:href"}},
        attribute_filter=_svg_attribute,
        filter_style_properties=set(_STYLES),
        url_schemes=set(),
    )
    # The name of that space is gone, and without it a picture by itself would be no XML.
    return shown.replace(" xlink:href=", " href=").strip()


def _html_attribute(tag: str, name: str, value: str) -> str | None:
    if name == "style" and FETCHES.search(value):
        return None
    if tag == "img" and name == "src":
        return value if _PICTURE.fullmatch(value) else None
    if name == "href":
        return None if value.lower().lstrip().startswith("data:") else value
    return value


def _svg_attribute(tag: str, name: str, value: str) -> str | None:
    if name.endswith("href"):
        return value if _INSIDE.fullmatch(value) else None
    if "url" in value.lower() and not _INSIDE.fullmatch(value.strip()):
        return None
    return None if name == "style" and FETCHES.search(value) else value
