"""One data set: models trained on it, and the figures of what they make and restore."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from arrays.measuring import Classifier, frechet
from arrays.restoring import restored_figures
from arrays.sets import numbers
from arrays.strips import save_strips
from augment.data import Codec, conform
from augment.models import Batch, Vae
from augment.runtime.asked import asked_for
from augment.runtime.generation import generated_batches
from augment.runtime.interpolation import interpolated
from augment.runtime.paths import Method
from augment.runtime.wish import wish_of
from augment.training.config import TrainConfig, override
from augment.training.in_memory import engine_of
from augment.training.progress import Progress, Watcher
from augment.training.recipes.vae import VaeRecipe
from augment.training.train import train_models

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from arrays.sets import ArraySet
    from augment.runtime.engine import Engine
    from augment.training.recipes import Finished
    from augment.training.train import Trained

__all__ = ["run"]

PRIORS = ("normal", "gmm", "flow")
_PAIRS, _STEPS = 6, 12


class _Said(Watcher):
    def on_stage(self, stage: str) -> None:
        print(f"  {stage}", flush=True)

    def on_epoch(self, progress: Progress) -> None:
        if progress.epoch % 5 == 0:
            print(f"    {progress.model} epoch {progress.epoch}: {progress.heldout_loss:.1f}", flush=True)


@dataclass(frozen=True)
class _Learnt:
    """What was learnt of a data set."""

    codec: Codec
    trained: dict[str, Trained]
    finished: dict[str, Finished]
    seconds: float

    def engine(self, prior: str) -> Engine:
        """Return what operations run on, with the autoencoder's new latent vectors from a prior."""
        others = [one.finished for name, one in self.trained.items() if name not in {"vae", "maker"}]
        makers = [self.trained["maker"].finished] if prior != "normal" and "maker" in self.trained else []
        return engine_of(self.codec, [*makers, self.finished[prior], *others], 512)


def run(data: ArraySet, *, settings: dict[str, object], out: Path) -> dict[str, Any]:
    """Train on a data set and return its figures; strips go to `out`."""
    learnt = _learn(data, settings)
    real, labels = numbers(data.train)
    classifier = Classifier.fit(real, labels, classes=int(labels.max()) + 1)
    reference, test_labels = numbers(data.reference)
    holdout, _ = numbers(data.holdout)
    features = classifier.features(reference)
    least = frechet(classifier.features(holdout), features)
    rows = {"a real holdout": holdout[:20]}
    figures: dict[str, Any] = {
        "rows": {"train": len(real), "reference": len(reference)},
        "seconds": round(learnt.seconds),
        "frechet of a real holdout": least,
        "priors": {},
    }
    for prior in PRIORS:
        made, _ = numbers(_sample(learnt.engine(prior), "vae", len(reference)))
        figures["priors"][prior] = frechet(classifier.features(made), features) / least
        rows[prior] = made[:20]
        print(f"  {prior}: {figures['priors'][prior]:.2f} times a holdout's", flush=True)
    figures["accuracy"] = {"real": classifier.accuracy(reference, test_labels)}
    for prior in PRIORS[1:]:
        made, made_labels = numbers(_sample(learnt.engine(prior), "denoiser", len(real), balance="label"))
        taught = Classifier.fit(made, made_labels, classes=int(labels.max()) + 1)
        figures["accuracy"][prior] = taught.accuracy(reference, test_labels)
        figures["accuracy"][f"{prior}: labels agree"] = classifier.accuracy(made, made_labels)
        order = np.argsort(made_labels[:200], kind="stable")
        rows[f"{prior}, by class"] = made[:200][order][:: max(1, 200 // 20)][:20]
    figures["restoring"], seen = restored_figures(learnt.engine("gmm"), data.reference)
    save_strips(out / f"{data.name.split()[0].lower()}.png", [*rows.values(), *seen, *_ways(learnt, data)])
    return figures


def _learn(data: ArraySet, settings: dict[str, object]) -> _Learnt:
    started = time.monotonic()
    table, schema = conform(data.train, data.schema), data.schema
    codec = Codec.fit(table, schema)
    encoded, _ = codec.encode(table)
    config = override(TrainConfig(device="cpu"), settings)
    trained = train_models(encoded, codec.layout, config, _Said())
    model, records = trained["vae"].model, Batch.from_encoded(encoded)
    assert isinstance(model, Vae)
    finished = {}
    for prior in PRIORS:
        one = override(config, {"vae": config.vae.model_dump() | {"prior": prior}})
        finished[prior] = VaeRecipe().finish(model, codec.layout, records, one)
    return _Learnt(codec, trained, finished, time.monotonic() - started)


def _sample(engine: Engine, sampler: str, rows: int, balance: str | None = None) -> pa.Table:
    wish = wish_of(engine.codec.layout, asked_for(engine.codec, None, balance, None))
    batches = generated_batches(engine, sampler, wish, seed=0, offset=0, rows=rows, max_rows=rows)
    return pa.Table.from_batches(batches, engine.codec.wire_schema).cast(engine.codec.result_schema)


def _ways(learnt: _Learnt, data: ArraySet) -> list[NDArray[np.float32]]:
    """Return the arrays on the way from some records to others: as many lists as pairs."""
    ends = (data.holdout.slice(0, _PAIRS), data.holdout.slice(_PAIRS, _PAIRS))
    found = interpolated(learnt.engine("gmm"), ends, steps=_STEPS, method=Method.LINEAR, first_row=0)
    arrays, _ = numbers(found.records)
    return list(arrays.reshape(_PAIRS, _STEPS, *arrays.shape[1:]))
