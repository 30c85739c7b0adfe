"""What a command writes does not depend on where the model runs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from augment.data import detect_schema, read_table, write_table
from augment.runtime import Model
from tests.cli.running import augment, augment_process

if TYPE_CHECKING:
    from pathlib import Path


def both(tmp_path: Path, models: Path, server: str, suffix: str, *command: object) -> Path:
    """Run a command on the bundle and through the server; return the one file that both wrote."""
    paths = [tmp_path / f"{place}{suffix}" for place in ("here", "there")]
    for path, where in zip(paths, (("--models", models), ("--server", server)), strict=True):
        ran = augment(*command, "--out", path, *where)
        assert ran.code == 0, ran.err
    assert paths[0].read_bytes() == paths[1].read_bytes()
    return paths[0]


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet", ".arrow", ".feather"])
def test_generated_files_are_equal(tmp_path: Path, models: Path, server: str, suffix: str) -> None:
    """The same model, rows and seed give the same bytes in every format."""
    path = both(tmp_path, models, server, suffix, "generate", "flat", "--rows", 1500, "--seed", 7)
    assert read_table(path).num_rows == 1500


@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
def test_generated_arrays_are_equal(tmp_path: Path, models: Path, server: str, suffix: str) -> None:
    """The same holds for records with images, from an offset."""
    command = ("generate", "tiny", "--rows", 700, "--seed", 3, "--offset", 100)
    path = both(tmp_path, models, server, suffix, *command)
    assert read_table(path).column_names == [
        "key", "age", "income", "city", "code", "member", "since", "day", "image", "class",
    ]  # fmt: skip


def test_generated_rows_are_the_models_own(tmp_path: Path, models: Path) -> None:
    """The file holds the rows that the library gives, with the types of the training data."""
    out = tmp_path / "new.parquet"
    assert augment("generate", "tiny", "--rows", 50, "--seed", 9, "--out", out, "--models", models).code == 0
    assert pq.read_table(out).equals(Model.open(models / "tiny" / "1").generate(50, seed=9))


def test_a_drawn_seed_is_told_and_gives_the_rows_again(tmp_path: Path, models: Path) -> None:
    """Without --seed one is drawn, and told so that the rows can be had again."""
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    ran = augment("generate", "flat", "--rows", 20, "--out", first, "--models", models)
    seed = ran.out.split("with seed ")[1].split()[0]
    augment("generate", "flat", "--rows", 20, "--seed", seed, "--out", second, "--models", models)
    assert first.read_bytes() == second.read_bytes()


def test_a_bundles_path_is_a_name_too(tmp_path: Path, models: Path) -> None:
    """A path to one version's directory opens that version."""
    named, pathed = tmp_path / "named.csv", tmp_path / "pathed.csv"
    for name, out in (("flat", named), (str(models / "flat" / "1"), pathed)):
        augment("generate", name, "--rows", 20, "--seed", 1, "--out", out, "--models", models)
    assert named.read_bytes() == pathed.read_bytes()


@pytest.mark.parametrize("method", ["linear", "slerp"])
def test_paths_are_equal(tmp_path: Path, models: Path, server: str, flat_csv: Path, method: str) -> None:
    """Interpolations from a CSV file are equal, and have `steps` rows a pair."""
    command = ("interpolate", "flat", flat_csv, "--from", 0, "--to", 5, "--from", 2, "--to", 9)
    path = both(tmp_path, models, server, ".csv", *command, "--steps", 4, "--method", method)
    assert read_table(path).num_rows == 8


def test_paths_of_images_are_equal(tmp_path: Path, models: Path, server: str, tiny_parquet: Path) -> None:
    """Rows 0 and 1 are joined where none are said; images interpolate too."""
    path = both(tmp_path, models, server, ".parquet", "interpolate", "tiny", tiny_parquet)
    assert read_table(path).num_rows == 8


def test_repaired_files_are_equal(tmp_path: Path, models: Path, server: str, flat_table: pa.Table) -> None:
    """Denoising a CSV file that lacks a column and cells gives equal files, unchanged cells included.

    Days are read and written in the training file's own format.
    """
    broken = tmp_path / "broken.csv"
    write_table(flat_table.drop_columns(["age"]), broken, detect_schema(flat_table))
    path = both(tmp_path, models, server, ".csv", "denoise", "flat", broken)
    repaired = read_table(path)
    assert repaired["day"].equals(flat_table["day"])
    assert re.search(r",\d\d\.\d\d\.20\d\d,", path.read_text(encoding="utf-8").splitlines()[1])
    assert repaired["age"].null_count == repaired["income"].null_count == repaired["city"].null_count == 0
    assert repaired["note"].to_pylist() == flat_table["note"].to_pylist()
    assert repaired["key"].to_pylist() == flat_table["key"].to_pylist()


def test_changes_are_listed_equally(tmp_path: Path, models: Path, server: str, tiny_parquet: Path) -> None:
    """--changes lists each changed cell with its row, and counts as many as were told."""
    listed = []
    for place, where in (("here", ("--models", models)), ("there", ("--server", server))):
        changes = tmp_path / f"{place}.changes.csv"
        out = tmp_path / f"{place}.parquet"
        ran = augment("denoise", "tiny", tiny_parquet, "--out", out, "--changes", changes, *where)
        assert ran.code == 0, ran.err
        listed.append(changes.read_bytes())
    found = read_table(changes)
    assert listed[0] == listed[1]
    assert found.column_names == ["row", "column", "before", "after", "confidence"]
    assert f"{found['before'].null_count:,} missing cells filled in" in ran.out


def test_threshold_0_keeps_every_given_cell(tmp_path: Path, models: Path, flat_csv: Path) -> None:
    """With --threshold 0 only missing cells change."""
    out, changes = tmp_path / "filled.csv", tmp_path / "changes.csv"
    where = ("--models", models, "--changes", changes)
    ran = augment("denoise", "flat", flat_csv, "--threshold", 0, "--out", out, *where)
    assert ran.code == 0, ran.err
    assert "0 cells repaired" in ran.out
    assert read_table(changes)["before"].null_count == read_table(changes).num_rows


def test_latent_vectors_are_equal(tmp_path: Path, models: Path, server: str, flat_csv: Path) -> None:
    """Encoding gives one float32 vector a record."""
    path = both(tmp_path, models, server, ".parquet", "encode", "flat", flat_csv)
    assert pq.read_table(path).num_rows == 240
    assert set(pq.read_table(path).schema.types) == {pa.float32()}


def test_a_client_only_install_generates_through_a_server(tmp_path: Path, models: Path, server: str) -> None:
    """Without numpy, YAML and onnxruntime the same file comes from a server."""
    absent = ("numpy", "onnxruntime", "yaml", "torch", "pandas")
    block = f"import sys; sys.modules.update(dict.fromkeys({absent!r}))"
    command = ("generate", "flat", "--rows", 30, "--seed", 7, "--out")
    ran = augment_process(*command, tmp_path / "there.parquet", "--server", server, before=block)
    assert ran.code == 0, ran.err
    augment(*command, tmp_path / "here.parquet", "--models", models)
    assert (tmp_path / "here.parquet").read_bytes() == (tmp_path / "there.parquet").read_bytes()
