from __future__ import annotations

import random
import struct
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from augment_proto.arrow import from_ipc, schema_from_ipc, to_ipc
from augment_proto.errors import ArrowFormatError, ArrowLimitError
from augment_proto.limits import Limits
from augment_proto.plain import restore
from tests.records import every_kind


def stream(table: pa.Table, **options: Any) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def replaced(data: bytes, old: bytes, new: bytes, count: int = 1) -> bytes:
    assert old in data
    return data.replace(old, new, count)


def runs(cells: list[int]) -> Any:
    return pc.call_function("run_end_encode", [pa.array(cells)])


def repeated(cell: Any, rows: int, index: pa.DataType) -> Any:
    return pa.DictionaryArray.from_arrays(pa.array([0] * rows, index), pa.array([cell]))


def rule_of(data: bytes) -> str:
    try:
        from_ipc(data)
    except ArrowFormatError as error:
        return error.rule
    return ""


def numbers(rows: int = 3) -> pa.Table:
    return pa.table({"a": pa.array(range(rows), pa.int64())})


def two_dictionaries() -> bytes:
    schema = pa.schema([("a", pa.dictionary(pa.int32(), pa.string()))])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        for word in ("x", "y"):
            writer.write_batch(pa.record_batch([pa.array([word]).dictionary_encode()], schema=schema))
    return bytes(sink.getvalue())


def delta_dictionaries() -> bytes:
    schema = pa.schema([("a", pa.dictionary(pa.int32(), pa.string()))])
    options = pa.ipc.IpcWriteOptions(emit_dictionary_deltas=True)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema, options=options) as writer:
        for words in (["x"], ["x", "y"]):
            cells = pa.DictionaryArray.from_arrays(pa.array([0], pa.int32()), pa.array(words))
            writer.write_batch(pa.record_batch([cells], schema=schema))
    return bytes(sink.getvalue())


def out_of_range() -> bytes:
    """Two dictionary indices of which one points past the dictionary."""
    cells = pa.DictionaryArray.from_arrays(pa.array([0, 77], pa.int32()), pa.array(["x"] * 78))
    return replaced(to_ipc(pa.table({"a": cells})), struct.pack("<ii", 0, 77), struct.pack("<ii", 0, 78))


def overlapping() -> bytes:
    """Two columns of which the second's buffer begins where the first's does and takes the whole body."""
    data = to_ipc(pa.table({"a": pa.array(range(8), pa.int64()), "b": pa.array(range(8), pa.int64())}))
    before, found, after = data.rpartition(struct.pack("<qq", 64, 64))
    assert found
    return before + struct.pack("<qq", 0, 128) + after


