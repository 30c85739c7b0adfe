"""What the demo asks of one hosted model through the client, and what it gets."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from augment.demo.corruption import Corrupted, corrupt_cells, corrupt_images
from augment.demo.repairs import judge_repairs
from augment.evaluation.cells import is_number, labels, numbers, top_labels

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from augment.demo.datasets import Dataset
    from augment.demo.repairs import Repairs
    from augment_client import Client, Denoised

__all__ = ["IMAGE_NOISE", "STEPS", "Plan", "Trial", "try_out"]

STEPS = 8
IMAGE_NOISE = 0.25
_IMAGE_PATHS = 6
_ALL_KEPT = 1e-12  # judges every cell and replaces none
_DAMAGE_RATE = 0.1
_MAP_ROWS = 2_000
_JUDGED_ROWS = 5_000


@dataclass(frozen=True)
class Plan:
    """What to ask for: synthetic records, records to corrupt, and the seed of all choices."""

    rows: int = 1_000
    corrupted_rows: int = 100
    seed: int = 0


@dataclass(frozen=True)
class Trial:
    """What came back.

    Attributes:
        synthetic: Synthetic records.
        judged: These and more of the same seed, as many as there are training records, at most 5,000:
            a detector that learns from few records finds little.
        start: The real records where the paths begin.
        path: The records on the paths, one path after the other.
        end: The real records where the paths end.
        corrupted: Real records before and after corruption.
        denoised: What came back for them.
        repairs: How good that is; None where no cell could be corrupted (images alone).
        real_sample: Real records on the map, at most 2,000.
        real_latent: Their latent vectors, shape (rows, width).
        synthetic_latent: Those of the synthetic records.
        seconds: How long each operation took, by name.
    """

    synthetic: pa.Table
    judged: pa.Table
    start: pa.Table
    path: pa.Table
    end: pa.Table
    corrupted: Corrupted
    denoised: Denoised
    repairs: Repairs | None
    real_sample: pa.Table
    real_latent: NDArray[np.float32]
    synthetic_latent: NDArray[np.float32]
    seconds: dict[str, float] = field(default_factory=dict)


def try_out(client: Client, dataset: Dataset, train: pa.Table, held_out: pa.Table, plan: Plan) -> Trial:
    """Ask for everything: generate, interpolate, denoise, encode."""
    seconds: dict[str, float] = {}
    name = dataset.name
    with _timed(seconds, "generate"):
        synthetic = client.generate(name, rows=plan.rows, seed=plan.seed)
    judged = _continued(client, dataset.name, synthetic, min(train.num_rows, _JUDGED_ROWS), plan.seed)
    ends = _pairs(held_out, dataset)
    with _timed(seconds, "interpolate"):
        path = client.interpolate(name, *ends, steps=STEPS).records
    corrupted = _corrupt(held_out.slice(0, plan.corrupted_rows), dataset, plan.seed)
    with _timed(seconds, "denoise"):
        denoised = client.denoise(name, corrupted.records)
    sample = train.slice(0, _MAP_ROWS)
    with _timed(seconds, "encode"):
        latent = [client.encode(name, table).latent for table in (sample, synthetic)]
    repairs = None
    if corrupted.damage.any():
        sureness = client.denoise(name, corrupted.records, threshold=_ALL_KEPT).confidence
        repairs = judge_repairs(corrupted, denoised, sureness, dataset.schema, train)
    return Trial(
        synthetic=synthetic,
        judged=judged,
        start=ends[0],
        path=path,
        end=ends[1],
        corrupted=corrupted,
        denoised=denoised,
        repairs=repairs,
        real_sample=sample,
        real_latent=_matrix(latent[0]),
        synthetic_latent=_matrix(latent[1]),
        seconds=seconds,
    )


def _continued(client: Client, name: str, synthetic: pa.Table, rows: int, seed: int) -> pa.Table:
    """Return the seed's first `rows` records, of which some are there already."""
    there = synthetic.num_rows
    if there >= rows:
        return synthetic
    return pa.concat_tables([synthetic, client.generate(name, rows=rows - there, seed=seed, offset=there)])


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    seconds[name] = time.monotonic() - started


def _corrupt(records: pa.Table, dataset: Dataset, seed: int) -> Corrupted:
    """Blank and swap cells; of records with images, only the images suffer."""
    if dataset.images is None:
        return corrupt_cells(records, dataset.schema, rate=_DAMAGE_RATE, seed=seed)
    noisy = corrupt_images(records, dataset.images.name, noise=IMAGE_NOISE, seed=seed)
    return Corrupted(records, noisy, (), np.zeros((records.num_rows, 0), np.int8))


def _pairs(records: pa.Table, dataset: Dataset) -> tuple[pa.Table, pa.Table]:
    """Return records that differ in the target where there is one: one pair, or several of images."""
    groups = _groups(records, dataset)
    count = _IMAGE_PATHS if dataset.images is not None else 1
    starts = [groups[index % len(groups)][index // len(groups)] for index in range(count)]
    ends = [groups[(index + 1) % len(groups)][-1 - index // len(groups)] for index in range(count)]
    return records.take(starts), records.take(ends)


def _groups(records: pa.Table, dataset: Dataset) -> list[list[int]]:
    """Return row numbers by the target's levels, or its lowest and highest values."""
    rows = list(range(records.num_rows))
    target = dataset.target
    if target is None or target.kind not in {"integer", "number", "datetime", "category", "boolean"}:
        return [rows]
    if is_number(target):
        values = numbers(records[target.name])
        ranked = [int(row) for row in np.argsort(values, kind="stable") if not np.isnan(values[row])] or rows
        return [ranked[: max(1, len(ranked) // 10)], ranked[-max(1, len(ranked) // 10) :]]
    cells = labels(records[target.name])
    return [[row for row in rows if cells[row] == label] for label in top_labels(cells, 10)]


def _matrix(latent: pa.Table) -> NDArray[np.float32]:
    return np.stack([latent[name].to_numpy() for name in latent.column_names], axis=1)
