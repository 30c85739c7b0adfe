"""From encoded records to trained models: split, fit each model, finish it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from augment.errors import TrainingError
from augment.models import Batch
from augment.training.loop import FitOptions, FitReport, fit
from augment.training.recipes import RECIPES, Finished, Recipe
from augment.training.sizing import schedule_for
from augment.training.split import split_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from augment.data.layout import Encoded, Layout
    from augment.models import Trainable
    from augment.training.config import TrainConfig
    from augment.training.progress import Progress, Watcher

__all__ = ["Trained", "choose_device", "train_models"]


@dataclass(frozen=True)
class Trained:
    """One trained model.

    Attributes:
        model: On the CPU, in evaluation mode.
        finished: What is exported of it.
        report: How training went.
    """

    model: Trainable
    finished: Finished
    report: FitReport


def train_models(
    encoded: Encoded,
    layout: Layout,
    config: TrainConfig,
    watcher: Watcher,
    repeats: NDArray[np.int64] | None = None,
) -> dict[str, Trained]:
    """Train each model that `config` names on the same rows, judged by the same held-out rows.

    Args:
        encoded: The records.
        layout: Their shape.
        config: How to train.
        watcher: Is told of stages and epochs.
        repeats: How often each record counts, at least once, shape (rows,); None: once. A record is
            either trained on or held out, however often it counts.

    Returns:
        By the name of the recipe: `denoiser` gives a `maker` as well, where there are no arrays.

    Raises:
        SchemaError: There are fewer than 2 rows.
        TrainingError: A loss is not finite, or the wanted device is not there.
    """
    device = choose_device(config)
    split = split_rows(len(encoded.tokens), config.holdout, config.seed)
    records = Batch.from_encoded(encoded)
    train, heldout = (records.rows(_repeated(rows, repeats)) for rows in (split.train, split.heldout))
    trained = {}
    for recipe in (recipe for name in dict.fromkeys(config.models) for recipe in RECIPES[name]):
        if recipe.fits(layout) and recipe.name not in trained and _can_be_used(recipe, layout, config):
            watcher.on_stage(f"training {recipe.name} on {device}")
            data = (train, heldout, device)
            trained[recipe.name] = _train(recipe, layout, config, data, watcher.on_epoch)
    return trained


def _can_be_used(recipe: Recipe, layout: Layout, config: TrainConfig) -> bool:
    """Return False for a maker of records whose arrays nothing can make after it."""
    completes = "vae" in config.models and config.vae.prior != "normal"
    return recipe.name != "maker" or layout.array_width == 0 or completes


def _repeated(rows: Tensor, repeats: NDArray[np.int64] | None) -> Tensor:
    return rows if repeats is None else rows.repeat_interleave(torch.from_numpy(repeats)[rows])


def choose_device(config: TrainConfig) -> torch.device:
    """Return the device that `config` names; `auto` is a GPU where there is one.

    Raises:
        TrainingError: `cuda` is asked for and not there.
    """
    found = torch.cuda.is_available()
    if config.device == "cuda" and not found:
        raise TrainingError(
            "device must be there: torch sees no CUDA GPU, got device='cuda'. Use device: auto"
        )
    return torch.device("cuda" if found and config.device != "cpu" else "cpu")


def _train(
    recipe: Recipe,
    layout: Layout,
    config: TrainConfig,
    data: tuple[Batch, Batch, torch.device],
    on_epoch: Callable[[Progress], None],
) -> Trained:
    train, heldout, device = data
    model = recipe.make(layout, config, train, torch.Generator().manual_seed(config.seed)).to(device)
    options = FitOptions(
        name=recipe.name,
        schedule=schedule_for(config, model, len(train), recipe.length(len(train))),
        learning_rate=recipe.learning_rate(config),
        weight_decay=config.weight_decay,
        weight_average=recipe.weight_average(config),
        seed=config.seed,
        on_epoch=on_epoch,
    )
    report = fit(model, train.to(device), heldout.to(device), options)
    model.to("cpu")
    return Trained(model, recipe.finish(model, layout, train, config), report)
