"""Encoded tables without a data file: layouts of every shape, and records that fit them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from augment.data import ArrayGrid, Encoded, Layout

__all__ = ["TABLES", "Column", "encoded_table"]


@dataclass(frozen=True)
class Column:
    """A token column: `values` tokens beside "missing", of which a share of the cells are `missing`.

    Every second token of a `wide` one is a bin of several values.
    """

    values: int
    ordered: bool = False
    missing: float = 0.0
    wide: bool = False


TABLES: dict[str, tuple[tuple[Column, ...], tuple[tuple[int, ...], ...]]] = {
    "mixed": (
        (
            Column(3),
            Column(12, ordered=True),
            Column(5, missing=0.2),
            Column(20, ordered=True, missing=0.3, wide=True),
        ),
        ((2, 3),),
    ),
    "mixed tables": (
        (
            Column(3),
            Column(12, ordered=True),
            Column(5, missing=0.2),
            Column(20, ordered=True, missing=0.3, wide=True),
        ),
        (),
    ),
    "numbers of two kinds": ((Column(60, ordered=True), Column(48, ordered=True, wide=True)), ()),
    "categories": ((Column(2), Column(7), Column(40, missing=0.1)), ()),
    "numbers": ((Column(10, ordered=True), Column(48, ordered=True, missing=0.5, wide=True)), ()),
    "arrays": ((), ((4,), (2, 2))),
    "an image and a series": ((Column(3, missing=0.1),), ((9, 8), (33,))),
    "one column": ((Column(4),), ()),
    "constant column": ((Column(1), Column(1, ordered=True)), ()),
    "all missing": ((Column(0, missing=1.0), Column(3)), ()),
    "nothing there": ((Column(0, missing=1.0),), ()),
    "many levels": ((Column(700), Column(2)), ()),
}
"""Token columns and array shapes by name."""


def encoded_table(name: str, rows: int = 64, seed: int = 0) -> tuple[Layout, Encoded]:
    """Return a layout of `TABLES` and records whose columns all depend on one hidden group."""
    columns, shapes = TABLES[name]
    columns = (*columns, *(Column(1) for _ in shapes))
    generator = np.random.default_rng(seed)
    group = generator.random(rows)
    tokens = np.stack([_tokens(column, group, generator) for column in columns], axis=1)
    width = sum(int(np.prod(shape)) for shape in shapes)
    arrays = (2 * group[:, None] - 1 + generator.normal(0, 0.2, (rows, width))).astype(np.float32)
    for span, grid in zip(_spans(shapes), _grids(shapes), strict=True):
        if grid.step:
            arrays[:, span] = np.clip(np.rint(arrays[:, span] / grid.step) * grid.step, grid.low, grid.high)
    residuals = generator.random((rows, len(columns))).astype(np.float32)
    return _layout(columns, shapes, tokens), Encoded(tokens, residuals, arrays)


def _tokens(column: Column, group: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    noisy = np.clip(group + generator.normal(0, 0.05, len(group)), 0, 0.999)
    tokens = 1 + (noisy * column.values).astype(np.int32)
    return np.where(generator.random(len(group)) < column.missing, 0, tokens).astype(np.int32)


def _layout(columns: tuple[Column, ...], shapes: tuple[tuple[int, ...], ...], tokens: np.ndarray) -> Layout:
    sizes = [column.values + 1 for column in columns]
    return Layout(
        names=tuple(f"column_{i}" for i in range(len(columns))),
        vocab_sizes=tuple(sizes),
        ordered=tuple(column.ordered for column in columns),
        nullable=tuple(column.missing > 0 for column in columns),
        ranks=tuple(_ranks(column) for column in columns),
        values=tuple(_values(column) for column in columns),
        frequencies=tuple(
            (np.bincount(tokens[:, i], minlength=size) / len(tokens)).astype(np.float32)
            for i, size in enumerate(sizes)
        ),
        wide=tuple(column.wide & (np.arange(column.values + 1) % 2 == 1) for column in columns),
        array_names=tuple(f"column_{len(columns) - len(shapes) + i}" for i in range(len(shapes))),
        array_shapes=shapes,
        array_grids=_grids(shapes),
    )


def _spans(shapes: tuple[tuple[int, ...], ...]) -> list[slice]:
    stops = np.cumsum([0, *(int(np.prod(shape)) for shape in shapes)])
    return [slice(start, stop) for start, stop in pairwise(stops)]


def _grids(shapes: tuple[tuple[int, ...], ...]) -> tuple[ArrayGrid, ...]:
    """Return steps of a quarter from -1 to 1 for images, and any values for the rest."""
    image, other = ArrayGrid(-1.0, 1.0, 0.25), ArrayGrid(-10.0, 10.0)
    return tuple(image if len(shape) == 2 and min(shape) >= 8 else other for shape in shapes)


def _ranks(column: Column) -> np.ndarray:
    ranks = np.zeros((column.values + 1, 2), np.float32)
    if column.ordered:
        edges = np.linspace(0, 1, column.values + 1)
        ranks[1:] = np.stack([edges[:-1], edges[1:]], axis=1)
    return ranks


def _values(column: Column) -> np.ndarray:
    values = np.zeros(column.values + 1, np.float32)
    if column.ordered:
        values[1:] = np.linspace(-1.7, 1.7, column.values)
    return values
