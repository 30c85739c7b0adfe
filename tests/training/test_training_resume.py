"""Laws of checkpoints and of what goes on from them."""

from __future__ import annotations

import errno
import hashlib
import io
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
import torch

from augment.data import Codec, detect_schema
from augment.errors import TrainingError
from augment.models import Batch
from augment.training import Progress, Runs, TrainConfig, Watcher, train_models
from augment.training.averaging import copy_weights
from augment.training.batch_order import BatchOrder
from augment.training.checkpoints import Checkpoints
from augment.training.fingerprint import data_sha256
from augment.training.loop import fit
from augment.training.runs import Identity, open_run
from tests.models.conftest import MAKERS
from tests.models.encoded_tables import encoded_table
from tests.training.test_training_loop import batches, options

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor


class After(Watcher):
    """Wants to stop after so many questions."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def wants_stop(self) -> bool:
        """Count."""
        self.steps -= 1
        return self.steps < 0


class Listener(Watcher):
    """Remembers epochs."""

    def __init__(self, heard: list[Progress]) -> None:
        self._heard = heard

    def on_epoch(self, progress: Progress) -> None:
        """Remember one."""
        self._heard.append(progress)


def fitted(name: str, path: Path, *, stops: tuple[int, ...]) -> tuple[list[Tensor], list[Progress]]:
    """Fit a model, stopping after each of so many steps, and return its weights and its epochs."""
    train, heldout = batches()
    history: list[Progress] = []
    for steps in (*stops, 10**9):
        history.clear()
        kept = Checkpoints(path)
        path.mkdir(exist_ok=True)
        model = MAKERS[name](encoded_table("mixed tables")[0], 0)
        chosen = replace(
            options(history),
            wants_stop=After(steps).wants_stop,
            on_restored=history.extend,
            checkpoints=kept.of("model"),
        )
        report = fit(model, train, heldout, chosen)
        assert (report.stopped == "interrupted") == (steps < 10**9)
    return copy_weights(model), list(history)


@pytest.mark.parametrize("name", MAKERS)
def test_a_stopped_run_goes_on_to_the_same_weights(name: str, tmp_path: Path) -> None:
    """Stopped in the first epoch, at an epoch's end and in between: the same bits, and each epoch once."""
    whole, told = fitted(name, tmp_path / "whole", stops=())
    parts, again = fitted(name, tmp_path / "parts", stops=(2, 3, 9))
    assert all(torch.equal(a, b) for a, b in zip(whole, parts, strict=True))
    losses = [(epoch.epoch, epoch.step, epoch.train_loss, epoch.heldout_loss) for epoch in told]
    assert [(epoch.epoch, epoch.step, epoch.train_loss, epoch.heldout_loss) for epoch in again] == losses


def test_a_stop_keeps_the_best_so_far() -> None:
    """Whoever stops in the fourth epoch gets the weights of the best of three."""
    train, heldout = batches()
    seen: list[Progress] = []
    model = MAKERS["vae"](encoded_table("mixed tables")[0], 0)
    report = fit(model, train, heldout, replace(options(seen), wants_stop=After(17).wants_stop))
    assert (report.stopped, report.epochs, report.steps) == ("interrupted", 3, 17)
    assert report.heldout_loss == min(epoch.heldout_loss for epoch in seen)


def test_a_stop_before_the_first_step_is_an_error() -> None:
    """There is nothing to export."""
    train, heldout = batches()
    model = MAKERS["vae"](encoded_table("mixed tables")[0], 0)
    with pytest.raises(TrainingError, match="nothing was learnt"):
        fit(model, train, heldout, replace(options(), wants_stop=lambda: True))


def test_a_damaged_newest_checkpoint_is_passed_over(tmp_path: Path) -> None:
    """Two are kept; where the newest is cut, changed or no checkpoint, the one before it counts."""
    kept = Checkpoints(tmp_path).of("vae")
    for step in (1, 2, 3):
        kept.save(step, {"step": step, "weights": torch.arange(5000.0)})
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["vae.000000002.pt", "vae.000000003.pt"]
    newest = tmp_path / "vae.000000003.pt"
    data = newest.read_bytes()
    assert _step(kept.newest()) == 3
    for damage in (data[:-1000], data[:100], b"", b"not a checkpoint", data[:2000] + bytes(99) + data[2099:]):
        newest.write_bytes(damage)
        assert _step(kept.newest()) == 2


def test_a_checkpoint_runs_no_code(tmp_path: Path) -> None:
    """A file that would call a function when unpickled is passed over, and calls nothing."""

    class Trap:
        def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
            return os.mkdir, (str(tmp_path / "sprung"),)

    buffer = io.BytesIO()
    torch.save({"step": Trap()}, buffer)
    data = buffer.getvalue()
    (tmp_path / "vae.000000001.pt").write_bytes(hashlib.sha256(data).digest() + data)
    assert Checkpoints(tmp_path).of("vae").newest() is None
    assert not (tmp_path / "sprung").exists()


