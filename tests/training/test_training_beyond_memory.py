"""Laws of training from Parquet that is not held in memory."""

from __future__ import annotations

import errno
import shutil
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import torch

from augment.bundle import open_bundle
from augment.data import LargeTable, conform, detect_schema, read_table
from augment.data.record_file import RecordWriter
from augment.errors import PublishError, RequestError, SchemaError, TrainingError
from augment.training import Runs, TrainConfig, Watcher, build_bundle, train_models
from augment.training.averaging import copy_weights
from augment.training.block_order import BlockOrder
from augment.training.choosing import choose_rows
from augment.training.in_memory import engine_of, sample
from augment.training.prepared import prepared_large, prepared_table
from tests.records import every_kind
from tests.training.test_training_killed import BOTH, check, endings

if TYPE_CHECKING:
    from pathlib import Path

    from augment.training.prepared import Prepared
    from augment.training.train import Trained

_QUICK = TrainConfig(epochs=2, max_steps=12, seed=1, device="cpu")


class Dying(Watcher):
    """Remembers stages, and ends the process's work at one."""

    def __init__(self, last: str = "") -> None:
        self.stages: list[str] = []
        self._last = last

    def on_stage(self, stage: str) -> None:
        """Remember it, or die."""
        self.stages.append(stage)
        if self._last and stage.startswith(self._last):
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """600 records of every kind in six row groups."""
    path = tmp_path_factory.mktemp("beyond") / "all.parquet"
    pq.write_table(every_kind(600), path, row_group_size=100)
    return path


def trained(records: Prepared, config: TrainConfig) -> dict[str, Trained]:
    return train_models(records.records, records.codec.layout, config, Watcher())


def test_records_in_a_file_train_the_same_weights(file: Path, tmp_path: Path) -> None:
    """Where the sample is all rows: the same encoding, hash, weights to the bit, and rows to judge by."""
    large, table = LargeTable.open(file), read_table(file)
    schema = detect_schema(table, target="class")
    config = _QUICK.model_copy(update={"models": ("vae", "imputer", "autoencoder")})
    with (
        prepared_table(conform(table, schema), schema, config, None) as held,
        prepared_large(large, schema, config, None, tmp_path, print) as stored,
    ):
        assert held.codec.tables == stored.codec.tables
        assert held.data_sha256 == stored.data_sha256
        assert all(a.equals(b) for a, b in zip(held.shown(), stored.shown(), strict=True))
        one, other = trained(held, config), trained(stored, config)
        for name in ("vae", "denoiser", "autoencoder"):
            weights = (copy_weights(run[name].model) for run in (one, other))
            assert all(torch.equal(a, b) for a, b in zip(*weights, strict=True))
            assert one[name].report.heldout_loss == other[name].report.heldout_loss
            assert one[name].score_quantiles == other[name].score_quantiles
    assert [path.name[:8] for path in tmp_path.iterdir()] == ["encoded-"]


def next_run(parent: Path) -> Path:
    """Return the directory of the only run."""
    return next(path for path in parent.iterdir() if not path.name.startswith("encoded-"))


def test_what_is_learnt_from_a_small_sample_makes_sensible_records(tmp_path: Path) -> None:
    """Bins from 300 of 6,000 rows: samples are in the range of all rows and follow their shares."""
    table = every_kind(6000).drop_columns(["image", "note"])
    pq.write_table(table, tmp_path / "x.parquet", row_group_size=1000)
    large = LargeTable.open(tmp_path / "x.parquet", sample_rows=300)
    assert large.sample.num_rows < 400
    schema = large.detect_schema(target="class")
    config = TrainConfig(max_steps=300, seed=1, device="cpu", models=("maker",))
    with prepared_large(large, schema, config, None, tmp_path / "runs", print) as records:
        made = trained(records, config)
        assert records.shown()[1].num_rows == 600
        records.finish()
    assert not list((tmp_path / "runs").iterdir())
    engine = engine_of(records.codec, [made["maker"].finished], config.block_rows)
    synthetic = sample(engine, "denoiser", 2000)
    assert synthetic["age"].type == table["age"].type
    ends, found = (pc.min_max(one["income"]).as_py() for one in (table, synthetic))
    assert ends["min"] <= found["min"] < found["max"] <= ends["max"]
    shares = [pc.mean(pc.equal(one["city"], "Zürich")).as_py() for one in (table, synthetic)]
    assert shares[0] == pytest.approx(shares[1], abs=0.06)
    assert set(synthetic["city"].to_pylist()) == {"Zürich", "Bern", "Genève", None}


