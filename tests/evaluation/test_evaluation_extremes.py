"""Numbers and dates at the ends of what floats and calendars hold are judged like any others."""

from __future__ import annotations

import datetime as dt
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from augment.evaluation import evaluate
from augment.evaluation.report import report_page

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = 40
LARGEST = float(np.finfo(np.float64).max)
NOW_NS = 1_700_000_000_000_000_000
EXTREMES: dict[str, Callable[[np.random.Generator], Any]] = {
    "neighbours": lambda random: random.choice([0.3, 0.1 + 0.2], ROWS),
    "tiniest": lambda random: random.choice([0.0, 5e-324], ROWS),
    "tiny": lambda random: random.normal(size=ROWS) * 1e-310,
    "both ends": lambda random: random.choice([LARGEST, -LARGEST, 0.0], ROWS),
    "one end": lambda random: random.choice([1e308, 0.5, -0.0], ROWS),
    "huge": lambda random: random.normal(size=ROWS) * 1e307,
    "one large integer": lambda _: np.full(ROWS, 2**62),
    "large integers": lambda random: 2**62 + random.integers(0, 5, ROWS),
    "nanoseconds": lambda random: (NOW_NS + random.integers(0, 10**15, ROWS)).astype("datetime64[ns]"),
    "no end": lambda random: random.choice(np.array([dt.date(2024, 1, 1), dt.date.max]), ROWS),
    "all without end": lambda _: np.full(ROWS, dt.date.max),
}


def tables(name: str) -> list[pa.Table]:
    """Return training, held-out and synthetic rows."""
    random = np.random.default_rng(0)
    return [
        pa.table({
            "extreme": pa.array(EXTREMES[name](random)),
            "plain": random.normal(size=ROWS),
            "class": random.choice(["a", "b"], ROWS),
        })
        for _ in range(3)
    ]  # fmt: skip


@pytest.mark.parametrize("name", EXTREMES)
def test_they_are_judged_and_reported(name: str) -> None:
    """Without a failure, without a warning, and by figures that are numbers."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        found = evaluate(*tables(name), target="class")
        assert report_page(found).sections
    values = [figure.value for figure in found.figures.values() if figure.value is not None]
    assert values
    assert np.isfinite(values).all()
