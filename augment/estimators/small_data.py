"""How a denoiser is trained that only makes records, on the few rows that samplers are given."""

from __future__ import annotations

from augment.training.config import MakerConfig, TrainConfig

__all__ = ["config_for"]

_STEPS = 1000


def config_for(seed: int) -> TrainConfig:
    """Return the settings for a sampler.

    Chosen by what classifiers gained on 300 to 700 rows (`docs/decisions/0009-the-sampler.md`). Training
    stops early, after a second to five.
    """
    maker = MakerConfig(hidden=64, weight_sets=32, condition_share=0.8)
    return TrainConfig(seed=seed, models=("maker",), max_steps=_STEPS, block_rows=256, maker=maker)