@pytest.mark.slow
def test_an_interrupted_run_takes_up_records_and_weights(file: Path, tmp_path: Path) -> None:
    """Ended while it exports, and called again: nothing is encoded or trained twice, nothing is left."""
    config = _QUICK.model_copy(update={"models": ("imputer",)})
    schema = LargeTable.open(file).detect_schema(target="class")
    dying, living = Dying("exporting"), Dying()

    def build(watcher: Watcher) -> Path:
        runs = Runs(parent=tmp_path / "runs")
        large = LargeTable.open(file)
        return build_bundle(
            large, schema, config, name="big", out=tmp_path / "models", run_dir=runs, watcher=watcher
        )

    with pytest.raises(KeyboardInterrupt):
        build(dying)
    assert [stage.split()[0] for stage in dying.stages] == ["counting", "encoding", "training", "exporting"]
    kept = list((tmp_path / "runs").glob("encoded-*"))
    assert len(kept) == 1
    other = config.model_copy(update={"max_steps": 13})
    with pytest.raises(TrainingError, match="max_steps was 12 and is 13"):
        build_bundle(
            LargeTable.open(file),
            schema,
            other,
            name="big",
            out=tmp_path,
            run_dir=next_run(tmp_path / "runs"),
        )
    assert not list(next_run(tmp_path / "runs").glob("encoded-*"))
    manifest = open_bundle(build(living)).manifest
    said = [stage.split()[0] for stage in living.stages]
    assert said == ["taking", "going", "training", "exporting", "publishing"]
    assert manifest.training.rows == 600
    assert [path.name for path in (tmp_path / "runs").iterdir() if path.name.startswith("encoded")] == []


def test_records_of_other_settings_are_not_taken_up(file: Path, tmp_path: Path) -> None:
    """Another seed holds other rows out; the records of before, which nobody holds, are removed."""
    large = LargeTable.open(file)
    schema = large.detect_schema(target="class")
    told: list[str] = []
    with prepared_large(large, schema, _QUICK, None, tmp_path, told.append):
        pass
    other = _QUICK.model_copy(update={"seed": 2})
    with (
        prepared_large(large, schema, other, None, tmp_path, told.append),
        prepared_large(large, schema, other, None, tmp_path, told.append) as second,
    ):
        assert second.store is not None
        assert second.store.path.name.endswith("-2")
    assert [line.split()[0] for line in told] == ["counting", "encoding"] * 3
    assert len(list(tmp_path.iterdir())) == 2


def test_half_written_records_are_written_anew(file: Path, tmp_path: Path) -> None:
    """As a process that was killed while encoding leaves them."""
    large = LargeTable.open(file)
    schema = large.detect_schema(target="class")
    with prepared_large(large, schema, _QUICK, None, tmp_path, print) as first:
        assert first.store is not None
    (first.store.path / "encoding.json").unlink()
    (first.store.path / "records.bin").write_bytes(b"half")
    told: list[str] = []
    with prepared_large(large, schema, _QUICK, None, tmp_path, told.append) as second:
        assert second.data_sha256 == first.data_sha256
    assert told[1].startswith("encoding 600 rows")


