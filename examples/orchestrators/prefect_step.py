"""Prefect 3: `augment step` as a task that is tried again, but not where that cannot help."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

from prefect import flow, task

if TYPE_CHECKING:
    from prefect import Task
    from prefect.client.schemas.objects import State, TaskRun

REFUSED = {2: "bad input", 3: "a quality gate is closed"}


class StepRefusedError(RuntimeError):
    """The step will not succeed by itself."""


def may_succeed(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Return whether another attempt may help."""
    return not isinstance(state.result(raise_on_failure=False), StepRefusedError)


@task(retries=3, retry_delay_seconds=1, retry_jitter_factor=1, retry_condition_fn=may_succeed)
def augment(config: str) -> None:
    """Run the step; a second run makes only what is missing."""
    code = subprocess.run(["augment", "step", config], check=False).returncode  # noqa: S603, S607
    if code in REFUSED:
        raise StepRefusedError(f"{REFUSED[code]}: see the log")
    if code:
        raise RuntimeError(f"augment step ended with {code}")


@flow
def augmented_customers(config: str = "step.yaml") -> None:
    """Complete and balance the day's customers."""
    augment(config)


if __name__ == "__main__":
    augmented_customers(*sys.argv[1:])
