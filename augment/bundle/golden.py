"""`golden.arrow`: recorded inputs and outputs, which whoever opens a bundle can replay."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from augment.bundle.arrow_messages import check_plain, stream_in
from augment.bundle.limits import MAX_GOLDEN_TENSORS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray

__all__ = ["GoldenCase", "golden_from_bytes", "golden_to_bytes"]

_FIELDS: list[pa.Field[Any]] = [
    pa.field("case", pa.int32(), nullable=False),
    pa.field("graph", pa.string(), nullable=False),
    pa.field("direction", pa.string(), nullable=False),
    pa.field("name", pa.string(), nullable=False),
    pa.field("dtype", pa.string(), nullable=False),
    pa.field("shape", pa.list_(pa.field("item", pa.int64(), nullable=False)), nullable=False),
    pa.field("data", pa.binary(), nullable=False),
]
_SCHEMA = pa.schema(_FIELDS)
_DTYPES = {"float32": np.dtype("<f4"), "int32": np.dtype("<i4")}


@dataclass(frozen=True)
class GoldenCase:
    """What one graph once answered.

    Attributes:
        graph: The graph's role, e.g. `decode`.
        inputs: float32 and int32 arrays by input name, all with the same number of rows.
        outputs: What came out, by output name.
    """

    graph: str
    inputs: Mapping[str, NDArray[Any]]
    outputs: Mapping[str, NDArray[Any]] = field(repr=False)


def golden_to_bytes(cases: Iterable[GoldenCase]) -> bytes:
    """Return the cases as one Arrow IPC file, one row a tensor.

    Raises:
        ValueError: A tensor is neither float32 nor int32.
    """
    rows = [row for number, case in enumerate(cases) for row in _rows_of(number, case)]
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, _SCHEMA) as writer:
        writer.write_table(pa.Table.from_pylist(rows, schema=_SCHEMA))
    return bytes(sink.getvalue().to_pybytes())


def golden_from_bytes(data: bytes) -> list[GoldenCase]:
    """Return the cases of an Arrow IPC file.

    Raises:
        ValueError: The bytes are no such file.
    """
    try:
        stream = stream_in(data)
        check_plain(stream, MAX_GOLDEN_TENSORS)
        with pa.ipc.open_stream(pa.BufferReader(stream)) as reader:
            if not reader.schema.equals(_SCHEMA):
                msg = f"its columns must be {_SCHEMA.names}, got {reader.schema.names[:10]}"
                raise ValueError(msg)
            table = reader.read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError) as exc:
        msg = f"it is no Arrow file: {exc}"
        raise ValueError(msg) from exc
    return _cases_of(table.to_pylist())


def _rows_of(number: int, case: GoldenCase) -> Iterator[dict[str, Any]]:
    """Yield the rows of one case."""
    for direction, tensors in (("input", case.inputs), ("output", case.outputs)):
        for name, tensor in tensors.items():
            dtype = np.dtype(tensor.dtype).name
            if dtype not in _DTYPES:
                msg = f"{case.graph}: {direction} {name} must be float32 or int32, got {dtype}"
                raise ValueError(msg)
            yield {
                "case": number,
                "graph": case.graph,
                "direction": direction,
                "name": name,
                "dtype": dtype,
                "shape": list(tensor.shape),
                "data": np.ascontiguousarray(tensor, dtype=_DTYPES[dtype]).tobytes(),
            }


def _cases_of(rows: list[dict[str, Any]]) -> list[GoldenCase]:
    """Return the cases of the file's rows, in the order of their first rows."""
    cases: dict[int, GoldenCase] = {}
    for row in rows:
        case = cases.setdefault(row["case"], GoldenCase(row["graph"], {}, {}))
        tensors = {"input": case.inputs, "output": case.outputs}.get(row["direction"])
        if tensors is None or case.graph != row["graph"] or row["name"] in tensors:
            msg = f"case {row['case']}: a row of graph {row['graph']!r}, {row['direction']!r} {row['name']!r}"
            raise ValueError(f"{msg} does not fit the rows before it")
        assert isinstance(tensors, dict)  # noqa: S101 - for mypy
        tensors[row["name"]] = _tensor_of(row)
    return list(cases.values())


def _tensor_of(row: dict[str, Any]) -> NDArray[Any]:
    """Return the array of one row of the file."""
    dtype = _DTYPES.get(row["dtype"])
    if dtype is None:
        msg = f"{row['name']}: dtype must be one of {sorted(_DTYPES)}, got {row['dtype']!r}"
        raise ValueError(msg)
    try:
        flat = np.frombuffer(row["data"], dtype=dtype).astype(dtype.newbyteorder("="))
        return flat.reshape([max(0, side) for side in row["shape"]])
    except ValueError as exc:
        msg = f"{row['name']}: {exc}"
        raise ValueError(msg) from exc
