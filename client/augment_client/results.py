"""What a client gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from augment_proto.receipt import Receipt

__all__ = [
    "ColumnInfo",
    "Denoised",
    "Draws",
    "Latents",
    "ModelInfo",
    "Predictions",
    "Records",
    "Scores",
    "StreamInfo",
    "Unseen",
    "VersionInfo",
]


@dataclass(frozen=True)
class ColumnInfo:
    """One column of a model's records.

    Attributes:
        name: Its name.
        kind: integer, number, category, boolean, datetime, array, identifier or text.
        nullable: Whether cells may be missing.
        role: feature, target or ignored.
        categories: The levels as text, most frequent first; the first 1,000 of them.
        category_count: How many levels there are.
        minimum: Smallest training value as text; empty for kinds without order.
        maximum: Largest training value as text.
        unit: For people.
        shape: The shape of one cell of an array column.
    """

    name: str
    kind: str
    nullable: bool
    role: str
    categories: tuple[str, ...]
    category_count: int
    minimum: str
    maximum: str
    unit: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class VersionInfo:
    """One version of a hosted model.

    Attributes:
        version: From 1.
        state: READY; LOADING; REFUSED; or UNLOADED, which is loaded when asked for.
        reason: Why it was refused; of a READY one, why what lies in its place now was.
        digest: sha256 over the manifest that was loaded last, in hex; empty if none was.
    """

    version: int
    state: str
    reason: str
    digest: str


@dataclass(frozen=True)
class ModelInfo:
    """A hosted model.

    Attributes:
        name: Its name.
        version: Its version, from 1.
        digest: sha256 over its manifest, in hex: names its contents for good.
        created_at: When its bundle was made, UTC.
        schema: Columns and types of the tables that it gives back.
        columns: Its columns, in the order of the data file.
        samplers: Ways to generate, the default first.
        operations: What can be asked of it.
        latent_dim: Width of its latent vectors.
        block_rows: Rows of one block of its noise; offsets that are multiples of it cost least.
        training_rows: Rows it was trained on.
        figures: Figures recorded at training time, e.g. `vae.heldout_loss`.
        aliases: The versions that aliases name: ask for `name@alias`.
        versions: All versions that the server knows, oldest first.
    """

    name: str
    version: int
    digest: str
    created_at: datetime
    schema: pa.Schema
    columns: tuple[ColumnInfo, ...]
    samplers: tuple[str, ...]
    operations: tuple[str, ...]
    latent_dim: int
    block_rows: int
    training_rows: int
    figures: Mapping[str, float]
    aliases: Mapping[str, int]
    versions: tuple[VersionInfo, ...]


@dataclass(frozen=True)
class StreamInfo:
    """What a stream of generated records consists of.

    Attributes:
        receipt: With it the same rows can be had again.
        schema: Columns and types of its batches; its metadata holds the receipt, and so does the file that is
            written with it.
    """

    receipt: Receipt
    schema: pa.Schema

    @property
    def model(self) -> str:
        """The model's name."""
        return self.receipt.model

    @property
    def version(self) -> int:
        """The version that answers."""
        return self.receipt.version

    @property
    def digest(self) -> str:
        """The bundle's digest."""
        return self.receipt.digest

    @property
    def seed(self) -> int:
        """The seed, drawn by the server where none was given."""
        return self.receipt.seed or 0

    @property
    def offset(self) -> int:
        """The first row."""
        return self.receipt.offset

    @property
    def rows(self) -> int:
        """How many rows the whole stream has."""
        return self.receipt.rows

    @property
    def sampler(self) -> str:
        """How they are made."""
        return self.receipt.sampler

    @property
    def conditions(self) -> tuple[str, ...]:
        """What every record satisfies, as the server read it; each may be asked for again as it stands."""
        return self.receipt.conditions

    @property
    def balance(self) -> str:
        """The balance likewise; empty where there is none."""
        return self.receipt.balance

    @property
    def steps(self) -> int:
        """In how many steps a record is made; 0: the model's default."""
        return self.receipt.steps


