"""What a judge finds in the samples of trained models, before they are published."""

from __future__ import annotations

from typing import TYPE_CHECKING

from augment.training.in_memory import engine_of, sample

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pyarrow as pa

    from augment.data import Codec
    from augment.training.config import TrainConfig
    from augment.training.recipes import Finished

    Judge = Callable[[pa.Table, pa.Table, pa.Table], Mapping[str, float]]

__all__ = ["judged_samples"]

_MOST_ROWS = 20_000


def judged_samples(
    judge: Judge,
    shown: tuple[pa.Table, pa.Table],
    codec: Codec,
    finished: list[Finished],
    config: TrainConfig,
    *,
    stop: Callable[[], bool],
) -> dict[str, float]:
    """Return the figures of each sampler, e.g. `denoiser.fidelity.detection_auc`.

    Args:
        judge: Told training rows, held-out rows and synthetic ones, returns figures by name.
        shown: Records that were trained on, and all that were held out.
        codec: Their encoding.
        finished: The trained models.
        config: How they were trained.
        stop: Asked before each sampler whether to leave it and the rest out.
    """
    train, heldout = shown
    engine = engine_of(codec, finished, config.block_rows)
    samplers = [*engine.stepwise, *(sampler for one in finished for sampler in one.samplers)]
    rows = min(train.num_rows, _MOST_ROWS)
    figures: dict[str, float] = {}
    for sampler in samplers:
        if stop():
            break
        found = judge(train, heldout, sample(engine, sampler, rows, seed=config.seed))
        figures |= {f"{sampler}.{name}": value for name, value in found.items()}
    return figures
