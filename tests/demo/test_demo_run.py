"""The demo runs whole, on its own data and on a user's file, and its page is fine in a browser."""

from __future__ import annotations

import os
import re
import signal
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from augment.bundle import open_bundle
from augment.data import detect_schema, read_table, write_table
from augment.demo.__main__ import app
from augment.demo.datasets import Dataset, split
from augment.demo.files import write_page, write_tables
from augment.demo.run import Chapter
from augment.demo.serving import ServingError, serving
from augment.demo.trial import Plan, try_out
from augment.evaluation.sections import Comparisons
from augment.runtime import Model
from augment_client import Client
from tests.evaluation.browser import opened

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa
    from typer.testing import Result


def demo(*arguments: object) -> Result:
    """Run the demo in this process; its server is a process of its own."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """What the demo leaves behind of its own data after very little training, and its last words."""
    out = tmp_path_factory.mktemp("demo") / "out"
    ran = demo("--out", out, "--epochs", 2, "--seed", 3)
    assert ran.exit_code == 0, ran.stderr
    return out, ran.stdout


@pytest.mark.slow
def test_it_leaves_tables_bundles_and_a_page(own: tuple[Path, str]) -> None:
    """Parquet and CSV files of 1,000 synthetic records, paths of 8 steps, 100 repaired records."""
    out, _ = own
    assert read_table(out / "breast_cancer_synthetic.csv").num_rows == 1000
    for name, steps in (("breast_cancer", 8), ("digits", 6 * 8)):
        rows = {
            kind: pq.read_table(out / f"{name}_{kind}.parquet").num_rows
            for kind in ("synthetic", "interpolation", "corrupted", "denoised")
        }
        assert rows == {"synthetic": 1000, "interpolation": steps, "corrupted": 100, "denoised": 100}
        assert pq.read_table(out / f"{name}_latent.parquet").num_columns > 2
    made = Model.open(out / "models" / "breast_cancer" / "1").generate(1000, seed=3)
    assert pq.read_table(out / "breast_cancer_synthetic.parquet").equals(made)


@pytest.mark.slow
def test_its_last_words_are_figures_times_and_what_to_try(own: tuple[Path, str]) -> None:
    """A short summary."""
    out, said = own
    for part in ("ROC AUC", "blanked cells filled in right", "in all", "augment generate breast_cancer"):
        assert part in said
    assert (out / "index.html").as_uri() in said
    assert len(said.splitlines()) < 45
    ranked = re.search(r"swapped cells ranked below intact .* (\d+)%", said)
    assert ranked is not None
    assert int(ranked[1]) > 60  # 50 is no idea; two passes over the rows teach it some


@pytest.mark.slow
def test_its_page_is_fine_in_a_real_browser(own: tuple[Path, str], tmp_path: Path) -> None:
    """No complaint in the console, no request, and a plot for every column of the table."""
    out, _ = own
    with opened(out / "index.html", tmp_path / "profile") as shown:
        assert shown.complaints == []
        assert shown.requests == []
        text = shown.driver.find_element("tag name", "body").text
    for part in ("worst_symmetry", "From one image to another", "Noise taken away", "Swapped cells found"):
        assert part in text


def test_records_of_every_kind_have_a_page(table: pa.Table, tiny_bundle: Path, tmp_path: Path) -> None:
    """Identifiers, texts, dates and images beside numbers; without a target no figure of usefulness."""
    dataset = Dataset("tiny", "every kind", table, detect_schema(table))
    train, held_out = split(table, 0)
    log = tmp_path / "server.log"
    with serving(tiny_bundle.parent.parent, log) as running, Client(running.address) as client:
        trial = try_out(client, dataset, train, held_out, Plan(rows=50))
    assert trial.synthetic.equals(Model.open(tiny_bundle).generate(50, seed=0))
    assert trial.judged.num_rows == train.num_rows
    found = Comparisons.of(train, trial.judged, dataset.schema)
    chapter = Chapter(dataset, open_bundle(tiny_bundle), train, held_out, trial, found)
    names = {path.name for path in write_tables(chapter, tmp_path)}
    assert "tiny_synthetic.parquet" in names
    assert "tiny_synthetic.csv" not in names
    with opened(write_page([chapter], tmp_path, ""), tmp_path / "profile") as shown:
        assert shown.complaints == []
        text = shown.driver.find_element("tag name", "body").text
    assert "Trained on synthetic" not in text
    assert "income" in text


@pytest.mark.slow
def test_a_users_file_from_end_to_end(table: pa.Table, tmp_path: Path) -> None:
    """The whole demo on a file of every kind of column, with warnings for what is not learnt."""
    write_table(table, tmp_path / "mine.parquet")
    ran = demo("--data", tmp_path / "mine.parquet", "--target", "class", "--out", tmp_path, "--epochs", 1)
    assert ran.exit_code == 0, ran.stderr
    assert "note: left out" in ran.stderr
    assert "Synthetic records of mine.parquet" in (tmp_path / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("flags", "part"),
    [
        (("--data", "none.csv"), "must exist"),
        (("--data", "few.csv"), "must be at least 10 for the demo"),
        (("--data", "some.csv", "--target", "z"), "no column 'z'"),
        (("--target", "x"), "TARGET needs DATA"),
        (("--out", "some.csv/below"), "cannot be made"),
    ],
)
def test_bad_data_and_targets_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...], part: str
) -> None:
    """Exit code 2 and one message, before any training."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "few.csv").write_text("x\n1.5\n2.5\n3.5\n", encoding="utf-8")
    (tmp_path / "some.csv").write_text("x\n" + "\n".join(f"{i}.5" for i in range(20)), encoding="utf-8")
    ran = demo(*flags)
    assert ran.exit_code == 2
    assert part in ran.stderr
    assert "Traceback" not in ran.stderr


