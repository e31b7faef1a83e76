"""Frames to pictures: prices against memory, spending by day, a machine's timeline; drawn with matplotlib.

Backgrounds are transparent and all writing is of a grey that can be read on light and on dark pages. Colours are
those of Okabe and Ito, which people with colour blindness can tell apart, and nothing is said by colour alone.
"""

from __future__ import annotations

import io
from itertools import cycle
from typing import Any, Final

import pandas as pd

from glows_nb.api.errors import ConfigError, InvalidRequest
from glows_nb.formatting import visible

try:
    from matplotlib.axes import Axes
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.figure import Figure
except ImportError as missing:
    raise ConfigError(
        'Pictures need matplotlib, which is not installed; run: pip install "glows-nb[plots]"'
    ) from missing

__all__ = ["prices", "spending", "timeline"]

COLOURS: Final = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X")
HATCHES: Final = ("", "//", "..", "xx", "\\\\", "++", "oo")
GREY: Final = "#808080"


class Picture(Figure):
    """A matplotlib figure that a notebook shows by itself, whichever backend is set."""

    def _repr_svg_(self) -> str:
        drawn = io.StringIO()
        self.savefig(drawn, format="svg", transparent=True)
        return drawn.getvalue()


def prices(specs: pd.DataFrame) -> Picture:
    """Price per GPU-hour against memory per GPU, a colour for each GPU and a marker for each region.

    Args:
        specs: a frame of offers, as `glows.specs()` gives it; offers of unknown price or memory are left out.

    Raises:
        InvalidRequest: the frame is none of offers, or there is nothing to draw.
    """
    _require(specs, ("region", "gpu", "vram_gb", "price_per_gpu_hour"))
    known = specs.dropna(subset=["gpu", "vram_gb", "price_per_gpu_hour"])
    if known.empty:
        raise InvalidRequest("specs", "holds no offer whose price and memory are known.")
    colours = dict(zip(sorted(known["gpu"].astype(str).unique()), cycle(COLOURS), strict=False))
    markers = dict(zip(sorted(known["region"].astype(str).unique()), cycle(MARKERS), strict=False))
    picture, axes = _axes("memory per GPU (GB)", "price per GPU-hour (Credits)")
    for key, offers in known.groupby([known["gpu"].astype(str), known["region"].astype(str)]):
        gpu, region = map(str, key)
        axes.scatter(
            offers["vram_gb"].astype(float),
            offers["price_per_gpu_hour"],
            color=colours[gpu],
            marker=markers[region],
            label=_label(f"{gpu.removeprefix('NVIDIA ')}, {region}"),
        )
    axes.set_ylim(bottom=0)
    _legend(axes)
    return picture


def spending(costs: pd.DataFrame) -> Picture:
    """What each machine cost on each day, as stacked bars; amounts that are not known are left out and said.

    Args:
        costs: a frame of costs, as `glows.spending()` gives it.

    Raises:
        InvalidRequest: the frame is none of costs, or there is nothing to draw.
    """
    _require(costs, ("day", "meta_key", "instance_id", "cost"))
    known = costs.dropna(subset=["cost"])
    if known.empty:
        raise InvalidRequest("costs", "holds no cost that is known.")
    names = known["meta_key"].fillna(known["instance_id"]).astype(str)
    table = known.assign(name=names, on=known["day"].dt.strftime("%Y-%m-%d")).pivot_table(
        index="on", columns="name", values="cost", aggfunc="sum", fill_value=0.0
    )
    picture, axes = _axes(f"day ({known['day'].dt.tz})", "cost (Credits)")
    floor = pd.Series(0.0, index=table.index)
    for (name, values), colour, hatch in zip(table.items(), cycle(COLOURS), cycle(HATCHES), strict=False):
        axes.bar(table.index, values, bottom=floor, color=colour, hatch=hatch, label=_label(str(name)))
        floor = floor + values
    unknown = len(costs) - len(known)
    if unknown:
        axes.set_title(f"{unknown} amounts are not known and not drawn", color=GREY, fontsize="small")
    _legend(axes)
    return picture


def timeline(statuses: pd.DataFrame) -> Picture:
    """In which status a machine was, and when, as far as it was seen.

    Args:
        statuses: a frame with a row a status: status, since and until (UTC), as `glows.timeline()` gives it.

    Raises:
        InvalidRequest: the frame is none of statuses, or there is nothing to draw.
    """
    _require(statuses, ("status", "since", "until"))
    if statuses.empty:
        raise InvalidRequest("statuses", "holds no status.")
    labels = statuses["status"].astype(str).map(_label)
    order = list(dict.fromkeys(labels))
    picture, axes = _axes("time (UTC)", "status")
    for name, colour in zip(order, cycle(COLOURS), strict=False):
        seen = statuses[labels == name]
        starts = seen["since"].dt.tz_convert(None)
        axes.barh([name] * len(seen), seen["until"].dt.tz_convert(None) - starts, left=starts, color=colour)
        # What was seen once has no length; its moment is marked all the same.
        axes.scatter(starts, [name] * len(seen), marker="|", s=400, color=colour)
    axes.invert_yaxis()
    locator = AutoDateLocator()
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    return picture


def _label(text: str) -> str:
    """Foreign text as it is drawn: a dollar sign begins no formula."""
    return visible(text).replace("$", r"\$")


def _axes(x_label: str, y_label: str) -> tuple[Picture, Axes]:
    picture = Picture(figsize=(8, 4.5), layout="constrained")
    axes = picture.add_subplot()
    axes.set_xlabel(x_label, color=GREY)
    axes.set_ylabel(y_label, color=GREY)
    axes.tick_params(colors=GREY)
    for name, spine in axes.spines.items():
        spine.set_color(GREY)
        spine.set_visible(name in ("left", "bottom"))
    axes.grid(visible=True, color=GREY, alpha=0.25)
    axes.set_axisbelow(True)
    return picture, axes


def _legend(axes: Axes) -> None:
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, labelcolor=GREY, fontsize="small")


def _require(frame: Any, columns: tuple[str, ...]) -> None:
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise InvalidRequest("frame", f"lacks {', '.join(missing)}, so it is not one that this picture shows.")
