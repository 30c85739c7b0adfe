"""The demo runs whole, on its own data and on a user's file, and its page is fine in a browser."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from augment.data import read_table, write_table
from augment.demo.__main__ import app
from augment.demo.serving import ServingError, serving
from augment.runtime import Model
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


def test_its_last_words_are_figures_times_and_what_to_try(own: tuple[Path, str]) -> None:
    """A short summary."""
    out, said = own
    for part in ("ROC AUC", "blanked cells filled in right", "in all", "augment generate breast_cancer"):
        assert part in said
    assert (out / "index.html").as_uri() in said
    assert len(said.splitlines()) < 45


def test_its_page_is_fine_in_a_real_browser(own: tuple[Path, str], tmp_path: Path) -> None:
    """No complaint in the console, no request, and a plot for every column of the table."""
    out, _ = own
    with opened(out / "index.html", tmp_path / "profile") as shown:
        assert shown.complaints == []
        assert shown.requests == []
        text = shown.driver.find_element("tag name", "body").text
    for part in ("worst_symmetry", "From one image to another", "Noise taken away", "Swapped cells found"):
        assert part in text


def test_a_users_file_with_every_kind_of_column(table: pa.Table, tmp_path: Path) -> None:
    """Identifiers, texts, dates and images beside numbers: the same, with warnings for what is not learnt.

    Without a target there is no figure of usefulness, and a map of one colour.
    """
    write_table(table, tmp_path / "mine.parquet")
    ran = demo("--data", tmp_path / "mine.parquet", "--out", tmp_path, "--epochs", 1, "--rows", 50)
    assert ran.exit_code == 0, ran.stderr
    assert "note: left out" in ran.stderr
    assert "trained on synthetic" not in ran.stdout
    assert pq.read_table(tmp_path / "mine_synthetic.parquet").num_rows == 50
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "Synthetic records of mine.parquet" in page


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
