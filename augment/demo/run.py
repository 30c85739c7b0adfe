"""The demo from training to the page."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from augment.bundle import open_bundle
from augment.demo.datasets import split
from augment.demo.serving import serving
from augment.demo.trial import try_out
from augment.evaluation import detection_auc, usefulness
from augment.evaluation.sections import Comparisons
from augment.training import Runs, Watcher, build_bundle
from augment_client import Client

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pyarrow as pa

    from augment.bundle import Bundle, TrainingReport
    from augment.demo.datasets import Dataset
    from augment.demo.trial import Plan, Trial
    from augment.training import TrainConfig

__all__ = ["Chapter", "Narrator", "Outcome", "run"]


class Narrator(Watcher):
    """Is told what happens; this one says nothing."""

    def on_step(self, text: str) -> None:
        """Hear what the demo does now."""


@dataclass(frozen=True)
class Chapter:
    """One data set's part of the demo.

    Attributes:
        dataset: What was learnt.
        bundle: What was learnt of it.
        train: The rows that were learnt.
        held_out: Real rows that were not.
        trial: What the server gave.
        comparisons: Synthetic beside real.
    """

    dataset: Dataset
    bundle: Bundle
    train: pa.Table
    held_out: pa.Table
    trial: Trial
    comparisons: Comparisons

    @property
    def report(self) -> TrainingReport:
        """How training went."""
        return self.bundle.manifest.training


@dataclass(frozen=True)
class Outcome:
    """All that the demo made, and how long its stages took."""

    chapters: tuple[Chapter, ...]
    seconds: dict[str, float]


@dataclass(frozen=True)
class _Learnt:
    dataset: Dataset
    bundle: Bundle
    train: pa.Table
    held_out: pa.Table


def run(
    datasets: Sequence[Dataset], output: Path, config: TrainConfig, plan: Plan, narrator: Narrator
) -> Outcome:
    """Train, export, serve, call and judge.

    Args:
        datasets: What to learn, one bundle each.
        output: The directory that gets `models/`, `runs/` and the server's log.
        config: How to train.
        plan: What to ask the server for.
        narrator: Is told what happens.
    """
    clock = _Clock()
    learnt = [_learn(dataset, output, config, plan.seed, narrator) for dataset in datasets]
    clock.stamp("training and export")
    narrator.on_step("starting the server")
    with serving(output / "models", output / "server.log") as server, Client(server.address) as client:
        clock.stamp("starting the server")
        trials = []
        for one in learnt:
            narrator.on_step(f"asking {one.dataset.name} through {server.address}")
            trials.append(try_out(client, one.dataset, one.train, one.held_out, plan))
    clock.stamp("calls through the client")
    narrator.on_step("comparing synthetic with real")
    chapters = tuple(_judge(one, trial, plan.seed) for one, trial in zip(learnt, trials, strict=True))
    clock.stamp("comparing")
    return Outcome(chapters, clock.seconds)


class _Clock:
    """Seconds since the last stamp, by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.monotonic()

    def stamp(self, name: str) -> None:
        now = time.monotonic()
        self.seconds[name] = now - self._last
        self._last = now


def _learn(dataset: Dataset, output: Path, config: TrainConfig, seed: int, narrator: Narrator) -> _Learnt:
    narrator.on_step(f"learning {dataset.name}: {dataset.table.num_rows:,} records")
    train, held_out = split(dataset.table, seed)
    path = build_bundle(
        train,
        dataset.schema,
        config,
        name=dataset.name,
        out=output / "models",
        run_dir=Runs(output / "runs" / dataset.name, resume="never"),
        watcher=narrator,
    )
    return _Learnt(dataset, open_bundle(path), train, held_out)


def _judge(learnt: _Learnt, trial: Trial, seed: int) -> Chapter:
    schema = learnt.dataset.schema
    comparisons = Comparisons.of(
        learnt.train,
        trial.judged,
        schema,
        detection_auc=detection_auc(learnt.train, trial.judged, schema, seed=seed),
        usefulness=usefulness(learnt.train, learnt.held_out, trial.judged, schema, seed=seed),
    )
    return Chapter(learnt.dataset, learnt.bundle, learnt.train, learnt.held_out, trial, comparisons)
