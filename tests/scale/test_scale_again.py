from __future__ import annotations

import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest
import yaml

from augment.errors import RequestError, SchemaError, StepError
from augment.scale.local import LocalEngine
from augment.scale.making import open_maker
from augment.scale.run import plan_step, run_step
from augment.scale.stores import LocalStore
from tests.scale.steps import config_of, manifest_of, parts_of, rows_of
from tests.server.running import environment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa

    from augment.scale.config import StepConfig
    from augment.scale.making import Made
    from augment.scale.plan import Plan

CONDITIONED = (
    {"do": "impute"},
    {"do": "augment", "rows": 4_000, "conditions": ["age > 30"]},
    {"do": "score"},
)


class Started:
    """`augment step` in a process of its own."""

    def __init__(self, config: StepConfig, place: Path) -> None:
        file = place / "step.yaml"
        file.write_text(yaml.safe_dump(config.model_dump(mode="json")))
        command = [sys.executable, "-c", "from augment.cli import main; main()", "step", str(file)]
        self.process = subprocess.Popen(  # noqa: S603 - our own command
            command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def end(self) -> tuple[int, str]:
        """Wait for its end; returns exit code and output."""
        told, _ = self.process.communicate(timeout=120)
        return self.process.returncode, told


def test_the_second_run_does_nothing(done: Path, flat_dir: Path) -> None:
    """Nothing is made or written; the outcome is the same."""
    before = {file: file.stat().st_mtime_ns for file in (done / "out").iterdir()}
    second = run_step(config_of(done, flat_dir), engine=Nobody())
    assert second.made == 0
    assert second.manifest == manifest_of(done / "out")
    assert {file: file.stat().st_mtime_ns for file in (done / "out").iterdir()} == before
    assert plan_step(config_of(done, flat_dir)).done


def test_missing_parts_alone_are_made(done: Path, flat_dir: Path) -> None:
    """A part that is gone is made again, the same to the byte; the others are not touched."""
    before, manifest = parts_of(done / "out"), (done / "out" / "_manifest.json").read_bytes()
    (done / "out" / "synthetic-00000001.parquet").unlink()
    assert not plan_step(config_of(done, flat_dir)).done
    assert run_step(config_of(done, flat_dir)).made == 1
    assert parts_of(done / "out") == before
    assert (done / "out" / "_manifest.json").read_bytes() == manifest


def test_killed_at_any_moment_and_run_again_it_is_whole(root: Path, flat_dir: Path) -> None:
    """Each run goes on where the one before was killed (kill -9), with one process and with two."""
    config = config_of(root, flat_dir, operations=CONDITIONED)
    run_step(config_of(root, flat_dir, operations=CONDITIONED, output=str(root / "whole")))
    output = root / "out"
    kept: dict[str, int] = {}
    for count in (0, 3, 6):
        workers = 1 + count % 2
        started = Started(config.model_copy(update={"workers": workers}), root)
        wait_for(
            lambda count=count: len(parts_of(output)) >= count and (output / "_run.json").exists(), started
        )
        started.process.send_signal(signal.SIGKILL)
        started.end()
        for name, written in kept.items():
            assert (output / name).stat().st_mtime_ns == written, "a part was made twice"
        kept = {file.name: file.stat().st_mtime_ns for file in output.glob("*.parquet")}
    assert not (output / "_manifest.json").exists()
    assert run_step(config).made == 10 - len(kept)
    assert parts_of(output) == parts_of(root / "whole")
    assert (output / "_manifest.json").read_bytes() == (root / "whole" / "_manifest.json").read_bytes()
    assert sorted(file.name for file in output.iterdir()) == sorted(
        file.name for file in (root / "whole").iterdir()
    )


def test_a_worker_that_dies_is_replaced(root: Path, flat_dir: Path) -> None:
    """A process that is killed costs nothing but its time."""
    config = config_of(root, flat_dir, operations=CONDITIONED)
    run_step(config.model_copy(update={"output": str(root / "whole")}))

    class Killing(LocalEngine):
        def run(self, plan: Plan, numbers: Iterable[int]) -> Iterator[Made]:
            for place, made in enumerate(super().run(plan, numbers)):
                if place == 0:
                    os.kill(multiprocessing.active_children()[0].pid or 0, signal.SIGKILL)
                yield made

    run_step(config, engine=Killing(2))
    assert parts_of(root / "out") == parts_of(root / "whole")
    assert multiprocessing.active_children() == []


def test_workers_that_die_again_and_again_end_the_run(root: Path, flat_dir: Path) -> None:
    """A part that ends three processes is told, with what to do; no process is left."""
    ended = threading.Event()

    def kill_all() -> None:
        while not ended.wait(0.02):
            for child in multiprocessing.active_children():
                child.kill()

    killer = threading.Thread(target=kill_all)
    killer.start()
    try:
        with pytest.raises(
            StepError, match=r"3 processes died at it, the last with exit code -9\. .*part_rows"
        ):
            run_step(config_of(root, flat_dir, workers=2))
    finally:
        ended.set()
        killer.join()
    assert multiprocessing.active_children() == []


def test_what_a_worker_finds_wrong_is_told_as_it_is(root: Path, flat_dir: Path) -> None:
    """File, row, rule and value cross processes; no process is left."""
    path = root / "in" / "1.parquet"
    table = pq.read_table(path)
    age = table["age"].to_pylist()
    age[555] = 1.5
    pq.write_table(table.set_column(table.column_names.index("age"), "age", [age]), path)
    with pytest.raises(SchemaError) as caught:
        run_step(config_of(root, flat_dir, workers=2))
    (violation,) = caught.value.violations
    assert caught.value.context == str(path)
    assert (violation.field, violation.value) == ("columns.age.rows[555]", "1.5")
    assert multiprocessing.active_children() == []


def test_two_runs_at_once_do_not_mix(root: Path, flat_dir: Path) -> None:
    """One of them is told who holds the output; what comes is what one alone makes."""
    config = config_of(root, flat_dir)
    with LocalStore(root / "out").held(), pytest.raises(StepError, match=r'held by \{"pid": \d+'):
        run_step(config)
    (root / "a").mkdir()
    (root / "b").mkdir()
    both = [Started(config, root / "a"), Started(config, root / "b")]
    ended = [each.end() for each in both]
    assert 0 in {code for code, _ in ended}
    for code, told in ended:
        assert code == 0 or (code == 1 and "must be one run's at a time" in told), told
    run_step(config.model_copy(update={"output": str(root / "alone")}))
    assert parts_of(root / "out") == parts_of(root / "alone")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"seed": 8}, "config.seed"),
        ({"operations": ({"do": "augment", "rows": 1_500},)}, "config.operations"),
        ({"part_rows": 1_024}, "part_rows"),
    ],
)
def test_another_step_is_refused(change: dict[str, Any], named: str, done: Path, flat_dir: Path) -> None:
    """The output of another configuration stays as it is."""
    before = parts_of(done / "out")
    for act in (run_step, plan_step):
        with pytest.raises(RequestError, match=f"output must be of this model, .*{re.escape(named)}"):
            act(config_of(done, flat_dir, **change))
    assert parts_of(done / "out") == before


