"""The parts of a page that any pair of a real and a synthetic table can have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from augment.evaluation.association import compare_associations
from augment.evaluation.blocks import Card, Details, Grid, Note, Plot, Row
from augment.evaluation.columns import compare_columns
from augment.evaluation.figures import column_plot, difference_plot, heat_maps
from augment.evaluation.latent import project
from augment.evaluation.maps import has_colors, map_plot
from augment.evaluation.page import Section

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from augment.data.schema import Column, Schema
    from augment.evaluation.association import Associations
    from augment.evaluation.blocks import Block
    from augment.evaluation.columns import Comparison
    from augment.evaluation.judge import Usefulness

__all__ = ["Comparisons", "cards", "columns_section", "map_section", "pairs_section", "verdict"]

_HARDLY, _LITTLE, _OFTEN = 0.55, 0.65, 0.8  # detector AUC: bounds of the words for it
_WORTH_RANKING = 4  # columns
_PAIR = 2
_SHOWN_COLUMNS = 60  # more are shown when asked for
MAX_POINTS = 2_000  # more points hide each other


@dataclass(frozen=True)
class Comparisons:
    """Everything that was compared between a real and a synthetic table.

    Attributes:
        columns: One comparison a column.
        associations: Those of the pairs.
        detection_auc: See `detection_auc`; None where it could not be had.
        usefulness: See `usefulness`; None without a target.
    """

    columns: list[Comparison]
    associations: Associations
    detection_auc: float | None
    usefulness: Usefulness | None

    @classmethod
    def of(
        cls,
        real: pa.Table,
        synthetic: pa.Table,
        schema: Schema,
        *,
        detection_auc: float | None = None,
        usefulness: Usefulness | None = None,
    ) -> Comparisons:
        """Compare columns and pairs, and keep the judges' figures beside them."""
        return cls(
            compare_columns(real, synthetic, schema),
            compare_associations(real, synthetic, schema),
            detection_auc,
            usefulness,
        )

    @property
    def mean_column_difference(self) -> float:
        """Mean over the columns of the distance between the two distributions, in [0, 1]."""
        return float(np.mean([column.difference for column in self.columns])) if self.columns else 0.0


def verdict(comparisons: Comparisons) -> str:
    """Return in one sentence what the detector says."""
    auc = comparisons.detection_auc
    if auc is None:
        return "There are too few rows or columns for a detector to judge them."
    words = (
        "can hardly tell the synthetic records from real ones"
        if auc < _HARDLY
        else "tells a synthetic record from a real one a little better than a coin"
        if auc < _LITTLE
        else "often tells a synthetic record from a real one"
        if auc < _OFTEN
        else "easily tells the synthetic records from real ones"
    )
    return f"A quick boosted-tree detector {words} (ROC AUC {auc:.2f}; 0.5 = cannot tell, 1 = always right)."


def cards(comparisons: Comparisons) -> list[Card]:
    """Return the figures that matter, each with what it means."""
    found = [
        _detector_card(comparisons.detection_auc),
        _usefulness_card(comparisons.usefulness),
        _columns_card(comparisons),
        _pairs_card(comparisons.associations),
    ]
    return [card for card in found if card is not None]


def _columns_card(comparisons: Comparisons) -> Card | None:
    if not comparisons.columns:
        return None
    mean = comparisons.mean_column_difference
    meaning = "Mean distance between real and synthetic distributions; 0 % = the same."
    return Card("Columns differ by", f"{mean:.1%}", meaning, _tone(mean, 0.05, 0.12))


def _pairs_card(associations: Associations) -> Card | None:
    if len(associations.names) < _PAIR:
        return None
    mean = associations.mean_difference
    meaning = "Mean absolute difference over all pairs of columns, on a scale from 0 to 1."
    return Card("Correlations differ by", f"{mean:.3f}", meaning, _tone(mean, 0.05, 0.12))


def _tone(value: float, good: float, fair: float) -> str:
    return "good" if value <= good else "fair" if value <= fair else "poor"


