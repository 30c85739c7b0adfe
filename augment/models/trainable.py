"""What the training loop asks of a model, and what export asks of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from torch import nn

if TYPE_CHECKING:
    import torch

    from augment.data.layout import Layout
    from augment.models.batch import Batch, LossParts

__all__ = ["Graph", "Port", "Trainable", "array_ports", "record_ports"]


class Trainable(nn.Module, ABC):
    """A model that the loop can train."""

    @abstractmethod
    def loss(self, batch: Batch, generator: torch.Generator, *, progress: float = 1.0) -> LossParts:
        """Return the loss of a batch.

        Args:
            batch: Clean records.
            generator: The source of all noise, on the batch's device.
            progress: The share of the training steps that are done, in [0, 1], for schedules.
        """


@dataclass(frozen=True)
class Port:
    """An input or output of a graph. Its shape is (N, `width`), or (N,) where `width` is None.

    N is any number of rows, or `rows` where that is given: what is said once for all of them.

    Attributes:
        name: As the graph calls it.
        dtype: Of its elements.
        width: Its second side; None: it has none.
        rows: Its first side; None: any.
        below: Of an integer input that is no record: its numbers are in [0, `below`).
    """

    name: str
    dtype: Literal["int32", "float32"]
    width: int | None
    rows: int | None = None
    below: int | None = None

    @property
    def shape(self) -> tuple[int | str, ...]:
        """The shape with the batch axis by name, e.g. `("batch", 15)`."""
        first = "batch" if self.rows is None else self.rows
        return (first,) if self.width is None else (first, self.width)


@dataclass(frozen=True)
class Graph:
    """A computation to export.

    Attributes:
        role: What the runtime calls it, e.g. `encode`.
        module: Takes one tensor for each input, returns a tuple of one for each output.
        inputs: In the order of `module.forward`.
        outputs: In the order of its result.
    """

    role: str
    module: nn.Module
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]


def record_ports(layout: Layout, *, prefix: str = "") -> tuple[Port, ...]:
    """Return the ports of encoded records: `tokens`, `residuals` and, where there are any, `arrays`."""
    columns = len(layout.names)
    tokens = Port(f"{prefix}tokens", "int32", columns)
    residuals = Port(f"{prefix}residuals", "float32", columns)
    return (tokens, residuals, *array_ports(f"{prefix}arrays", layout))


def array_ports(name: str, layout: Layout) -> tuple[Port, ...]:
    """Return a port of shape (N, D), or none where no column is an array."""
    return (Port(name, "float32", layout.array_width),) if layout.array_width else ()
