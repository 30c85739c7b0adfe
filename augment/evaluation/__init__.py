"""How synthetic data compares with real data: figures, plots and the page that shows them."""

from __future__ import annotations

from augment.evaluation.association import Associations, compare_associations
from augment.evaluation.columns import CategoryComparison, NumberComparison, compare_columns
from augment.evaluation.judge import Usefulness, detection_auc, usefulness
from augment.evaluation.latent import project

__all__ = [
    "Associations",
    "CategoryComparison",
    "NumberComparison",
    "Usefulness",
    "compare_associations",
    "compare_columns",
    "detection_auc",
    "project",
    "usefulness",
]
