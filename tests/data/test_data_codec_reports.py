"""What the codec says beside values: formats of dates, and what it never saw."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from augment.data import Codec, conform, detect_schema, read_table
from augment.data.layout import Unseen

if TYPE_CHECKING:
    from pathlib import Path


def test_results_say_how_text_files_write_dates(tmp_path: Path) -> None:
    """The format of a text file's dates goes with the result, so that files written and read keep it."""
    path = tmp_path / "dates.csv"
    path.write_text("when,n\n" + "".join(f"{day}.05.2020,{day}\n" for day in range(10, 30)), encoding="utf-8")
    table = read_table(path)
    schema = detect_schema(table)
    found = Codec.fit(conform(table, schema), schema).result_schema
    assert found.field("when").metadata == {b"augment.format": b"%d.%m.%Y"}
    assert found.field("n").metadata is None


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (pa.float64(), "1.0"),
        (pa.float16(), "1.0"),
        (pa.int8(), "1"),
        (pa.timestamp("s", tz="UTC"), "1970-01-01 00:00:01Z"),
    ],
)
def test_values_of_a_column_without_training_values_are_unseen(kind: pa.DataType, value: str) -> None:
    """What comes in a column that was missing throughout counts as missing, and is reported."""
    table = pa.table({"x": pa.nulls(3, kind), "y": [1, 2, 1]})
    schema = detect_schema(table)
    codec = Codec.fit(conform(table, schema), schema)
    assert codec.encode(conform(table, schema))[1] == ()
    ones = pa.array([None, 1, 1], pa.int64()).cast(kind)
    encoded, unseen = codec.encode(conform(table.set_column(0, "x", ones), schema))
    assert unseen == (Unseen("x", value, 2, 1),)
    assert not encoded.tokens[:, codec.layout.names.index("x")].any()
