"""Limits that a step's figures must keep to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from augment.errors import GateError
from augment.scale.samples import given_sample, made_sample
from augment.sources.facts import reading_schema

if TYPE_CHECKING:
    from augment.scale.manifest import Figures
    from augment.scale.plan import Plan
    from augment.scale.stores import Store

__all__ = ["check_detection", "check_drift", "detection_of"]

_JUDGED_ROWS = 5_000


def check_drift(plan: Plan, figures: Figures) -> None:
    """Refuse an input whose columns are too far from the training data.

    Raises:
        GateError: One is further than `max_drift`.
    """
    limit = plan.config.max_drift
    if limit is None:
        return
    over = {name: drift for name, drift in figures.drift.items() if drift["distance"] > limit}
    if over:
        worst = sorted(over, key=lambda name: -over[name]["distance"])
        told = ", ".join(
            f"{name} {over[name]['distance']:.3f} (by chance {over[name]['expected']:.3f})" for name in worst
        )
        raise GateError(
            f"drift of the input must be at most {limit} (max_drift), got {told}\n"
            "  remedy  train a model on newer rows, or raise max_drift"
        )


def detection_of(plan: Plan, store: Store) -> float | None:
    """Return how well boosted trees tell the output's synthetic rows from the input's: ROC AUC.

    None with too few rows of either. See `augment.evaluation.judge.detection_auc`.
    """
    from augment.evaluation.judge import detection_auc  # noqa: PLC0415 - scikit-learn, an extra

    schema = reading_schema(plan.facts)
    given = list(given_sample(plan, _JUDGED_ROWS))
    made = list(made_sample(plan, store, _JUDGED_ROWS))
    if not given or not made:
        return None
    real = pa.concat_tables(given).unify_dictionaries()
    synthetic = pa.concat_tables(made).unify_dictionaries()
    shared = [name for name in plan.facts.schema.names if name in real.column_names]
    return detection_auc(real.select(shared), synthetic.select(shared), schema, seed=plan.config.seed % 2**32)


def check_detection(plan: Plan, figures: Figures) -> None:
    """Refuse an output whose synthetic rows are told apart too well.

    Raises:
        GateError: They are, by more than `max_detection_auc`.
    """
    limit, found = plan.config.max_detection_auc, figures.detection_auc
    if limit is None:
        return
    if found is None:
        raise GateError(
            "max_detection_auc needs at least 12 given and 12 synthetic rows in the output\n"
            "  remedy  take the setting away for inputs of so few rows"
        )
    if found > limit:
        raise GateError(
            f"detection AUC of synthetic rows must be at most {limit} (max_detection_auc), got {found:.3f}\n"
            "  remedy  train longer or on more rows, or raise the limit; _manifest.json was not written"
        )
