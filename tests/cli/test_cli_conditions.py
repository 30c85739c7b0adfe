"""What is asked for is what comes, from a bundle and from a server, byte for byte the same."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from augment.data import satisfied
from augment.runtime import Model
from augment_client import Client
from tests.cli.running import augment

if TYPE_CHECKING:
    from pathlib import Path

CONDITIONS = ["age in 30..60", "income >= 400", "city in {Bern, Zürich}", "day < 2022-01-01"]


@pytest.fixture(scope="module")
def flat(models: Path) -> Model:
    """The flat bundle, in process."""
    return Model.open(models / "flat" / "1", threads=1)


def made(tmp_path: Path, models: Path, server: str, *asked: object) -> Path:
    """Generate 300 records here and there; return the one file after asserting that both are equal."""
    command = ("generate", "flat", "--rows", 300, "--seed", 5, *asked)
    here, there = tmp_path / "here.parquet", tmp_path / "there.parquet"
    for out, where in ((here, ("--models", models)), (there, ("--server", server))):
        ran = augment(*command, "--out", out, *where)
        assert ran.code == 0, ran.err
        assert "wrote 300 records" in ran.out
    assert here.read_bytes() == there.read_bytes()
    return here


def test_every_record_satisfies_all_conditions(
    tmp_path: Path, models: Path, server: str, flat: Model
) -> None:
    """All rows that were asked for come, and each keeps to what was asked."""
    where = [part for text in CONDITIONS for part in ("--where", text)]
    table = pq.read_table(made(tmp_path, models, server, *where))
    assert pc.all(satisfied(table, CONDITIONS, flat.codec.schema)).as_py()
    assert not pc.all(satisfied(flat.generate(300, seed=5), CONDITIONS, flat.codec.schema)).as_py()


def test_missing_cells_can_be_asked_for_and_ruled_out(tmp_path: Path, models: Path, server: str) -> None:
    """Missing in one column, present in another."""
    path = made(tmp_path, models, server, "--where", "income is missing", "--where", "city is not missing")
    table = pq.read_table(path)
    assert (table["income"].null_count, table["city"].null_count) == (300, 0)


@pytest.mark.parametrize(
    ("balance", "column", "shares"),
    [
        ("target", "class", {0: 0.5, 1: 0.5}),
        ("city", "city", {"Bern": 1 / 3, "Genève": 1 / 3, "Zürich": 1 / 3}),
        ("city: Bern=0.1, Zürich=0.9", "city", {"Bern": 0.1, "Zürich": 0.9}),
    ],
)
def test_classes_have_their_shares(
    tmp_path: Path, models: Path, server: str, balance: str, column: str, shares: dict[object, float]
) -> None:
    """To within a few rows, whatever the number of rows; also with fewer steps."""
    table = pq.read_table(made(tmp_path, models, server, "--balance", balance, "--steps", 2))
    counts = {item["values"]: item["counts"] for item in table[column].value_counts().to_pylist()}
    assert counts.keys() == shares.keys()
    assert all(abs(counts[value] - 300 * share) <= 4 for value, share in shares.items())


def test_the_receipt_says_what_was_asked_and_gives_the_rows_again(server: str, flat: Model) -> None:
    """Values by column come back as text, which asks for the same rows; so does the library."""
    asked = {"age": (30, 60), "city": ["Bern", "Zürich"], "day": (None, dt.date(2021, 12, 31))}
    with Client(server) as client:
        with client.generate_batches("flat", 50, conditions=asked, balance="target", steps=3) as stream:
            info, batches = stream.info, list(stream)
        assert info.conditions == ("age in 30..60", "city in {Bern, Zürich}", "day <= 2021-12-31")
        assert (info.balance, info.steps, info.sampler) == ("target", 3, "denoiser")
        again = {"conditions": info.conditions, "balance": info.balance, "steps": info.steps}
        table = client.generate("flat", 50, seed=info.seed, **again)  # type: ignore[arg-type]  # one of each
    assert table.to_batches() == batches
    assert flat.generate(50, seed=info.seed, **again).equals(table)  # type: ignore[arg-type]  # likewise


def test_a_conditioned_row_has_an_address(flat: Model) -> None:
    """Rows of a condition are the same, whole or from an offset."""
    whole = flat.generate(700, seed=3, conditions=CONDITIONS, balance="target")
    part = flat.generate(90, seed=3, offset=555, conditions=CONDITIONS, balance="target")
    assert part.equals(whole.slice(555, 90))
