"""A table on disk that need not fit memory, of which a sample is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from augment.data.conform import conform
from augment.data.detection import detect_schema
from augment.data.extremes import Extremes
from augment.data.parquet_parts import ParquetParts, in_part
from augment.errors import ColumnNotFoundError, SchemaError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from augment.data.schema import Column, Schema

__all__ = ["SAMPLE_ROWS", "LargeTable"]

SAMPLE_ROWS = 1_000_000
"""What bins, splines and kinds of columns are made from."""
_SAMPLE_BYTES = 2**28
_FEWEST_ROWS = 1_000


@dataclass(frozen=True)
class LargeTable:
    """Parquet that is read in passes, batch by batch, and never held as a whole.

    Attributes:
        parts: The files.
        sample: Rows of them, clean: each with the same probability, and of each column besides the first
            rows with its smallest value, its largest value, and a missing cell.
        numbers: Which rows these are: int64, (rows of the sample,).
        seed: Which they were chosen with.
    """

    parts: ParquetParts
    sample: pa.Table
    numbers: NDArray[np.int64]
    seed: int

    @classmethod
    def open(
        cls, path: Path | str | ParquetParts, *, seed: int = 0, sample_rows: int = SAMPLE_ROWS
    ) -> LargeTable:
        """Read all rows once, and keep a sample.

        Args:
            path: A Parquet file, or a directory of parts.
            seed: Of the sample. Which rows it has depends on it and on their number alone.
            sample_rows: About how many, and no more than about 256 MiB; all rows, if they are no more.

        Raises:
            DataFileError: A part is damaged or empty, their schemas differ, or a number is infinite.
        """
        parts = path if isinstance(path, ParquetParts) else ParquetParts.open(path)
        fitting = max(_FEWEST_ROWS, int(_SAMPLE_BYTES / parts.row_bytes))
        share = min(sample_rows, fitting) / parts.rows
        return cls(parts, *_sampled(parts, share, seed), seed)

    @property
    def rows(self) -> int:
        """How many there are."""
        return self.parts.rows

    def detect_schema(self, *, target: str | None = None) -> Schema:
        """Return a schema that describes the table, by its sample; see `detect_schema`."""
        return detect_schema(self.sample, target=target, rows=self.rows)

    def tables(self, schema: Schema, columns: tuple[Column, ...] | None = None) -> Iterator[pa.Table]:
        """Yield all rows in order, as tables that conform to `schema`.

        Args:
            schema: What they must fit.
            columns: Those to read; None: all.

        Raises:
            DataFileError: A part cannot be read.
            SchemaError: A row does not fit; the part, the column and the row are named.
            ColumnNotFoundError: A column is not there.
        """
        self._require_columns(schema)
        wanted = schema if columns is None else schema.model_copy(update={"columns": columns})
        names = None if columns is None else [column.name for column in columns]
        for part, before, table in self.parts.batches(names):
            with in_part(part, before):
                yield conform(table, wanted)

    def _require_columns(self, schema: Schema) -> None:
        there = self.parts.schema
        nothing = [pa.nulls(0) for _ in there]
        named = pa.schema([(name, pa.null()) for name in there.names], metadata=there.metadata)
        try:
            conform(pa.Table.from_arrays(nothing, schema=named), schema)
        except ColumnNotFoundError as exc:
            raise ColumnNotFoundError(exc.name, exc.available, context=str(self.parts.path)) from exc
        except SchemaError as exc:
            raise SchemaError(*exc.violations, context=str(self.parts.path)) from exc


def _sampled(parts: ParquetParts, share: float, seed: int) -> tuple[pa.Table, NDArray[np.int64]]:
    """Return rows and their numbers."""
    generator = np.random.Generator(np.random.Philox(seed))
    extremes, kept, chosen = Extremes(), list[pa.Table](), [np.zeros(0, np.int64)]
    for part, before, table in parts.batches():
        first_row = part.first_row + before
        extremes.take(table, first_row)
        rows = np.flatnonzero(generator.random(table.num_rows) < share)
        kept.append(table.take(pa.array(rows)))
        chosen.append(rows + first_row)
    there = np.concatenate(chosen)
    more = {number: row for number, row in extremes.rows().items() if not _holds(there, number)}
    sample = pa.concat_tables([*kept, *more.values()]).combine_chunks()
    return sample, np.concatenate([there, np.array(list(more), np.int64)])


def _holds(ascending: NDArray[np.int64], number: int) -> bool:
    place = int(np.searchsorted(ascending, number))
    return place < len(ascending) and int(ascending[place]) == number
