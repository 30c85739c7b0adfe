"""Trains heads on a representation, and where wanted the encoder with them."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from augment.models.predictor import MlpHead, Predictor, Reading, Representation

if TYPE_CHECKING:
    from torch import Tensor, nn

    from augment.models import Batch

    Kept = list[dict[str, Tensor]]

__all__ = ["FittedHeads", "HeadOptions", "fit_heads", "represented"]

_LOOK_EVERY = 20
_BATCH = 128
_ROWS = 4096
_BEFORE, _AFTER = 0.2, 0.5
_TUNED_RATE = 0.2


@dataclass(frozen=True)
class HeadOptions:
    """How heads are trained.

    Attributes:
        outputs: Classes, or 1 for a value.
        hidden: Width of a head's hidden layer.
        heads: How many are averaged; each keeps another fifth of the labelled rows to know when to stop.
        max_steps: Of one head.
        patience: Steps without a better look before it stops.
        learning_rate: Of the head; the encoder's, where it is tuned, is a fifth of it.
        weight_decay: Of AdamW.
        fine_tune: Whether the encoder's weights change as well.
        seed: Of all randomness.
    """

    outputs: int
    hidden: int = 128
    heads: int = 3
    max_steps: int = 1500
    patience: int = 300
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    fine_tune: bool = False
    seed: int = 0


@dataclass(frozen=True)
class FittedHeads:
    """A predictor, and how its heads were trained.

    Attributes:
        predictor: On the CPU, in evaluation mode.
        steps: Of all heads together.
        heldout_loss: Mean loss of the rows that each head did not train on.
    """

    predictor: Predictor
    steps: int
    heldout_loss: float


@torch.no_grad()
def represented(representation: Representation, records: Batch) -> Tensor:
    """Return the representation of all records."""
    return torch.cat([representation(part) for part in records.split(_ROWS)])


def fit_heads(
    representation: Representation, records: Batch, targets: Tensor, reading: Reading, options: HeadOptions
) -> FittedHeads:
    """Return a predictor trained on labelled records.

    Args:
        representation: Of the records. With `fine_tune` each head tunes one of its own, started at it.
        records: N labelled records.
        targets: Class numbers, int64 (N,), or standardised values, float32 (N,).
        reading: How the heads are read.
        options: How to train.
    """
    if options.fine_tune:
        return _tuned(representation, records, targets, reading, options)
    seen = represented(representation, records)
    heads, looks = [], []
    for number in range(options.heads):
        generator = torch.Generator().manual_seed(options.seed * 1000 + number)
        head = _head(representation.width, options, generator)
        looks.append(_fit(_Frozen(head, seen), targets, options, generator))
        heads.append(head)
    predictor = Predictor(representation, heads, reading).eval()
    return FittedHeads(predictor, sum(steps for steps, _ in looks), sum(x for _, x in looks) / len(looks))


class _Frozen:
    """A head on representations that do not change."""

    def __init__(self, head: MlpHead, seen: Tensor) -> None:
        self.head, self.seen = head, seen

    def groups(self, rate: float) -> list[dict[str, object]]:
        return [{"params": list(self.head.parameters()), "lr": rate}]

    def modules(self) -> list[nn.Module]:
        return [self.head]

    def __call__(self, rows: Tensor, generator: torch.Generator | None) -> Tensor:
        said: Tensor = self.head(self.seen[rows], generator)
        return said


class _Tuned:
    """A head and the representation below it, which both change."""

    def __init__(self, head: MlpHead, representation: Representation, records: Batch) -> None:
        self.head, self.representation, self.records = head, representation, records

    def groups(self, rate: float) -> list[dict[str, object]]:
        return [
            {"params": list(self.head.parameters()), "lr": rate},
            {"params": list(self.representation.parameters()), "lr": rate * _TUNED_RATE},
        ]

    def modules(self) -> list[nn.Module]:
        return [self.head, self.representation]

    def __call__(self, rows: Tensor, generator: torch.Generator | None) -> Tensor:
        said: Tensor = self.head(self.representation(self.records.rows(rows), generator, _BEFORE), generator)
        return said


def _tuned(
    representation: Representation, records: Batch, targets: Tensor, reading: Reading, options: HeadOptions
) -> FittedHeads:
    """Return one head on a representation tuned with it: several would each have an encoder."""
    generator = torch.Generator().manual_seed(options.seed * 1000)
    own = copy.deepcopy(representation)
    head = _head(own.width, options, generator)
    steps, loss = _fit(_Tuned(head, own, records), targets, options, generator)
    return FittedHeads(Predictor(own, [head], reading).eval(), steps, loss)


def _head(inputs: int, options: HeadOptions, generator: torch.Generator) -> MlpHead:
    return MlpHead(
        inputs, options.outputs, hidden=options.hidden, rates=(_BEFORE, _AFTER), generator=generator
    )


def _fit(
    model: _Frozen | _Tuned, targets: Tensor, options: HeadOptions, generator: torch.Generator
) -> tuple[int, float]:
    """Train in place; the weights kept are those best on a fifth of the rows, which train nothing.

    Returns:
        Steps done, and the loss of those rows.
    """
    order = torch.randperm(len(targets), generator=generator)
    held = max(1, len(targets) // 5)
    look, train = (order[:held], order[held:]) if len(targets) > 1 else (order, order)
    optimizer = torch.optim.AdamW(model.groups(options.learning_rate), weight_decay=options.weight_decay)
    best, at, step = float("inf"), 0, 0
    kept = [copy.deepcopy(part.state_dict()) for part in model.modules()]
    for step in range(1, options.max_steps + 1):
        rows = train[torch.randint(len(train), (min(_BATCH, len(train)),), generator=generator)]
        loss = _loss(model(rows, generator), targets[rows])
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        if step % _LOOK_EVERY and step < options.max_steps:
            continue
        with torch.no_grad():
            found = float(_loss(model(look, None), targets[look]))
        if found < best:
            best, at = found, step
            kept = [copy.deepcopy(part.state_dict()) for part in model.modules()]
        elif step - at >= options.patience:
            break
    for part, state in zip(model.modules(), kept, strict=True):
        part.load_state_dict(state)
    return step, best


def _loss(said: Tensor, targets: Tensor) -> Tensor:
    if targets.dtype == torch.int64:
        return functional.cross_entropy(said, targets)
    return functional.mse_loss(said[:, 0], targets)
