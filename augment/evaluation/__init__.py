"""How synthetic data compares with real data: figures, plots and the page that shows them."""

from __future__ import annotations

from augment.evaluation.association import Associations, compare_associations
from augment.evaluation.columns import CategoryComparison, NumberComparison, compare_columns
from augment.evaluation.evaluation import ColumnDetail, Evaluation, evaluate, figures_for_manifest
from augment.evaluation.figure import Figure
from augment.evaluation.judge import Usefulness, detection_auc, usefulness
from augment.evaluation.latent import project

__all__ = [
    "Associations",
    "CategoryComparison",
    "ColumnDetail",
    "Evaluation",
    "Figure",
    "NumberComparison",
    "Usefulness",
    "compare_associations",
    "compare_columns",
    "detection_auc",
    "evaluate",
    "figures_for_manifest",
    "project",
    "usefulness",
]