REFUSED = {
    "nothing": (b"", "must begin with its one schema"),
    "text": (b"a,b\n1,2\n", "must be a valid"),
    "a zero": (b"\0" * 8, "must end where"),
    "truncated": (to_ipc(numbers(1000))[:-2000], "must be a valid"),
    "garbage after the end": (to_ipc(numbers()) + b"xyz", "must end where"),
    "a second stream after the end": (to_ipc(numbers()) * 2, "must end where"),
    "compressed": (stream(numbers(5000), compression="zstd"), "must not be compressed"),
    "a dictionary twice": (two_dictionaries(), "must send each dictionary once"),
    "a dictionary's delta": (delta_dictionaries(), "must send each dictionary once"),
    "an index past its dictionary": (out_of_range(), "must be a valid"),
    "overlapping buffers": (overlapping(), "must have buffers that do not overlap"),
    "views": (stream(pa.table({"a": pa.array(["x" * 20], pa.string_view())})), "must not have view columns"),
    "run-ends": (
        stream(pa.table({"a": pc.call_function("run_end_encode", [pa.array([1, 1])])})),
        "plain types",
    ),
    "list views": (stream(pa.table({"a": pa.array([[1]], pa.list_view(pa.int64()))})), "plain types"),
    "structs": (stream(pa.table({"a": [{"b": 1}]})), "plain types"),
    "binary": (stream(pa.table({"a": [b"x"]})), "plain types"),
    "null in lists": (stream(pa.table({"a": [[None, None]]})), "plain types"),
    "dictionaries in lists": (
        stream(pa.table({"a": pa.ListArray.from_arrays([0, 1], pa.array(["x"]).dictionary_encode())})),
        "plain types",
    ),
    "a foreign extension": (stream(pa.table({"a": pa.array([b"0" * 16], pa.uuid())})), "plain types"),
    "a name twice": (
        stream(pa.Table.from_arrays([pa.array([1]), pa.array([1])], names=["a", "a"])),
        "column names that differ",
    ),
    "a zone that is no Unicode": (
        stream(pa.table({"a": pa.array([0], pa.timestamp("us", "UTC"))})).replace(b"UTC", b"U\xffC"),
        "must be a valid",
    ),
    "no columns": (stream(pa.table({})), "must have 1 to"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_plain_arrow_stream_is_refused_by_its_rule(name: str) -> None:
    """Each kind of bad bytes is refused with the rule it breaks, and not as a matter of size."""
    data, rule = REFUSED[name]
    with pytest.raises(ArrowFormatError) as caught:
        from_ipc(data)
    assert rule in caught.value.rule
    assert not isinstance(caught.value, ArrowLimitError)


LIMITS = {
    "bytes": (Limits(max_bytes=100), numbers(100)),
    "rows": (Limits(max_rows=99), numbers(100)),
    "rows that cost no bytes": (Limits(max_rows=99), pa.table({"a": pa.nulls(100)})),
    "metadata": (
        Limits(max_schema_bytes=10_000),
        pa.table({"a": [1]}).replace_schema_metadata({"k": "v" * 10_000}),
    ),
    "names": (Limits(max_schema_bytes=10_000), pa.table({"a" * 10_000: [1]})),
    "columns": (Limits(max_columns=2), pa.table({name: [1] for name in "abc"})),
    "messages": (Limits(max_messages=1), numbers(1)),
    "nulls written out": (Limits(max_decoded_bytes=799), pa.table({"a": pa.nulls(100)})),
    "references written out": (
        Limits(max_decoded_bytes=100_000),
        pa.table(
            {"a": pa.DictionaryArray.from_arrays(pa.array([0] * 1000, pa.int32()), pa.array(["x" * 100]))}
        ),
    ),
    "numbers written out": (
        Limits(max_decoded_bytes=1000),
        pa.table({"a": repeated(7, 100, pa.int8())}),
    ),
}


@pytest.mark.parametrize("name", LIMITS)
def test_what_is_too_large_is_refused_as_too_large(name: str) -> None:
    """Every limit holds, also for what costs nothing on the wire, and one more is enough."""
    limits, table = LIMITS[name]
    with pytest.raises(ArrowLimitError):
        from_ipc(to_ipc(table), limits)
    assert from_ipc(to_ipc(table)).equals(table)


def test_a_table_of_every_kind_comes_through_unchanged() -> None:
    """Tables with every type that data files have are equal after a round trip, whole or in chunks."""
    table = every_kind()
    assert from_ipc(to_ipc(table)).equals(table)
    chunked = pa.concat_tables([table.slice(0, 7), table.slice(7)])
    assert from_ipc(to_ipc(chunked)).equals(table)


def test_chunks_with_different_dictionaries_travel_as_one() -> None:
    """Chunks whose dictionaries differ are sent with one dictionary and the same cells."""
    chunks = pa.chunked_array([pa.array(["x"]).dictionary_encode(), pa.array(["y"]).dictionary_encode()])
    assert from_ipc(to_ipc(pa.table({"a": chunks})))["a"].to_pylist() == ["x", "y"]


def test_foreign_types_are_written_out_before_they_travel() -> None:
    """Views, run-ends and extensions become plain columns with the same cells."""
    coded = pa.array(["x", None]).dictionary_encode()
    table = pa.table(
        {
            "view": pa.array(["x", None], pa.string_view()),
            "coded": coded.cast(pa.dictionary(pa.int8(), pa.string_view())),
            "runs": runs([1, 1]),
            "list": pa.array([["x"], ["y", "z"]], pa.list_(pa.string_view())),
            "large": pa.array([["x"], ["y", "z"]], pa.large_list(pa.string_view())),
            "fixed": pa.array([["x"], ["y"]], pa.list_(pa.string_view(), 1)),
            "boolean": pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1, 0], pa.int8())),
        }
    )
    received = from_ipc(to_ipc(table))
    assert received.drop_columns(["boolean"]).to_pylist() == table.drop_columns(["boolean"]).to_pylist()
    assert received["boolean"].to_pylist() == [1, 0]


def test_tables_are_restored_to_the_types_of_their_file() -> None:
    """Dictionary codes become text or text views, and the schema's metadata is taken over."""
    table = pa.table({"a": pa.array(["x", None]).dictionary_encode(), "b": pa.array(["y", "z"])})
    schema = pa.schema([("a", pa.string_view()), ("b", pa.string_view())], metadata={"pandas": "{}"})
    restored = restore(table, schema)
    assert restored.schema.equals(schema, check_metadata=True)
    assert restored.to_pylist() == table.to_pylist()


def test_a_stream_that_claims_to_be_big_endian_is_refused() -> None:
    """Nothing is swapped before it is validated: some change of one header byte claims the other order."""
    original = to_ipc(numbers())
    changed = (
        original[:position] + bytes([value]) + original[position + 1 :]
        for position in range(8, 128)
        for value in range(1, 32)
    )
    assert any(rule_of(data) == "must be little-endian" for data in changed)


def test_a_schema_alone_is_read_whatever_its_types() -> None:
    """A result schema may have types that no cell travels in, and bad bytes are no schema."""
    schema = pa.schema([("a", pa.string_view())], metadata={"pandas": "{}"})
    assert schema_from_ipc(bytes(schema.serialize())).equals(schema, check_metadata=True)
    with pytest.raises(ArrowFormatError):
        schema_from_ipc(b"\xff" * 40)


def test_mutated_streams_are_refused_or_valid() -> None:
    """1,500 streams with changed bytes either raise an ArrowFormatError or give a table that is valid."""
    chance = random.Random(7)  # noqa: S311 - a test
    table = every_kind(40)
    table = table.append_column("list", pa.array(np.arange(80).reshape(40, 2).tolist()))
    original = to_ipc(table)
    refused = 0
    for _ in range(1500):
        data = bytearray(original)
        for _ in range(chance.choice((1, 2, 8))):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            from_ipc(bytes(data)).validate(full=True)
        except ArrowFormatError:
            refused += 1
    assert 100 < refused < 1500
