from __future__ import annotations

import numpy as np
import pytest

from serving.soak.slope import slope_of


@pytest.mark.parametrize(("grown", "low", "high"), [(0.0, -50, 50), (1000.0, 900, 1100)])
def test_growth_is_seen_under_what_comes_and_goes(grown: float, low: float, high: float) -> None:
    """Memory that second versions and batches take for a moment does not hide a leak, nor look like one."""
    chance = np.random.default_rng(1)
    requests = np.cumsum(chance.integers(20, 180, 600))
    passing = 40 * (np.arange(600) % 7 < 2) + chance.exponential(3, 600)
    found = slope_of(list(requests), list(200 + passing + requests * grown / 1e6), windows=60)
    assert low < found.low <= found.middle <= found.high < high
