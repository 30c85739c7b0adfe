"""What was really used where the settings leave it open, for the manifest."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

    from augment.models import Trainable
    from augment.training.sizing import Schedule

__all__ = ["resolved_settings"]

_SIZES = ("hidden", "layers", "latent_dim", "weight_sets", "doubt_share")


def resolved_settings(
    model: Trainable, schedule: Schedule, learning_rate: float, device: torch.device, rows: int
) -> dict[str, Any]:
    """Return the settings of one model as numbers: sizes, how long it may train, and on what.

    Args:
        model: Whose `options` hold its sizes.
        schedule: How long it is trained at most.
        learning_rate: The highest.
        device: Where it is trained.
        rows: Of training; by them ranks are blurred.
    """
    options: Mapping[str, Any] = asdict(getattr(model, "options"))  # noqa: B009 - each model has its own kind
    found = {name: options[name] for name in _SIZES if name in options}
    sizes = {name: list(size) if isinstance(size, tuple) else size for name, size in found.items()}
    blurred = {"blur_rows": round(options["blur"] * rows, 3)} if "blur" in options else {}
    return {
        **sizes,
        **blurred,
        "batch_size": schedule.batch_size,
        "epochs": schedule.epochs,
        "epoch_steps": schedule.epoch_steps,
        "patience": schedule.patience,
        "learning_rate": learning_rate,
        "device": device.type,
    }
