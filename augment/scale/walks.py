"""Files whose rows can only be read one after the other: CSV, and Arrow's stream format."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa
from pyarrow import ipc

from augment.data.csv_text import csv_pieces, require_whole
from augment.data.parquet_parts import in_part
from augment.data.reading import typed_csv
from augment.errors import InvalidInputError
from augment.scale.places import copied
from augment.scale.stretches import arrow_table, reading_arrow

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from augment.data import Schema
    from augment.data.csv_text import CsvText

__all__ = ["Walk", "arrow_walk", "csv_walk"]


class _Piece(Protocol):
    """Some rows, not looked at yet."""

    @property
    def names(self) -> Sequence[str]:
        """Of all columns of the file."""

    @property
    def rows(self) -> int:
        """How many."""

    def table(self) -> pa.Table:
        """Return them; an error counts rows within the piece."""


@dataclass(frozen=True)
class _CsvPiece:
    text: CsvText
    schema: Schema
    drop: Collection[str]

    @property
    def names(self) -> Sequence[str]:
        return self.text.names

    @property
    def rows(self) -> int:
        return self.text.rows

    def table(self) -> pa.Table:
        return typed_csv(self.text, self.schema, drop=self.drop)


@dataclass(frozen=True)
class _ArrowPiece:
    batch: pa.RecordBatch
    drop: Collection[str]
    path: str

    @property
    def names(self) -> Sequence[str]:
        return self.batch.schema.names  # type: ignore[no-any-return] # pyarrow gives it no types

    @property
    def rows(self) -> int:
        return int(self.batch.num_rows)

    def table(self) -> pa.Table:
        return arrow_table(self.batch, self.drop, self.path)


class Walk:
    """A file's rows, in the memory of one piece of it. Parts come in order, so that one pass has them all.

    It goes on where it is, past pieces that nobody wants, and begins anew for rows that are behind it.

    Args:
        path: Of the file, or a URL, of which a copy is kept here meanwhile.
        pieces: Yields the rows of a local file.
        check: Refuses a local file that is not whole.
    """

    def __init__(
        self, path: str, pieces: Callable[[Path], Iterator[_Piece]], check: Callable[[Path], None]
    ) -> None:
        self._path = path
        self._pieces, self._check = pieces, check
        self._stack = ExitStack()
        self._here = Path(path)
        self._coming: Iterator[_Piece] | None = None
        self._piece: _Piece | None = None
        self._table: pa.Table | None = None
        self._first = self._end = 0

    def count(self) -> int:
        """Return how many rows there are, each of them read.

        Raises:
            DataFileError: One of them cannot be read.
        """
        self._begin()
        with self._named():
            self._check(self._here)
        while self._advance():
            self._rows()
        return self._end

    @property
    def names(self) -> Sequence[str]:
        """Of all columns; none where an Arrow stream has no batch."""
        self._begin()
        return self._piece.names if self._advance() and self._piece is not None else ()

    def read(self, start: int, rows: int) -> pa.Table:
        """Return rows from `start` on; fewer where the file ends.

        Raises:
            DataFileError: One of them cannot be read.
        """
        if self._coming is None or start < self._first:
            self._begin()
        taken: list[pa.Table] = []
        while rows and (start < self._end or self._advance()):
            if start < self._end:
                taken.append(self._rows().slice(start - self._first, rows))
                start, rows = start + taken[-1].num_rows, rows - taken[-1].num_rows
        return pa.concat_tables(taken) if taken else pa.table({})

    def close(self) -> None:
        """Remove the copy, if there is one."""
        self._stack.close()

    def _begin(self) -> None:
        if self._coming is None:
            self._here = self._stack.enter_context(copied(self._path))
        self._coming = self._pieces(self._here)
        self._piece, self._first, self._end = None, 0, 0

    def _advance(self) -> bool:
        """Go on to the next piece; False: there is none."""
        assert self._coming is not None  # noqa: S101 - begun before
        with self._named():
            self._piece, self._table = next(self._coming, None), None
        self._first = self._end
        self._end += self._piece.rows if self._piece is not None else 0
        return self._piece is not None

    def _rows(self) -> pa.Table:
        """Return the rows of this piece."""
        assert self._piece is not None  # noqa: S101 - advanced before
        if self._table is None:
            with self._named(), in_part(self._path, self._first):
                self._table = self._piece.table()
        return self._table

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Tell of the file as the step names it, and not of the copy."""
        try:
            yield
        except InvalidInputError as exc:
            raise type(exc)(*exc.violations, context=self._path) from exc


def csv_walk(path: str, schema: Schema, drop: Collection[str]) -> Walk:
    """Return a walk over a CSV file, gzipped or not, whose columns are as a schema says."""
    return Walk(
        path, lambda here: (_CsvPiece(text, schema, drop) for text in csv_pieces(here)), require_whole
    )


def arrow_walk(path: str, drop: Collection[str]) -> Walk:
    """Return a walk over a file in Arrow's stream format."""

    def pieces(here: Path) -> Iterator[_Piece]:
        with reading_arrow(path), pa.OSFile(str(here)) as source, ipc.open_stream(source) as stream:
            for batch in stream:
                yield _ArrowPiece(batch, drop, path)

    return Walk(path, pieces, lambda _: None)
