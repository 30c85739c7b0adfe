"""The same rows as a server's, in bulk: a step of a data pipeline, and data sets on Ray and Spark.

Row addresses make it possible: each part of the output is a pure function of its plan, whoever makes it.
`augment.scale.ray` and `augment.scale.spark` have the data sets.
"""

from __future__ import annotations

from augment.scale.config import StepConfig, load_step
from augment.scale.run import Outcome, Planned, Watcher, plan_step, run_step

__all__ = ["Outcome", "Planned", "StepConfig", "Watcher", "load_step", "plan_step", "run_step"]
