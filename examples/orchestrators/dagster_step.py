"""Dagster: a step's output as an asset, with what its manifest tells as metadata."""

from __future__ import annotations

import json
from pathlib import Path

import dagster as dg

from augment.errors import AugmentError, StepError
from augment.scale import load_step, run_step


@dg.asset(retry_policy=dg.RetryPolicy(max_retries=3, delay=1, backoff=dg.Backoff.EXPONENTIAL))
def augmented_customers() -> dg.MaterializeResult[None]:
    """Customers, completed and balanced; a second run makes only what is missing."""
    config = load_step("step.yaml")
    try:
        run_step(config)
    except StepError:
        raise  # try again: what is made so far is kept
    except AugmentError as error:  # bad input, or a quality gate is closed
        raise dg.Failure(description=str(error), allow_retries=False) from error
    manifest = json.loads((Path(config.output) / "_manifest.json").read_text(encoding="utf-8"))
    told = {name: manifest[name] for name in ("rows", "synthetic_rows", "identity")}
    return dg.MaterializeResult(metadata={**told, "model": manifest["model"]["digest"]})


definitions = dg.Definitions(assets=[augmented_customers])
