"""Arrow streams to begin with, and streams that are small on the wire alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from augment_proto.arrow import to_ipc

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["bombs", "records", "seed_streams"]

_ROWS = 6


def records(rows: int = _ROWS, seed: int = 0) -> pa.Table:
    """Return records of the bundle that is fuzzed: what `bundles.trained` trains on."""
    chance = np.random.default_rng(seed)
    income = np.round(chance.lognormal(10, 1, rows), 2)
    city = chance.choice(["Ghent", "Graz", "Porto"], rows).tolist()
    days = (np.datetime64("2024-01-01") + chance.integers(0, 900, rows)).astype("datetime64[D]")
    return pa.table(
        {
            "age": chance.integers(18, 80, rows),
            "income": pa.array(income, mask=chance.random(rows) < 0.1),  # noqa: PLR2004 - any share
            "city": pa.array(city, mask=chance.random(rows) < 0.1).dictionary_encode(),  # noqa: PLR2004 - any
            "member": chance.random(rows) < 0.3,  # noqa: PLR2004 - any share
            "day": pa.array(days),
            "image": pa.FixedShapeTensorArray.from_numpy_ndarray(
                chance.normal(0, 1, (rows, 2, 2)).astype(np.float32)
            ),
        }
    )


def seed_streams(latent_dim: int = 2) -> list[bytes]:
    """Return valid streams: records, parts of them, latent vectors, and types of all kinds."""
    table = records()
    latent = {f"latent_{place}": pa.array([0.5, -1.0], pa.float32()) for place in range(latent_dim)}
    cells: dict[str, Any] = {
        "null": pa.nulls(3),
        "text": ["a", None, "ü" * 9],
        "large": pa.array(["a", "b", None], pa.large_string()),
        "list": [[1, 2], None, []],
        "fixed": pa.array([[1.0, 2.0]] * 3, pa.list_(pa.float32(), 2)),
        "decimal": pa.array([1, None, 2], pa.decimal128(10, 2)),
        "zone": pa.array([0, 1, None], pa.timestamp("us", "Europe/Zurich")),
        "time": pa.array([0, 1, None], pa.time64("ns")),
        "span": pa.array([0, 1, None], pa.duration("ms")),
        "code": pa.array(["x", None, "y"]).dictionary_encode(),
    }
    tables = [table, table.slice(0, 1), table.select(["age", "city"]), pa.table(latent), pa.table(cells)]
    return [to_ipc(one) for one in tables]


def bombs() -> Mapping[str, bytes]:
    """Return streams that cost little to send and would cost much to take in, by name."""
    rows = 65_536
    table = records(1)
    wide = {f"c{number}": pa.nulls(rows) for number in range(4096)}
    text = pa.array(["x" * 200_000])
    references = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), text)
    metadata = {b"k%d" % number: b"v" * 1000 for number in range(10_000)}
    long_name = {"n" * (8 * 2**20): [1]}
    nested: Any = pa.float32()
    for _ in range(60):
        nested = pa.list_(nested)
    return {
        "null rows without end": _edited(to_ipc(pa.table({"a": pa.nulls(77_777)})), 77_777, 2**62),
        "4,096 null columns of 65,536 rows": to_ipc(pa.table(wide)),
        "a text of 200 kB, 65,536 times": to_ipc(pa.table({"city": references})),
        "a dictionary of 1,000,000 values": to_ipc(pa.table({"city": _dictionary(1_000_000)})),
        "10 MB of metadata": to_ipc(table.replace_schema_metadata(metadata)),
        "10 MB of a column's metadata": to_ipc(
            table.set_column(0, pa.field("age", pa.int64(), metadata=metadata), table["age"])
        ),
        "a name of 8 MiB": to_ipc(pa.table(long_name)),
        "20,000 columns": to_ipc(pa.table({f"c{number}": [1] for number in range(20_000)})),
        "60 lists in lists": bytes(pa.schema([("a", nested)]).serialize()),
        "a tensor of 2**31 elements": bytes(_tensor_schema().serialize()),
        "compressed zeros": _compressed(),
        "100,000 batches": _batches(100_000),
        "unequal names by thousands": to_ipc(
            pa.table({f"{'y' * 3000}{number}": [1] for number in range(4096)})
        ),
        "long names twice": to_ipc(_doubled()),
        "records with a dictionary of 1,000,000": to_ipc(_with_cities(_dictionary(1_000_000))),
        "records with a text of 10 MB": to_ipc(_with_cities(["x" * 10_000_000])),
    }


def _with_cities(cities: Any) -> pa.Table:
    """Return records with other cells in a column of categories."""
    table = records(len(cities))
    return table.set_column(2, "city", cities if isinstance(cities, pa.Array) else pa.array(cities))


def _edited(data: bytes, old: int, new: int) -> bytes:
    before = old.to_bytes(8, "little")
    assert before in data
    return data.replace(before, new.to_bytes(8, "little"))


def _dictionary(size: int) -> Any:
    return pa.DictionaryArray.from_arrays(
        pa.array([size - 1], pa.int32()), pa.array([f"{number:x}" for number in range(size)])
    )


def _tensor_schema() -> pa.Schema:
    return pa.schema([("image", pa.fixed_shape_tensor(pa.float32(), [2**15, 2**15]))])


def _compressed() -> bytes:
    sink = pa.BufferOutputStream()
    table = pa.table({"age": np.zeros(10_000_000, np.int64)})
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _batches(count: int) -> bytes:
    batch = pa.record_batch({"age": pa.array([], pa.int64())})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        for _ in range(count):
            writer.write_batch(batch)
    return bytes(sink.getvalue())


def _doubled() -> pa.Table:
    """Return a table of 4,096 columns of which the last has the name of the last but one."""
    names = [f"{'z' * 3000}{number}" for number in range(4095)]
    return pa.Table.from_arrays([pa.array([1])] * 4096, names=[*names, names[-1]])
