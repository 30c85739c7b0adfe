"""Shape and trend errors: SDMetrics' own, but for scores that it drops."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from augment.data import Schema, detect_schema
from augment.evaluation.quality import mean_error, shape_errors, trend_errors
from augment.evaluation.rows import Rows, code
from tests.records import every_kind

KINDS = {"integer": "numerical", "number": "numerical", "datetime": "datetime", "boolean": "boolean"}


def coded(real: pa.Table, synthetic: pa.Table, target: str | None = None) -> tuple[Rows, Rows, Schema]:
    """Return both tables' rows and their schema, without identifiers, texts and arrays."""
    schema = detect_schema(real, target=target)
    columns = [column for column in schema.columns if column.kind not in {"identifier", "text", "array"}]
    first, second = code(columns, real, synthetic)
    return first, second, Schema(columns=tuple(columns))


def distorted(seed: int) -> pa.Table:
    """Return records that are off in every column kind."""
    table, random = every_kind(500, seed), np.random.default_rng(seed)
    age = pa.array(np.asarray(table["age"]) + random.integers(0, 9, 500))
    city = table["city"].take(random.permutation(500))
    return table.set_column(1, "age", age).set_column(3, "city", city).slice(0, 431)


def test_sdmetrics_gives_the_same() -> None:
    """Its quality report counts the same shapes and trends, over numbers, categories, dates and gaps."""
    single_table = pytest.importorskip(
        "sdmetrics.reports.single_table", reason="brings a BUSL licence: optional"
    )
    real, synthetic = every_kind(600, 1), distorted(2)
    first, second, schema = coded(real, synthetic, "class")
    names = [column.name for column in schema.columns]
    metadata = {"columns": {c.name: {"sdtype": KINDS.get(c.kind, "categorical")} for c in schema.columns}}
    report = single_table.QualityReport()
    report.real_correlation_threshold = report.real_association_threshold = 0
    frames = [table.select(names).to_pandas() for table in (real, synthetic)]
    for frame in frames:
        frame["day"] = frame["day"].astype("datetime64[ns]")
        frame["since"] = frame["since"].dt.tz_localize(None)
    report.generate(*frames, metadata, verbose=False)
    scores = report.get_properties().set_index("Property")["Score"]
    assert mean_error(shape_errors(first, second).values()) == pytest.approx(
        1 - scores["Column Shapes"], abs=1e-6
    )
    trends = [pair.error for pair in trend_errors(first, second)]
    assert mean_error(trends) == pytest.approx(1 - scores["Column Pair Trends"], abs=1e-6)
