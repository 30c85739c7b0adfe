"""How a denoiser is trained that only makes records, on the few rows that samplers are given."""

from __future__ import annotations

from augment.training.config import DenoiserConfig, TrainConfig

__all__ = ["config_for"]


def config_for(rows: int, seed: int) -> TrainConfig:
    """Return the settings for so many rows."""
    return TrainConfig(
        seed=seed,
        models=("denoiser",),
        block_rows=256,
        denoiser=DenoiserConfig(generate_share=0.3, condition_share=0.7),
    )
