"""Graphs run on less than a block where that changes no bit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from augment.bundle import GoldenCase, GraphInfo, TensorInfo
from augment.errors import GraphError
from augment.runtime import Model
from augment.runtime.graph import Graph
from augment.runtime.sizes import size_for, span_of, steady_counts, steady_sizes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

_INFO = GraphInfo(
    file="sums.onnx",
    inputs=(
        TensorInfo(name="x", dtype="float32", shape=("rows", 2)),
        TensorInfo(name="bias", dtype="float32", shape=(1,)),
    ),
    outputs=(TensorInfo(name="sum", dtype="float32", shape=("rows",)),),
)


class Sums:
    """A graph whose last bits, or answers, may hang on how many rows there are."""

    info = _INFO

    def __init__(self, odd: Callable[[int], bool] = lambda _: False, most: int = 0) -> None:
        self._odd, self._only = odd, most

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Add up each row and the bias."""
        rows = len(inputs["x"])
        if self._only and rows != self._only:
            raise self.fault(f"wants {self._only} rows")
        made = inputs["x"].sum(axis=1) + inputs["bias"]
        if self._odd(rows):
            made[-1] = np.nextafter(made[-1], np.float32(np.inf))
        return {"sum": made}

    def fault(self, what: str) -> GraphError:
        """Return the error of this graph."""
        return GraphError("sums.onnx", what)


def recorded(role: str) -> GoldenCase:
    rows = np.random.default_rng(1).random((7, 2), np.float32)
    return GoldenCase(graph=role, inputs={"x": rows, "bias": np.ones(1, np.float32)}, outputs={})


@pytest.mark.parametrize(
    ("block", "sizes"),
    [(512, (32, 64, 128, 256, 512)), (96, (48, 96)), (100, (100,)), (32, (32,)), (1, (1,)), (64, (32, 64))],
)
def test_halves_of_halves_are_steady_where_bits_agree(block: int, sizes: tuple[int, ...]) -> None:
    """Down to 32 rows, all multiples of 16."""
    assert steady_sizes({"sums": Sums()}, [recorded("sums")], block_rows=block) == sizes


def test_sizes_that_change_a_bit_or_fail_are_not_steady() -> None:
    """One graph of all is enough, and one of which nothing was recorded."""
    for odd, sizes in (
        (Sums(lambda rows: rows < 128), (128, 256, 512)),
        (Sums(lambda rows: rows == 256), (32, 64, 128, 512)),
        (Sums(most=512), (512,)),
    ):
        graphs = {"plain": Sums(), "odd": odd}
        assert steady_sizes(graphs, [recorded("plain"), recorded("odd")], block_rows=512) == sizes
    assert steady_sizes({"plain": Sums(), "other": Sums()}, [recorded("plain")], block_rows=512) == (512,)


def test_blocks_are_run_together_where_each_gets_its_own_bits() -> None:
    """Of all graphs that make records, recorded ones, and no more rows than are allowed."""
    for odd, counts in (
        (Sums(), (1, 2, 4, 8)),
        (Sums(lambda rows: rows == 1024), (1, 4, 8)),
        (Sums(lambda rows: rows > 1024), (1, 2)),
        (Sums(most=512), (1,)),
    ):
        graphs, cases = {"plain": Sums(), "odd": odd}, [recorded("plain"), recorded("odd"), recorded("other")]
        assert steady_counts(graphs, cases, block_rows=512, most_rows=10_000) == counts
    assert steady_counts({"sums": Sums()}, [recorded("sums")], block_rows=512, most_rows=2100) == (1, 2, 4)
    assert steady_counts({"sums": Sums()}, [recorded("sums")], block_rows=512, most_rows=5) == (1,)
    assert steady_counts(
        {"sums": Sums(), "more": Sums()}, [recorded("sums")], block_rows=8, most_rows=99
    ) == (1,)


