"""The plots, as Plotly figures: real and synthetic data beside each other."""

from __future__ import annotations

import datetime as dt
import html
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go

from augment.evaluation.columns import CategoryComparison, NumberComparison

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from augment.evaluation.association import Associations
    from augment.evaluation.columns import Comparison

__all__ = ["column_plot", "difference_plot", "heat_maps", "ranking_plot", "shorten_label"]

REAL = "#31688e"
SYNTHETIC = "#e8833a"
INK = "#27313b"
GRID = "#e6eaee"
_MAX_NAMES_UP, _MAX_NAMES_ACROSS = 60, 24  # more names than this on an axis cannot be read
_DIVERGING = [[0, "#b2452f"], [0.25, "#e9a98f"], [0.5, "#f8f8f6"], [0.75, "#8fb8d6"], [1, "#1f5f94"]]
_RISING = [[0, "#f8f8f6"], [0.4, "#f2c48d"], [1, "#a8321f"]]


@cache
def _template() -> go.layout.Template:
    axis = {"gridcolor": GRID, "linecolor": "#c3ccd4", "zeroline": False, "automargin": True}
    return go.layout.Template(
        layout={
            "font": {"family": "system-ui, sans-serif", "size": 11, "color": INK},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "margin": {"l": 36, "r": 8, "t": 8, "b": 28},
            "showlegend": False,
            "hoverlabel": {"bgcolor": "white", "font": {"size": 12}},
            "xaxis": axis,
            "yaxis": axis,
        }
    )


def figure(traces: Sequence[Any], height: int, **layout: Any) -> go.Figure:
    """Return a figure in the page's style, `height` pixels high and as wide as its place."""
    return go.Figure(list(traces), {"template": _template(), "height": height, **layout})


def shorten_label(label: str, limit: int = 22) -> str:
    """Return a label cut to `limit` characters and escaped: Plotly reads tags in labels."""
    return html.escape(label if len(label) <= limit else f"{label[: limit - 1]}…", quote=False)


def column_plot(comparison: Comparison) -> go.Figure:
    """Return one column's plot: two histograms, or two bars for each level."""
    if isinstance(comparison, NumberComparison):
        return _histograms(comparison)
    return _bars(comparison)


def _histograms(comparison: NumberComparison) -> go.Figure:
    edges: Any = comparison.edges
    if comparison.kind == "datetime":
        edges = [_point_in_time(edge) for edge in comparison.edges]
    real = go.Scatter(x=edges, y=_steps(comparison.real), name="real", fill="tozeroy", fillcolor="#31688e40")
    synthetic = go.Scatter(x=edges, y=_steps(comparison.synthetic), name="synthetic")
    for trace, color in ((real, REAL), (synthetic, SYNTHETIC)):
        trace.update(mode="lines", line={"shape": "hv", "color": color, "width": 1.6})
        trace.update(hovertemplate="%{x}: %{y:.1%}")
    return figure([real, synthetic], 190, yaxis={"tickformat": ".0%", "rangemode": "tozero", "nticks": 4})


def _point_in_time(seconds: float) -> dt.datetime:
    """Return a bin's end; of dates such as 9999-12-31 some lie beyond what a year can be."""
    first, last = dt.datetime.min.replace(tzinfo=dt.UTC), dt.datetime.max.replace(tzinfo=dt.UTC)
    inside = first.timestamp() < seconds < last.timestamp()
    point = dt.datetime.fromtimestamp(seconds, dt.UTC) if inside else last if seconds > 0 else first
    return point.replace(tzinfo=None)


