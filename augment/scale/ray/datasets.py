"""Rows generated, denoised, encoded and scored by actors of a Ray cluster."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pyarrow as pa
import ray
import ray.data

from augment.runtime.asked import checked_conditions
from augment.runtime.checks import checked_integer
from augment.scale.addresses import ROW_COLUMN
from augment.scale.applying import Applying, denoising
from augment.scale.delivery import delivery_of
from augment.scale.generating import PART_ROWS, Generating
from augment.scale.operations import Encode, Score
from augment.scale.ray.actors import Actor
from augment.scale.ray.cluster import connect, cpus
from augment.sources.source import Request

if TYPE_CHECKING:
    from pathlib import Path

    from ray.data import Dataset

    from augment.data import Balance
    from augment.runtime import Model
    from augment.runtime.asked import ConditionsLike
    from augment.scale.delivery import Delivery

__all__ = ["denoise", "encode", "generate", "score"]

Concurrency = int | tuple[int, int] | None
_MOST_TASKS = 10_000
_RETRIES = 20


def generate(  # noqa: PLR0913 - what `Model.generate` takes, and where it runs
    bundle: Path | str,
    rows: int,
    *,
    seed: int = 0,
    offset: int = 0,
    sampler: str | None = None,
    conditions: ConditionsLike | None = None,
    balance: Balance | str | None = None,
    steps: int | None = None,
    part_rows: int = PART_ROWS,
    row_column: str | None = None,
    concurrency: Concurrency = None,
    threads: int = 1,
    shared: bool = False,
) -> Dataset:
    """Return synthetic records as a dataset: row for row those of `Model.generate`, and in its order.

    Nothing is made before the dataset is read or written. Parts are known by their number alone: neither
    this process nor a worker holds a list of rows, and an actor that dies has its part made again.

    Args:
        bundle: Its directory here, or its URL.
        rows: How many, from 1.
        seed: As `Model.generate` takes it; so are the next five.
        offset: The first row.
        sampler: How records are made.
        conditions: What every record satisfies.
        balance: Shares of classes.
        steps: In how many steps a record is made.
        part_rows: Rows of a part, at most; parts are what is made again after a failure.
        row_column: Have a column with each row's number; None: not.
        concurrency: How many actors, or between how many and how many; None: up to the cluster's CPUs.
        threads: Of each actor, which asks the cluster for as many CPUs.
        shared: Workers read the bundle at the same path; else its files are sent to them.

    Raises:
        ClusterError: No cluster answers.
        BundleError: The bundle is not there or broken.
        RequestError: A parameter is out of its range, or a condition impossible.
        UnsupportedError: The model cannot generate, or not what is asked for.
    """
    model, delivery = delivery_of(bundle, threads, shared=shared)
    request = Request(rows, seed, offset, sampler, checked_conditions(conditions), balance, steps)
    task = Generating(request, part_rows, row_column).checked(model)
    connect()
    return _in_actors(_parts(task.parts), delivery, task, concurrency)


def denoise(
    ds: Dataset,
    bundle: Path | str,
    *,
    threshold: float | None = None,
    numbers: str | None = None,
    row_column: str | None = ROW_COLUMN,
    concurrency: Concurrency = None,
    threads: int = 1,
    shared: bool = False,
) -> Dataset:
    """Return records with missing cells imputed and doubtful ones repaired; see `Model.denoise`.

    A dataset comes in blocks, and no block knows how many rows are before it. Where that matters the rows
    have to be numbered: a column `row_column`, which `numbered` and `generate` make, and which is kept.
    With it every record is that of `Model.denoise` of the whole table, to the bit, however the dataset is
    cut, filtered or shuffled. Without it records are the same but for the last bits of floats, and
    identifiers that are absent cannot be made: that is refused rather than made twice.

    Args:
        ds: Records in the model's columns; columns may be left out, text is.
        bundle: Its directory here, or its URL.
        threshold: As `Model.denoise` takes it.
        numbers: Likewise.
        row_column: The column of row numbers, if `ds` has it; None: it has none.
        concurrency: How many actors, or between how many and how many; None: up to the cluster's CPUs.
        threads: Of each actor, which asks the cluster for as many CPUs.
        shared: Workers read the bundle at the same path; else its files are sent to them.

    Raises:
        ClusterError: No cluster answers.
        BundleError: The bundle is not there or broken.
        RequestError: A parameter is out of its range.
        RecordsError: The records' columns do not fit the model, as far as Ray knows them by now; else
            reading the dataset fails with the same message.
        UnsupportedError: The model cannot denoise.
    """
    task = Applying(denoising(threshold, numbers), row_column)
    return _applied(ds, delivery_of(bundle, threads, shared=shared), task, concurrency)


def encode(
    ds: Dataset,
    bundle: Path | str,
    *,
    row_column: str | None = ROW_COLUMN,
    concurrency: Concurrency = None,
    threads: int = 1,
    shared: bool = False,
) -> Dataset:
    """Return the records with latent vectors appended, columns `latent_0` and so on; see `Model.encode`.

    Columns that the model does not know are kept. For the arguments and what is raised see `denoise`.
    """
    task = Applying(Encode(), row_column)
    return _applied(ds, delivery_of(bundle, threads, shared=shared), task, concurrency)


def score(
    ds: Dataset,
    bundle: Path | str,
    *,
    row_column: str | None = ROW_COLUMN,
    concurrency: Concurrency = None,
    threads: int = 1,
    shared: bool = False,
) -> Dataset:
    """Return the records with columns `score` and, where the bundle can, `percentile` appended.

    See `Model.score`. Columns that the model does not know are kept. For the arguments and what is raised
    see `denoise`.
    """
    task = Applying(Score(), row_column)
    return _applied(ds, delivery_of(bundle, threads, shared=shared), task, concurrency)


def _applied(
    ds: Dataset, delivered: tuple[Model, Delivery], task: Applying, concurrency: Concurrency
) -> Dataset:
    model, delivery = delivered
    known = getattr(ds.schema(fetch_if_missing=False), "base_schema", None)
    task.check(model, known if isinstance(known, pa.Schema) else None)
    return _in_actors(ds, delivery, task, concurrency)


def _in_actors(
    ds: Dataset, delivery: Delivery, task: Applying | Generating, concurrency: Concurrency
) -> Dataset:
    """Return what actors make of a dataset, in its order; an actor that dies is replaced."""
    made = ds.map_batches(
        Actor,
        fn_constructor_args=(ray.put(delivery), task),
        batch_format="pyarrow",
        batch_size=None,
        num_cpus=delivery.threads,
        compute=_pool(concurrency, delivery.threads),
        max_task_retries=_RETRIES,
    )
    made.context.execution_options.preserve_order = True
    return made


def _pool(concurrency: Concurrency, threads: int) -> ray.data.ActorPoolStrategy:
    """Return how many actors: so many, between so many, or up to what the cluster holds."""
    if isinstance(concurrency, int):
        return ray.data.ActorPoolStrategy(size=checked_integer("concurrency", concurrency, 1, 2**31 - 1))
    least, most = concurrency or (1, max(1, cpus() // threads))
    return ray.data.ActorPoolStrategy(min_size=least, max_size=most)


def _parts(count: int) -> Dataset:
    """Return numbers of parts, some to each block: `first` to `stop`.

    They are made here and not by tasks, such as those of `ray.data.range`, which wait for ever for a
    processor where actors have them all.
    """
    blocks = min(count, _MOST_TASKS)
    edges = [block * count // blocks for block in range(blocks + 1)]
    tables = [pa.table({"first": [first], "stop": [stop]}) for first, stop in pairwise(edges)]
    return ray.data.from_arrow(tables)
