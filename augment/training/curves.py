"""Loss curves as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from augment.training.progress import Progress

__all__ = ["plot_losses"]


def plot_losses(history: Sequence[Progress], path: Path) -> None:
    """Write one panel a model, training and held-out loss by epoch, as SVG.

    Args:
        history: The epochs of all models, each model's in order.
        path: The file; written whole or not at all.
    """
    models = list(dict.fromkeys(epoch.model for epoch in history))
    figure = Figure(figsize=(5.5 * max(1, len(models)), 3.8), layout="constrained")
    for place, model in enumerate(models, start=1):
        axes = figure.add_subplot(1, len(models), place)
        _draw(axes, model, [epoch for epoch in history if epoch.model == model])
    temporary = path.with_name(f".{path.name}")
    figure.savefig(temporary, format="svg")
    temporary.replace(path)


def _draw(axes: Axes, model: str, epochs: Sequence[Progress]) -> None:
    numbers = [epoch.epoch for epoch in epochs]
    axes.plot(numbers, [epoch.train_loss for epoch in epochs], label="training", color="#9aa5b1")
    axes.plot(numbers, [epoch.heldout_loss for epoch in epochs], label="held out", color="#1f5fa8")
    best = min(epochs, key=lambda epoch: epoch.heldout_loss)
    axes.axvline(best.epoch, color="#1f5fa8", linewidth=0.8, linestyle=":", label=f"best: {best.epoch}")
    axes.set(title=model, xlabel="epoch", ylabel="loss, nats a record")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
