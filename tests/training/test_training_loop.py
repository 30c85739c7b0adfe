"""Laws of the training loop, its schedule and its splits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
import torch

from augment.errors import InvalidInputError, SchemaError, TrainingError
from augment.models import Batch, LossParts, Trainable, Vae, VaeOptions
from augment.training import TrainConfig
from augment.training.averaging import WeightAverage, copy_weights
from augment.training.flat_weights import FlatWeights
from augment.training.loop import FitOptions, fit, heldout_loss_of
from augment.training.sizing import (
    Length,
    Schedule,
    hidden_width,
    latent_width,
    maker_length,
    mixture_components,
    schedule_for,
)
from augment.training.split import split_rows
from tests.models.conftest import MAKERS
from tests.models.encoded_tables import encoded_table

if TYPE_CHECKING:
    from augment.training import Progress


def batches(rows: int = 120) -> tuple[Batch, Batch]:
    records = Batch.from_encoded(encoded_table("mixed tables", rows)[1])
    return records.rows(torch.arange(rows - 20)), records.rows(torch.arange(rows - 20, rows))


def options(seen: list[Progress] | None = None, **changes: Any) -> FitOptions:
    seen = [] if seen is None else seen
    values: dict[str, Any] = {
        "name": "model",
        "schedule": Schedule(batch_size=20, epochs=6, epoch_steps=5, patience=6),
        "learning_rate": 5e-3,
        "weight_decay": 1e-4,
        "weight_average": 0.9,
        "seed": 0,
        "on_epoch": seen.append,
    }
    return FitOptions(**(values | changes))


@pytest.mark.parametrize("name", MAKERS)
def test_fit_lowers_the_heldout_loss_and_keeps_the_best(name: str) -> None:
    """The loss on held-out rows falls, and the model ends with the weights that were best on them."""
    train, heldout = batches()
    model = MAKERS[name](encoded_table("mixed tables")[0], 0)
    before = heldout_loss_of(model, heldout, 0)
    seen: list[Progress] = []
    report = fit(model, train, heldout, options(seen))
    assert report.heldout_loss < before
    assert report.heldout_loss == min(epoch.heldout_loss for epoch in seen)
    assert heldout_loss_of(model, heldout, 0) == pytest.approx(report.heldout_loss, abs=1e-6)
    assert seen[report.best_epoch - 1].best
    assert (report.epochs, report.steps, report.stopped) == (6, 30, "epochs")


@pytest.mark.parametrize("name", MAKERS)
def test_the_same_seed_gives_the_same_weights(name: str) -> None:
    """Training twice from one seed ends in the same weights to the bit; another seed in others."""
    train, heldout = batches()
    runs = []
    for seed in (1, 1, 2):
        model = MAKERS[name](encoded_table("mixed tables")[0], 0)
        fit(model, train, heldout, options(seed=seed))
        runs.append(copy_weights(model))
    assert all(torch.equal(a, b) for a, b in zip(runs[0], runs[1], strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(runs[0], runs[2], strict=True))


def test_progress_tells_epochs_in_order() -> None:
    """Each epoch is told once, with steps that add up and finite figures."""
    train, heldout = batches()
    seen: list[Progress] = []
    fit(MAKERS["vae"](encoded_table("mixed tables")[0], 0), train, heldout, options(seen))
    assert [epoch.epoch for epoch in seen] == [1, 2, 3, 4, 5, 6]
    assert [epoch.step for epoch in seen] == [5, 10, 15, 20, 25, 30]
    assert all(epoch.steps == 30 and epoch.epochs == 6 for epoch in seen)
    assert set(seen[0].parts) == {"reconstruction", "divergence"}
    assert all(math.isfinite(epoch.train_loss) and epoch.rows_per_s > 0 for epoch in seen)
    assert seen[-1].seconds_left == 0
    assert seen[-1].learning_rate < seen[1].learning_rate


class Drifting(Trainable):
    """Its held-out loss rises for ever: each step moves the weight away from 0."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(1.0))

    def loss(self, batch: Batch, generator: torch.Generator, *, progress: float = 1.0) -> LossParts:
        """Return the loss."""
        del batch, generator, progress
        total = -self.weight if self.training else self.weight
        return LossParts(total, {})


def test_training_stops_early_and_goes_back() -> None:
    """When the held-out loss no longer falls, training stops and the best weights come back."""
    train, heldout = batches()
    schedule = Schedule(batch_size=20, epochs=50, epoch_steps=2, patience=4)
    model = Drifting()
    report = fit(model, train, heldout, options(schedule=schedule, weight_decay=0.0))
    assert (report.stopped, report.epochs, report.best_epoch) == ("early", 5, 1)
    assert model.weight.item() == pytest.approx(report.heldout_loss)


class Exploding(Drifting):
    """Its loss is NaN from the third step on."""

    steps = 0

    def loss(self, batch: Batch, generator: torch.Generator, *, progress: float = 1.0) -> LossParts:
        """Return the loss."""
        self.steps += 1
        factor = math.nan if self.steps > 2 else 1.0
        return LossParts(super().loss(batch, generator, progress=progress).total * factor, {})


