from __future__ import annotations

import pyarrow as pa
import pytest

from augment_proto.arrow import from_ipc, to_ipc
from augment_proto.errors import ArrowFormatError, ArrowLimitError
from augment_proto.limits import STREAM_MESSAGE_BYTES, Limits
from augment_proto.stream import StreamReader, StreamWriter, cut, rows_per_message
from tests.records import every_kind


def pieces(table: pa.Table, rows: int) -> tuple[bytes, list[bytes]]:
    writer = StreamWriter(table.schema)
    return writer.header, [writer.write(batch) for batch in table.to_batches(rows)]


def test_header_and_pieces_joined_are_one_valid_stream() -> None:
    """Whatever reads Arrow IPC streams reads the joined bytes: nothing of ours is in them."""
    table = every_kind()
    header, parts = pieces(table, 50)
    assert len(parts) == 5
    assert pa.ipc.open_stream(header + b"".join(parts)).read_all().equals(table)
    assert from_ipc(header + b"".join(parts)).equals(table)


@pytest.mark.parametrize("rows", [1, 7, 240])
def test_pieces_read_one_by_one_give_the_rows_that_were_written(rows: int) -> None:
    """A reader of pieces gives the writer's table, however it is cut; dictionaries come once."""
    table = every_kind()
    header, parts = pieces(table, rows)
    reader = StreamReader(header)
    assert reader.schema.equals(table.schema)
    batches = [batch for part in parts for batch in reader.read(part)]
    assert pa.Table.from_batches(batches).equals(table)


def test_a_reader_refuses_what_is_no_piece() -> None:
    """Half a piece, a piece with more behind it, a second schema and bytes of chance are refused."""
    table = every_kind()
    header, parts = pieces(table, 240)
    for data in (parts[0][:-8], parts[0] + b"x" * 16, header + parts[0], b"\xff" * 64, to_ipc(table)):
        with pytest.raises(ArrowFormatError):
            StreamReader(header).read(data)


def test_a_piece_without_a_batch_is_refused() -> None:
    """A dictionary alone ends no piece: it would wait in the reader for a batch that never comes."""
    table = pa.table({"a": pa.array(["x", "y"]).dictionary_encode()})
    header, parts = pieces(table, 2)
    batch_alone = StreamWriter(table.schema)
    batch_alone.write(table.to_batches()[0])
    dictionary = parts[0][: -len(batch_alone.write(table.to_batches()[0]))]
    with pytest.raises(ArrowFormatError):
        StreamReader(header).read(dictionary)


def test_a_header_must_be_a_schema_that_may_travel() -> None:
    """Bytes of chance and schemas with views open no stream."""
    for header in (b"", b"\xff" * 64, bytes(pa.schema([("a", pa.string_view())]).serialize())):
        with pytest.raises(ArrowFormatError):
            StreamReader(header)


def test_a_piece_beyond_the_limits_is_refused() -> None:
    """Bytes on the wire and bytes written out are bounded for each piece, rows of the whole are not."""
    header, parts = pieces(every_kind(), 240)
    with pytest.raises(ArrowLimitError):
        StreamReader(header, Limits(max_bytes=1000)).read(parts[0])
    with pytest.raises(ArrowLimitError):
        StreamReader(header, Limits(max_decoded_bytes=1000)).read(parts[0])
    reader = StreamReader(header, Limits(max_rows=1, max_messages=4))
    assert sum(batch.num_rows for batch in reader.read(parts[0])) == 240


def test_messages_of_a_stream_have_about_the_wanted_size() -> None:
    """Rows for one message make 256 KiB to 1 MiB of a table with every column kind."""
    table = pa.concat_tables([every_kind(2000)] * 8).drop_columns(["note"]).combine_chunks()
    header, parts = pieces(table, rows_per_message(table.schema))
    assert header
    assert all(256 * 2**10 < len(part) < 2**20 for part in parts[:-1])
    assert rows_per_message(pa.schema([("a", pa.list_(pa.float32(), 2**20))])) == 1
    assert rows_per_message(pa.schema([("a", pa.int64())])) == STREAM_MESSAGE_BYTES // 8


def test_cut_keeps_rows_and_bounds_them() -> None:
    """Slices have at most the given rows and are the batch when put together."""
    batch = pa.record_batch({"a": list(range(10))})
    parts = list(cut(batch, 4))
    assert [part.num_rows for part in parts] == [4, 4, 2]
    assert pa.Table.from_batches(parts).to_pylist() == batch.to_pylist()
