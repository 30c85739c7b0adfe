"""Figures of peers that do not run here, as published. Nothing in this file was measured by us.

Source: D. Scassola, D. Ponsford and others, "A Sobering Look at Tabular Data Generation via Probabilistic
Circuits" (arXiv:2603.23016), tables of its repository april-tools/tabpc: `xgb_detection`, `lr_detection`,
`shape`, `trend`. Its detection is SDMetrics' score with XGBoost, 1 where the detector guesses; the AUC is
`1 - score / 2`. Its shape and trend are similarities; the errors are 1 less those.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PUBLISHED", "SOURCE", "Published"]

SOURCE = (
    "Scassola, Ponsford et al., arXiv:2603.23016 (TabPC), tables of its repository; 90/10 splits and a "
    "judge of their own (XGBoost and logistic regression within SDMetrics): to be read beside our figures, "
    "not against them to the last digit"
)


@dataclass(frozen=True)
class Published:
    """A published row.

    Attributes:
        dataset: Our name of the data set.
        method: The peer.
        detection: Score of the boosted-tree detector, 1 the best.
        logistic: Score of the logistic regression.
        shape: Similarity of the columns, 1 the best.
        trend: Similarity of the pairs of columns.
    """

    dataset: str
    method: str
    detection: float
    logistic: float
    shape: float
    trend: float

    @property
    def detection_auc(self) -> float:
        """Return the detector's AUC."""
        return 1 - self.detection / 2

    @property
    def logistic_auc(self) -> float:
        """Return the AUC of logistic regression."""
        return 1 - self.logistic / 2


PUBLISHED = (
    Published("adult", "TabSyn", 0.7942, 0.9866, 0.9921, 0.9795),
    Published("adult", "TabDiff", 0.8409, 0.9899, 0.9932, 0.9846),
    Published("adult", "TabPC", 0.8554, 0.9959, 0.9942, 0.9856),
    Published("beijing", "TabSyn", 0.5266, 0.9226, 0.9739, 0.9550),
    Published("beijing", "TabDiff", 0.7723, 0.9770, 0.9895, 0.9741),
    Published("beijing", "TabPC", 0.5704, 0.9989, 0.9943, 0.9781),
)
