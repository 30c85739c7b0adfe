from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from serving import reloads, stopping

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_a_thousand_reloads_under_load_fail_no_call_and_keep_their_memory(
    tiny_bundle: Path, tmp_path: Path
) -> None:
    """Nobody notices 1,000 new versions and 10 broken ones; memory stays under 1.5 times the first."""
    told = reloads.run(tiny_bundle, tmp_path, reloads=1000, callers=2, progress=100)
    print(told)  # noqa: T201 - the figures
    assert told.calls.failures == []
    assert told.refused == 10
    assert told.ratio <= 1.5


@pytest.mark.slow
def test_sigterm_under_load_fails_no_call_and_loses_no_row(tiny_bundle: Path, tmp_path: Path) -> None:
    """Streams in flight come whole; unary calls are sent again to the other server."""
    told = stopping.run(tiny_bundle, tmp_path, stream_rows=5_000)
    print(told)  # noqa: T201 - the figures
    assert told.exit_code == 0
    assert told.calls.failures == told.streams.failures == []
    assert told.lost_rows == 0


def test_a_few_reloads_under_load_fail_no_call(tiny_bundle: Path, tmp_path: Path) -> None:
    """The same, briefly."""
    told = reloads.run(tiny_bundle, tmp_path, reloads=2, callers=1, warm_s=1.0)
    assert told.calls.failures == []
    assert len(told.calls.seconds) > 0
