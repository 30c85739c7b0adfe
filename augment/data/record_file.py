"""Encoded records in a file: written once from the first to the last, then read by row number."""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from augment.data.layout import Encoded
from augment.data.tables import CategoryTable, NumericTable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from augment.data.codec import Codec

__all__ = ["RecordFile", "RecordForm", "RecordWriter"]

_ROWS_AT_ONCE = 65_536
_SMALL, _MIDDLING = 2**8, 2**16


@dataclass(frozen=True)
class RecordForm:
    """How one record lies in the file, without losing a bit.

    Tokens take 1, 2 or 4 bytes by how many there are. Residuals are kept where a token stands for several
    values; everywhere else they are 0.5.

    Attributes:
        small: Columns whose tokens take a byte.
        middling: Those that take two.
        large: Those that take four.
        residuals: Those whose residuals are kept.
        array_width: Elements of a record's arrays.
    """

    small: tuple[int, ...]
    middling: tuple[int, ...]
    large: tuple[int, ...]
    residuals: tuple[int, ...]
    array_width: int

    @classmethod
    def of(cls, codec: Codec) -> RecordForm:
        """Return the form of records in an encoding."""
        sizes = codec.layout.vocab_sizes
        tables = [codec.column(index).table for index in range(len(sizes))]
        return cls(
            small=tuple(i for i, size in enumerate(sizes) if size <= _SMALL),
            middling=tuple(i for i, size in enumerate(sizes) if _SMALL < size <= _MIDDLING),
            large=tuple(i for i, size in enumerate(sizes) if size > _MIDDLING),
            residuals=tuple(
                i
                for i, table in enumerate(tables)
                if (isinstance(table, NumericTable) and any(table.widths))
                or (isinstance(table, CategoryTable) and table.rare_counts)
            ),
            array_width=codec.layout.array_width,
        )

    @property
    def columns(self) -> int:
        """How many tokens a record has."""
        return len(self.small) + len(self.middling) + len(self.large)

    @cached_property
    def dtype(self) -> np.dtype[np.void]:
        """Of a record in the file."""
        return np.dtype(
            [
                ("arrays", np.float32, (self.array_width,)),
                ("residuals", np.float32, (len(self.residuals),)),
                ("large", np.int32, (len(self.large),)),
                ("middling", np.uint16, (len(self.middling),)),
                ("small", np.uint8, (len(self.small),)),
            ]
        )

    def packed(self, encoded: Encoded) -> NDArray[np.void]:
        """Return records as they lie in the file, shape (rows,)."""
        records = np.zeros(len(encoded.tokens), self.dtype)
        for name in ("small", "middling", "large"):
            records[name] = encoded.tokens[:, list(getattr(self, name))]
        records["residuals"] = encoded.residuals[:, list(self.residuals)]
        records["arrays"] = encoded.arrays
        return records

    def unpacked(self, records: NDArray[Any]) -> Encoded:
        """Return what was packed, to the bit."""
        tokens = np.empty((len(records), self.columns), np.int32)
        residuals = np.full((len(records), self.columns), 0.5, np.float32)
        for name in ("small", "middling", "large"):
            tokens[:, list(getattr(self, name))] = records[name]
        residuals[:, list(self.residuals)] = records["residuals"]
        return Encoded(tokens, residuals, records["arrays"].copy())


class RecordWriter:
    """Writes a file of records, and counts their tokens; use as a context.

    Raises:
        OSError: On any call: the disk is full, or the file cannot be written.

    Attributes:
        counts: How often each token of each column was there.
    """

    def __init__(self, path: Path, codec: Codec) -> None:
        self._form = RecordForm.of(codec)
        self._file = path.open("xb")
        self.counts = [np.zeros(size, np.int64) for size in codec.layout.vocab_sizes]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def append(self, encoded: Encoded) -> None:
        """Write more records."""
        self._file.write(self._form.packed(encoded).data)
        for counts, tokens in zip(self.counts, encoded.tokens.T, strict=True):
            np.add(counts, np.bincount(tokens, minlength=len(counts)), out=counts)

    def sync(self) -> None:
        """Have all of it on the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())


class RecordFile:
    """A file of records, mapped into memory: what is read stays in the system's cache while there is room.

    Attributes:
        path: The file.
        form: Of a record in it.
    """

    def __init__(self, path: Path, form: RecordForm) -> None:
        self.path = path
        self.form = form
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if hasattr(mmap, "MADV_RANDOM"):  # else each row brings its neighbours along
            self._map.madvise(mmap.MADV_RANDOM)
        self._records = np.frombuffer(self._map, form.dtype)

    def __len__(self) -> int:
        return len(self._records)

    def gather(self, rows: NDArray[np.int64]) -> Encoded:
        """Return the records of these numbers."""
        return self.form.unpacked(self._records[rows])

    def pieces(self) -> Iterator[Encoded]:
        """Yield all records in order, 65,536 at once."""
        with self.path.open("rb") as file:
            while len(records := np.fromfile(file, self.form.dtype, _ROWS_AT_ONCE)):
                yield self.form.unpacked(records)