def test_an_earlier_output_is_overwritten_where_asked(done: Path, flat_dir: Path) -> None:
    """`overwrite` removes it, and makes what is asked for now."""
    before = parts_of(done / "out")
    run_step(config_of(done, flat_dir, part_rows=1_024), overwrite=True)
    assert sorted(parts_of(done / "out")) != sorted(before)
    assert plan_step(config_of(done, flat_dir, part_rows=1_024)).done


def test_a_changed_input_is_refused_and_a_moved_one_is_not(done: Path, flat_dir: Path) -> None:
    """What counts is the content of the files, not where or when."""
    (done / "in").rename(done / "moved")
    assert run_step(config_of(done, flat_dir, input=str(done / "moved"))).made == 0
    (done / "moved" / "1.parquet").unlink()
    with pytest.raises(RequestError, match="inputs"):
        run_step(config_of(done, flat_dir, input=str(done / "moved")))


def test_an_input_that_changes_meanwhile_is_told(root: Path, flat_dir: Path, given: pa.Table) -> None:
    """Parts of before and after do not become one output."""

    class Changing(LocalEngine):
        def run(self, plan: Plan, numbers: Iterable[int]) -> Iterator[Made]:
            for place, made in enumerate(super().run(plan, numbers)):
                if place == 0:
                    pq.write_table(given.slice(0, 600), root / "in" / "1.parquet")
                yield made

    with pytest.raises(StepError, match=r"1\.parquet must stay as it is while the step runs"):
        run_step(config_of(root, flat_dir), engine=Changing(1))
    assert not (root / "out" / "_manifest.json").exists()