def test_a_full_disk_is_told_and_nothing_is_left(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Foreseen, or met on the way."""
    large = LargeTable.open(file)
    schema = large.detect_schema(target="class")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(RecordWriter, "append", full)
        with (
            pytest.raises(PublishError, match=r"No space left.*--run-dir"),
            prepared_large(large, schema, _QUICK, None, tmp_path, print),
        ):
            pass
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with (
        pytest.raises(PublishError, match=r"must have 0\.\d+ GiB for the encoded records, got 0.00 GiB free"),
        prepared_large(large, schema, _QUICK, None, tmp_path, print),
    ):
        pass
    assert not list(tmp_path.iterdir())


def test_rows_that_do_not_fit_are_named_and_nothing_is_left(file: Path, tmp_path: Path) -> None:
    """A schema of other kinds, a single row, records that weigh more than one."""
    large = LargeTable.open(file)
    schema = large.detect_schema()
    columns = tuple(one.model_copy(update={"nullable": False}) for one in schema.columns)
    strict = schema.model_copy(update={"columns": columns})
    with pytest.raises(SchemaError, match=r"all.parquet: columns.city.rows\[\d+\] must be there"):
        build_bundle(
            large, strict, _QUICK, name="x", out=tmp_path / "out", run_dir=Runs(parent=tmp_path / "r")
        )
    assert not list((tmp_path / "r").iterdir())
    pq.write_table(every_kind(1), tmp_path / "one.parquet")
    with pytest.raises(SchemaError, match="rows must be at least 2"):
        build_bundle(
            LargeTable.open(tmp_path / "one.parquet"), schema, _QUICK, name="x", out=tmp_path / "out"
        )
    with (
        prepared_large(large, schema, _QUICK, None, None, print) as records,
        pytest.raises(RequestError, match="repeats must be left out"),
    ):
        train_models(records.records, records.codec.layout, _QUICK, Watcher(), torch.ones(600).long().numpy())


def test_private_training_from_a_file(file: Path, tmp_path: Path) -> None:
    """All records are trained on, with the noise that their number asks for."""
    pytest.importorskip("opacus")
    large = LargeTable.open(file)
    schema = large.detect_schema(target="class")
    said: dict[str, Any] = {"models": ["imputer"], "max_steps": 3, "device": "cpu", "privacy": {"epsilon": 5}}
    config = TrainConfig.model_validate(said)
    with prepared_large(large, schema, config, None, tmp_path, print) as records:
        report = trained(records, config)["denoiser"].report
    assert report.mechanism is not None
    assert report.steps == 3


@pytest.mark.parametrize(("rows", "batch_size"), [(100, 7), (64, 8), (33, 33), (9, 1)])
def test_blocks_come_in_passes_over_all_rows_and_go_on_where_they_were(rows: int, batch_size: int) -> None:
    """Each row once a pass; another line that takes over after any number of batches gives the same ones."""
    for taken in range(12):
        generator = torch.Generator().manual_seed(1)
        order = BlockOrder(rows, batch_size, generator, block_rows=4, window_blocks=3)
        first = [order.following() for _ in range(taken)]
        kept = torch.Generator()
        other = BlockOrder(rows, batch_size, kept, block_rows=4, window_blocks=3)
        kept.set_state(generator.get_state())
        other.load_state_dict(order.state_dict())
        assert all(torch.equal(order.following(), other.following()) for _ in range(9))
        if taken * batch_size >= rows:
            assert sorted(torch.cat(first)[:rows].tolist()) == list(range(rows))


def test_blocks_are_mixed() -> None:
    """Of a million rows a batch of 512 has few of one block, and comes from everywhere."""
    order = BlockOrder(1_000_000, 512, torch.Generator().manual_seed(1))
    batch = order.following()
    assert len(torch.unique(batch // 32)) > 490
    assert batch.float().std() > 200_000
    assert not torch.equal(batch, order.following())


@pytest.mark.parametrize("rows", [1000, 10**12])
def test_rows_are_chosen_evenly_and_once(rows: int) -> None:
    """Out of a thousand, and out of more than memory could shuffle."""
    chosen = choose_rows(rows, 500, torch.Generator().manual_seed(2))
    assert len(torch.unique(chosen)) == 500
    assert 0 <= int(chosen.min()) < int(chosen.max()) < rows
    assert float(chosen.double().mean()) == pytest.approx(rows / 2, rel=0.1)
    assert not torch.equal(chosen, chosen.sort().values)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_runs_from_a_file_end_in_the_same_bits(tmp_path: Path) -> None:
    """SIGKILL while categories are counted, records written, models trained: as `test_training_killed`."""
    check(endings(tmp_path, BOTH, kills=6, seed=8, large=True), BOTH)
