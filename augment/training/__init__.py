"""Training in torch: settings, the loop, export to ONNX, and the bundle at the end of it."""

from __future__ import annotations

from augment.training.build import build_bundle
from augment.training.config import DenoiserConfig, TrainConfig, VaeConfig, dump_config, load_config, override
from augment.training.progress import Progress, Watcher
from augment.training.runs import Runs
from augment.training.train import Trained, train_models

__all__ = [
    "DenoiserConfig",
    "Progress",
    "Runs",
    "TrainConfig",
    "Trained",
    "VaeConfig",
    "Watcher",
    "build_bundle",
    "dump_config",
    "load_config",
    "override",
    "train_models",
]