def _detector_card(auc: float | None) -> Card | None:
    if auc is None:
        return None
    meaning = "Boosted trees, 3 folds. 0.5 = cannot tell synthetic from real, 1 = always can."
    return Card("Detector's ROC AUC", f"{auc:.2f}", meaning, _tone(auc, 0.6, 0.75))


def _usefulness_card(found: Usefulness | None) -> Card | None:
    if found is None:
        return None
    meaning = (
        f"{found.metric[:1].upper()}{found.metric[1:]} of predicting {found.target} on held-out real rows "
        f"after learning from synthetic rows; as many real rows give {found.from_real:.3f}, "
        f"no learning {found.baseline:.3f}."
    )
    lost = (found.from_real - found.from_synthetic) / max(found.from_real - found.baseline, 1e-9)
    return Card("Trained on synthetic", f"{found.from_synthetic:.3f}", meaning, _tone(lost, 0.1, 0.3))


def columns_section(prefix: str, comparisons: Comparisons) -> Section:
    """Return a section with one plot a column, and which columns differ most."""
    plots = [
        Plot(column_plot(column), column.name, f"differs {column.difference:.3f}")
        for column in comparisons.columns
    ]
    lead = (
        "Blue is real, orange is synthetic. Histograms gather far tails in their outermost bins; categories "
        "show their 20 commonest levels."
    )
    blocks: list[Block] = [Grid(plots[:_SHOWN_COLUMNS])]
    if hidden := plots[_SHOWN_COLUMNS:]:
        blocks.append(Details(f"{len(hidden)} more columns", [Grid(hidden)]))
    if len(plots) >= _WORTH_RANKING:
        blocks.insert(0, Plot(difference_plot(comparisons.columns), "Where the two differ most"))
    return Section(f"{prefix}-columns", "Column by column", lead, blocks)


def pairs_section(prefix: str, comparisons: Comparisons) -> Section:
    """Return a section with the association heat maps side by side."""
    titles = ("Real", "Synthetic", "Absolute difference")
    maps = heat_maps(comparisons.associations)
    lead = (
        "How strongly each pair of columns goes together: Pearson's correlation for two numbers, Cramer's V "
        "for two categories, the correlation ratio for one of each."
    )
    plots = [Plot(plot, title) for plot, title in zip(maps, titles, strict=True)]
    return Section(f"{prefix}-pairs", "Pairs of columns", lead, [Row(plots)])


def map_section(
    prefix: str,
    latent: tuple[NDArray[np.float32], NDArray[np.float32]],
    column: Column | None,
    tables: tuple[pa.Table, pa.Table],
    *,
    space: tuple[str, str] = (
        "latent space",
        "Where the encoder puts the records: the two main axes of the latent space",
    ),
) -> Section:
    """Return a section with maps of a space, real and synthetic records on one scale.

    Args:
        prefix: The start of the section's address.
        latent: Latent vectors of real, then of synthetic records, each of shape (rows, width).
        column: The column that gives the colour, if it can: not an array, free text or identifier.
        tables: The records of the latent vectors, real then synthetic.
        space: What the space is called, and what it is.
    """
    if column is not None and not all(has_colors(column, table) for table in tables):
        column = None
    projection = project(latent[0])
    points = [projection(vectors[:MAX_POINTS]) for vectors in latent]
    edges = np.quantile(np.concatenate(points), [0.002, 0.998], axis=0)
    margin = 0.08 * (edges[1] - edges[0])
    reach = (edges[0] - margin, edges[1] + margin)
    plots = []
    for title, cloud, table in zip(("Real records", "Synthetic records"), points, tables, strict=True):
        cells = None if column is None else table[column.name].slice(0, len(cloud))
        plots.append(Plot(map_plot(cloud, column, cells, reach=reach), title, f"{len(cloud):,} points"))
    explained = projection.explained.sum()
    note = Note(
        f"The two main axes hold {explained:.0%} of the variance of the {latent[0].shape[1]} dimensions."
    )
    colored = f", coloured by {column.name}" if column is not None else ""
    return Section(f"{prefix}-map", f"Map of the {space[0]}", f"{space[1]}{colored}.", [Row(plots), note])
