"""Records made worse on purpose, with a note of what was done, so that repairs can be judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.types import is_decimal, is_floating, is_integer, is_temporal

from augment.evaluation.cells import numbers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from augment.data.schema import Schema

__all__ = ["CLOSE", "Corrupted", "corrupt_cells", "corrupt_images", "images_of"]

CLOSE = 0.25  # in standard deviations of the column: numbers this near count as the same

INTACT, BLANKED, SWAPPED = 0, 1, 2
_KINDS = frozenset({"integer", "number", "category", "boolean", "datetime"})


@dataclass(frozen=True)
class Corrupted:
    """Records before and after.

    Attributes:
        clean: As they were.
        records: As they are sent to be repaired.
        columns: The columns that were touched, C of them.
        damage: Shape (rows, C): `INTACT`, `BLANKED` or `SWAPPED`.
    """

    clean: pa.Table
    records: pa.Table
    columns: tuple[str, ...]
    damage: NDArray[np.int8]


def corrupt_cells(table: pa.Table, schema: Schema, *, rate: float, seed: int) -> Corrupted:
    """Blank half of the chosen cells and give the other half another row's value.

    At least one cell of each record is chosen, where there is one to choose. A cell that is missing
    stays as it is, and so does one whose column holds no other value.

    Args:
        table: Records of the schema.
        schema: Says which columns can be touched: identifiers, texts and arrays are not.
        rate: Share of the cells to choose.
        seed: Of the choice.
    """
    random = np.random.default_rng(seed)
    names = tuple(column.name for column in schema.columns if column.kind in _KINDS)
    chosen = random.random((table.num_rows, len(names))) < rate
    if names:
        chosen[np.arange(table.num_rows), random.integers(0, len(names), table.num_rows)] = True
    damage = np.where(chosen, random.integers(BLANKED, SWAPPED + 1, chosen.shape), INTACT).astype(np.int8)
    records = table
    for index, name in enumerate(names):
        column, damage[:, index] = _damaged(table[name].combine_chunks(), damage[:, index], random)
        records = records.set_column(records.schema.get_field_index(name), table.schema.field(name), column)
    return Corrupted(table, records, names, damage)


def _damaged(
    column: pa.Array, wanted: NDArray[np.int8], random: np.random.Generator
) -> tuple[pa.Array, NDArray[np.int8]]:
    """Return the column after the damage, and the damage that was really done."""
    plain = column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
    other = plain.take(random.permutation(len(plain)))
    blanked = (wanted == BLANKED) & np.asarray(plain.is_valid())
    swapped = (wanted == SWAPPED) & _differ(plain, other)
    after = pc.if_else(pa.array(swapped), other, plain)
    after = pc.if_else(pa.array(blanked), pa.scalar(None, plain.type), after)
    return after.cast(column.type), np.where(blanked, BLANKED, np.where(swapped, SWAPPED, INTACT)).astype(
        np.int8
    )


def _differ(plain: pa.Array, other: pa.Array) -> NDArray[np.bool_]:
    """Return where both are present and differ, numbers by so much that the old one would be a repair."""
    differs = np.asarray(pc.fill_null(pc.not_equal(plain, other), fill_value=False)).astype(bool)
    kind = plain.type
    if not (is_integer(kind) or is_floating(kind) or is_decimal(kind) or is_temporal(kind)):
        return differs
    before, after = (numbers(pa.chunked_array([cells])) for cells in (plain, other))
    return differs & (np.abs(before - after) > CLOSE * np.nanstd(before))


def corrupt_images(table: pa.Table, name: str, *, noise: float, seed: int) -> pa.Table:
    """Add Gaussian noise to a column of images.

    Args:
        table: The records.
        name: The column.
        noise: Standard deviation of the noise, as a share of the images' range of values.
        seed: Of the noise.
    """
    images = images_of(table, name)
    low, high = float(images.min()), float(images.max())
    added = np.random.default_rng(seed).normal(0, noise * (high - low), images.shape)
    noisy = np.clip(images + added, low, high)
    noisy = (noisy.round() if images.dtype.kind in "iu" else noisy).astype(images.dtype)
    column = pa.FixedShapeTensorArray.from_numpy_ndarray(noisy).cast(table.schema.field(name).type)
    return table.set_column(table.schema.get_field_index(name), table.schema.field(name), column)


def images_of(table: pa.Table, name: str) -> NDArray[np.floating]:
    """Return a column of arrays as numpy, shape (rows, *shape)."""
    column = table[name].combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        column = column.chunk(0)
    return np.asarray(column.to_numpy_ndarray())