def _steps(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the shares with the last one twice: a step line needs a value at its right end."""
    return np.append(shares, shares[-1])


def _bars(comparison: CategoryComparison) -> go.Figure:
    names = [
        f"({comparison.hidden:,} others)" if level == "(other)" else level for level in comparison.levels
    ]
    # Positions, not names, place the bars: two long names may be cut to the same label.
    places = list(range(len(names)))
    bars = [
        go.Bar(
            y=places, x=shares, name=name, orientation="h", marker={"color": color}, customdata=_safe(names)
        )
        for name, shares, color in (
            ("real", comparison.real, REAL),
            ("synthetic", comparison.synthetic, SYNTHETIC),
        )
    ]
    for bar in bars:
        bar.update(hovertemplate="%{customdata}: %{x:.1%}")
    ticks = {"tickvals": places, "ticktext": [shorten_label(name) for name in names], "autorange": "reversed"}
    height = 190 if len(names) <= 8 else 420  # noqa: PLR2004 - as many pairs of bars as fit
    tick_format = {"tickformat": ".0%", "nticks": 4, "tickangle": 0}
    return figure(bars, height, barmode="group", bargap=0.25, yaxis=ticks, xaxis=tick_format)


def _safe(names: Sequence[str]) -> list[str]:
    return [html.escape(name, quote=False) for name in names]


def difference_plot(comparisons: Sequence[Comparison]) -> go.Figure:
    """Return bars of the columns that differ most, largest first."""
    differences = {comparison.name: comparison.difference for comparison in comparisons}
    return ranking_plot(differences, "0 = same, 1 = nothing in common")


def ranking_plot(values: Mapping[str, float], title: str, *, keep: int = 15, start: float = 0.0) -> go.Figure:
    """Return bars of the largest values by name, largest first.

    Args:
        values: By name.
        title: Of the axis of values.
        keep: How many are shown.
        start: Where the bars begin, and the axis with them.
    """
    worst = sorted(values.items(), key=lambda pair: -pair[1])[:keep]
    places = list(range(len(worst)))
    bar = go.Bar(
        y=places,
        x=[value - start for _, value in worst],
        base=start,
        orientation="h",
        marker={"color": "#7d8fa0"},
        text=[f"{value:.3f}" for _, value in worst],
        textposition="outside",
        hoverinfo="skip",
        cliponaxis=False,
    )
    top = max((value for _, value in worst), default=start)
    ticks = {
        "tickvals": places,
        "ticktext": [shorten_label(name, 32) for name, _ in worst],
        "autorange": "reversed",
    }
    scale = {"range": [start, max(start + 0.1, start + (top - start) * 1.15)], "title": title}
    return figure([bar], 80 + 24 * len(worst), yaxis=ticks, xaxis=scale, margin={"r": 40, "b": 44})


def heat_maps(associations: Associations) -> tuple[go.Figure, go.Figure, go.Figure]:
    """Return the association matrices: real, synthetic, and their absolute difference."""
    return (
        _heat_map(associations.names, associations.real, _DIVERGING, (-1, 1)),
        _heat_map(associations.names, associations.synthetic, _DIVERGING, (-1, 1)),
        _heat_map(associations.names, associations.difference, _RISING, (0, 0.5)),
    )


def _heat_map(
    names: Sequence[str], values: NDArray[np.float64], colors: list[list[Any]], span: tuple[float, float]
) -> go.Figure:
    places = list(range(len(names)))
    pairs = [[f"{row} and {column}" for column in _safe(names)] for row in _safe(names)]
    trace = go.Heatmap(
        x=places,
        y=places,
        z=np.round(values, 3),
        zmin=span[0],
        zmax=span[1],
        colorscale=colors,
        xgap=0.5,
        ygap=0.5,
        text=pairs,
        hovertemplate="%{text}: %{z}<extra></extra>",
        colorbar={"thickness": 8, "len": 0.9, "outlinewidth": 0},
    )
    up, across = len(names) <= _MAX_NAMES_UP, len(names) <= _MAX_NAMES_ACROSS
    return figure(
        [trace],
        380 if across else 420,
        xaxis={**_name_ticks(names, shown=across), "tickangle": -60, "constrain": "domain"},
        yaxis={**_name_ticks(names, shown=up), "autorange": "reversed", "constrain": "domain"},
    )


def _name_ticks(names: Sequence[str], *, shown: bool) -> dict[str, Any]:
    labels = [shorten_label(name, 16) for name in names] if shown else []
    return {
        "tickvals": list(range(len(labels))),
        "ticktext": labels,
        "showgrid": False,
        "tickfont": {"size": 9},
        "ticks": "",
    }
