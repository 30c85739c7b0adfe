"""A step of a pipeline on the command line: its plan, its progress, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from rich.table import Table
from rich.text import Text

from augment.cli.console import out, say, warn
from augment.cli.progress_rows import rows_bar
from augment.cli.stops import stopping
from augment.scale.config import load_step
from augment.scale.gates import check_drift
from augment.scale.run import plan_step, run_step
from augment.sources.sizes import row_bytes

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path
    from types import TracebackType

    from augment.cli.progress_rows import Advance
    from augment.scale.making import Made
    from augment.scale.manifest import Figures
    from augment.scale.plan import Plan

__all__ = ["show_plan", "step_file"]

_STOPPED = "interrupted; what is made so far is kept, and the same command goes on"
_SHOWN = 5
_FAR = 3.0  # times what chance makes of two samples


def show_plan(path: Path) -> None:
    """Print what a step would do."""
    planned = plan_step(load_step(path))
    plan, parts = planned.plan, planned.plan.parts
    console = out()
    console.print(_plan_table(plan))
    _tell_drift(planned.figures)
    state = "done: nothing to do" if planned.done else f"{planned.there:,} of {len(parts):,} parts are there"
    console.print(Text(f"{plan.config.output}: {state}"))
    check_drift(plan, planned.figures)


def step_file(path: Path, *, overwrite: bool) -> None:
    """Do a step, and tell what came of it."""
    config = load_step(path)
    with stopping(_STOPPED), _View() as view:
        outcome = run_step(config, overwrite=overwrite, watcher=view)
    plan, manifest = outcome.plan, outcome.manifest
    if not outcome.made and not view.began:
        out().print(Text(f"nothing to do: {config.output} has all {len(plan.parts):,} parts of this step"))
        return
    text = f"wrote {outcome.made:,} of {len(plan.parts):,} parts to {config.output}: {outcome.rows:,} rows"
    for name, cells in manifest.get("unseen", {}).items():
        warn(f"{name}: {cells:,} cells held values that the model never saw, and counted as missing")
    if not outcome.rows:
        warn("no row is left: all are above max_percentile")
    auc = manifest["figures"]["detection_auc"]
    judged = "" if auc is None else f"; detection AUC of synthetic rows {auc:.3f}"
    out().print(Text(f"{text}, {manifest['synthetic_rows']:,} of them synthetic{judged}"))


class _View:
    """Shows a bar over the rows on a terminal; use as a context."""

    def __init__(self) -> None:
        self.began = False
        self._bar: AbstractContextManager[Advance] | None = None
        self._advance: Advance | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.__exit__(kind, exc, trace)

    def on_plan(self, plan: Plan, figures: Figures, *, there: int) -> None:
        """Tell the plan in a line, and begin the bar."""
        self.began = True
        parts = plan.parts
        found = f"; {there:,} are there already" if there else ""
        given, to_make = parts.real_rows, parts.synthetic_rows
        say(f"{given:,} given rows, {to_make:,} to make, in {len(parts):,} parts{found}")
        _tell_drift(figures)
        self._bar = rows_bar(plan.rows)
        self._advance = self._bar.__enter__()

    def on_part(self, made: Made, rows: int) -> None:
        """Move the bar."""
        del made
        if self._advance is not None:
            self._advance(rows)


def _plan_table(plan: Plan) -> Table:
    parts, facts, config = plan.parts, plan.facts, plan.config
    table = Table(show_header=False, box=None, pad_edge=False)
    size, requests = row_bytes(plan.schema), _several(len(parts.draws), "request")
    lines = {
        "model": f"{facts.name}/{facts.version} {facts.digest[:12]} at {facts.place}",
        "input": f"{parts.real_rows:,} rows in {_several(len(parts.files), 'file')}",
        "operations": ", ".join(one.do for one in config.operations),
        "synthetic": f"{parts.synthetic_rows:,} rows in {requests}, seed {config.seed}",
        "output": f"{plan.rows:,} rows, {len(plan.schema):,} columns, {_bytes(plan.rows * size)} in memory",
        "parts": f"{len(parts):,}, each of at most {parts.size:,} rows or {_bytes(parts.size * size)}",
        "engine": config.engine,
        "identity": plan.identity[:12],
    }
    for name, value in lines.items():
        table.add_row(Text(name, style="bold"), Text(value))
    for draw in parts.draws[:_SHOWN]:
        made = draw.request
        balance = f"balance {made.balance_text}" if made.balance_text else ""
        asked = "; ".join(filter(None, (*made.condition_texts, balance)))
        last = made.offset + made.rows - 1
        table.add_row("", Text(f"rows {made.offset:,} to {last:,}: {asked or 'as they come'}", style="dim"))
    if len(parts.draws) > _SHOWN:
        table.add_row("", Text(f"and {len(parts.draws) - _SHOWN:,} requests more", style="dim"))
    return table


def _tell_drift(figures: Figures) -> None:
    """Warn of the columns that are further from the training data than chance makes of it."""
    far = {
        name: drift
        for name, drift in figures.drift.items()
        if drift["distance"] > _FAR * drift["expected"] and drift["distance"] > 0.05  # noqa: PLR2004 - a twentieth
    }
    worst = sorted(far, key=lambda name: -far[name]["distance"])
    for name in worst[:_SHOWN]:
        drift = far[name]
        unseen = f"; {drift['unseen']:.1%} of cells were never seen" if drift["unseen"] else ""
        distance, chance = drift["distance"], drift["expected"]
        warn(f"{name}: {distance:.3f} from the training data, {chance:.3f} by chance{unseen}")
    if len(worst) > _SHOWN:
        warn(f"{len(worst) - _SHOWN} columns more are far from the training data")


def _several(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _bytes(count: int) -> str:
    """Return a number of bytes for people.

    >>> _bytes(2_500_000)
    '2.4 MiB'
    """
    size, units = float(count), ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
    while size >= 1024 and len(units) > 1:  # noqa: PLR2004 - of a KiB
        size, units = size / 1024, units[1:]
    return f"{size:.1f} {units[0]}"