def test_a_full_disk_is_told_and_training_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be written is told; the file before it stays, and nothing half-written."""
    told: list[str] = []
    kept = Checkpoints(tmp_path, tell=told.append).of("vae")
    kept.save(1, {"step": 1})

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    kept.save(2, {"step": 2})
    assert "No space left" in told[0]
    assert [path.name for path in tmp_path.iterdir()] == ["vae.000000001.pt"]
    assert _step(kept.newest()) == 1


@pytest.mark.parametrize(("rows", "batch_size"), [(10, 4), (8, 4), (5, 5), (7, 1)])
def test_the_line_of_batches_goes_on_where_it_was(rows: int, batch_size: int) -> None:
    """After any number of batches, another line that takes over gives the same ones; a pass is all rows."""
    for taken in range(8):
        generator = torch.Generator().manual_seed(1)
        order = BatchOrder(rows, batch_size, generator)
        first = [order.following() for _ in range(taken)]
        other_generator = torch.Generator()
        other = BatchOrder(rows, batch_size, other_generator)
        other_generator.set_state(generator.get_state())
        other.load_state_dict(order.state_dict())
        for _ in range(6):
            assert torch.equal(order.following(), other.following())
        if taken * batch_size >= rows:
            assert sorted(torch.cat(first)[:rows].tolist()) == list(range(rows))


def test_an_unfinished_run_of_something_else_is_refused(tmp_path: Path) -> None:
    """In a directory that is asked for by name, the differences are told, and what to do."""
    schema = detect_schema(pa.table({"a": ["x", "y"] * 10}))
    config = TrainConfig(epochs=3)
    first = Identity("adult", "0" * 64, "cpu", config.model_dump(mode="json"))
    runs = Runs(directory=tmp_path / "run")
    open_run(runs, first, config, schema, print).unlock()
    changed = config.model_copy(update={"epochs": 4, "vae": config.vae.model_copy(update={"beta": 1.0})})
    second = Identity("adult", "1" * 64, "cpu", changed.model_dump(mode="json"))
    with pytest.raises(TrainingError) as caught:
        open_run(runs, second, changed, schema, print)
    for part in (
        "the data or their schema are others",
        "epochs was 3 and is 4",
        "vae.beta was 0.25 and is 1.0",
        "--resume never",
    ):
        assert part in str(caught.value)
    again = open_run(runs, first, config, schema, print)
    assert again.resumed
    with pytest.raises(TrainingError, match="of no other process"):
        open_run(runs, first, config, schema, print)
    again.unlock()
    anew = open_run(replace(runs, resume="never"), second, changed, schema, print)
    assert not anew.resumed


def test_the_run_that_goes_on_is_found_among_many(tmp_path: Path) -> None:
    """The unfinished one of the same identity, if no process is at it; others are told and left alone."""
    schema = detect_schema(pa.table({"a": ["x", "y"] * 10}))
    runs, told = Runs(parent=tmp_path / "runs"), list[str]()
    mine, other = (Identity("adult", digit * 64, "cpu", {}) for digit in "01")
    first = open_run(runs, mine, TrainConfig(), schema, told.append)
    assert open_run(runs, mine, TrainConfig(), schema, told.append).path != first.path
    first.unlock()
    anew = open_run(runs, other, TrainConfig(), schema, told.append)
    assert not anew.resumed
    assert "the data or their schema are others" in told[0]
    found = open_run(runs, mine, TrainConfig(), schema, told.append)
    assert (found.resumed, found.path) == (True, first.path)
    found.finish()
    found.unlock()
    assert not open_run(runs, mine, TrainConfig(), schema, told.append).resumed


def test_the_data_have_one_name(table: pa.Table) -> None:
    """Chunks do not change the hash; one cell, one column's order and one setting of the schema do."""

    def name(table: pa.Table) -> str:
        codec = Codec.fit(table, detect_schema(table))
        return data_sha256(codec, codec.encode(table)[0])

    whole = table.select(["income", "class", "city"])
    chunked = pa.concat_tables([whole[:100], whole[100:]])
    assert name(whole) == name(chunked)
    other = whole.set_column(1, "class", [[1 - whole["class"][0].as_py(), *whole["class"].to_pylist()[1:]]])
    assert len({name(whole), name(other), name(whole.select(["class", "income", "city"]))}) == 3


def test_models_that_are_trained_are_not_trained_again(tmp_path: Path) -> None:
    """A run that was stopped in its second model takes the first as it was."""
    layout, encoded = encoded_table("mixed", rows=40)
    config = TrainConfig.model_validate({"epochs": 2, "device": "cpu", "vae": {"prior": "normal"}})
    kept = Checkpoints(tmp_path)
    steps = 2 * 3 + 1  # of the VAE, 36 rows in batches of 16, asked before each and after the last
    first = train_models(encoded, layout, config, After(steps + 1), checkpoints=kept)
    assert [one.report.stopped for one in first.values()] == ["epochs", "interrupted"]
    heard: list[Progress] = []
    second = train_models(encoded, layout, config, Listener(heard), checkpoints=kept)
    assert {epoch.model for epoch in heard} == {"denoiser"}
    assert second["denoiser"].report.stopped == "epochs"
    weights = (copy_weights(run["vae"].model) for run in (first, second))
    assert all(torch.equal(a, b) for a, b in zip(*weights, strict=True))
    whole = train_models(encoded, layout, config, Watcher())
    ends = (copy_weights(run["denoiser"].model) for run in (whole, second))
    assert all(torch.equal(a, b) for a, b in zip(*ends, strict=True))


def _step(state: dict[str, Any] | None) -> int:
    assert state is not None
    return int(state["step"])


def test_the_records_stay_where_they_are() -> None:
    """A batch of rows is a gather: the table is not copied on the way to the loop on its own device."""
    batch = Batch.from_encoded(encoded_table("mixed")[1])
    assert batch.to(torch.device("cpu")).tokens.data_ptr() == batch.tokens.data_ptr()
