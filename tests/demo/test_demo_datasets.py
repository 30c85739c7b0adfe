"""What the demo learns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from augment.demo.datasets import breast_cancer, bundle_name, digits, from_file, split
from augment.errors import ColumnNotFoundError, DataFileError
from tests.records import every_kind

if TYPE_CHECKING:
    from pathlib import Path


def test_breast_cancer_is_a_table_with_its_diagnosis() -> None:
    """30 numbers and the diagnosis as the target; no images."""
    found = breast_cancer()
    assert (found.table.num_rows, found.table.num_columns) == (569, 31)
    assert found.target is not None
    assert (found.target.name, found.target.kind) == ("diagnosis", "category")
    assert {column.kind for column in found.schema.columns[:-1]} == {"number"}
    assert found.images is None


def test_digits_are_images_with_their_label() -> None:
    """An 8x8 array column and the digit as the target."""
    found = digits()
    assert found.table.num_rows == 1797
    assert found.images is not None
    assert found.images.name == "image"
    assert found.target is not None
    assert (found.target.name, found.target.kind) == ("digit", "category")


def test_a_users_file_is_read_as_it_stands(tmp_path: Path) -> None:
    """The bundle is named after the file; the target is marked."""
    path = tmp_path / "my data.csv"
    path.write_text("x,y\n" + "\n".join(f"{i * 0.37:.2f},{i % 2}" for i in range(40)), encoding="utf-8")
    found = from_file(path, "y")
    assert (found.name, found.title, found.table.num_rows) == ("my_data", "my data.csv", 40)
    assert found.target is not None
    assert found.target.name == "y"


def test_bad_files_are_refused(tmp_path: Path) -> None:
    """Too few rows to train and to test with, or a target that is not there."""
    path = tmp_path / "few.csv"
    path.write_text("x,y\n1.5,a\n2.5,b\n3.5,a\n", encoding="utf-8")
    with pytest.raises(DataFileError, match="must be at least 10 for the demo, got 3"):
        from_file(path, "y")
    with pytest.raises(ColumnNotFoundError):
        from_file(path, "z")


@pytest.mark.parametrize(
    "name", ["adult_train.csv.gz", "-.csv", "é.csv", ".csv", "a b.parquet", "x" * 99 + ".csv"]
)
def test_bundle_names_are_allowed_ones(name: str) -> None:
    """Whatever the file is called."""
    from augment.bundle.limits import NAME_PATTERN  # noqa: PLC0415 - the rule itself

    assert NAME_PATTERN.fullmatch(bundle_name(name))


def test_rows_to_train_on_and_to_test_with_are_distinct() -> None:
    """Every row is in one part, a fifth is held out, and the same seed splits alike."""
    table = every_kind(200)
    train, held_out = split(table, 1)
    keys = [*train["key"].to_pylist(), *held_out["key"].to_pylist()]
    assert sorted(keys) == table["key"].to_pylist()
    assert held_out.num_rows == 40
    assert split(table, 1)[1].equals(held_out)
    assert not np.array_equal(split(table, 2)[1]["key"], held_out["key"])