def test_a_part_that_was_cut_short_is_told(done: Path, flat_dir: Path) -> None:
    """Whatever happened to the disk: nothing is built on half a file."""
    (done / "out" / "_manifest.json").unlink()
    part = done / "out" / "real-00000001.parquet"
    part.write_bytes(part.read_bytes()[:-50])
    with pytest.raises(StepError, match=r"real-00000001\.parquet must be whole Parquet.*Remove it"):
        run_step(config_of(done, flat_dir))


def test_damage_to_a_finished_output_is_found(done: Path, flat_dir: Path) -> None:
    """A part of another size is told though the manifest stands; a manifest that is none is written anew."""
    manifest = (done / "out" / "_manifest.json").read_bytes()
    (done / "out" / "_manifest.json").write_text("{")
    assert not plan_step(config_of(done, flat_dir)).done
    assert run_step(config_of(done, flat_dir)).made == 0
    assert (done / "out" / "_manifest.json").read_bytes() == manifest
    part = done / "out" / "real-00000001.parquet"
    part.write_bytes(part.read_bytes()[:-50])
    with pytest.raises(StepError, match=r"real-00000001\.parquet must be whole Parquet.*Remove it"):
        run_step(config_of(done, flat_dir))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_the_process_that_began_them(
    number: signal.Signals, root: Path, flat_dir: Path
) -> None:
    """At once, in the middle of a part: another run may have the output by then."""
    operations = ({"do": "augment", "rows": 4_000_000, "conditions": ["age > 30"]},)
    config = config_of(root, flat_dir, operations=operations, part_rows=2**20, workers=2)
    started = Started(config, root)
    pid = started.process.pid
    wait_for(lambda: len(spawned(children(pid))) == 2 and (root / "out" / "_run.json").exists(), started)
    workers = spawned(children(pid))
    time.sleep(1.5)  # they open the model, and begin
    started.process.send_signal(number)
    code, told = started.end()
    assert code == (143 if number == signal.SIGTERM else -signal.SIGKILL)
    assert number == signal.SIGKILL or "interrupted; what is made so far is kept" in told
    deadline = time.monotonic() + 2
    while left := spawned(workers):
        assert time.monotonic() < deadline, left
        time.sleep(0.02)


def children(pid: int) -> list[int]:
    """Return the processes that a process began."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def spawned(pids: list[int]) -> list[int]:
    """Return those of some processes that run as workers."""
    found = []
    for pid in pids:
        with suppress(OSError):
            if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found


def test_parts_of_another_run_are_never_taken(done: Path, flat_dir: Path) -> None:
    """Each part says which run it is of, where nobody can hold the output."""
    other = config_of(done, flat_dir, seed=8, output=str(done / "other"))
    run_step(other)
    name = "synthetic-00000000.parquet"
    (done / "other" / "_manifest.json").unlink()
    (done / "other" / name).write_bytes((done / "out" / name).read_bytes())
    with pytest.raises(StepError, match=f"{name} must be of this run"):
        run_step(other)


def test_one_part_alone_is_the_same(done: Path, flat_dir: Path) -> None:
    """A part is a pure function of the plan and its number: what an engine elsewhere builds on."""
    elsewhere = config_of(done, flat_dir, output=str(done / "elsewhere"))
    (done / "elsewhere").mkdir()
    plan = plan_step(elsewhere).plan
    with open_maker(plan, threads=2) as maker:
        made = maker.make(3)
    (listed,) = [each for each in manifest_of(done / "out")["parts"] if each["sha256"] == made.sha256]
    assert listed["name"] == plan.parts[3].name
    assert json.dumps(listed["rows"]) == str(made.rows)
    assert rows_of(done / "elsewhere").num_rows == made.rows


class Nobody:
    """An engine that must not be asked."""

    def run(self, plan: Plan, numbers: Iterable[int]) -> Iterator[Made]:
        """Fail."""
        raise AssertionError(plan, numbers)


def wait_for(reached: Any, started: Started, seconds: float = 60) -> None:
    """Wait until something is so, while a run goes on."""
    deadline = time.monotonic() + seconds
    while not reached():
        assert started.process.poll() is None, started.end()
        assert time.monotonic() < deadline
        time.sleep(0.005)
