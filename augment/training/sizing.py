"""How large and how long: what `TrainConfig` leaves open, chosen by the size of the data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import nn

from augment.models.convolution import Convolution, Widening

if TYPE_CHECKING:
    from augment.data.layout import Layout
    from augment.training.config import TrainConfig

__all__ = [
    "Length",
    "Schedule",
    "blur_rows",
    "doubt_share",
    "flow_steps",
    "hidden_width",
    "latent_width",
    "maker_layers",
    "maker_length",
    "mixture_components",
    "schedule_for",
    "weight_sets",
]

_MAX_WORK = 1.2e13
_EPOCHS_OF_LONG_PASSES = 20
_MAX_MIXTURE_COMPONENTS = 50
_LEAST_WIDTH, _SMALL_ARRAY = 128, 32
_MOST_WEIGHT_SETS, _ROWS_A_WEIGHT_SET = 32, 1_000
_BLUR, _PLENTY_OF_ROWS = 0.7, 20_000
_DOUBT, _DOUBT_OF_ARRAYS = 0.2, 0.5
_FEWEST_FLOW_STEPS, _MOST_FLOW_STEPS = 1_000, 3_000
_LATENT, _LATENT_OF_ARRAYS = 24, 32
_SOME_ROWS, _MANY_ROWS = 2_000, 8_000


@dataclass(frozen=True)
class Length:
    """How long a kind of model is trained where nothing is said.

    Attributes:
        passes: Over the training rows.
        fewest_steps: Where that would be fewer.
        most_steps: Where it would be more.
    """

    passes: int = 60
    fewest_steps: int = 1200
    most_steps: int = 3000


@dataclass(frozen=True)
class Schedule:
    """How long to train.

    Attributes:
        batch_size: Rows a step.
        epochs: At most.
        epoch_steps: Steps of one epoch.
        patience: Epochs without a better held-out loss before training stops.
    """

    batch_size: int
    epochs: int
    epoch_steps: int
    patience: int

    @property
    def steps(self) -> int:
        """Steps of all epochs."""
        return self.epochs * self.epoch_steps


def schedule_for(config: TrainConfig, model: nn.Module, rows: int, length: Length) -> Schedule:
    """Return how long to train `model` on `rows` training rows, if nothing else is said for so long."""
    batch_size = min(config.batch_size or _batch_size(rows), rows)
    pass_steps = math.ceil(rows / batch_size)
    max_steps = config.max_steps or _max_steps(model, batch_size, pass_steps, length)
    epoch_steps = min(pass_steps, max(1, max_steps // _EPOCHS_OF_LONG_PASSES))
    epochs = config.epochs or max(1, max_steps // epoch_steps)
    if config.max_steps:
        epochs = min(epochs, max(1, max_steps // epoch_steps))
    return Schedule(batch_size, epochs, epoch_steps, config.patience or max(5, epochs // 5))


def hidden_width(wanted: int | None, layout: Layout, rows: int, *, widest: int) -> int:
    """Return `wanted`, or a width up to `widest` that so few rows do not overfit at once.

    Arrays get 256 at least: their elements are many and tell of one another, so that fewer rows do.
    """
    if wanted is not None:
        return wanted
    least = _LEAST_WIDTH if layout.array_width < _SMALL_ARRAY else 2 * _LEAST_WIDTH
    share = 1 if rows >= _MANY_ROWS else 2 if rows >= _SOME_ROWS else 4
    return max(least, widest // share)


def blur_rows(wanted: float | None, rows: int) -> float:
    """Return over how many rows to each side the targets of ordered columns are blurred: 0.7 sqrt(rows).

    Measured, AUC of a detector by rows blurred: 1,350 rows, 5: .72, 20: .55, 40: .56, 80: .69; 3,060 rows,
    5: .53, 20: .52, 80: .50; 14,860 rows, 5: .60, 100: .597, 250: .61.
    """
    return _BLUR * math.sqrt(rows) if wanted is None else wanted


def maker_layers(wanted: int | None, rows: int) -> int:
    """Return how many hidden layers each column has: 2, or 1 where there are 20,000 rows.

    Measured, AUC of a detector by 1 and 2 layers: 14,860 rows .602 and .585, 3,060 rows .516 and .511,
    29,300 rows no difference, at a third more time to sample.
    """
    return wanted or (1 if rows >= _PLENTY_OF_ROWS else 2)


def maker_length(rows: int) -> Length:
    """Return how long a maker is trained: twice as long where there are 20,000 rows.

    A step asks a record for one column only, so that 60 passes show each column 4 to 6 times. Measured,
    steps and AUC of a detector: 33,400 rows, 3,000: .546, 4,500: .537, 6,000: .518; 14,900 rows,
    1,800: .572, 3,600: .590.
    """
    return Length(passes=120, most_steps=6000) if rows >= _PLENTY_OF_ROWS else Length()


def weight_sets(wanted: int | None, rows: int) -> int:
    """Return how many columns get hidden layers of their own: one per thousand rows, 32 at most.

    Measured: on 14,860 rows of 10 columns own layers were better than shared ones, on 720 rows of 21
    columns far worse.
    """
    return wanted or max(1, min(_MOST_WEIGHT_SETS, rows // _ROWS_A_WEIGHT_SET))


def doubt_share(wanted: float | None, layout: Layout) -> float:
    """Return the share of the records that are spoilt in training: 0.2, or 0.5 where there are arrays.

    Restoring an array is learnt from spoilt ones alone, a table's cells from those that are hidden as well.
    """
    return wanted if wanted is not None else _DOUBT_OF_ARRAYS if layout.array_width else _DOUBT


def latent_width(wanted: int | None, layout: Layout) -> int:
    """Return `wanted`, or 24 (32 with arrays), less for narrow records: 2 a column, 1 an element."""
    if wanted is not None:
        return wanted
    most = _LATENT if layout.array_width < _SMALL_ARRAY else _LATENT_OF_ARRAYS
    return min(most, 2 * len(layout.names) + layout.array_width)


def flow_steps(config: TrainConfig, rows: int) -> int:
    """Return how many steps of 256 rows a flow of latent vectors is trained: 1,000 to 3,000 by the rows.

    Fewer where the autoencoder is given fewer epochs or steps: as many as it has, at most.
    """
    wanted = max(_FEWEST_FLOW_STEPS, min(_MOST_FLOW_STEPS, rows // 4))
    said = [wanted] if config.max_steps is None else [wanted, config.max_steps]
    if config.epochs is not None:
        said.append(config.epochs * math.ceil(rows / _batch_size(rows)))
    return min(said)


def mixture_components(wanted: int | None, rows: int, *, arrays: bool = False) -> int:
    """Return how many Gaussians the latent vectors of `rows` rows carry: sqrt(rows / 10), at most 50.

    Measured on 512, 5,400 and 29,600 rows: 7, 22 and 50 gave the samples hardest to tell from real. Twice as
    many where there are arrays, which follow table cells by the components that go with them. Measured on
    1,294 images of digits, components and accuracy of a classifier that learns from samples alone: 12: .90,
    24: .93, 48: .94; the class that was asked for, found by one that learnt from real images: .81, .86, .80.
    """
    fitting = math.sqrt(rows / 10) * (2 if arrays else 1)
    return wanted or max(1, min(_MAX_MIXTURE_COMPONENTS, round(fitting)))


def _batch_size(rows: int) -> int:
    """Return a power of 2 from 16 to 512 that gives at least 16 steps a pass, if there are the rows."""
    return 1 << max(4, min(9, int(math.log2(max(16, rows / 16)))))


def _max_steps(model: nn.Module, batch_size: int, pass_steps: int, length: Length) -> int:
    """Return the steps of so many passes, within bounds: enough for few rows, a bounded time for many.

    The time is bounded by multiply-adds and not by the clock, so that a run can be repeated.
    """
    weights = sum(map(_multiply_adds, model.modules()))
    affordable = int(_MAX_WORK / (6.0 * batch_size * max(1, weights)))
    wanted = max(length.passes * pass_steps, length.fewest_steps)
    return max(200, min(wanted, length.most_steps, affordable))


def _multiply_adds(part: nn.Module) -> int:
    """Return what a layer costs a record, forward."""
    if isinstance(part, nn.Linear):
        return part.weight.numel()
    return part.multiply_adds if isinstance(part, Convolution | Widening) else 0
