"""The flights table, and a bundle of it, trained for a moment: how well it learnt changes no speed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from augment.bundle import list_bundles

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["flights_bundle"]


def flights_bundle(data: Path, cache: Path) -> tuple[Path, Path]:
    """Return the table as a Parquet file, and the directory of its bundle; made if need be."""
    from augment.data import read_table, write_table  # noqa: PLC0415 - torch only where it trains

    table_file = cache / "flights.parquet"
    if not table_file.is_file():
        if not data.is_file():
            raise SystemExit(f"--data must be the flights file, got {data}")
        cache.mkdir(parents=True, exist_ok=True)
        write_table(read_table(data), table_file)
    if not (found := list_bundles(cache / "models")):
        from augment.data import detect_schema  # noqa: PLC0415 - as above
        from augment.training import TrainConfig, build_bundle  # noqa: PLC0415 - as above

        table = read_table(table_file)
        config = TrainConfig.model_validate({"seed": 1, "device": "cpu", "max_steps": 200})
        schema = detect_schema(table, target="arr_delay")
        build_bundle(table, schema, config, name="flights", out=cache / "models")
        found = list_bundles(cache / "models")
    return table_file, found[-1]
