"""From encoded records to trained models: split, fit each model, finish it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from augment.data.layout import Encoded
from augment.errors import NothingLearntError, RequestError, TrainingError
from augment.models import Batch
from augment.training import processes
from augment.training.calibration import score_quantiles
from augment.training.loop import FitOptions, FitReport, fit
from augment.training.privacy import Mechanism, plan_mechanism, private_settings, require_privacy
from augment.training.private_gradients import start_apart
from augment.training.progress import Progress
from augment.training.recipes import RECIPES, Finished, Recipe
from augment.training.resolved import resolved_settings
from augment.training.sizing import schedule_for
from augment.training.split import heldout_rows, split_rows
from augment.training.stored_records import StoredRecords, in_memory

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from augment.data.layout import Layout
    from augment.data.record_file import RecordFile
    from augment.models import Records, Trainable
    from augment.training.checkpoints import Checkpoints, ModelCheckpoints
    from augment.training.config import TrainConfig
    from augment.training.progress import Watcher
    from augment.training.weights import WarmStart

__all__ = ["Trained", "choose_device", "models_of", "train_models"]


@dataclass(frozen=True)
class Trained:
    """One trained model.

    Attributes:
        model: On the CPU, in evaluation mode.
        finished: What is exported of it.
        report: How training went.
        score_quantiles: Of the scores of held-out rows, where it scores.
        resolved: What was used of the settings, those that were left open among them; as JSON.
    """

    model: Trainable
    finished: Finished
    report: FitReport
    score_quantiles: tuple[float, ...] | None = None
    resolved: Mapping[str, Any] = field(default_factory=dict)


def train_models(
    encoded: Encoded | RecordFile,
    layout: Layout,
    config: TrainConfig,
    watcher: Watcher,
    repeats: NDArray[np.int64] | None = None,
    *,
    checkpoints: Checkpoints | None = None,
    start: WarmStart | None = None,
    novelty: NDArray[np.float64] | None = None,
) -> dict[str, Trained]:
    """Train each model that `config` names on the same rows, judged by the same held-out rows.

    Args:
        encoded: The records, in memory or in a file, from which each batch is then read. What needs many of
            them at once, as a prior does, is shown 100,000 of those in a file.
        layout: Their shape.
        config: How to train.
        watcher: Is told of stages and epochs.
        repeats: How often each record counts, at least once, shape (rows,); None: once. A record is
            either trained on or held out, however often it counts.
        start: Weights to go on from; None: models begin with random ones.
        checkpoints: Where states are kept, and what is taken up from; None: nowhere.
        novelty: How far held-out records lie outside an encoding that was made from others, `Codec.novelty`,
            in their order; None: it was made from these very records.

    Returns:
        By the name of the recipe: `denoiser` gives a `maker` as well, where there are no arrays. Where the
        watcher wanted to stop, the last one's report says `interrupted` if it was under way, and those after
        it are not there.

    Raises:
        SchemaError: There are fewer than 2 rows, or too few for privacy.
        RequestError: Privacy goes together with something that it does not cover.
        TrainingError: A loss is not finite, or the wanted device is not there.
        NothingLearntError: The first model was stopped before its first step.
    """
    device = choose_device(config)
    rows = len(encoded.tokens) if isinstance(encoded, Encoded) else len(encoded)
    config = private_settings(config, rows)
    records, train, heldout = _shares(encoded, rows, config, repeats)
    unlearnt = np.zeros(len(heldout)) if novelty is None else novelty
    trained: dict[str, Trained] = {}
    recipes = _recipes(config, layout)
    mechanism = plan_mechanism(config, len(recipes), rows)
    if mechanism is not None:
        require_privacy(config, rows, start=start.digest if start is not None else None)
        _require_records_alone(repeats)
        train = records  # a split hangs on the number of records: one more would change who is trained on
        watcher.on_stage(f"private: noise of {mechanism.noise_multiplier:.3g} times the longest gradient")
    for recipe in recipes:
        if trained and processes.any_of(watcher.wants_stop(), device):
            break
        watcher.on_stage(f"training {recipe.name} on {device}")
        kept = checkpoints.of(recipe.name) if checkpoints is not None else None
        try:
            trained[recipe.name] = _train(
                recipe, layout, config, (train, heldout, unlearnt, device), (watcher, kept, start), mechanism
            )
        except NothingLearntError:
            if not trained:
                raise
            break
        watcher.on_trained(recipe.name)
        if trained[recipe.name].report.stopped == "interrupted":
            break
    return trained


def models_of(config: TrainConfig, layout: Layout) -> tuple[str, ...]:
    """Return the names of the models that `train_models` gives if nobody stops it."""
    return tuple(recipe.name for recipe in _recipes(config, layout))


def _shares(
    encoded: Encoded | RecordFile, rows: int, config: TrainConfig, repeats: NDArray[np.int64] | None
) -> tuple[Records, Records, Batch]:
    """Return all records, those to train on, and those held out."""
    if isinstance(encoded, Encoded):
        split = split_rows(rows, config.holdout, config.seed)
        records = Batch.from_encoded(encoded)
        train, heldout = (records.rows(_repeated(side, repeats)) for side in (split.train, split.heldout))
        return records, train, heldout
    if repeats is not None:
        raise RequestError.of("repeats", "must be left out with records in a file", f"{len(repeats)} of them")
    stored, held = StoredRecords(encoded), heldout_rows(rows, config.holdout, config.seed)
    return stored, stored.but(held), stored.rows(held)


def _can_be_used(recipe: Recipe, layout: Layout, config: TrainConfig) -> bool:
    """Return False for a maker of records whose arrays nothing can make after it."""
    completes = "vae" in config.models and config.vae.prior != "normal"
    return recipe.name != "maker" or layout.array_width == 0 or completes


def _recipes(config: TrainConfig, layout: Layout) -> list[Recipe]:
    """Return what is to be trained, each once."""
    named = (recipe for name in config.models for recipe in RECIPES[name])
    wanted = [recipe for recipe in named if recipe.fits(layout) and _can_be_used(recipe, layout, config)]
    if not wanted:
        rule = "must have one that can be used with these columns"
        remedy = "Beside arrays a maker wants table columns, and vae with another prior than normal"
        raise RequestError.of("models", rule, ", ".join(config.models), remedy)
    return list({recipe.name: recipe for recipe in wanted}.values())


def _require_records_alone(repeats: NDArray[np.int64] | None) -> None:
    """Refuse records that weigh more than one, which the accountant does not count."""
    if repeats is not None:
        rule = "must be left out with differential privacy, which counts each record once"
        raise RequestError.of("repeats", rule, f"{len(repeats)} of them")


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
    data: tuple[Records, Batch, NDArray[np.float64], torch.device],
    around: tuple[Watcher, ModelCheckpoints | None, WarmStart | None],
    mechanism: Mechanism | None,
) -> Trained:
    """Make, fit and finish one model; or take it as it was, where it was trained before."""
    (train, heldout, novelty, device), (watcher, checkpoints, start) = data, around
    generator = torch.Generator().manual_seed(config.seed)
    model = recipe.make(layout, config, train, generator)
    if start is not None:
        model = start.applied(recipe.name, model, layout, generator)
    if mechanism is not None:
        start_apart(model, generator)
    schedule = schedule_for(config, model, len(train), recipe.length(len(train)))
    resolved = resolved_settings(model, schedule, recipe.learning_rate(config), device, len(train))
    before = processes.said_by_first(checkpoints.trained() if checkpoints is not None else None)
    history: list[Progress] = []

    def on_epoch(epoch: Progress) -> None:
        history.append(epoch)
        watcher.on_epoch(epoch)

    def on_restored(epochs: Sequence[Progress]) -> None:
        history.extend(epochs)
        watcher.on_restored(epochs)

    if before is not None:
        model.load_state_dict(before["model"])
        report = FitReport(**before["report"])
        watcher.on_restored([Progress(**epoch) for epoch in before["history"]])
    else:
        options = FitOptions(
            name=recipe.name,
            schedule=schedule,
            learning_rate=recipe.learning_rate(config),
            weight_decay=config.weight_decay,
            weight_average=recipe.weight_average(config),
            seed=config.seed,
            on_epoch=on_epoch,
            on_restored=on_restored,
            wants_stop=watcher.wants_stop,
            checkpoints=checkpoints,
            mechanism=mechanism,
        )
        report = fit(model.to(device), train.to(device), heldout.to(device), options)
    model.to("cpu").eval()
    if checkpoints is not None and before is None and report.stopped != "interrupted":
        epochs = [asdict(epoch) for epoch in history]
        checkpoints.save_trained({"model": model.state_dict(), "report": asdict(report), "history": epochs})
    finished = recipe.finish(model, layout, in_memory(train, config.seed), config)
    quantiles = score_quantiles(finished.graphs, heldout, novelty) if mechanism is None else None
    return Trained(model, finished, report, quantiles, {**resolved, **finished.resolved})