@dataclass(frozen=True)
class Unseen:
    """A value that the model never saw: its cells were read as missing.

    Attributes:
        column: Its column.
        value: As text.
        cells: How many cells hold it.
        first_row: The first row that holds it, from 0.
    """

    column: str
    value: str
    cells: int
    first_row: int


@dataclass(frozen=True)
class Records:
    """Records made from records.

    Attributes:
        records: In the types of the model's data file.
        unseen: Values of the input that were read as missing.
    """

    records: pa.Table
    unseen: tuple[Unseen, ...] = ()


@dataclass(frozen=True)
class Denoised:
    """Repaired records.

    Attributes:
        records: In the types of the model's data file; cells that were not changed are the input's own.
        changed: Booleans, same columns and rows: whether the cell was imputed or repaired.
        confidence: float32 in [0, 1], same columns and rows: the probability that the cell is right.
        unseen: Values of the input that were read as missing.
    """

    records: pa.Table
    changed: pa.Table
    confidence: pa.Table
    unseen: tuple[Unseen, ...] = ()


@dataclass(frozen=True)
class Draws:
    """Completed tables for multiple imputation: fit the same model to each, then pool (Rubin 1987).

    Attributes:
        tables: In the types of the model's data file, all alike but for the cells that were drawn; row r
            of each is row r of the input.
        changed: Booleans, same columns and rows as each of them: whether the cell was drawn.
        seed: What they were drawn by; with it the same tables can be had again.
        unseen: Values of the input that were read as missing.
    """

    tables: tuple[pa.Table, ...]
    changed: pa.Table
    seed: int
    unseen: tuple[Unseen, ...] = ()

    def long(self) -> pa.Table:
        """Return all tables one below the other, after the columns `draw` (from 1) and `row` (from 0).

        The same as R's `mice::complete(action = "long")`, whose columns are called `.imp` and `.id`. An
        underscore stands before a name that a column of the records has already.
        """
        rows = self.tables[0].num_rows
        names = [_free(name, self.tables[0].column_names) for name in ("draw", "row")]
        numbered = [
            table.add_column(0, names[1], pa.array(range(rows), pa.int64())).add_column(
                0, names[0], pa.array([draw] * rows, pa.int32())
            )
            for draw, table in enumerate(self.tables, 1)
        ]
        return pa.concat_tables(numbered).unify_dictionaries()


@dataclass(frozen=True)
class Latents:
    """Latent vectors of records.

    Attributes:
        latent: float32 columns `latent_0`, `latent_1`, ...
        unseen: Values of the input that were read as missing.
    """

    latent: pa.Table
    unseen: tuple[Unseen, ...] = ()


@dataclass(frozen=True)
class Scores:
    """How unusual records are.

    Attributes:
        scores: A float32 column `score`, larger where a record is more unusual: the negative evidence
            lower bound of a VAE in nats, the reconstruction error of an autoencoder; plus nats for numbers
            beyond the training range and values never seen. Beside it, in models that hold quantiles,
            `percentile`: how many percent of held-out training rows score lower.
        unseen: Values of the input that were read as missing.
    """

    scores: pa.Table
    unseen: tuple[Unseen, ...] = ()


@dataclass(frozen=True)
class Predictions:
    """What a model predicts of records.

    Attributes:
        predictions: A column `prediction`: the likeliest class, or the value. For classes, after it, a
            float32 column each, `probability_<class>`.
        target: What is predicted.
        classes: The classes as text; none where it is a number.
        unseen: Values of the input that were read as missing.
    """

    predictions: pa.Table
    target: str
    classes: tuple[str, ...] = ()
    unseen: tuple[Unseen, ...] = ()


def _free(name: str, taken: list[str]) -> str:
    """Return the name, with underscores before it if there is such a column already."""
    return _free(f"_{name}", taken) if name in taken else name
