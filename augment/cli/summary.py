"""What a bundle is and how its training went, as tables in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from augment.cli.console import out
from augment.cli.progress import duration

if TYPE_CHECKING:
    from pathlib import Path

    from augment.bundle import Bundle

__all__ = ["grid", "print_trained"]

_JUDGED = (
    ("fidelity.detection_auc", "detected (AUC, .5 = not)"),
    ("fidelity.shape_error", "shape error"),
    ("fidelity.trend_error", "trend error"),
    ("utility.trained_on_synthetic", "trained on them"),
    ("utility.trained_on_real", "on real rows"),
    ("privacy.dcr_share", "nearer to train (.5 = not)"),
)


def grid(title: str, *columns: str) -> Table:
    """Return an empty table in the style of all of them."""
    table = Table(
        title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim"
    )
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right", overflow="fold")
    return table


def print_trained(bundle: Bundle, run_dir: Path | None) -> None:
    """Print what was learnt and where it is."""
    report = bundle.manifest.training
    took = f"{report.rows:,} rows in {duration(report.seconds)} on {report.device}"
    title = f"{bundle.name} version {bundle.version}: {took}"
    table = grid(title, "model", "parameters", "epochs", "best", "loss", "held-out loss", "stopped")
    for name, model in report.models.items():
        figures = (f"{model.parameters:,}", f"{model.epochs}", f"{model.best_epoch}")
        losses = ("-" if loss is None else f"{loss:.3f}" for loss in (model.train_loss, model.heldout_loss))
        table.add_row(Text(name, "bold cyan"), *figures, *losses, model.stopped)
    console = out()
    console.print(table)
    if (privacy := bundle.manifest.privacy) is not None:
        kept = f"weights: epsilon {privacy.epsilon:.4g}, delta {privacy.delta:.3g}"
        console.print(Text(f"private {kept}; not the encoding tables (docs/training.md)"), soft_wrap=True)
    if (
        bundle.manifest.samplers
        and f"{bundle.manifest.samplers[0]}.{_JUDGED[0][0]}" in bundle.manifest.quality
    ):
        console.print(_verdicts(bundle))
    size = sum(file.bytes for file in bundle.manifest.files.values()) / 1e6
    console.print(Text(f"bundle {bundle.path} ({size:.1f} MB, sha256 {bundle.digest[:12]})"), soft_wrap=True)
    console.print(Text(f"run    {run_dir}"), soft_wrap=True)


def _verdicts(bundle: Bundle) -> Table:
    """Return what the judge found in each sampler's records."""
    table = grid("samples, judged against held-out rows", "sampler", *(title for _, title in _JUDGED))
    for sampler in bundle.manifest.samplers:
        figures = [bundle.manifest.quality.get(f"{sampler}.{name}") for name, _ in _JUDGED]
        table.add_row(Text(sampler, "bold cyan"), *("-" if one is None else f"{one:.3f}" for one in figures))
    return table
