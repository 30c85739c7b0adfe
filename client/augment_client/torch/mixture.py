"""Which row stands where in an epoch: real and synthetic rows, evenly mixed, in an order that a seed says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from augment_client.errors import InvalidRequestError

__all__ = ["MAX_ROWS", "Mixture", "Order", "Piece"]

MAX_ROWS = 2**38
"""Of an epoch: times the 2**24 of the largest batch they still fit into 63 bits."""


@dataclass(frozen=True)
class Mixture:
    """How many rows of which sort an epoch has.

    The first p rows hold floor(p * synthetic / total) synthetic ones, so that the ratio holds everywhere, to
    a row: in each batch, in each worker's part.

    Attributes:
        real: Real rows.
        synthetic: Synthetic rows.
        left_out: Real rows that there are besides; which ones these are is another matter in each epoch.
    """

    real: int
    synthetic: int
    left_out: int = 0

    @classmethod
    def of(cls, real: int, synthetic: int, world: int) -> Mixture:
        """Return a mixture that `world` ranks can share evenly, lest one waits for what another has not.

        Up to `world - 1` more synthetic rows are taken for it: they never end. Without any, as many real rows
        are left out, as torch's `DistributedSampler` does with `drop_last`.

        Raises:
            InvalidRequestError: They are too many, or none is left.
        """
        more = -(real + synthetic) % world if synthetic else 0
        if real + synthetic + more > MAX_ROWS:
            raise InvalidRequestError.of("rows", f"must be at most {MAX_ROWS} an epoch", synthetic)
        if not synthetic and real < world:
            raise InvalidRequestError.of("real", f"must have a row for each of {world} ranks", real)
        left_out = 0 if synthetic else real % world
        return cls(real - left_out, synthetic + more, left_out)

    @property
    def total(self) -> int:
        """All rows of an epoch."""
        return self.real + self.synthetic

    def synthetic_before(self, position: int) -> int:
        """Return how many of the first `position` rows are synthetic."""
        return position * self.synthetic // self.total if self.total else 0


@dataclass(frozen=True)
class Piece:
    """What some consecutive rows of an epoch consist of.

    Attributes:
        real: Numbers of the real rows, in their order; shape (r,).
        synthetic: The synthetic rows, numbered within the epoch.
        is_synthetic: For each row whether it is synthetic; shape (rows,).
    """

    real: np.ndarray[tuple[int], np.dtype[np.int64]]
    synthetic: range
    is_synthetic: np.ndarray[tuple[int], np.dtype[np.bool_]]


class Order:
    """The order of one epoch.

    Args:
        mixture: What is mixed.
        seed: Decides the order together with `epoch`, and nothing else does.
        epoch: From 0.
    """

    def __init__(self, mixture: Mixture, seed: int, epoch: int) -> None:
        self._mixture = mixture
        chance = np.random.Generator(np.random.Philox(key=np.array([seed, epoch], np.uint64)))
        self._real = chance.permutation(mixture.real + mixture.left_out)  # of which the first ones come

    def piece(self, start: int, stop: int) -> Piece:
        """Return the rows from position `start` to before `stop`.

        Worked example: 2 real and 1 synthetic rows stand as real, real, synthetic: of the first 0, 1, 2 and 3
        rows, 0, 0, 0 and 1 are synthetic.
        """
        mixture = self._mixture
        first, last = mixture.synthetic_before(start), mixture.synthetic_before(stop)
        rest = start * mixture.synthetic % max(1, mixture.total)  # small numbers: no overflow at any position
        steps = np.arange(stop - start + 1, dtype=np.int64)
        before = (rest + steps * mixture.synthetic) // max(1, mixture.total)
        return Piece(self._real[start - first : stop - last], range(first, last), np.diff(before) > 0)
