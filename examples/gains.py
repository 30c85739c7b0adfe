"""The table at the end of the examples: each figure without and with synthetic rows, losses too."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Figure", "show"]


@dataclass(frozen=True)
class Figure:
    """What is measured of what."""

    learner: str
    metric: str
    smaller_is_better: bool = False


def show(without: Sequence[Mapping[Figure, float]], augmented: Sequence[Mapping[Figure, float]]) -> None:
    """Print means over the seeds, the mean difference with its spread, and where it hurts.

    Args:
        without: The figures of each seed without synthetic rows.
        augmented: Those with them, of the same seeds.
    """
    print(f"{'':20} {'':18} {'without':>8} {'with':>8} {'difference':>16}  better on")
    hurt = []
    for figure in without[0]:
        before, after = ([each[figure] for each in found] for found in (without, augmented))
        sign = -1 if figure.smaller_is_better else 1
        changes = [later - earlier for earlier, later in zip(before, after, strict=True)]
        better = sum(sign * change > 0 for change in changes)
        spread = f"± {stdev(changes):.3f}" if len(changes) > 1 else ""
        print(
            f"{figure.learner:20} {figure.metric:18} {fmean(before):8.3f} {fmean(after):8.3f} "
            f"{fmean(changes):+8.3f} {spread:7}  {better} of {len(changes)}"
        )
        if sign * fmean(changes) < 0:
            hurt.append(f"{figure.learner}: {figure.metric}")
    print(f"It hurts: {'; '.join(hurt) or 'nowhere, this time'}.")
