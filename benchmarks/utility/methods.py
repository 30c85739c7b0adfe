"""The ways to augment: training rows in, training rows and further ones of the rare class out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imblearn.over_sampling import SMOTE, SMOTENC, RandomOverSampler
from sklearn.preprocessing import StandardScaler

from augment.estimators import AutoencoderSampler

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from utility.tvae import Tvae

__all__ = ["OURS", "Augment", "methods"]

OURS = "Augment"
_NEIGHBOURS = 5

if TYPE_CHECKING:
    Augment = Callable[[pd.DataFrame, NDArray[np.bool_], int], tuple[pd.DataFrame, NDArray[np.bool_]]]


def methods(tvae: Tvae) -> dict[str, Augment]:
    """Return the methods; each is given features, whether they are of the rare class, and a seed."""
    return {
        "nothing": lambda features, positive, _: (features, positive),
        "random oversampling": _random,
        "SMOTE": _smote,
        "TVAE": tvae.augmented,
        OURS: _ours,
    }


def _random(features: pd.DataFrame, positive: NDArray[np.bool_], seed: int) -> Any:
    return RandomOverSampler(random_state=seed).fit_resample(features, positive)


def _smote(features: pd.DataFrame, positive: NDArray[np.bool_], seed: int) -> Any:
    """Interpolate standardised numbers, so that no unit decides on who is whose neighbour."""
    numbers = features.select_dtypes("number").columns
    categories = features.columns.difference(numbers).tolist()
    scaler = StandardScaler().fit(features[numbers])
    scaled = features.astype(dict.fromkeys(numbers, float))
    scaled[numbers] = scaler.transform(features[numbers])
    options = {"random_state": seed, "k_neighbors": min(_NEIGHBOURS, int(positive.sum()) - 1)}
    smote = SMOTENC(categories, **options) if categories else SMOTE(**options)
    more, labels = smote.fit_resample(scaled, positive)
    more[numbers] = scaler.inverse_transform(more[numbers])
    return more, labels


def _ours(features: pd.DataFrame, positive: NDArray[np.bool_], seed: int) -> Any:
    return AutoencoderSampler(random_state=seed).fit_resample(features, positive)