def test_the_server_is_stopped_whatever_happens(models_dir: Path, tmp_path: Path) -> None:
    """The server's process is gone after a failure inside, and its log is kept."""
    before = _children()

    def fail_inside() -> None:
        with serving(models_dir, tmp_path / "server.log"):
            assert len(_children() - before) == 1
            raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        fail_inside()
    assert _children() == before
    assert "stopped" in (tmp_path / "server.log").read_text(encoding="utf-8")


def test_a_server_is_not_stopped_by_its_own_words(models_dir: Path, tmp_path: Path) -> None:
    """Calls of a long training log more than a pipe holds: all of it is kept, and each call is answered."""
    log = tmp_path / "server.log"
    with serving(models_dir, log) as running, Client(running.address, timeout_s=10) as client:
        while log.stat().st_size < 2**18:
            for _ in range(200):
                client.model("tiny")


def test_a_server_that_does_not_start_is_told_with_its_words(tmp_path: Path) -> None:
    """Nothing to serve: what the server said is in the error."""
    with pytest.raises(ServingError, match="must hold a usable bundle"), serving(tmp_path, tmp_path / "log"):
        pass


def test_a_server_that_hangs_is_killed(
    models_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that does not heed SIGTERM in time is gone all the same."""
    monkeypatch.setattr("augment.demo.serving._STOP_TIMEOUT_S", 0.5)
    before = _children()
    with serving(models_dir, tmp_path / "server.log"):
        (process,) = _children() - before
        os.kill(process, signal.SIGSTOP)
    assert _children() == before


def _children() -> set[int]:
    """Return the ids of this process's children."""
    path = f"/proc/{os.getpid()}/task/{os.getpid()}/children"
    if not os.path.exists(path):  # noqa: PTH110 - no pathlib for one look
        pytest.skip("needs /proc to see the process's children")
    with open(path, encoding="ascii") as file:  # noqa: PTH123 - likewise
        return {int(number) for number in file.read().split()}
