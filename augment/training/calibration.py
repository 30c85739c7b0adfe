"""How high scores usually are: what makes percentiles of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from augment.runtime.prediction import with_novelty

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from augment.models import Batch, Graph

__all__ = ["score_quantiles"]

_STEPS = 1000
_ROWS = 2048


@torch.no_grad()
def score_quantiles(
    graphs: Sequence[Graph], heldout: Batch, novelty: NDArray[np.float64]
) -> tuple[float, ...] | None:
    """Return quantiles of the scores of held-out rows: the smallest, each thousandth part, the largest.

    Rows that a model was trained on score lower than new ones, by which it would be too soon alarmed.
    Where there are fewer than 1,000 rows, there are as many quantiles. None: no graph is `score`.

    Args:
        graphs: Of one model, on the CPU.
        heldout: Rows that it was not trained on.
        novelty: What their scores leave out, `Codec.novelty`, shape (rows,).
    """
    for graph in graphs:
        if graph.role == "score":
            module = graph.module.eval()
            scores = []
            for part in heldout.split(_ROWS):
                given = {"tokens": part.tokens, "residuals": part.residuals, "arrays": part.arrays}
                scores.append(module(*(given[port.name] for port in graph.inputs))[0])
            steps = min(_STEPS, max(1, len(heldout) - 1))
            places = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
            whole = torch.from_numpy(with_novelty(torch.cat(scores).numpy(), novelty))
            return tuple(whole.double().quantile(places).sort().values.tolist())
    return None
