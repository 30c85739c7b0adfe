"""A small classifier: how far apart two sets of arrays are in its features, and what it learns from a set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import linalg
from torch import nn

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Arrays = NDArray[np.float32]
    Labels = NDArray[np.int64]

__all__ = ["Classifier", "frechet"]

_BATCH, _STEPS, _FEATURES = 128, 700, 64


@dataclass(frozen=True)
class Classifier:
    """Two convolutions that halve the sides, then 64 features, then classes."""

    net: nn.Sequential
    mean: float
    deviation: float

    @classmethod
    def fit(cls, arrays: Arrays, labels: Labels, *, classes: int, seed: int = 0) -> Classifier:
        """Train for 700 steps of 128 arrays by AdamW; the same seed gives the same classifier."""
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            one = cls(_net(arrays.shape[1:], classes), float(arrays.mean()), float(arrays.std()))
            inputs, targets = one._inputs(arrays), torch.from_numpy(labels)
            optimizer = torch.optim.AdamW(one.net.parameters(), lr=2e-3, weight_decay=1e-2)
            rates = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, _STEPS)
            for _ in range(_STEPS):
                rows = torch.randint(len(inputs), (_BATCH,))
                loss = nn.functional.cross_entropy(one.net(inputs[rows]), targets[rows], label_smoothing=0.05)
                optimizer.zero_grad()
                torch.autograd.backward(loss)
                optimizer.step()
                rates.step()
        one.net.eval()
        return one

    @torch.no_grad()
    def features(self, arrays: Arrays) -> NDArray[np.float64]:
        """Return what the last layer hears: (rows, 64)."""
        parts = [self.net[:-1](part) for part in torch.split(self._inputs(arrays), 1024)]
        return np.asarray(torch.cat(parts).double().numpy())

    @torch.no_grad()
    def accuracy(self, arrays: Arrays, labels: Labels) -> float:
        """Return the share of the arrays whose class is found."""
        found = torch.cat([self.net(part).argmax(1) for part in torch.split(self._inputs(arrays), 1024)])
        return float((found.numpy() == labels).mean())

    def _inputs(self, arrays: Arrays) -> torch.Tensor:
        return torch.from_numpy((arrays - self.mean) / self.deviation).unsqueeze(1)


def _net(sides: tuple[int, ...], classes: int) -> nn.Sequential:
    convolution: type[nn.Conv1d | nn.Conv2d] = nn.Conv1d if len(sides) == 1 else nn.Conv2d
    quarter = int(np.prod([(side + 3) // 4 for side in sides]))
    return nn.Sequential(
        convolution(1, 16, 5, stride=2, padding=2),
        nn.ReLU(),
        convolution(16, 32, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * quarter, _FEATURES),
        nn.ReLU(),
        nn.Linear(_FEATURES, classes),
    )


def frechet(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Return the squared Frechet distance of two Gaussians with these features' means and covariances.

    Heusel et al., GANs Trained by a Two Time-Scale Update Rule (2017), eq. 6. The trace of the root of the
    product is the sum of the roots of its eigenvalues, which are those of a symmetric matrix: no root of a
    singular matrix is needed where some features are constant.
    """
    covariances = [np.cov(features, rowvar=False) for features in (first, second)]
    values, vectors = linalg.eigh(covariances[0])
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    inner = linalg.eigvalsh(root @ covariances[1] @ root)
    between = first.mean(0) - second.mean(0)
    traces = np.trace(covariances[0]) + np.trace(covariances[1])
    return float(between @ between + traces - 2 * np.sqrt(np.maximum(inner, 0)).sum())
