"""Few rows of a rare class: what augmenting does for classifiers of scikit-learn, and where it hurts.

For each of several seeds: 220 tumours to learn from, 20 of them malignant; a bundle is trained on these
alone, served, and asked for as many malignant rows as are missing. Three classifiers learn with and without
them and are judged on the real tumours that nobody saw, weighted so that one in eleven is malignant, as in
training.

    python examples/sklearn_training.py [--seeds 3] [--max-steps 600]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, balanced_accuracy_score, log_loss
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from augment.data import detect_schema
from augment.demo.serving import serving
from augment.training import TrainConfig, build_bundle
from augment_client import Client
from gains import Figure, show

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

TARGET, RARE, COMMON = "diagnosis", "malignant", "benign"
COMMON_ROWS, RARE_ROWS = 200, 20
MEASURED = 10  # the means; their errors and worst values are left out, so that it takes a minute


def classifiers(seed: int) -> dict[str, BaseEstimator]:
    """Return what learns."""
    return {
        "logistic regression": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        "boosted trees": HistGradientBoostingClassifier(random_state=seed),
        "5 neighbours": make_pipeline(StandardScaler(), KNeighborsClassifier()),
    }


def tumours(seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows to learn from and those to judge by."""
    data = load_breast_cancer(as_frame=True)
    frame = data.data.iloc[:, :MEASURED].assign(**{TARGET: np.where(data.target == 0, RARE, COMMON)})
    parts = []
    for name, rows in ((COMMON, COMMON_ROWS), (RARE, RARE_ROWS)):
        of_class = frame[frame[TARGET] == name]
        parts.append(train_test_split(of_class, train_size=rows, random_state=seed))
    learnt, held_out = (pd.concat(each, ignore_index=True) for each in zip(*parts, strict=True))
    return learnt, held_out


def train(learnt: pd.DataFrame, models: Path, name: str, *, seed: int, max_steps: int) -> None:
    """Publish a bundle of these rows: what makes rows under conditions is the `maker`."""
    table = pa.Table.from_pandas(learnt, preserve_index=False)
    config = TrainConfig(seed=seed, device="cpu", models=("maker",), max_steps=max_steps)
    build_bundle(table, detect_schema(table, target=TARGET), config, name=name, out=models)


def figures(learnt: pd.DataFrame, held_out: pd.DataFrame, seed: int) -> dict[Figure, float]:
    """Return how well each classifier does on rows that it did not see."""
    truth = (held_out[TARGET] == RARE).to_numpy()
    share = RARE_ROWS / (RARE_ROWS + COMMON_ROWS)
    weights = np.where(truth, share / truth.sum(), (1 - share) / (~truth).sum())
    found: dict[Figure, float] = {}
    for name, classifier in classifiers(seed).items():
        classifier.fit(learnt.drop(columns=TARGET), learnt[TARGET] == RARE)
        chance = classifier.predict_proba(held_out.drop(columns=TARGET))[:, 1]
        scores = {
            "balanced accuracy": balanced_accuracy_score(truth, chance >= 0.5),  # noqa: PLR2004 - a half
            "average precision": average_precision_score(truth, chance, sample_weight=weights),
        }
        found |= {Figure(name, metric): score for metric, score in scores.items()}
        found[Figure(name, "log loss", smaller_is_better=True)] = log_loss(
            truth, chance, sample_weight=weights
        )
    return found


def main() -> None:
    """Train, serve, augment, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="how many splits of the data")
    parser.add_argument("--max-steps", type=int, default=600, help="of training each bundle")
    asked = parser.parse_args()
    splits = {seed: tumours(seed) for seed in range(asked.seeds)}
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder, "models")
        for seed, (learnt, _) in splits.items():
            train(learnt, models, f"tumours-{seed}", seed=seed, max_steps=asked.max_steps)
        with serving(models, Path(folder, "log")) as server, Client(server.address) as client:
            without, augmented = [], []
            for seed, (learnt, held_out) in splits.items():
                made = client.generate(
                    f"tumours-{seed}", COMMON_ROWS - RARE_ROWS, seed=seed, conditions={TARGET: RARE}
                )
                more = pd.concat([learnt, made.to_pandas()], ignore_index=True)
                without.append(figures(learnt, held_out, seed))
                augmented.append(figures(more, held_out, seed))
    show(without, augmented)


if __name__ == "__main__":
    main()
