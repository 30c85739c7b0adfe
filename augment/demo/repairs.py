"""How well corrupted cells were found and repaired, beside what the simplest repair gets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from augment.demo.corruption import BLANKED, CLOSE, INTACT, SWAPPED, Corrupted
from augment.evaluation.cells import is_number, labels, numbers, top_labels

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from augment.data.schema import Column, Schema

__all__ = ["Repairs", "judge_repairs"]


class Answer(Protocol):
    """Repaired records; see `augment_client.Denoised`."""

    @property
    def records(self) -> pa.Table: ...
    @property
    def changed(self) -> pa.Table: ...


@dataclass(frozen=True)
class Repairs:
    """Counts of cells.

    Attributes:
        blanked: Cells that were blanked.
        blanked_right: Of them, those filled in right.
        blanked_simple: Of them, those that the column's median or commonest level gets right.
        swapped: Cells that were given another row's value.
        swapped_found: Of them, those that were changed.
        swapped_right: Of them, those that are right now.
        intact: Cells that were left alone.
        intact_changed: Of them, those that were changed all the same.
        ranked: How often the model is less sure of a swapped cell than of an intact one, over all
            pairs of the two: 0.5 = no idea, 1 = always; NaN without swapped or intact cells. Whatever
            the threshold.
        right: Shape (rows, C): whether each cell is right now.
    """

    blanked: int
    blanked_right: int
    blanked_simple: int
    swapped: int
    swapped_found: int
    swapped_right: int
    intact: int
    intact_changed: int
    ranked: float
    right: NDArray[np.bool_]


def judge_repairs(
    corrupted: Corrupted, repaired: Answer, sureness: pa.Table, schema: Schema, reference: pa.Table
) -> Repairs:
    """Compare repaired records with what they were.

    Args:
        corrupted: What was done to them.
        repaired: What came back: records, and which of their cells were changed.
        sureness: The model's probability that each cell, as it was sent, is right.
        schema: The columns.
        reference: Real records that give the scale of numbers and the simplest repair.
    """
    kinds = {column.name: column for column in schema.columns}
    columns = [kinds[name] for name in corrupted.columns]
    right = np.stack(
        [_right(c, corrupted.clean, repaired.records[c.name], reference) for c in columns], axis=1
    )
    simple = np.stack([_simple_right(c, corrupted.clean, reference) for c in columns], axis=1)
    touched = np.stack([np.asarray(repaired.changed[c.name]).astype(bool) for c in columns], axis=1)
    sure = np.stack([np.asarray(sureness[c.name], np.float64) for c in columns], axis=1)
    blanked, swapped, intact = (corrupted.damage == kind for kind in (BLANKED, SWAPPED, INTACT))
    # A cell that was missing to begin with is filled in: no false alarm, and no truth to compare with.
    intact &= np.stack([corrupted.clean[c.name].is_valid().to_numpy() for c in columns], axis=1)
    return Repairs(
        blanked=int(blanked.sum()),
        blanked_right=int((blanked & right).sum()),
        blanked_simple=int((blanked & simple).sum()),
        swapped=int(swapped.sum()),
        swapped_found=int((swapped & touched).sum()),
        swapped_right=int((swapped & touched & right).sum()),
        intact=int(intact.sum()),
        intact_changed=int((intact & touched).sum()),
        ranked=_ranked(sure[swapped], sure[intact]),
        right=right,
    )


def _ranked(low: NDArray[np.float64], high: NDArray[np.float64]) -> float:
    """Return the share of pairs whose first number is the lower one, ties counted half."""
    if not len(low) or not len(high):
        return float("nan")
    ordered = np.sort(high)
    above = len(high) - np.searchsorted(ordered, low, side="right")
    equal = len(high) - above - np.searchsorted(ordered, low, side="left")
    return float((above + equal / 2).mean() / len(high))


def _right(
    column: Column, clean: pa.Table, repaired: pa.ChunkedArray, reference: pa.Table
) -> NDArray[np.bool_]:
    """Return for each cell whether it is its old value, or a number near to it."""
    if not is_number(column):
        return np.asarray(labels(clean[column.name]) == labels(repaired))
    return _near(numbers(clean[column.name]), numbers(repaired), reference[column.name])


def _simple_right(column: Column, clean: pa.Table, reference: pa.Table) -> NDArray[np.bool_]:
    """Return for each cell whether the column's median or commonest level would be right."""
    cells = clean[column.name]
    if not is_number(column):
        commonest = top_labels(labels(reference[column.name].drop_null()), 1)
        return np.asarray(labels(cells) == (commonest or [""])[0])
    median = np.nanmedian(numbers(reference[column.name]))
    return _near(numbers(cells), np.full(len(cells), median), reference[column.name])


def _near(
    truth: NDArray[np.float64], guess: NDArray[np.float64], scale: pa.ChunkedArray
) -> NDArray[np.bool_]:
    spread = float(np.nanstd(numbers(scale)))
    return np.asarray(np.abs(truth - guess) <= CLOSE * spread)
