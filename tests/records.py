"""A small table with every kind of column, for tests that need real data of each."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa

__all__ = ["every_kind"]


def every_kind(rows: int = 240, seed: int = 0) -> pa.Table:
    """Return a table of every column kind, with missing cells and columns that depend on each other.

    Columns: `key` identifier, `age` int64, `income` float64 with 2 decimals and missing cells, `city`
    string with missing cells and a non-ASCII level, `code` dictionary, `member` bool, `since` UTC
    timestamp, `day` date32, `note` free text, `image` 4x4 float32, `class` int64 target in {0, 1}.
    """
    generator = np.random.default_rng(seed)
    group = generator.integers(0, 2, rows)
    age = np.clip(generator.normal(30 + 25 * group, 6, rows).round(), 18, 90).astype(np.int64)
    income = np.round(np.exp(generator.normal(6 + group, 0.3, rows)), 2)
    city = np.where(group == 1, "Zürich", generator.choice(["Bern", "Genève"], rows))
    missing = generator.random((2, rows)) < 0.1
    start = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    images = (group[:, None, None] + generator.normal(0, 0.1, (rows, 4, 4))).astype(np.float32)
    words = generator.choice(["quiet", "loud", "early", "late", "tall", "old"], (rows, 12))
    return pa.table(
        {
            "key": [f"C-{number:05d}" for number in range(rows)],
            "age": age,
            "income": pa.array(income, mask=missing[0]),
            "city": pa.array(city.tolist(), mask=missing[1]),
            "code": pa.array(generator.choice(["x", "y", "z"], rows).tolist()).dictionary_encode(),
            "member": group == generator.integers(0, 2, rows),
            "since": pa.array(
                [start + dt.timedelta(hours=int(hours)) for hours in generator.integers(0, 9000, rows)],
                pa.timestamp("us", "UTC"),
            ),
            "day": pa.array(
                [dt.date(2020, 1, 1) + dt.timedelta(days=int(d)) for d in generator.integers(0, 900, rows)]
            ),
            "note": [" ".join(row) for row in words],
            "image": pa.FixedShapeTensorArray.from_numpy_ndarray(images),
            "class": group,
        }
    )
