"""What is served: a bundle of Adult, trained for a moment: how well it learnt does not change its speed."""

from __future__ import annotations

from pathlib import Path

from augment.bundle import list_bundles

__all__ = ["ADULT", "CACHE", "adult_bundle"]

_BENCHMARKS = Path(__file__).resolve().parents[1]
ADULT = _BENCHMARKS.parents[1] / "shared" / "data" / "tabular" / "adult_train.csv.gz"
CACHE = _BENCHMARKS / ".cache" / "serving"


def adult_bundle(data: Path, cache: Path) -> Path:
    """Return the directory of a bundle of the usual size, with both samplers, trained if need be."""
    if not (found := list_bundles(cache / "models")):
        from augment.data import detect_schema, read_table  # noqa: PLC0415 - torch only where it trains
        from augment.training import TrainConfig, build_bundle  # noqa: PLC0415

        if not data.is_file():
            raise SystemExit(f"--data must be Adult's file, got {data}. Give --bundle or --models instead")
        table = read_table(data)
        config = TrainConfig.model_validate({"seed": 1, "device": "cpu", "max_steps": 300})
        schema = detect_schema(table, target="income")
        build_bundle(table, schema, config, name="adult", out=cache / "models")
        found = list_bundles(cache / "models")
    return found[-1]
