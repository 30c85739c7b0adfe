from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from augment.bundle import GraphInfo, TensorInfo
from augment.errors import GraphError, RecordsError
from augment.runtime import Model, Part
from augment.runtime.blocks import run_in_blocks
from augment_proto.arrow import from_ipc, to_ipc

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray


OPERATIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("denoise", {}),
    ("denoise", {"threshold": 0.0, "numbers": "median"}),
    ("encode", {}),
    ("score", {}),
    ("reconstruct", {}),
    ("predict", {}),
)


@pytest.fixture(scope="module", params=["flat", "tiny"])
def model(request: pytest.FixtureRequest) -> Model:
    """One bundle without arrays and dictionaries, and one with both."""
    models: Path = request.getfixturevalue("flat_dir" if request.param == "flat" else "models_dir")
    return Model.open(models / request.param / "1", threads=1)


def with_holes(table: pa.Table, random: np.random.Generator) -> pa.Table:
    """Return records with cells and whole columns missing, and a city that no training row had."""
    for place, field in enumerate(table.schema):
        if isinstance(field.type, pa.BaseExtensionType) or random.random() < 0.5:
            continue
        cells = table.column(place).to_pylist()
        kept = [None if random.random() < 0.3 else cell for cell in cells]
        if field.name == "city" and random.random() < 0.5:
            kept[random.integers(len(kept))] = f"Atlantis {random.integers(3)}"
        table = table.set_column(place, field, pa.array(kept, field.type))
    if random.random() < 0.3:
        table = table.drop_columns([table.column_names[random.integers(table.num_columns)]])
    return table


def pieces(made: Model, random: np.random.Generator) -> list[pa.Table]:
    """Return records of some callers, as they come over the wire."""
    table = made.generate(600, seed=1)
    sizes = random.choice([1, 2, 3, 7, 16, 17, 60], random.integers(2, 9))
    cut = [table.slice(random.integers(500), size) for size in sizes]
    return [from_ipc(to_ipc(piece)) for piece in cut]


def told(result: Any) -> list[Any]:
    """Return all of a result, tables as bytes."""
    if isinstance(result, pa.Table):
        return [to_ipc(result)]
    return [to_ipc(value) if isinstance(value, pa.Table) else value for value in vars(result).values()]


@pytest.mark.parametrize("seed", range(3))
def test_what_is_computed_together_is_to_the_byte_what_it_is_alone(model: Model, seed: int) -> None:
    """Whoever the neighbours are: records, confidences, vectors, scores, identifiers, what was unseen."""
    random = np.random.default_rng(seed)
    full = pieces(model, random)
    holed = [with_holes(table, random) for table in full]
    firsts = random.integers(0, 10_000, len(full)).tolist()
    for operation, options in OPERATIONS:
        if operation in model.operations:
            tables = holed if operation == "denoise" else full
            parts = [Part(table, first) for table, first in zip(tables, firsts, strict=True)]
            ask = getattr(model.joint, operation)
            alone = [told(ask([part], **options)[0]) for part in parts]
            assert [told(one) for one in ask(parts, **options)] == alone, operation
    latent = [Part(model.encode(table).latent, first) for table, first in zip(full, firsts, strict=True)]
    alone = [told(model.joint.decode([part])[0]) for part in latent]
    assert [told(one) for one in model.joint.decode(latent)] == alone


def test_one_callers_mistake_is_nobody_elses(model: Model) -> None:
    """Among good records, bad ones fail by themselves, with what they would be told alone."""
    good = [Part(model.generate(3, seed=seed), seed) for seed in range(5)]
    table = good[0].table
    assert isinstance(table, pa.Table)
    bad = [Part(table.slice(0, 0)), Part(table.append_column("more", [[1, 2, 3]])), Part(table, 2**63 - 2)]
    parts = [good[0], bad[0], *good[1:3], bad[1], good[3], bad[2], good[4]]
    for operation in ("denoise", "reconstruct"):
        ask = getattr(model.joint, operation)
        for part, result in zip(parts, ask(parts), strict=True):
            (alone,) = ask([part])
            if part in bad:
                assert (type(result), str(result)) == (type(alone), str(alone))
            else:
                assert told(result) == told(alone)
    assert isinstance(model.joint.encode(bad[:1])[0], RecordsError)


class Places:
    """A graph that tells where in its block each row lay."""

    info = GraphInfo(
        file="places.onnx",
        inputs=(TensorInfo(name="x", dtype="float32", shape=("rows", 1)),),
        outputs=(TensorInfo(name="place", dtype="float32", shape=("rows",)),),
    )

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Return places, and the rows that came."""
        return {"place": np.arange(len(inputs["x"])), "x": inputs["x"]}

    def fault(self, what: str) -> GraphError:
        """Return the error of this graph."""
        return GraphError("places.onnx", what)


@pytest.mark.parametrize(("block", "begin"), [(64, [0, 16, 48, 0]), (10, [0, 0, 0, 0])])
def test_parts_begin_where_their_arithmetic_is_the_same(block: int, begin: list[int]) -> None:
    """At multiples of 16 rows; in blocks that are no multiple of it, each in a block of its own."""
    sizes = [3, 20, 1, 2]
    rows = np.arange(sum(sizes), dtype=np.float32)[:, np.newaxis]
    made = run_in_blocks(Places(), {"x": rows}, sizes=(block,), parts=sizes)
    np.testing.assert_array_equal(made["x"], rows)
    ends = np.cumsum(sizes)
    assert made["place"][ends - sizes].tolist() == begin
