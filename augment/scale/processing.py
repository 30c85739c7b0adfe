"""What a step's operations do to one part's records. The same for a bundle here and for a server."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from augment.errors import StepError, UnsupportedError
from augment.scale.operations import Augment, Denoise, Encode, Impute, Score
from augment_proto.receipt import Receipt

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from augment.scale.operations import Operation
    from augment.sources.source import Request, Source, Unseen

__all__ = ["Records", "applied", "generated", "require_digest"]


@dataclass(frozen=True)
class Records:
    """The records of a part on their way through the operations.

    Attributes:
        table: In the model's result types.
        extras: Columns that were appended to them.
        kept: Which rows stay, booleans; None: all. They are dropped in the end: what becomes of a row must
            not depend on how many before it went.
        taken: Names of columns that stand beside them, which no appended one may have.
        unseen: By column, how many cells hold values that the model never saw: they count as missing.
    """

    table: pa.Table
    extras: dict[str, pa.ChunkedArray] = field(default_factory=dict)
    kept: pa.ChunkedArray | None = None
    taken: tuple[str, ...] = ()
    unseen: Mapping[str, int] = field(default_factory=dict)

    def noted(self, values: Iterable[Unseen]) -> Records:
        """Return the records with a count of cells that an operation read as missing.

        The first operation tells of all; those after it tell of the same cells once more, if they are there.
        """
        cells: Counter[str] = Counter()
        for value in values:
            cells[value.column] += value.cells
        return self if self.unseen else replace(self, unseen=dict(sorted(cells.items())))

    def appended(self, table: pa.Table) -> Records:
        """Return the records with more columns, with underscores before names that are taken."""
        taken = [*self.table.column_names, *self.taken]
        named = {_free(name, taken): table[name] for name in table.column_names}
        return replace(self, extras=self.extras | named)


def generated(source: Source, request: Request) -> tuple[pa.Table, Receipt]:
    """Return synthetic records as one table, and what they are made by."""
    made = source.generate(request)
    return pa.concat_tables(made.tables).unify_dictionaries(), made.receipt


def applied(
    source: Source,
    operations: Iterable[Operation],
    table: pa.Table,
    *,
    digest: str,
    first_row: int,
    taken: Iterable[str] = (),
) -> Records:
    """Return records after operations other than `augment`.

    Args:
        source: The model.
        operations: In their order.
        table: The records.
        digest: Of the model that must answer.
        first_row: The number or address of the first record.
        taken: Names that no appended column may have.

    Raises:
        RecordsError: The records do not fit the model.
        UnsupportedError: The model cannot do one of them.
        StepError: Another model answers.
    """
    records = Records(table, taken=tuple(taken))
    for operation in operations:
        match operation:
            case Augment():
                continue
            case Denoise() | Impute():
                repaired = source.denoise(
                    records.table,
                    threshold=operation.threshold,
                    numbers=operation.numbers,
                    first_row=first_row,
                )
                made, unseen = repaired.records, repaired.unseen
                records = replace(records, table=made)
            case Encode():
                latents = source.encode(records.table)
                made, unseen = latents.latent, latents.unseen
                records = records.appended(made)
            case Score():
                scores = source.score(records.table)
                made, unseen = scores.scores, scores.unseen
                records = replace(records.appended(made), kept=_kept(made, operation))
        require_digest(made, digest)
        records = records.noted(unseen)
    return records


def require_digest(table: pa.Table, digest: str) -> None:
    """Refuse what another model made.

    Raises:
        StepError: The table's receipt, if it has one, tells another digest.
    """
    receipt = Receipt.of(table.schema)
    if receipt is not None and receipt.digest != digest:
        raise StepError(
            f"the model must stay the same while the step runs: it was {digest[:12]}, "
            f"and {receipt.digest[:12]} answers. Run the step again with --overwrite for the new one"
        )


def _kept(scores: pa.Table, operation: Score) -> pa.ChunkedArray | None:
    if operation.max_percentile is None:
        return None
    if "percentile" not in scores.column_names:
        raise UnsupportedError(
            "max_percentile needs a bundle that holds the scores' quantiles: train it again with this version"
        )
    return pc.less_equal(scores["percentile"], operation.max_percentile)


def _free(name: str, taken: list[str]) -> str:
    return _free(f"_{name}", taken) if name in taken else name
