"""Tables as lines of CSV text, portion by portion; needs pyarrow alone.

The text is that of `augment.data.write_table`: comma-separated UTF-8, quotes only where needed, floats
as short as they read back and always with a point, missing cells empty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["csv_header", "csv_lines"]

_NEEDS_QUOTES = r'[",;\t|\r\n]|^\s|\s$'


def csv_header(schema: pa.Schema) -> bytes:
    """Return the line of column names."""
    return _joined([_quoted(pa.array([name])) for name in schema.names])


def csv_lines(table: pa.Table, formats: Mapping[str, str]) -> bytes:
    """Return a line for each row.

    Args:
        table: Columns of single values.
        formats: How a column's points in time are written, as strptime has it; ISO 8601 if not said.
    """
    lines = []
    for batch in table.to_batches():
        names = batch.schema.names
        texts = [
            _text(column, formats.get(name, "")) for name, column in zip(names, batch.columns, strict=True)
        ]
        lines.append(_joined(texts))
    return b"".join(lines)


def _joined(texts: list[pa.Array]) -> bytes:
    if len(texts) == 1:  # an empty line would be no row
        texts = [pc.if_else(pc.equal(texts[0].fill_null(""), ""), "NA", texts[0])]
    *cells, last = [text.fill_null("").cast(pa.large_string()) for text in texts]
    comma, end, nothing = (pa.scalar(part, pa.large_string()) for part in (",", "\n", ""))
    rows = pc.binary_join_element_wise(*cells, pc.binary_join_element_wise(last, end, nothing), comma)
    # The text buffer of the joined rows is the very content of the file.
    return rows.buffers()[2].to_pybytes() if len(rows) else b""


def _text(column: pa.Array, form: str) -> pa.Array:
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _text(column.dictionary, form).take(column.indices)
    if pa.types.is_floating(kind):
        texts = column.cast(pa.string())
        whole = pc.match_substring_regex(texts, "^-?[0-9]+$")
        return pc.if_else(whole, pc.binary_join_element_wise(texts, ".0", ""), texts)
    if pa.types.is_temporal(kind):
        from augment.data.datetimes import format_datetimes  # noqa: PLC0415 - numpy, only where needed

        return _quoted(format_datetimes(column, form))
    return _quoted(column.cast(pa.string()))


def _quoted(texts: pa.Array) -> pa.Array:
    needed = pc.match_substring_regex(texts, _NEEDS_QUOTES)
    if not pc.any(needed).as_py():
        return texts
    doubled = pc.replace_substring(texts, '"', '""')
    return pc.if_else(needed, pc.binary_join_element_wise('"', doubled, '"', ""), texts)
