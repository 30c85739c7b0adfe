from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pytest
import yaml

from augment.errors import GateError
from augment.scale.run import plan_step, run_step
from tests.cli.running import augment
from tests.scale.steps import config_of, given_rows, manifest_of, parts_of, write_inputs

if TYPE_CHECKING:
    from pathlib import Path

MADE = ({"do": "augment", "rows": 2_000},)


@pytest.fixture
def moved(tmp_path: Path) -> Path:
    """An input whose ages moved by thirty years, with a city that nobody saw."""
    table = given_rows(800)
    age = table.column_names.index("age")
    table = table.set_column(age, "age", pc.add(table["age"], 30))
    city = table.column_names.index("city")
    new = [
        None if value is None else "Chur" if n % 4 == 0 else value
        for n, value in enumerate(table["city"].to_pylist())
    ]
    write_inputs(tmp_path / "moved" / "in", table.set_column(city, "city", pa.array(new)))
    return tmp_path / "moved"


def test_drift_is_told_column_by_column(root: Path, moved: Path, flat_dir: Path) -> None:
    """Rows of the training data's source are as far as chance makes them; others are further, and named."""
    near = plan_step(config_of(root, flat_dir, operations=MADE)).figures.drift
    far = plan_step(config_of(moved, flat_dir, operations=MADE)).figures.drift
    assert set(near) == {"age", "income", "city", "code", "member", "since", "day", "class"}
    assert all(each["distance"] < 3 * each["expected"] for each in near.values())
    assert far["age"]["distance"] > 3 * far["age"]["expected"]
    assert 0.15 < far["city"]["unseen"] < 0.25
    assert far["member"]["distance"] < 3 * far["member"]["expected"]


def test_a_drift_beyond_the_limit_ends_the_step_before_any_work(moved: Path, flat_dir: Path) -> None:
    """Exit code 3, the column and both figures; nothing is written. Within the limit, all goes on."""
    config = config_of(moved, flat_dir, operations=MADE, max_drift=0.25)
    with pytest.raises(GateError, match=r"at most 0.25 \(max_drift\), got age 0\.\d+ \(by chance 0\.\d+\)"):
        run_step(config)
    assert not (moved / "out").exists()
    (moved / "step.yaml").write_text(yaml.safe_dump(config.model_dump(mode="json")))
    for arguments in ((), ("--dry-run",)):
        ran = augment("step", moved / "step.yaml", *arguments)
        assert ran.code == 3
        assert "remedy  train a model on newer rows" in ran.err
    assert "age: 0." in ran.err  # the plan warns of what is far, and shows all the rest
    assert "0 of 5 parts are there" in ran.out
    assert run_step(config.model_copy(update={"max_drift": 1.0})).manifest["figures"]["drift"]["age"]
    with pytest.raises(GateError):
        run_step(config)


def test_synthetic_rows_that_are_told_apart_too_well_get_no_manifest(root: Path, flat_dir: Path) -> None:
    """The parts are kept, the manifest is not written; with a limit that holds, nothing is made again."""
    config = config_of(root, flat_dir, operations=MADE, max_detection_auc=0.5)
    with pytest.raises(GateError, match=r"detection AUC .* at most 0.5 .* got 0\.\d+"):
        run_step(config)
    before = parts_of(root / "out")
    assert not (root / "out" / "_manifest.json").exists()
    done = run_step(config.model_copy(update={"max_detection_auc": 1.0}))
    assert done.made == 0
    assert 0.5 < manifest_of(root / "out")["figures"]["detection_auc"] <= 1
    assert parts_of(root / "out") == before
    with pytest.raises(GateError):
        run_step(config)
    assert (root / "out" / "_manifest.json").exists()


def test_a_limit_asked_for_later_is_measured_later(root: Path, flat_dir: Path) -> None:
    """Limits are no part of what the rows are: a finished output is judged, and nothing is made again."""
    run_step(config_of(root, flat_dir, operations=MADE))
    assert manifest_of(root / "out")["figures"]["detection_auc"] is None
    judged = run_step(config_of(root, flat_dir, operations=MADE, max_detection_auc=1.0))
    assert judged.made == 0
    assert manifest_of(root / "out")["figures"]["detection_auc"] is not None
