"""dbt-python (dbt-duckdb here): a model whose rows are another's, completed and balanced."""

import tempfile
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from augment.scale import StepConfig, run_step


def model(dbt: Any, session: Any) -> pa.Table:  # noqa: ARG001 - dbt's own signature
    """Return the augmented rows, among which `_synthetic` marks those that were made."""
    dbt.config(materialized="table")
    with tempfile.TemporaryDirectory() as folder:
        dbt.ref("customers").write_parquet(f"{folder}/customers.parquet")
        config = StepConfig.model_validate(
            {
                "input": f"{folder}/customers.parquet",
                "model": "customers",
                "models": dbt.config.get("models") or "models",
                "operations": [{"do": "impute"}, {"do": "augment", "balance": "churned"}],
                "output": f"{folder}/augmented",
                "seed": 7,
            }
        )
        run_step(config)
        return pq.read_table(config.output)