def test_a_loss_that_is_not_finite_stops_training_with_advice() -> None:
    """NaN raises a TrainingError that names the model, the epoch and what to change."""
    train, heldout = batches()
    with pytest.raises(TrainingError, match=r"model: the loss must stay finite.*epoch 1.*learning_rate"):
        fit(Exploding(), train, heldout, options())


def test_extreme_arrays_stop_training_with_advice() -> None:
    """Infinite array elements are noticed as a loss that is not finite."""
    layout, encoded = encoded_table("mixed", rows=80)
    train, heldout = Batch.from_encoded(encoded), Batch.from_encoded(encoded).rows(torch.arange(8))
    model = Vae(layout, VaeOptions(latent_dim=2, hidden=8), torch.Generator().manual_seed(0))
    spoilt = Batch(train.tokens, train.residuals, train.arrays * torch.inf)
    with pytest.raises(TrainingError, match="finite"):
        fit(model, spoilt, heldout, options())


def test_the_average_follows_the_weights() -> None:
    """The averaged weights lie between the first and the last, and `applied` gives the own ones back."""
    model = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(model.weight)
    average = WeightAverage(FlatWeights(model), 0.9)
    for value in (1.0, 2.0, 3.0):
        torch.nn.init.constant_(model.weight, value)
        average.update()
    with average.applied():
        assert 1.0 < model.weight.item() < 3.0
    assert model.weight.item() == 3.0


@pytest.mark.parametrize(("rows", "share"), [(2, 0.1), (3, 0.9), (10, 0.01), (1000, 0.1), (500_000, 0.1)])
def test_a_split_has_both_sides_and_no_row_twice(rows: int, share: float) -> None:
    """Every row is on one side, neither side is empty, and at most 10,000 rows are held out."""
    split = split_rows(rows, share, seed=3)
    assert sorted([*split.train.tolist(), *split.heldout.tolist()]) == list(range(rows))
    assert len(split.train) >= 1
    assert 1 <= len(split.heldout) <= 10_000
    assert torch.equal(split.train, split_rows(rows, share, seed=3).train)


def test_one_row_cannot_be_split() -> None:
    """One row gives an error that says how many it takes."""
    with pytest.raises(SchemaError, match="rows must be at least 2 to train, got 1") as caught:
        split_rows(1, 0.1, seed=0)
    assert isinstance(caught.value, InvalidInputError)


@pytest.mark.parametrize("rows", [2, 100, 569, 5_000, 30_000, 300_000, 3_000_000])
def test_schedules_fit_the_data(rows: int) -> None:
    """However many the rows: a batch is no larger than the data, and the steps are bounded both ways."""
    model = torch.nn.Linear(1000, 1000)
    schedule = schedule_for(TrainConfig(), model, rows, Length())
    assert 1 <= schedule.batch_size <= min(rows, 512)
    assert 1000 <= schedule.steps <= 3000
    assert schedule.epochs >= 20
    assert schedule.patience >= 4


def test_settings_beat_the_automatic_schedule() -> None:
    """Epochs, steps and batch size that are set are kept to."""
    model = torch.nn.Linear(10, 10)
    assert schedule_for(TrainConfig(epochs=3), model, 1000, Length()).epochs == 3
    assert schedule_for(TrainConfig(batch_size=7), model, 1000, Length()).batch_size == 7
    assert schedule_for(TrainConfig(max_steps=10), model, 100_000, Length()).steps <= 10
    assert schedule_for(TrainConfig(max_steps=10, epochs=4), model, 100_000, Length()).epochs == 4
    assert schedule_for(TrainConfig(patience=2), model, 1000, Length()).patience == 2


def test_costly_models_take_fewer_steps() -> None:
    """The work of all steps is bounded, so that time is."""
    small, large = torch.nn.Linear(500, 500), torch.nn.Linear(3000, 3000)
    rows = 300_000
    steps = [schedule_for(TrainConfig(), model, rows, Length()).steps for model in (small, large)]
    assert steps[1] < steps[0]


def test_makers_of_many_rows_are_trained_longer() -> None:
    """Twice the steps from 20,000 rows on."""
    model = torch.nn.Linear(10, 10)
    few, many = (
        schedule_for(TrainConfig(), model, rows, maker_length(rows)).steps for rows in (19_999, 40_000)
    )
    assert 1.9 * few < many <= 6000


def test_sizes_grow_with_the_data() -> None:
    """Widths and mixtures grow with the rows; what is set is taken."""
    layout, arrays = encoded_table("numbers")[0], encoded_table("mixed tables")[0]
    widths = [hidden_width(None, layout, rows, widest=512) for rows in (100, 5000, 50_000)]
    assert widths == [128, 256, 512]
    assert hidden_width(64, layout, 100, widest=512) == 64
    assert hidden_width(None, arrays, 100, widest=512) == 128
    assert latent_width(None, layout) == 4
    assert latent_width(7, layout) == 7
    assert [mixture_components(None, rows) for rows in (2, 512, 5400, 10**6)] == [1, 7, 23, 50]
    assert [mixture_components(None, rows, arrays=True) for rows in (512, 10**6)] == [14, 50]
    assert mixture_components(5, 2) == 5
