"""The judge's own plots: the detector's ROC curve, and what models learnt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go

from augment.evaluation.figures import GRID, INK, REAL, SYNTHETIC, figure

if TYPE_CHECKING:
    from augment.evaluation.detection import Detection
    from augment.evaluation.utility import Utility

__all__ = ["roc_plot", "utility_plot"]

_BOTH = "#7a6cb5"


def roc_plot(found: Detection, floor: Detection | None) -> go.Figure:
    """Return the ROC curve on synthetic rows, on fresh real rows, and that of a coin."""
    coin = go.Scatter(
        x=[0, 1], y=[0, 1], mode="lines", name="a coin", line={"color": "#9aa7b2", "dash": "dot", "width": 1}
    )
    curves = [coin]
    if floor is not None:
        curves.append(_curve(floor, "fresh real rows", REAL))
    curves.append(_curve(found, "synthetic rows", SYNTHETIC))
    legend = {"x": 1, "xanchor": "right", "y": 0.02, "yanchor": "bottom", "bgcolor": "rgba(255,255,255,.7)"}
    return figure(
        curves,
        380,
        showlegend=True,
        legend=legend,
        xaxis={"title": "real rows taken for synthetic", "tickformat": ".0%", "range": [-0.01, 1.01]},
        yaxis={"title": "synthetic rows found", "tickformat": ".0%", "range": [-0.01, 1.01]},
        margin={"b": 44},
    )


def _curve(found: Detection, name: str, color: str) -> go.Scatter:
    return go.Scatter(
        x=[round(share, 4) for share in found.false_positives],
        y=[round(share, 4) for share in found.true_positives],
        mode="lines",
        name=f"{name}: {found.auc:.3f}",
        line={"color": color, "width": 2},
        hovertemplate="%{y:.0%} found at %{x:.0%} false alarms<extra></extra>",
    )


def utility_plot(use: Utility) -> go.Figure:
    """Return a bar for each diet, and a line for what no learning gets."""
    bars = {
        "all real rows": (use.all_real, REAL),
        "as many real rows": (use.real, REAL),
        "synthetic rows": (use.synthetic, SYNTHETIC),
        "real and synthetic": (use.both, _BOTH),
    }
    if use.real == use.all_real:
        del bars["as many real rows"]
    bar = go.Bar(
        y=list(bars),
        x=[round(value, 4) for value, _ in bars.values()],
        orientation="h",
        marker={"color": [color for _, color in bars.values()]},
        text=[f"{value:.3f}" for value, _ in bars.values()],
        textposition="outside",
        cliponaxis=False,
        hoverinfo="skip",
    )
    low = min(0.0, *(value for value, _ in bars.values()))
    line = {"type": "line", "x0": use.baseline, "x1": use.baseline, "y0": 0, "y1": 1, "yref": "paper"}
    note = {
        "x": use.baseline, "y": 1.02, "yref": "paper", "yanchor": "bottom", "showarrow": False,
        "text": f"no learning: {use.baseline:.3f}", "font": {"size": 11, "color": INK},
    }  # fmt: skip
    return figure(
        [bar],
        70 + 38 * len(bars),
        xaxis={"range": [max(low, -1.0), 1.08], "title": use.metric, "gridcolor": GRID},
        yaxis={"autorange": "reversed"},
        shapes=[{**line, "line": {"color": INK, "dash": "dot", "width": 1}}],
        annotations=[note],
        margin={"t": 28, "b": 44, "r": 40},
    )
