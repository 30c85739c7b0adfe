"""The distribution of a record given a hidden state: independent cells, categorical or logistic."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from augment.models.batch import Batch

if TYPE_CHECKING:
    from torch import Tensor

    from augment.models.categorical import CategoricalHead
    from augment.models.columns import ArraySpan
    from augment.models.elements import ElementLaw
    from augment.models.within_bin import WithinBin

__all__ = ["Best", "Inside", "Noise", "RecordDistribution", "RecordShape"]


@dataclass(frozen=True)
class Noise:
    """What a draw is made from.

    Attributes:
        token_u: Uniform in (0, 1), shape (N, C).
        residual_u: Uniform in (0, 1), shape (N, C).
        array_u: Uniform in (0, 1), shape (N, D).
    """

    token_u: Tensor
    residual_u: Tensor
    array_u: Tensor


@dataclass(frozen=True)
class Best:
    """The records that stand for a distribution.

    Attributes:
        records: The records.
        probability: Of the chosen tokens, shape (N, C).
    """

    records: Batch
    probability: Tensor


@dataclass(frozen=True)
class RecordShape:
    """How the parts of a record lie in the tensors of a `RecordDistribution`.

    Attributes:
        places: Where the heads' columns, side by side, hold column 0, 1, ...: int64, shape (C,).
        spans: The array columns.
        owners: The presence column of each array element: int64, shape (D,).
        law: What their locations and scales mean; None where there are none.
    """

    places: Tensor
    spans: tuple[ArraySpan, ...]
    owners: Tensor
    law: ElementLaw | None = None


@dataclass(frozen=True)
class Inside:
    """Where inside their bins numbers lie: the densities' module, and what it says of each record."""

    densities: WithinBin
    context: Tensor


@dataclass(frozen=True)
class RecordDistribution:
    """A distribution over records of N rows.

    Attributes:
        shape: How a record's parts lie.
        heads: The groups of token columns.
        logits: Of each group, shape (N, K, V).
        inside: Densities inside bins; None where no token is a bin of several values.
        mean: Locations of the array elements, shape (N, D).
        scale: Their scales, shape (N, D).
    """

    shape: RecordShape
    heads: tuple[CategoricalHead, ...]
    logits: tuple[Tensor, ...]
    inside: Inside | None
    mean: Tensor
    scale: Tensor

    def leaning_to(self, given: Batch, cells: Tensor) -> RecordDistribution:
        """Return the distribution with tokens pulled towards given records.

        Args:
            given: The records.
            cells: What to add to the logit of each given token: (N, C).
        """
        groups = zip(self.heads, self.logits, strict=True)
        logits = tuple(head.lean_to(own, given.tokens, cells) for head, own in groups)
        return replace(self, logits=logits)

    def nll(self, batch: Batch, *, blur: bool = False) -> Tensor:
        """Return the negative log-likelihood of each cell in nats: (N, C).

        That of a number is a density by rank inside its bin. An array's elements count in its presence
        column, where it is present.

        Args:
            batch: The records.
            blur: Take neighbours of ordered tokens for nearly right: to train by.
        """
        tokens = batch.tokens.long()
        groups = zip(self.heads, self.logits, strict=True)
        cells = self._in_order([head.nll(logits, tokens, blur=blur) for head, logits in groups])
        if self.inside is not None:
            cells = cells + self.inside.densities.nll(self.inside.context, batch.tokens, batch.residuals)
        if not self.shape.spans:
            return cells
        first = self.shape.spans[0].presence
        present = (batch.tokens[:, first:] == 1).to(cells.dtype)
        arrays = cells[:, first:] + present * self._array_nll(batch.arrays)
        return torch.cat([cells[:, :first], arrays], dim=1)

    def draw(self, noise: Noise) -> Batch:
        """Draw records: tokens, places in bins and array elements by inverse distribution functions."""
        groups = zip(self.heads, self.logits, strict=True)
        tokens = self._in_order([head.draw(logits, noise.token_u) for head, logits in groups])
        residuals = self._placed(tokens, noise.residual_u)
        return Batch(tokens, residuals, self._where_present(tokens, noise.array_u))

    def draw_arrays(self, tokens: Tensor, array_u: Tensor) -> Tensor:
        """Draw the arrays of records with these tokens (N, C): (N, D)."""
        return self._where_present(tokens, array_u)

    def best(self, *, missing: bool) -> Best:
        """Return medians of ordered columns, the most likely tokens of the others, medians of arrays.

        Args:
            missing: Whether cells may come out missing.
        """
        groups = zip(self.heads, self.logits, strict=True)
        best = [head.best(logits, missing=missing) for head, logits in groups]
        tokens = self._in_order([group.tokens for group in best])
        residuals = self._placed(tokens, self._in_order([group.residuals for group in best]))
        probability = self._in_order([group.probability for group in best])
        return Best(Batch(tokens, residuals, self._where_present(tokens, None)), probability)

    def mean_worth(self, values: Tensor) -> Tensor:
        """Return what cells that are not missing are worth in the mean: (N, C).

        Args:
            values: What each token is worth, all columns side by side: (1, tokens).
        """
        groups = zip(self.heads, self.logits, strict=True)
        return self._in_order([head.mean(logits, values) for head, logits in groups])

    def _placed(self, tokens: Tensor, quantile: Tensor) -> Tensor:
        """Return where inside the tokens' bins the quantiles (N, C) lie: (N, C)."""
        if self.inside is None:
            return quantile
        return self.inside.densities.place(self.inside.context, tokens, quantile)

    def _in_order(self, groups: list[Tensor]) -> Tensor:
        """Put the groups' columns (N, K) into the order of the record: (N, C)."""
        return torch.cat(groups, dim=1).index_select(1, self.shape.places)

    def _array_nll(self, arrays: Tensor) -> Tensor:
        """Return the negative log-likelihood of each array in nats: (N, arrays)."""
        assert self.shape.law is not None  # noqa: S101 - there are arrays
        elements = self.shape.law.nll(arrays, self.mean, self.scale)
        widths = [span.stop - span.start for span in self.shape.spans]
        return torch.cat([part.sum(1, keepdim=True) for part in torch.split(elements, widths, dim=1)], dim=1)

    def _where_present(self, tokens: Tensor, uniform: Tensor | None) -> Tensor:
        """Return the medians, or what is drawn, where the array is present, else 0: (N, D)."""
        law = self.shape.law
        if law is None:
            return self.mean
        arrays = law.clipped(self.mean) if uniform is None else law.draw(self.mean, self.scale, uniform)
        return arrays * (tokens.index_select(1, self.shape.owners) == 1)
