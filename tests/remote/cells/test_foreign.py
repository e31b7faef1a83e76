"""What a machine displays is shown without what would act in the page."""

from __future__ import annotations

import io
import re
from typing import Any

import pandas as pd
import pytest
from matplotlib.figure import Figure

from glows_nb.remote.cells.foreign import cleaned, cleaned_metadata

ACTS = re.compile(
    r"script|alert|\bon\w+\s*=|javascript:|<(iframe|object|embed|form|input|base|meta|link)|//evil|position", re.I
)
HTML = [
    "<script>alert(1)</script>x",
    "<img src=x onerror=alert(1)>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href=' jAvAsCrIpT:alert(1)'>x</a>",
    "<a href='java&#9;script:alert(1)'>x</a>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<iframe src=//evil></iframe><object data=//evil></object><embed src=//evil>",
    "<div style='position:fixed;top:0;background:url(//evil)'>a</div>",
    "<div style='background:u\\72l(//evil)'>a</div>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<img src='//evil/seen.png'>",
    "<img src='data:image/svg+xml,<svg onload=alert(1)>'>",
    "<form action=//evil><input autofocus onfocus=alert(1)></form>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<template><img src=x onerror=alert(1)></template>",
    "<meta http-equiv=refresh content='0;url=//evil'><base href=//evil><link rel=stylesheet href=//evil>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<style>@import '//evil'</style>",
]
SVG = [
    "<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'><rect width='1'/></svg>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><a href='javascript:alert(1)'><text>x</text></a></svg>",
    "<svg><foreignObject><body onload=alert(1)></foreignObject></svg>",
    "<svg><use href='//evil#x'/><use xlink:href='data:image/svg+xml,x'/></svg>",
    "<svg><animate onbegin=alert(1) attributeName=x><set attributeName=onload to=alert(1)></svg>",
    "<svg><rect style='fill:url(//evil)' fill='url(//evil)'/><image href='//evil'/></svg>",
    "<svg><style>@import '//evil'</style></svg>",
]


@pytest.mark.parametrize("text", HTML)
def test_html_does_nothing(text: str) -> None:
    shown = cleaned({"text/html": text, "text/markdown": text, "image/svg+xml": text}, trust=False)
    assert set(shown) == {"text/html", "text/markdown", "image/svg+xml"}
    assert {kind: ACTS.findall(value) for kind, value in shown.items() if ACTS.search(value)} == {}


@pytest.mark.parametrize("text", SVG)
def test_svg_does_nothing(text: str) -> None:
    assert not ACTS.search(cleaned({"image/svg+xml": text}, trust=False)["image/svg+xml"])


def test_tables_and_pictures_stay_as_they_look() -> None:
    table = pd.DataFrame({"a": [1, 2]}).style.background_gradient().to_html()
    shown = cleaned({"text/html": table}, trust=False)["text/html"]
    assert shown.count("<td") == table.count("<td")
    plain = pd.DataFrame({"a": [1]}).to_html()
    assert 'class="dataframe"' in cleaned({"text/html": plain}, trust=False)["text/html"]
    picture = '<img src="data:image/png;base64,iVBORw0KGgo=" alt="a">'
    assert 'src="data:image/png;base64,iVBORw0KGgo="' in cleaned({"text/html": picture}, trust=False)["text/html"]
    assert 'style="color:red"' in cleaned({"text/html": "<b style='color:red'>r</b>"}, trust=False)["text/html"]


def test_a_plot_as_svg_stays_one() -> None:
    from xml.etree import ElementTree

    figure, file = Figure(), io.StringIO()
    figure.subplots().plot([1, 2, 3])
    figure.savefig(file, format="svg")
    shown = cleaned({"image/svg+xml": file.getvalue()}, trust=False)["image/svg+xml"]
    paths = re.compile(r"<path ")
    assert len(paths.findall(shown)) == len(paths.findall(file.getvalue()))
    assert ElementTree.fromstring(shown).get("viewBox")  # noqa: S314 - what was cleaned


def test_what_runs_by_nature_is_left_out_unless_it_is_trusted() -> None:
    data: dict[str, Any] = {
        "application/javascript": "alert(1)",
        "application/vnd.plotly.v1+json": {"data": []},
        "application/vnd.jupyter.widget-view+json": {"model_id": "x"},
        "text/html": 7,
        "text/latex": r"\href{javascript:alert(1)}{x}",
        "text/plain": "x",
    }
    assert cleaned(data, trust=False) == {"text/plain": "x"}
    assert cleaned(data, trust=True) == data
    assert cleaned({"text/latex": r"$\frac{1}{2}$"}, trust=False) == {"text/latex": r"$\frac{1}{2}$"}


def test_beside_it_only_sizes_are_said() -> None:
    said = {"image/png": {"width": 10, "onload": "x"}, "text/html": {"isolated": True}, "image/jpeg": 3}
    assert cleaned_metadata(said, trust=False) == {"image/png": {"width": 10}}
    assert cleaned_metadata(said, trust=True) == said
