"""A step, run: planned, checked, made, judged, and signed off. Run twice it does nothing the second time."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from augment.errors import StepError
from augment.scale.engines import engine_of
from augment.scale.gates import check_detection, check_drift, detection_of
from augment.scale.manifest import MANIFEST, Figures, Ledger, manifest_bytes
from augment.scale.output import Output
from augment.scale.places import files_at, fingerprint
from augment.scale.plan import make_plan, where_of
from augment.scale.stores import store_at
from augment.sources.source import open_source

if TYPE_CHECKING:
    from augment.scale.config import StepConfig
    from augment.scale.engines import Engine
    from augment.scale.making import Made
    from augment.scale.plan import Plan
    from augment.sources.source import Source

__all__ = ["Outcome", "Planned", "Watcher", "plan_step", "run_step"]


class Watcher(Protocol):
    """Is told how a run goes on."""

    def on_plan(self, plan: Plan, figures: Figures, *, there: int) -> None:
        """Take notice of what will be done; `there`: how many parts an earlier run has made."""

    def on_part(self, made: Made, rows: int) -> None:
        """Take notice of a part that is in its place; `rows`: how many it has before a filter."""


@dataclass(frozen=True)
class Planned:
    """A plan, what is known of its input, and how far it is done.

    Attributes:
        plan: What is to be done.
        figures: The input's drift.
        there: How many parts are in their places.
        done: Whether all is done.
    """

    plan: Plan
    figures: Figures
    there: int
    done: bool


@dataclass(frozen=True)
class Outcome:
    """What a run came to.

    Attributes:
        plan: What was to be done.
        manifest: The content of `_manifest.json`.
        made: Parts that this run made; the others were there.
    """

    plan: Plan
    manifest: dict[str, Any] = field(repr=False)
    made: int

    @property
    def rows(self) -> int:
        """Of the output."""
        return int(self.manifest["rows"])


def plan_step(config: StepConfig) -> Planned:
    """Return what a step will do; nothing is written.

    Raises:
        AugmentError: The configuration, the model, the input or the output breaks a rule.
    """
    with open_source(where_of(config)) as source:
        plan = make_plan(config, source)
        output = Output(store_at(config.output), plan)
        output.check()
        manifest = output.finished()
        figures = _measured(plan, source, manifest)
        return Planned(plan, figures, len(output.parts()), done=manifest is not None)


def run_step(
    config: StepConfig,
    *,
    overwrite: bool = False,
    watcher: Watcher | None = None,
    engine: Engine | None = None,
) -> Outcome:
    """Do a step, or what is left of it.

    Args:
        config: What is to be done.
        overwrite: Whether the output of another step or model is removed first.
        watcher: Told how it goes on.
        engine: Who makes the parts; None: as the configuration says.

    Raises:
        AugmentError: The configuration, the model, the input or the output breaks a rule. A GateError where
            a figure is beyond its limit, a StepError where it cannot go on now.
        ClientError: A server refuses, or is away for long.
    """
    engine = engine or engine_of(config)
    with open_source(where_of(config)) as source:
        plan = make_plan(config, source)
        output = Output(store_at(config.output), plan)
        if overwrite:
            output.parts()  # what no step wrote is not touched
        else:
            output.check()
        manifest = None if overwrite else output.finished()
        figures = _measured(plan, source, manifest)
    check_drift(plan, figures)
    if manifest is not None and _is_judged(plan, figures):
        check_detection(plan, figures)
        return Outcome(plan, manifest, 0)
    with output.store.held():
        if overwrite:
            output.clear()
        return _done(plan, output, engine, figures, watcher)


def _is_judged(plan: Plan, figures: Figures) -> bool:
    """Whether all that there is a limit of is measured."""
    return plan.config.max_detection_auc is None or figures.detection_auc is not None


def _done(plan: Plan, output: Output, engine: Engine, figures: Figures, watcher: Watcher | None) -> Outcome:
    """Do what is left, with the output held."""
    output.check()
    manifest = output.finished()
    if manifest is not None and _is_judged(plan, _figures_of(manifest)):  # another run was faster
        check_detection(plan, _figures_of(manifest))
        return Outcome(plan, manifest, 0)
    there = output.begin()
    if watcher is not None:
        watcher.on_plan(plan, figures, there=there)
    ledger, made = Ledger(len(plan.parts)), 0
    for part in engine.run(plan, range(len(plan.parts))):
        ledger.note(part)
        made += not part.was_there
        if watcher is not None:
            watcher.on_part(part, plan.parts[part.number].rows)
    return Outcome(plan, _signed(plan, output, ledger, figures), made)


def _signed(plan: Plan, output: Output, ledger: Ledger, figures: Figures) -> dict[str, Any]:
    """Judge what was made, and write the manifest.

    Raises:
        StepError: The input is no longer what it was when the step began.
        GateError: The rows do not pass.
    """
    files_at(plan.config.input or ())  # stores are asked anew, whatever their listings said before
    for file in plan.parts.files:
        if fingerprint(file.path) != file.fingerprint:
            raise StepError(
                f"input {file.path} must stay as it is while the step runs, and was changed. "
                "Run the step again with --overwrite"
            )
    if plan.config.max_detection_auc is not None:
        figures = Figures(figures.drift, detection_of(plan, output.store))
        check_detection(plan, figures)
    output.check_identity()
    data = manifest_bytes(plan, ledger, figures)
    output.store.write(MANIFEST, data)
    manifest: dict[str, Any] = json.loads(data)
    return manifest


def _measured(plan: Plan, source: Source, manifest: dict[str, Any] | None) -> Figures:
    """Return what is known of a finished output, and the drift of the input where it is not among that.

    Where a server has the model, drift is not known.
    """
    known = Figures() if manifest is None else _figures_of(manifest)
    codec = source.codec
    if codec is None or known.drift or not plan.parts.files:
        return known
    from augment.scale.drift import drift_of  # noqa: PLC0415 - for a bundle here

    found = {name: asdict(drift) for name, drift in drift_of(plan, codec).items()}
    return Figures(found, known.detection_auc)


def _figures_of(manifest: dict[str, Any]) -> Figures:
    return Figures(**manifest["figures"])
