"""How to train: one file of settings. What is left out is chosen by the size of the data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from augment.broken_settings import violations_of
from augment.errors import RequestError

__all__ = [
    "AutoencoderConfig",
    "DenoiserConfig",
    "MakerConfig",
    "ModelName",
    "PrivacyConfig",
    "TrainConfig",
    "VaeConfig",
    "dump_config",
    "load_config",
    "override",
]

ModelName = Literal["vae", "denoiser", "maker", "imputer", "autoencoder"]


class _Settings(BaseModel):
    """Unknown names are refused, so that a misspelt setting is not silently without effect."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _ModelConfig(_Settings):
    """What every model has.

    Attributes:
        hidden: Width of the hidden layers; None: 128 to 512 (the VAE's: to 192) by the size of the data.
        layers: Hidden layers (of the encoder and of the decoder each, for the VAE).
        dropout: Rate in the hidden layers.
        blur_rows: How far the targets of ordered columns are blurred, in rows to each side in the order
            of the column; 0 for none. It matters where bins hold few rows.
        learning_rate: The highest; it warms up and then falls along a cosine.
    """

    hidden: int | None = Field(default=None, ge=8, le=8192)
    layers: int = Field(default=2, ge=1, le=16)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    blur_rows: float = Field(default=20.0, ge=0)
    learning_rate: float = Field(default=1e-3, gt=0, le=1)


class VaeConfig(_ModelConfig):
    """The variational autoencoder.

    Attributes:
        latent_dim: Width of the latent space; None: up to 24 by the number of columns.
        beta: Weight of the Kullback-Leibler term.
        warmup: Share of the steps over which `beta` rises from 0.
        mask_rate: Share of cells hidden from the encoder in training.
        stages: In how many steps the decoder draws the columns, each hearing those before it.
        prior: Where new latent vectors come from: a Gaussian mixture or a flow fitted after training, or
            N(0, I), which cannot make arrays for given table cells.
        components: Of the mixture, at most; None: up to 50 by the number of rows.
    """

    latent_dim: int | None = Field(default=None, ge=1, le=1024)
    layers: int = Field(default=3, ge=1, le=16)
    beta: float = Field(default=0.25, ge=0, le=100)
    warmup: float = Field(default=0.2, ge=0, le=1)
    mask_rate: float = Field(default=0.05, ge=0, lt=1)
    stages: int = Field(default=4, ge=1, le=1024)
    prior: Literal["gmm", "normal", "flow"] = "gmm"
    components: int | None = Field(default=None, ge=1, le=1000)


class AutoencoderConfig(_Settings):
    """The undercomplete autoencoder.

    Attributes:
        latent_dim: Width of the bottleneck; None: half the columns and array elements, at most 32.
        hidden: Widths of the encoder's hidden layers; the decoder has them the other way round. None: one
            of 256.
        tied: The decoder's weights are the encoder's, transposed.
        dropout: Rate in the hidden layers.
        mask: Share of the cells and array elements that the encoder is not shown in training.
        swap: Share that another record's take the place of.
        gaussian: Standard deviation of what is added to numbers and array elements.
        salt_and_pepper: Share of numbers and array elements set to an extreme.
        layerwise_steps: A stacked autoencoder: each layer is first trained alone for so many steps on the
            features of the one before; 0: all layers at once, started at the principal components.
        learning_rate: The highest.
    """

    latent_dim: int | None = Field(default=None, ge=1, le=1024)
    hidden: tuple[Annotated[int, Field(ge=1, le=8192)], ...] | None = Field(default=None, max_length=16)
    tied: bool = False
    dropout: float = Field(default=0.0, ge=0, lt=1)
    mask: float = Field(default=0.0, ge=0, lt=1)
    swap: float = Field(default=0.0, ge=0, lt=1)
    gaussian: float = Field(default=0.0, ge=0, le=10)
    salt_and_pepper: float = Field(default=0.0, ge=0, lt=1)
    layerwise_steps: int = Field(default=0, ge=0)
    learning_rate: float = Field(default=1e-3, gt=0, le=1)


class MakerConfig(_ModelConfig):
    """The part of the denoiser that makes records column by column.

    Attributes:
        layers: Hidden layers of each column; None: by the number of rows.
        blur_rows: As in every model; None: by the number of rows.
        weight_sets: How many columns have hidden layers of their own; None: by the number of rows.
        weight_average: Decay of the average of the weights. Each step sees few rows of a column, so that
            the weights are noisy and their average is a long one.
        condition_share: Share of the training records that are given some columns from the start.
    """

    layers: int | None = Field(default=None, ge=1, le=16)  # type: ignore[assignment] # None: by the rows
    dropout: float = Field(default=0.1, ge=0, lt=1)
    blur_rows: float | None = Field(default=None, ge=0)  # type: ignore[assignment] # None: by the rows
    learning_rate: float = Field(default=2e-3, gt=0, le=1)
    weight_sets: int | None = Field(default=None, ge=1, le=1024)
    weight_average: float = Field(default=0.999, ge=0, lt=1)
    condition_share: float = Field(default=0.6, ge=0, le=1)


