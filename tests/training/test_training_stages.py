"""Laws of the stages in which a decoder draws columns."""

from __future__ import annotations

import math

import pytest
import torch

from augment.models import Batch
from augment.training.stages import choose_stages, mutual_information


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def independent(columns: int, rows: int = 4_000) -> torch.Tensor:
    return torch.randint(1, 5, (rows, columns), generator=generator(), dtype=torch.int32)


def records(tokens: torch.Tensor) -> Batch:
    nothing = torch.zeros((len(tokens), 0))
    return Batch(tokens, nothing, nothing)


@pytest.mark.parametrize(("columns", "stages"), [(1, 4), (3, 4), (10, 4), (10, 1), (300, 4)])
def test_every_column_is_in_one_stage(columns: int, stages: int) -> None:
    """No column is lost or drawn twice, no stage is empty, and there are as many as asked for."""
    found = choose_stages(records(independent(columns, 200)), columns, stages=stages, generator=generator())
    assert sorted(column for stage in found for column in stage) == list(range(columns))
    assert len(found) == min(columns, stages)
    assert all(found)


def test_copies_are_drawn_one_after_the_other() -> None:
    """Columns that say the same are never in one stage while there are stages enough."""
    tokens = independent(3)
    tokens = tokens.repeat(1, 3)  # columns 0, 3, 6 are equal, and so on
    for stage in choose_stages(records(tokens), 9, stages=3, generator=generator()):
        assert len({column % 3 for column in stage}) == len(stage) == 3


def test_information_is_that_of_independent_and_of_equal_columns() -> None:
    """Independent columns tell nothing of one another, equal ones all they say."""
    tokens = torch.cat([independent(2, 20_000), independent(2, 20_000)], dim=1)
    told = mutual_information(tokens)
    assert float(told[0, 1]) < 0.001
    assert float(told[0, 2]) == pytest.approx(math.log(4), abs=0.01)
    assert torch.equal(told, told.T)
    assert float(told.diagonal().abs().max()) == 0


def test_the_generator_decides_the_stages() -> None:
    """The same seed gives the same stages."""
    tokens = independent(12, 20_000)
    first, again = (choose_stages(records(tokens), 12, stages=4, generator=generator()) for _ in "ab")
    assert first == again
