"""The demo's last words in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from augment.cli.console import out
from augment.cli.summary import grid
from augment.demo.story import image_error, share

if TYPE_CHECKING:
    from pathlib import Path

    from augment.demo.run import Chapter, Outcome

__all__ = ["print_summary"]


def print_summary(outcome: Outcome, output: Path, seconds: float) -> None:
    """Print the figures, the times, what was made, and what to try next."""
    console = out()
    console.print()
    figures = grid("figures", "", *(chapter.dataset.title for chapter in outcome.chapters))
    rows = [_figures(chapter) for chapter in outcome.chapters]
    for label in dict.fromkeys(label for row in rows for label in row):
        figures.add_row(label, *(row.get(label, "-") for row in rows))
    console.print(figures)
    times = grid("\nseconds", "", "")
    for stage, took in outcome.seconds.items():
        times.add_row(stage, f"{took:.1f}")
    times.add_row(Text("in all", "bold"), Text(f"{seconds:.1f}", "bold"))
    console.print(times)
    _print_next(outcome, output)


def _figures(chapter: Chapter) -> dict[str, str]:
    """Return the figures by what they mean."""
    found, trial, images = chapter.comparisons, chapter.trial, chapter.dataset.images
    made = trial.synthetic.num_rows
    rows = {"synthetic records a second": f"{made / max(trial.seconds['generate'], 1e-9):,.0f}"}
    if found.detection_auc is not None:
        rows["a detector's ROC AUC (0.5 = cannot tell)"] = f"{found.detection_auc:.2f}"
    if (use := found.usefulness) is not None:
        rows["trained on real, tested on real"] = f"{use.from_real:.3f} {use.metric}"
        rows["trained on synthetic, tested on real"] = f"{use.from_synthetic:.3f} {use.metric}"
    if (fixed := trial.repairs) is not None:
        rows["blanked cells filled in right"] = share(fixed.blanked_right, fixed.blanked)
        rows["... by the median or commonest level"] = share(fixed.blanked_simple, fixed.blanked)
        rows["swapped cells found"] = share(fixed.swapped_found, fixed.swapped)
        rows["intact cells changed by mistake"] = share(fixed.intact_changed, fixed.intact)
        rows["swapped cells ranked below intact (50% = no idea)"] = f"{fixed.ranked:.0%}"
    if images is not None:
        clean, name = trial.corrupted.clean, images.name
        errors = [
            image_error(clean, other, name) for other in (trial.corrupted.records, trial.denoised.records)
        ]
        rows["image error with noise, after repair"] = f"{errors[0]:.3f}, {errors[1]:.3f}"
    return rows


def _print_next(outcome: Outcome, output: Path) -> None:
    console = out()
    name = outcome.chapters[0].dataset.name
    console.print(Text("\nlook at", "bold"))
    console.print(Text(f"  {(output / 'index.html').resolve().as_uri()}"), soft_wrap=True)
    console.print(Text("try next", "bold"))
    for command in (
        f"augment info {name} --models {output / 'models'}",
        f"augment generate {name} --models {output / 'models'} --rows 100000 --seed 1 --out more.parquet",
        f"augment serve --models {output / 'models'}",
    ):
        console.print(Text(f"  {command}"), soft_wrap=True)
