"""Judging samples is an extra: what was trained is published without figures where it fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from augment.cli.training import _judge
from augment.data import detect_schema
from tests.records import every_kind

if TYPE_CHECKING:
    import pytest


def test_a_judge_that_fails_gives_no_figures_and_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    """An error in it would cost hours of training."""
    table = every_kind(40, 1)
    judge = _judge(detect_schema(table), 0)
    assert judge is not None
    assert judge(table, table.drop_columns(table.column_names), table) == {}
    assert "samples are not judged: unexpected" in capsys.readouterr().err