@pytest.mark.parametrize("name", ["flat", "tiny"])
def test_blocks_made_together_have_the_bits_of_each(name: str, request: pytest.FixtureRequest) -> None:
    """From any row on, in batches of any size, on one thread or several; nothing else is made together."""
    models: Path = request.getfixturevalue("flat_dir" if name == "flat" else "models_dir")
    single = Model.open(models / name / "1", threads=1, replay_golden=False)
    two, one = (Model.open(models / name / "1", threads=threads) for threads in (2, 1))
    for sampler in single.samplers:
        whole = pa.Table.from_batches(single.generate_batches(5600, seed=5, sampler=sampler))
        for model, rows, offset, most in (
            (one, 5600, 0, 4096),
            (two, 3000, 37, 1000),
            (two, 4096, 511, None),
            (one, 4600, 5, 65_536),
        ):
            made = model.generate_batches(rows, seed=5, offset=offset, sampler=sampler, max_rows=most)
            wanted = whole.slice(offset, rows)
            assert pa.Table.from_batches(made).equals(wanted), (sampler, rows, offset, most)


def test_blocks_of_which_little_is_wanted_are_not_made_with_others(
    flat_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few rows across the end of a block cost what they do elsewhere, on one thread too."""
    sizes: list[int] = []
    run = Graph.run

    def counted(graph: Graph, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        outputs = run(graph, inputs)
        sizes.append(max(map(len, outputs.values())))
        return outputs

    model = Model.open(flat_dir / "flat" / "1", threads=1)
    monkeypatch.setattr(Graph, "run", counted)
    for rows, offset, most in ((2, 511, 32), (40, 500, 32), (512 + 9, 0, 512), (1024 + 20, 502, 1024)):
        for sampler in model.samplers:
            sizes.clear()
            model.generate(rows, offset=offset, sampler=sampler)
            together = sampler in model.manifest.stepwise  # others make one block at a time
            assert max(sizes) == (most if together else min(most, 512)), (rows, offset, sampler)


def test_spans_hold_the_rows_and_begin_where_memory_is_aligned() -> None:
    """Every span lies within its block, and is the smallest that will do."""
    sizes = (32, 64, 128, 256, 512)
    for first in range(512):
        for end in range(first + 1, 513):
            span = span_of(first, end, sizes)
            size = span.stop - span.start
            assert 0 <= span.start <= first < end <= span.stop <= 512
            assert span.start % 16 == 0
            assert size in sizes
            assert size == 32 or end - first + 16 > size // 2
    assert size_for(33, sizes) == 64
    assert span_of(3, 9, (10,)) == slice(0, 10)


@pytest.mark.parametrize("name", ["flat", "tiny"])
def test_smaller_ones_give_the_bits_of_whole_blocks(name: str, request: pytest.FixtureRequest) -> None:
    """In every operation, for any number of rows; a bundle that is not replayed runs on whole blocks."""
    models: Path = request.getfixturevalue("flat_dir" if name == "flat" else "models_dir")
    small = Model.open(models / name / "1", threads=1)
    whole = Model.open(models / name / "1", threads=1, replay_golden=False)
    assert small.first_rows(0) == 32
    assert (whole.first_rows(0), small.first_rows(0, plain=False)) == (512, 512)
    assert small.first_rows(500) == 12
    for rows, offset in ((1, 0), (20, 500), (130, 40), (300, 212)):
        for sampler in small.samplers:
            table, same = (
                model.generate(rows, seed=5, offset=offset, sampler=sampler) for model in (small, whole)
            )
            assert table.equals(same), (sampler, rows)
        for operation in ("encode", "score", "reconstruct", "denoise"):
            pair = [vars(getattr(model, operation)(table)).values() for model in (small, whole)]
            assert all(one == other for one, other in zip(*pair, strict=True)), (operation, rows)
        if "denoise" in small.operations and name == "flat":
            gaps = table.drop_columns([table.column_names[0]])
            assert small.denoise(gaps, draws=2, first_row=offset) == whole.denoise(
                gaps, draws=2, first_row=offset
            )
    ends = small.generate(4, seed=1), small.generate(4, seed=2)
    made = [model.interpolate(*ends, steps=9).records for model in (small, whole)]
    assert made[0].equals(made[1])
