"""A head on a pretrained encoder: records to the probabilities of classes, or to a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from augment.models.batch import Batch
from augment.models.blocks import dropout, linear
from augment.models.features import RecordFeatures
from augment.models.trainable import Graph, Port, record_ports

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from augment.data.layout import Layout
    from augment.models.autoencoder import Autoencoder

__all__ = ["Layers", "MlpHead", "Predictor", "Reading", "Representation", "predictor_graphs"]

_FARTHEST = 5.0
_LEAST_SCALE = 1e-3


class Representation(nn.Module):
    """What a head sees of records: the encoder's hidden layers side by side, standardised.

    All layers and not the bottleneck alone: what a class hangs on may have been squeezed out of it, and
    each layer says other things (Vincent et al. 2010, section 6.3; for tables, the denoising autoencoder
    that won the Porto Seguro competition). Shape: a `Batch` of N records to (N, `width`).

    Attributes:
        width: Of the representation.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, layout: Layout, encoder: Sequence[nn.Linear], *, inputs: bool) -> None:
        """Make a representation.

        Args:
            layout: Of the records.
            encoder: Hidden layers, copied.
            inputs: Whether the head sees the records themselves as well.
        """
        super().__init__()
        self.features = RecordFeatures(layout)
        self.inputs = inputs or not encoder
        self.layers = nn.ModuleList(_copied(layer) for layer in encoder)
        widths = [self.features.width] * self.inputs + [layer.out_features for layer in encoder]
        self.width = sum(widths)
        self.register_buffer("mean", torch.zeros(self.width))
        self.register_buffer("scale", torch.ones(self.width))

    @classmethod
    def of(cls, autoencoder: Autoencoder, layout: Layout, *, inputs: bool) -> Representation:
        """Return the hidden layers of an autoencoder, its weights copied."""
        layers = [layer for layer in autoencoder.encoder if isinstance(layer, nn.Linear)]
        return cls(layout, layers[:-1], inputs=inputs)

    def forward(self, batch: Batch, generator: torch.Generator | None = None, rate: float = 0.0) -> Tensor:
        """Return the representation; hidden layers are dropped out where there is a generator."""
        seen = (self._layers(batch, generator, rate) - self.mean) / self.scale
        return seen.clamp(-_FARTHEST, _FARTHEST)

    @torch.no_grad()
    def standardise(self, records: Batch, rows: int = 4096) -> None:
        """Give each place zero mean and unit variance over records."""
        parts = [self._layers(part, None, 0.0) for part in records.split(rows)]
        raw = torch.cat(parts)
        self.mean.copy_(raw.mean(0))
        self.scale.copy_(raw.std(0, correction=0) + _LEAST_SCALE)

    def _layers(self, batch: Batch, generator: torch.Generator | None, rate: float) -> Tensor:
        hidden = self.features(batch)
        parts = [hidden] if self.inputs else []
        for layer in self.layers:
            mapped = layer(hidden)
            hidden = functional.silu(functional.layer_norm(mapped, mapped.shape[-1:]))
            if generator is not None and rate > 0:
                hidden = dropout(hidden, rate, generator)
            parts.append(hidden)
        return torch.cat(parts, dim=1)


class MlpHead(nn.Module):
    """One hidden layer, dropout before and after it. Shape: (N, inputs) to (N, outputs)."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        hidden: int,
        rates: tuple[float, float],
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.rates = rates
        self.first = linear(inputs, hidden, generator)
        self.last = linear(hidden, outputs, generator, gain=0.3)

    def forward(self, inputs: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return logits or values; dropout where there is a generator."""
        before, after = self.rates
        shown = inputs if generator is None else dropout(inputs, before, generator)
        hidden = functional.silu(self.first(shown))
        if generator is not None:
            hidden = dropout(hidden, after, generator)
        said: Tensor = self.last(hidden)
        return said


class Layers(nn.Module):
    """Linear maps with one function between them: what scikit-learn's linear models and MLPs compute."""

    def __init__(self, weights: Sequence[Tensor], biases: Sequence[Tensor], activation: str) -> None:
        """Take weights in.

        Args:
            weights: Of each map, (outputs, inputs).
            biases: (outputs,).
            activation: `identity`, `logistic`, `tanh` or `relu`.
        """
        super().__init__()
        self.weights = nn.ParameterList(nn.Parameter(each) for each in weights)
        self.biases = nn.ParameterList(nn.Parameter(each) for each in biases)
        self.activation = activation

    def forward(self, inputs: Tensor) -> Tensor:
        """Return what the last map gives."""
        hidden, last = inputs, len(self.weights) - 1
        bend = {"identity": lambda x: x, "logistic": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu}
        for place, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            hidden = functional.linear(hidden, weight, bias)
            if place < last:
                hidden = bend[self.activation](hidden)
        return hidden


@dataclass(frozen=True)
class Reading:
    """How what heads say is read.

    Attributes:
        kind: `softmax` over classes, `sigmoid` of the second of two classes, `value`.
        mean: Of a value.
        scale: Of a value.
    """

    kind: str
    mean: float = 0.0
    scale: float = 1.0


class Predictor(nn.Module):
    """Representation, heads and how to read them; several heads are averaged.

    Shape: a `Batch` of N records to probabilities (N, K) or values (N,).
    """

    def __init__(self, representation: Representation, heads: Sequence[nn.Module], reading: Reading) -> None:
        super().__init__()
        self.representation = representation
        self.heads = nn.ModuleList(heads)
        self.reading = reading

    def forward(self, batch: Batch) -> Tensor:
        """Return what is predicted."""
        seen = self.representation(batch)
        said = [self.read(head(seen)) for head in self.heads]
        return torch.stack(said).mean(0)

    def read(self, said: Tensor) -> Tensor:
        """Return probabilities or values of what one head says."""
        if self.reading.kind == "softmax":
            return said.softmax(1)
        if self.reading.kind == "sigmoid":
            second = torch.sigmoid(said[:, :1])
            return torch.cat([1 - second, second], dim=1)
        return said[:, 0] * self.reading.scale + self.reading.mean


class _Predict(nn.Module):
    def __init__(self, predictor: Predictor) -> None:
        super().__init__()
        self.predictor = predictor

    def forward(self, *record: Tensor) -> tuple[Tensor]:
        tokens, residuals, *arrays = record
        return (self.predictor(Batch(tokens, residuals, arrays[0] if arrays else residuals[:, :0])),)


def predictor_graphs(predictor: Predictor, layout: Layout, classes: int) -> tuple[Graph, ...]:
    """Return the graph `predict`: probabilities of so many classes, or, for none, a value."""
    output = Port("probabilities", "float32", classes) if classes else Port("value", "float32", None)
    return (Graph("predict", _Predict(predictor), record_ports(layout), (output,)),)


def _copied(layer: nn.Linear) -> nn.Linear:
    copy = nn.Linear(layer.in_features, layer.out_features, device="meta").to_empty(device="cpu")
    copy.load_state_dict(layer.state_dict())
    return copy
