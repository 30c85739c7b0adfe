"""Tables as CSV text that reads back to the same values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from augment.data.datetimes import format_datetimes
from augment.data.schema import DatetimeColumn
from augment.errors import SchemaError

if TYPE_CHECKING:
    from pathlib import Path

    from augment.data.schema import Schema

__all__ = ["write_csv"]

_ROWS = 1 << 16
_QUOTED = r'[",;\t|\r\n]|^\s|\s$'


def write_csv(table: pa.Table, path: Path, schema: Schema | None, *, zipped: bool) -> None:
    """Write a table as comma-separated UTF-8, quoting only where needed.

    Floats are written shortest, with a point; missing cells are empty (`NA` in a table of one
    column, where an empty line would be no row).
    """
    formats = {
        column.name: column.format
        for column in (schema.columns if schema else ())
        if isinstance(column, DatetimeColumn)
    }
    for field in table.schema:
        _check(field)
    with pa.output_stream(str(path), compression="gzip" if zipped else None) as sink:
        sink.write(_lines([_quote(pa.array([name])) for name in table.column_names]))
        for batch in table.to_batches(max_chunksize=_ROWS):
            texts = [
                _text(column, formats.get(name, ""))
                for name, column in zip(batch.schema.names, batch.columns, strict=True)
            ]
            sink.write(_lines(texts))


def _check(field: pa.Field) -> None:
    if pt.is_nested(field.type) or isinstance(field.type, pa.BaseExtensionType):
        raise SchemaError.of(
            f"columns.{field.name}",
            "must hold single values to be written as CSV",
            str(field.type),
            "Write .parquet or .arrow",
        )


def _lines(texts: list[pa.Array]) -> pa.Buffer | bytes:
    """Return the rows as bytes: the text buffer of the joined columns is the file's very content."""
    if len(texts) == 1:
        texts = [pc.if_else(pc.equal(texts[0].fill_null(""), ""), "NA", texts[0])]
    *heads, last = [text.fill_null("").cast(pa.large_string()) for text in texts]
    ended = pc.binary_join_element_wise(
        last, pa.scalar("\n", pa.large_string()), pa.scalar("", pa.large_string())
    )
    joined = pc.binary_join_element_wise(*heads, ended, pa.scalar(",", pa.large_string()))
    return joined.buffers()[2] if len(joined) else b""


def _text(column: pa.Array, form: str) -> pa.Array:
    kind = column.type
    if pt.is_dictionary(kind):
        return _text(column.dictionary, form).take(column.indices)
    if pt.is_floating(kind):
        return _floats(column)
    if pt.is_timestamp(kind) or pt.is_date(kind):
        return _quote(format_datetimes(column, form))
    return _quote(column.cast(pa.string()))


def _floats(column: pa.Array) -> pa.Array:
    """Write the shortest text that reads back to the float; whole numbers end in `.0`."""
    texts = column.cast(pa.string())
    whole = pc.match_substring_regex(texts, "^-?[0-9]+$")
    return pc.if_else(whole, pc.binary_join_element_wise(texts, ".0", ""), texts)


def _quote(texts: pa.Array) -> pa.Array:
    needed = pc.match_substring_regex(texts, _QUOTED)
    if not pc.any(needed).as_py():
        return texts
    doubled = pc.replace_substring(texts, '"', '""')
    return pc.if_else(needed, pc.binary_join_element_wise('"', doubled, '"', ""), texts)
