"""Records with arrays, asked for by what their table cells say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from augment.errors import UnsupportedError

if TYPE_CHECKING:
    from augment.runtime import Model


def test_conditions_and_balance_hold_beside_arrays(tiny: Model) -> None:
    """Every record has the class that was asked for, and an image."""
    assert tiny.codec.layout.array_names == ("image",)
    classes = pc.unique(tiny.generate(200, sampler="vae").column("class")).drop_null().to_pylist()
    wanted = classes[0]
    records = tiny.generate(50, seed=3, conditions={"class": [wanted]})
    assert records.column("class").to_pylist() == [wanted] * 50
    assert records.column("image").null_count == 0
    even = tiny.generate(60, balance="class").column("class").value_counts().field("counts").to_pylist()
    assert max(even) - min(even) <= 1


def test_a_row_has_the_same_array_however_it_is_asked_for(tiny: Model) -> None:
    """Rows 500 to 540, across a block's edge, are those of the endless table."""
    whole = tiny.generate(560, seed=9, balance="class")
    assert tiny.generate(40, offset=500, seed=9, balance="class").equals(whole.slice(500, 40))
    arrays = whole.column("image").combine_chunks()
    assert len(pc.unique(arrays.storage.flatten())) > 1
    assert arrays.storage[0] != arrays.storage[1]


def test_what_is_not_made_column_by_column_is_refused(tiny: Model) -> None:
    """Guided ways and draws, which would leave arrays out, are refused; the automatic way is straight."""
    records = tiny.generate(4)
    with pytest.raises(UnsupportedError, match="no whole records column by column"):
        tiny.interpolate(records[:2], records[2:], steps=3, method="guided")
    with pytest.raises(UnsupportedError, match="cannot draw completions"):
        tiny.denoise(records, draws=2)
    ways = tiny.interpolate(records[:2], records[2:], steps=3).records
    assert isinstance(ways, pa.Table)
    assert ways.num_rows == 6
