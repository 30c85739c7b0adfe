"""Few labels, many rows: a head on pretrained features, on raw ones, and boosted trees."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import average_precision_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from augment.estimators import PretrainedClassifier
from augment.models import Batch
from augment.models.predictor import Reading, Representation
from augment.training.heads import HeadOptions, fit_heads
from family import datasets

if TYPE_CHECKING:
    from pathlib import Path

    from family.datasets import Split

__all__ = ["DATASETS", "few_labels", "stacked"]

DATASETS = ("fashion_mnist", "adult", "bank_full")


@cache
def _data(name: str, data: Path) -> Split:
    split: Split = getattr(datasets, name)(data)
    return split


@cache
def _pretrained(name: str, data: Path) -> PretrainedClassifier:
    """Return a classifier whose encoder saw all training rows; what labels it had is of no matter."""
    split = _data(name, data)
    return PretrainedClassifier(head_steps=1, random_state=0).fit(split.train, split.labels)


def few_labels(name: str, share: float, seed: int, data: Path) -> dict[str, Any]:
    """Return accuracy and, for two classes, average precision on all held-out rows.

    The same head, an average of 3 MLPs that stop early on a fifth of the labels, sees standardised numbers
    and one place a category (`raw`), or the hidden layers of the pretrained encoder.
    """
    split, own = _data(name, data), _pretrained(name, data)
    rows = np.random.default_rng(seed).permutation(len(split.labels))[: round(share * len(split.labels))]
    classes = int(split.labels.max()) + 1
    train = Batch.from_encoded(own._encoded(split.train))  # noqa: SLF001 - the same head on other features
    test = Batch.from_encoded(own._encoded(split.test))  # noqa: SLF001 - likewise
    raw = Representation(own.learnt_.codec.layout, (), inputs=True)
    raw.standardise(train)
    labels = torch.from_numpy(split.labels[rows])
    found: dict[str, Any] = {"labels": len(rows)}
    for method, seen in (("raw", raw), ("pretrained", own._representation)):  # noqa: SLF001 - likewise
        options = HeadOptions(classes, seed=seed)
        fitted = fit_heads(seen, train.rows(torch.from_numpy(rows)), labels, Reading("softmax"), options)
        with torch.no_grad():
            parts = [fitted.predictor(part) for part in test.split(4096)]
        found |= _judged(method, torch.cat(parts).numpy(), split)
    return found | _judged("trees", _trees(split, rows), split)


def stacked(labels: int, start: str, seed: int, data: Path) -> dict[str, Any]:
    """Return the accuracy on Fashion-MNIST of a network tuned through all layers, by how it starts."""
    split = _data("fashion_mnist", data)
    rows = np.random.default_rng(seed).permutation(len(split.labels))[:labels]
    own = _starts(start, data)
    own.set_params(head_steps=1500)
    own = own.refit(split.train[rows], split.labels[rows], seed=seed)
    return {"accuracy": float((own.predict(split.test) == split.test_labels).mean())}


@cache
def _starts(start: str, data: Path) -> PretrainedClassifier:
    """Return an encoder that was started at random, layer by layer, or layer by layer from spoilt records."""
    split = _data("fashion_mnist", data)
    ways: dict[str, dict[str, Any]] = {
        "random": {"swap": 0.0, "max_steps": 1},
        "layerwise": {"swap": 0.0, "layerwise_steps": 1500, "max_steps": 1},
        "layerwise, denoising": {"swap": 0.3, "layerwise_steps": 1500, "max_steps": 1},
    }
    own = PretrainedClassifier(fine_tune=True, random_state=0, head_steps=1, **ways[start])
    return own.fit(split.train, split.labels)


def _judged(method: str, probabilities: Any, split: Split) -> dict[str, float]:
    right = probabilities.argmax(1) == split.test_labels
    found = {f"{method}.accuracy": float(right.mean())}
    if probabilities.shape[1] == 2:  # noqa: PLR2004 - two classes
        found[f"{method}.precision"] = float(average_precision_score(split.test_labels, probabilities[:, 1]))
    return found


def _trees(split: Split, rows: Any) -> Any:
    """Return what boosted trees say, by scikit-learn's defaults."""
    model: Any = HistGradientBoostingClassifier(random_state=0)
    if not isinstance(split.train, np.ndarray):
        words = make_column_selector(dtype_exclude="number")
        coded = (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan), words)
        model = make_pipeline(make_column_transformer(coded, remainder="passthrough"), model)
        return model.fit(split.train.iloc[rows], split.labels[rows]).predict_proba(split.test)
    return model.fit(split.train[rows], split.labels[rows]).predict_proba(split.test)
