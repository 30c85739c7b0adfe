"""The rare class found without labels: reconstruction error beside an isolation forest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import OrdinalEncoder

from augment.estimators import AutoencoderTransformer
from family import datasets

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["DATASETS", "found_rare"]

DATASETS = ("yeast4", "abalone9-18", "glass2", "ecoli3", "vehicle1", "pimaImb")
_FOLDS = 5


def found_rare(name: str, fold: int, data: Path) -> dict[str, Any]:
    """Return the area under the curve of each method's scores; both learnt ordinary rows alone.

    `alarms`: the share of ordinary held-out rows above the 95th percentile of the autoencoder's calibration,
    which should be near .05.
    """
    features, rare = datasets.imbalanced(data, name)
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=0).split(features, rare)
    train, test = list(folds)[fold]
    ordinary = train[~rare[train]]
    known, asked = features.iloc[ordinary], features.iloc[test]
    own = AutoencoderTransformer(random_state=fold).fit(known)
    forest = IsolationForest(random_state=fold).fit(_numbers(features, known))
    scores = {
        "autoencoder": -own.score_samples(asked),
        "isolation_forest": -forest.score_samples(_numbers(features, asked)),
    }
    quantiles = np.asarray(own.learnt_.trained["autoencoder"].score_quantiles)
    alarmed = scores["autoencoder"] > np.quantile(quantiles, 0.95)
    found = {f"{method}.auc": float(roc_auc_score(rare[test], told)) for method, told in scores.items()}
    return found | {"alarms": float(alarmed[~rare[test]].mean()), "caught": float(alarmed[rare[test]].mean())}


def _numbers(features: pd.DataFrame, rows: pd.DataFrame) -> NDArray[np.float64]:
    """Return rows with text as numbers."""
    words = features.select_dtypes(exclude="number").columns
    coded = rows.copy()
    if len(words):
        coded[words] = OrdinalEncoder().fit(features[words]).transform(rows[words])
    return coded.to_numpy(np.float64)
