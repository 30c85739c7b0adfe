"""Are the held-out rows unseen? If not, what is set beside them looks better or worse than it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from augment.evaluation.privacy import FEWEST_ROWS, copied, repeated

if TYPE_CHECKING:
    from augment.evaluation.rows import Rows

__all__ = ["leaks"]

_MORE_THAN_CHANCE = 0.2  # of the rows


def leaks(train: Rows, holdout: Rows, synthetic: Rows) -> list[str]:
    """Return in what way held-out rows are not unseen, a sentence each.

    Equal rows are no leak by themselves: tables of few categories have many. So held-out rows may be in the
    training table as often as its own rows have a twin there, and synthetic rows may equal held-out ones as
    often as training rows do; a fifth of the rows more is a leak.
    """
    if min(len(train), len(holdout)) < FEWEST_ROWS:
        return []
    found = []
    seen, usual = copied(train, holdout)[0].mean(), repeated(train).mean()
    if seen > usual + _MORE_THAN_CHANCE:
        found.append(
            f"{seen:.0%} of the held-out rows are also training rows, where {usual:.0%} of the training rows "
            "have a twin: hold rows out before the generator is trained."
        )
    made, usual = (
        copied(holdout, synthetic)[0].mean() if len(synthetic) else 0.0,
        copied(holdout, train)[0].mean(),
    )
    if made > usual + _MORE_THAN_CHANCE:
        found.append(
            f"{made:.0%} of the synthetic rows equal a held-out row, where {usual:.0%} of the training rows "
            "do: whatever made them saw the held-out rows."
        )
    return found
