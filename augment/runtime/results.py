"""What a model gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from augment.data import Unseen

__all__ = ["Denoised", "Draws", "Latents", "Predictions", "Records", "Scores"]


@dataclass(frozen=True)
class Records:
    """Records made from records.

    Attributes:
        records: In the model's result schema.
        unseen: Values of the input that the model never saw and read as missing.
    """

    records: pa.Table
    unseen: tuple[Unseen, ...]


@dataclass(frozen=True)
class Denoised:
    """Repaired records.

    Attributes:
        records: In the model's result schema; cells that were not changed are the input's own bits.
        changed: Booleans, same columns and rows: whether the cell was imputed or repaired.
        confidence: float32 in [0, 1], same columns and rows: the probability that the cell is right.
            Array cells: one minus the mean square of the change, in units of the training variance.
            Identifiers, and arrays that were imputed: 1 where given, 0 where made. At threshold 0 all
            given cells count as right: 1.
        unseen: Values of the input that the model never saw and read as missing.
    """

    records: pa.Table
    changed: pa.Table
    confidence: pa.Table
    unseen: tuple[Unseen, ...]


@dataclass(frozen=True)
class Draws:
    """Completed tables for multiple imputation: fit the same model to each, then pool (Rubin 1987).

    Attributes:
        tables: In the model's result schema, all alike but for the cells that were drawn; row r of each
            is row r of the input.
        changed: Booleans, same columns and rows as each of them: whether the cell was drawn.
        seed: What they were drawn by.
        unseen: Values of the input that the model never saw and read as missing.
    """

    tables: tuple[pa.Table, ...]
    changed: pa.Table
    seed: int
    unseen: tuple[Unseen, ...]

    def long(self) -> pa.Table:
        """Return all tables one below the other, after the columns `draw` (from 1) and `row` (from 0).

        The same as R's `mice::complete(action = "long")`, whose columns are called `.imp` and `.id`. An
        underscore stands before a name that a column of the records has already.
        """
        rows = self.tables[0].num_rows
        names = [_free(name, self.tables[0].column_names) for name in ("draw", "row")]
        numbered = [
            table.add_column(0, names[1], pa.array(np.arange(rows))).add_column(
                0, names[0], pa.array(np.full(rows, draw, np.int32))
            )
            for draw, table in enumerate(self.tables, 1)
        ]
        return pa.concat_tables(numbered).unify_dictionaries()


@dataclass(frozen=True)
class Latents:
    """Latent vectors of records.

    Attributes:
        latent: float32 columns `latent_0`, `latent_1`, ...: posterior means.
        unseen: Values of the input that the model never saw and read as missing.
    """

    latent: pa.Table
    unseen: tuple[Unseen, ...]


@dataclass(frozen=True)
class Scores:
    """How unusual records are.

    Attributes:
        scores: A float32 column `score`, larger where a record is more unusual: the negative evidence
            lower bound of a VAE in nats, the reconstruction error of an autoencoder; plus nats for numbers
            beyond the training range and values never seen (`augment.data.novelty`). Beside it, in bundles
            that hold quantiles, `percentile`: how many percent of held-out training rows score lower.
        unseen: Values of the input that the model never saw and read as missing.
    """

    scores: pa.Table
    unseen: tuple[Unseen, ...]


@dataclass(frozen=True)
class Predictions:
    """What a model predicts of records.

    Attributes:
        predictions: A column `prediction`: the likeliest class, or the value. For classes, after it, a
            float32 column each, `probability_<class>`.
        target: What is predicted.
        classes: The classes as text; none where it is a number.
        unseen: Values of the input that the model never saw and read as missing.
    """

    predictions: pa.Table
    target: str
    classes: tuple[str, ...]
    unseen: tuple[Unseen, ...]


def _free(name: str, taken: list[str]) -> str:
    """Return the name, with underscores before it if there is such a column already."""
    return _free(f"_{name}", taken) if name in taken else name
