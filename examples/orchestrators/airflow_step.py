"""Airflow 3 (TaskFlow): `augment step` as a task that is tried again, but not where that cannot help."""

from __future__ import annotations

import subprocess
from datetime import datetime, timedelta, timezone

from airflow.sdk import dag, task
from airflow.sdk.exceptions import AirflowFailException

REFUSED = {2: "bad input", 3: "a quality gate is closed"}


@dag(schedule="@daily", start_date=datetime(2026, 1, 1, tzinfo=timezone.utc), catchup=False)  # noqa: UP017
def augmented_customers() -> None:
    """Complete and balance the day's customers."""

    @task(retries=3, retry_delay=timedelta(minutes=1))
    def augment(config: str) -> None:
        """Run the step; a second run makes only what is missing."""
        code = subprocess.run(["augment", "step", config], check=False).returncode  # noqa: S603, S607
        if code in REFUSED:
            raise AirflowFailException(f"{REFUSED[code]}: see the task's log")
        if code:
            raise RuntimeError(f"augment step ended with {code}")

    augment("step.yaml")


augmented_customers()
