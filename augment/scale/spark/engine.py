"""Parts of a step made by the Python workers of Spark."""

from __future__ import annotations

import os
import pickle
import sys
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from augment.cpus import available_cpus
from augment.errors import ClusterError, StepError
from augment.scale.making import Made, open_maker, sendable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from augment.scale.plan import Plan

__all__ = ["SparkEngine"]

_PARTS_A_TASK = 32
"""A task opens the model once; what is made is told when its job has ended."""


class SparkEngine:
    """Tasks that read the input, the bundle and write the output: all of these must be there for them.

    The session that is there is used, else one is begun. Spark tries a task that fails again, as
    `spark.task.maxFailures` says; parts that were made are found then.

    Args:
        workers: How many tasks in a job; None: as many as Spark runs at once.
        address: Of the master, e.g. `spark://host:7077`; None: `local[CPUs]`.
    """

    def __init__(self, workers: int | None = None, address: str | None = None) -> None:
        self._workers = workers
        self._address = address

    def run(self, plan: Plan, numbers: Iterable[int]) -> Iterator[Made]:
        """Have the parts made, in jobs of at most 32 parts a task; see `Engine`.

        Raises:
            ClusterError: Spark does not start, or its master does not answer.
            StepError: A job fails.
        """
        session = self._session()
        tasks = self._workers or session.sparkContext.defaultParallelism
        waiting = iter(numbers)
        while some := list(islice(waiting, tasks * _PARTS_A_TASK)):
            frame = session.range(len(some), numPartitions=min(tasks, len(some)))
            try:
                rows = frame.mapInArrow(_making(plan, some, str(Path.cwd())), "outcome binary").collect()
            except PySparkException as exc:
                raise StepError(f"a job of Spark failed: {str(exc).splitlines()[0]}") from exc
            for row in rows:
                outcome = pickle.loads(row.outcome)  # noqa: S301 - our own tasks'
                if isinstance(outcome, Exception):
                    raise outcome
                yield outcome

    def _session(self) -> SparkSession:
        there = SparkSession.getActiveSession()
        if there is not None:
            return there
        cpus = self._workers or available_cpus()
        if self._address is None:  # else the first python3 of the path, whoever's it is
            os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        builder = SparkSession.builder.master(self._address or f"local[{cpus}]").appName("augment step")
        try:
            return builder.config("spark.ui.showConsoleProgress", "false").getOrCreate()
        except Exception as exc:
            where = self._address or "this machine"
            remedy = "Is Java installed (java -version), and does the master answer?"
            raise ClusterError(f"Spark does not start at {where}: {exc}. {remedy}") from exc


def _making(
    plan: Plan, numbers: Sequence[int], directory: str
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Return what a task does: places in `numbers` come, parts made or an error go."""

    def work(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with suppress(OSError):  # where it is not there, paths must not hang on it
            os.chdir(directory)
        try:
            with open_maker(plan, threads=1) as maker:
                for batch in batches:
                    for place in batch.column("id").to_pylist():
                        yield _told(maker.make(numbers[place]))
        except Exception as exc:  # noqa: BLE001 - whatever it is, it is raised where the step is run
            yield _told(sendable(exc))

    return work


def _told(outcome: Made | Exception) -> pa.RecordBatch:
    return pa.record_batch([pa.array([pickle.dumps(outcome)], pa.binary())], names=["outcome"])
