"""Maps of points in two dimensions, coloured by what they stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go

from augment.data.schema import Schema
from augment.evaluation.cells import MISSING, OTHER, compared, is_number, labels, numbers, top_labels
from augment.evaluation.figures import SYNTHETIC, figure, shorten_label

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from augment.data.schema import Column

__all__ = ["has_colors", "map_plot"]

_PALETTE = (
    "#3b8686", "#c4506a", "#7a6cb5", "#c9a227", "#5b7f3a",
    "#9c5a2e", "#4a90c2", "#d987b5", "#55606b", "#8fbf6a",
)  # fmt: skip
_MAX_COLORS = len(_PALETTE)


def map_plot(
    points: NDArray[np.float64],
    column: Column | None = None,
    cells: pa.ChunkedArray | None = None,
    *,
    reach: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None,
) -> go.Figure:
    """Return a map of points of shape (rows, 2), coloured by a column's cells.

    Args:
        points: Where each row lies.
        column: The column that gives the colour; None: one colour.
        cells: Its cells, one for each row.
        reach: Lowest and highest corner of the map, so that two maps share one scale.
    """
    if column is None or cells is None:
        traces = [_trace(points, "records", {"color": SYNTHETIC})]
    elif is_number(column):
        traces = [_by_number(points, column.name, numbers(cells))]
    else:
        traces = _by_label(points, labels(cells))
    axis = {"showticklabels": False, "showgrid": False, "ticks": ""}
    ranges = [None, None] if reach is None else [[reach[0][side], reach[1][side]] for side in range(2)]
    return figure(
        traces,
        400,
        xaxis={**axis, "range": ranges[0]},
        yaxis={**axis, "range": ranges[1]},
        showlegend=len(traces) > 1,
        legend={"orientation": "h", "y": -0.08, "yanchor": "top", "itemsizing": "constant"},
    )


def has_colors(column: Column, table: pa.Table) -> bool:
    """Whether the column can give the colours of a table's map."""
    return column in compared(Schema(columns=(column,)), table)


def _trace(points: NDArray[np.float64], name: str, marker: dict[str, Any]) -> go.Scatter:
    points = points.round(4)
    marker = {"size": 5, "opacity": 0.75, **marker}
    return go.Scatter(
        x=points[:, 0],
        y=points[:, 1],
        mode="markers",
        name=shorten_label(name),
        marker=marker,
        hoverinfo="name",
    )


def _by_number(points: NDArray[np.float64], name: str, values: NDArray[np.float64]) -> go.Scatter:
    present = values[~np.isnan(values)]
    low, high = np.quantile(present, [0.02, 0.98]) if len(present) else (0.0, 1.0)
    bar = {"title": {"text": shorten_label(name, 18)}, "thickness": 8, "outlinewidth": 0}
    marker = {"color": values, "colorscale": "Viridis", "cmin": low, "cmax": high, "colorbar": bar}
    return _trace(points, name, marker)


def _by_label(points: NDArray[np.float64], cells: NDArray[np.str_]) -> list[go.Scatter]:
    shown = top_labels(cells, _MAX_COLORS)
    if len(np.unique(cells)) > _MAX_COLORS:
        shown = shown[:-1]
    rest = ~np.isin(cells, shown)
    traces = [
        _trace(points[cells == label], label, {"color": "#c3ccd4" if label == MISSING else color})
        for label, color in zip(sorted(shown, key=_natural), _PALETTE, strict=False)
    ]
    return [*traces, *([_trace(points[rest], OTHER, {"color": "#c3ccd4"})] if rest.any() else [])]


def _natural(label: str) -> tuple[int, str]:
    """Order numbers by value: "2" before "10"."""
    return (len(label) if label.isdigit() else 0, label)
