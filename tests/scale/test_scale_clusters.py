"""Steps on Ray and on Spark write the very files that processes here write."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from augment.errors import ClusterError
from augment.scale.run import run_step
from tests.scale.steps import config_of, manifest_of, parts_of
from tests.scale.test_scale_again import Started, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.slow, pytest.mark.timeout(280)]


@pytest.fixture(scope="module")
def ray_here() -> Iterator[None]:
    """A cluster of two CPUs on this machine."""
    ray = pytest.importorskip("ray", reason="Ray is not installed: make test-scale")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def spark_here() -> Iterator[None]:
    """A session of two threads on this machine."""
    sql = pytest.importorskip("pyspark.sql", reason="Spark is not installed: make test-scale")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)  # else the first python3 of the path, whoever's it is
        session = (
            sql.SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
        )
        yield
        session.stop()


@pytest.fixture(params=["ray", "spark"])
def engine(request: pytest.FixtureRequest) -> str:
    """The name of each."""
    request.getfixturevalue(f"{request.param}_here")
    return str(request.param)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_the_files_are_those_of_processes_here(engine: str, workers: int, root: Path, flat_dir: Path) -> None:
    """To the byte, whoever makes them and however many; run again there is nothing to do."""
    run_step(config_of(root, flat_dir))
    there: dict[str, Any] = {"engine": engine, "workers": workers, "output": str(root / engine)}
    outcome = run_step(config_of(root, flat_dir, **there))
    assert parts_of(root / engine) == parts_of(root / "out")
    assert manifest_of(root / engine)["parts"] == manifest_of(root / "out")["parts"]
    assert outcome.made == len(manifest_of(root / "out")["parts"])
    assert run_step(config_of(root, flat_dir, **there)).made == 0


def test_a_bad_part_is_told_as_it_is_here(engine: str, root: Path, flat_dir: Path) -> None:
    """The error of the part that cannot be made: its kind, file and remedy come across."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - here alone

    file = sorted((root / "in").iterdir())[1]
    table = pq.read_table(file)
    place = table.column_names.index("age")
    settings = {"engine": engine, "output": str(root / engine)}
    pq.write_table(table.set_column(place, "age", [["old"] * table.num_rows]), file)
    with pytest.raises(Exception, match="age") as here:
        run_step(config_of(root, flat_dir))
    with pytest.raises(type(here.value), match="age"):
        run_step(config_of(root, flat_dir, **settings))


@pytest.mark.usefixtures("ray_here")
def test_dying_actors_change_nothing(root: Path, flat_dir: Path) -> None:
    """Killed while they make parts: they are started anew, and the files are the same."""
    run_step(config_of(root, flat_dir, part_rows=64))
    killed: list[int] = []

    class Killing:
        """Kills an actor when a part is there, twice."""

        def on_plan(self, *_: object, **__: object) -> None:
            """Nothing yet."""

        def on_part(self, *_: object) -> None:
            """Kill one that lives."""
            living = [pid for pid in _makers() if pid not in killed]
            if len(killed) < 2 and living:
                killed.append(living[0])
                os.kill(living[0], signal.SIGKILL)

    settings = {"engine": "ray", "output": str(root / "ray"), "part_rows": 64}
    run_step(config_of(root, flat_dir, **settings), watcher=Killing())
    assert len(killed) == 2
    assert parts_of(root / "ray") == parts_of(root / "out")


def _makers() -> list[int]:
    """Return the processes of the actors, by the titles that Ray gives them."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "cmdline").read_bytes().startswith(b"ray::_Making"):
                found.append(int(process.name))
    return found


@pytest.mark.parametrize("name", ["ray", "spark"])
def test_a_killed_driver_is_taken_up(name: str, root: Path, flat_dir: Path) -> None:
    """The process that ran the step is killed (kill -9); run again, only what is missing is made."""
    pytest.importorskip({"ray": "ray", "spark": "pyspark"}[name], reason=f"{name}: make test-scale")
    run_step(config_of(root, flat_dir, part_rows=64))
    output = root / name
    settings: dict[str, Any] = {"engine": name, "workers": 2, "output": str(output), "part_rows": 64}
    config = config_of(root, flat_dir, **settings)
    started = Started(config, root)
    wait_for(lambda: len(parts_of(output)) >= 3, started, 200)
    started.process.kill()
    started.process.wait(30)
    assert not (output / "_manifest.json").exists()
    there = len(parts_of(output))
    made = run_step(config.model_copy(update={"engine": "local"})).made
    assert made <= len(parts_of(output)) - there  # Spark's tasks may outlive who asked for them
    assert parts_of(output) == parts_of(root / "out")


def test_a_cluster_that_is_not_there(root: Path, flat_dir: Path) -> None:
    """Says so within seconds, and writes no part."""
    ray = pytest.importorskip("ray", reason="Ray is not installed: make test-scale")
    if ray.is_initialized():
        ray.shutdown()
    settings = {"engine": "ray", "address": "127.0.0.1:1", "output": str(root / "ray")}
    with pytest.raises(ClusterError, match="no Ray cluster answers"):
        run_step(config_of(root, flat_dir, **settings))
    assert not parts_of(root / "ray")