class DenoiserConfig(_ModelConfig):
    """The part of the denoiser that imputes and repairs whole records.

    Attributes:
        doubt_share: Share of the training records whose given cells may be wrong; None: 0.2, or 0.5 where
            there are arrays.
        max_swap_rate: Highest share of wrong cells in such a record.
        noise_share: Share of such records' arrays that get noise, salt and pepper, or masks.
        max_noise: The noise's highest standard deviation, in those of the column.
        max_spoilt: Highest share of an array's elements hit by salt and pepper, or by masks.
        observed_weight: Weight of the given cells' loss beside that of the hidden ones.
    """

    layers: int = Field(default=3, ge=1, le=16)
    blur_rows: float = Field(default=15.0, ge=0)
    learning_rate: float = Field(default=2e-3, gt=0, le=1)
    doubt_share: float | None = Field(default=None, ge=0, le=1)
    max_swap_rate: float = Field(default=0.3, ge=0, le=1)
    noise_share: float = Field(default=0.9, ge=0, le=1)
    max_noise: float = Field(default=1.5, ge=0, le=10)
    max_spoilt: float = Field(default=0.5, ge=0, le=1)
    observed_weight: float = Field(default=1.0, ge=0, le=100)


class PrivacyConfig(_Settings):
    """Differential privacy of a bundle's weights, by DP-SGD (see docs/training.md for what it covers).

    Attributes:
        epsilon: What all models of the bundle may spend together.
        delta: The probability that epsilon may fail with, below one in the number of rows; None: rows**-1.1.
        max_grad_norm: To which each record's gradient is shortened.
    """

    epsilon: float = Field(gt=0, le=1000, allow_inf_nan=False)
    delta: float | None = Field(default=None, gt=0, lt=1)
    max_grad_norm: float = Field(default=1.0, gt=0, allow_inf_nan=False)


class TrainConfig(_Settings):
    """Everything that decides what training does.

    Attributes:
        seed: Of all randomness; the same seed on the same device gives the same weights.
        device: `auto` is a GPU where there is one.
        models: What to train; `denoiser` is a maker and an imputer, `maker` and `imputer` are one of them
            alone. Either `vae` or `autoencoder`: both have a latent space.
        epochs: At most; None: by the number of rows. One pass over the rows, or a twentieth of
            `max_steps` where a pass is longer.
        max_steps: At most; None: by the number of rows and the cost of a step.
        batch_size: Rows a step; None: 16 to 512 by the number of rows.
        patience: Epochs without a better held-out loss before training stops; None: a fifth of them.
        holdout: Share of the rows kept out of training to judge it; at most 10,000 rows are.
        weight_average: Decay of the average of the weights that is judged and kept.
        weight_decay: Of AdamW.
        block_rows: Rows of one noise block of the bundle.
        privacy: Differential privacy; None: none. With it, all rows are trained on, nothing is held out, and
            what is left open is chosen for noisy gradients.
        vae: The variational autoencoder.
        maker: The part of the denoiser that makes records column by column.
        denoiser: The part of it that imputes and repairs.
        autoencoder: The undercomplete autoencoder.
    """

    seed: int = Field(default=0, ge=0, lt=2**63)
    device: Literal["auto", "cpu", "cuda"] = "auto"
    models: tuple[ModelName, ...] = Field(default=("vae", "denoiser"), min_length=1)
    epochs: int | None = Field(default=None, ge=1)
    max_steps: int | None = Field(default=None, ge=1)
    batch_size: int | None = Field(default=None, ge=1)
    patience: int | None = Field(default=None, ge=1)
    holdout: float = Field(default=0.1, gt=0, lt=1)
    weight_average: float = Field(default=0.995, ge=0, lt=1)
    weight_decay: float = Field(default=1e-4, ge=0)
    block_rows: int = Field(default=512, ge=1, le=65_536)
    privacy: PrivacyConfig | None = None
    vae: VaeConfig = VaeConfig()
    maker: MakerConfig = MakerConfig()
    denoiser: DenoiserConfig = DenoiserConfig()
    autoencoder: AutoencoderConfig = AutoencoderConfig()

    @field_validator("models")
    @classmethod
    def _one_latent_space(cls, models: tuple[ModelName, ...]) -> tuple[ModelName, ...]:
        if {"vae", "autoencoder"} <= set(models):
            msg = "must not name both vae and autoencoder: a bundle has one latent space"
            raise ValueError(msg)
        return models

    @model_validator(mode="after")
    def _private_models(self) -> TrainConfig:
        if self.privacy is not None and "autoencoder" in self.models:
            msg = (
                "models must be of vae, denoiser, maker, imputer with privacy: an autoencoder starts at the "
                "principal components of the records, which are not private"
            )
            raise ValueError(msg)
        return self


def load_config(path: Path | str) -> TrainConfig:
    """Read a YAML file of settings; an empty one gives the defaults.

    A bundle, or its `manifest.json`, gives the settings that it was trained with.

    Raises:
        RequestError: The file cannot be read, is no YAML mapping, or a setting breaks its rule.
    """
    try:
        file = Path(path) / "manifest.json" if Path(path).is_dir() else Path(path)
        if not file.is_file() and Path(path).is_dir():
            remedy = "Of a bundle, give the directory of its version, e.g. models/adult/3"
            rule = "must be a YAML file or a bundle"
            raise RequestError.of(
                "config", rule, "a directory without manifest.json", remedy, context=str(path)
            )
        settings = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
        if file.name == "manifest.json":
            settings = (settings.get("training") or {}).get("config") or {}
        return TrainConfig.model_validate(settings)
    except ValidationError as exc:
        raise RequestError(*violations_of(exc, TrainConfig), context=str(path)) from exc
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        raise RequestError.of("config", "must be a readable YAML file", str(exc), context=str(path)) from exc


def override(config: TrainConfig, changes: dict[str, object]) -> TrainConfig:
    """Return the settings with some of them changed.

    Raises:
        RequestError: A changed setting breaks its rule.
    """
    try:
        return TrainConfig.model_validate(config.model_dump() | changes)
    except ValidationError as exc:
        raise RequestError(*violations_of(exc, TrainConfig)) from exc


def dump_config(config: TrainConfig) -> str:
    """Return the settings as YAML that `load_config` reads back."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)
