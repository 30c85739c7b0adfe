"""A step, run: planned, checked, made, judged, and signed off. Run twice it does nothing the second time."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from augment.errors import RequestError, StepError
from augment.scale.engines import engine_of
from augment.scale.gates import check_detection, check_drift, detection_of
from augment.scale.manifest import MANIFEST, RUN, Figures, Ledger, manifest_bytes, run_bytes
from augment.scale.places import fingerprint
from augment.scale.plan import make_plan, where_of
from augment.scale.stores import LOCK, UNFINISHED, store_at
from augment.sources.source import open_source

if TYPE_CHECKING:
    from augment.scale.config import StepConfig
    from augment.scale.engines import Engine
    from augment.scale.making import Made
    from augment.scale.plan import Plan
    from augment.scale.stores import Store
    from augment.sources.source import Source

__all__ = ["Outcome", "Planned", "Watcher", "plan_step", "run_step"]

_PART = re.compile(r"(real|synthetic)-\d{8,}\.parquet")


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
        store = store_at(config.output)
        names = _names(store, plan)
        _check_identity(store, plan)
        there = len({name for name in names if _PART.fullmatch(name)})
        manifest = _finished(store, plan, names)
        figures = _figures_of(manifest) if manifest else _measured(plan, source)
        return Planned(plan, figures, there, done=manifest is not None)


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
        store = store_at(config.output)
        names = _names(store, plan)
        if not overwrite:
            _check_identity(store, plan)
        manifest = None if overwrite else _finished(store, plan, names)
        figures = _measured(plan, source) if manifest is None else _figures_of(manifest)
    check_drift(plan, figures)
    if manifest is not None and _is_judged(plan, figures):
        check_detection(plan, figures)
        return Outcome(plan, manifest, 0)
    with store.held():
        if overwrite:
            _clear(store, plan)
        return _done(plan, store, engine, figures, watcher)


def _is_judged(plan: Plan, figures: Figures) -> bool:
    """Whether all that there is a limit of is measured."""
    return plan.config.max_detection_auc is None or figures.detection_auc is not None


def _done(plan: Plan, store: Store, engine: Engine, figures: Figures, watcher: Watcher | None) -> Outcome:
    """Do what is left, with the output held."""
    _check_identity(store, plan)
    names = _names(store, plan)
    manifest = _finished(store, plan, names)
    if manifest is not None:
        figures = _figures_of(manifest)
        if _is_judged(plan, figures):
            check_detection(plan, figures)
            return Outcome(plan, manifest, 0)
    store.remove([MANIFEST])
    if RUN not in names:
        store.write(RUN, run_bytes(plan))
    there = len({name for name in names if _PART.fullmatch(name)})
    if watcher is not None:
        watcher.on_plan(plan, figures, there=there)
    ledger, made = Ledger(len(plan.parts)), 0
    for part in engine.run(plan, range(len(plan.parts))):
        ledger.note(part)
        made += not part.was_there
        if watcher is not None:
            watcher.on_part(part, plan.parts[part.number].rows)
    return Outcome(plan, _signed(plan, store, ledger, figures), made)


def _signed(plan: Plan, store: Store, ledger: Ledger, figures: Figures) -> dict[str, Any]:
    """Judge what was made, and write the manifest.

    Raises:
        StepError: The input is no longer what it was when the step began.
        GateError: The rows do not pass.
    """
    for file in plan.parts.files:
        if fingerprint(file.path) != file.fingerprint:
            raise StepError(
                f"input {file.path} must stay as it is while the step runs, and was changed. "
                "Run the step again with --overwrite"
            )
    if plan.config.max_detection_auc is not None:
        figures = Figures(figures.drift, detection_of(plan, store))
        check_detection(plan, figures)
    _check_identity(store, plan)
    data = manifest_bytes(plan, ledger, figures)
    store.write(MANIFEST, data)
    manifest: dict[str, Any] = json.loads(data)
    return manifest


def _measured(plan: Plan, source: Source) -> Figures:
    """Return the drift of the input, where the training data's counts are known."""
    codec = source.codec
    if codec is None or not plan.parts.files:
        return Figures()
    from augment.scale.drift import drift_of  # noqa: PLC0415 - for a bundle here

    return Figures({name: asdict(drift) for name, drift in drift_of(plan, codec).items()})


def _names(store: Store, plan: Plan) -> list[str]:
    """Return what lies in the output.

    Raises:
        RequestError: Something that no step writes.
    """
    names = store.names()
    for name in names:
        if (
            name not in {RUN, MANIFEST, LOCK}
            and not _PART.fullmatch(name)
            and not name.startswith(UNFINISHED)
        ):
            remedy = "Give an empty or new directory"
            raise RequestError.of(
                "output", "must hold a step's output or nothing", name, remedy, context=plan.config.output
            )
    if RUN not in names and any(map(_PART.fullmatch, names)):
        raise RequestError.of(
            "output",
            f"must have {RUN} where there are parts",
            "none",
            "Give an empty or new directory",
            context=plan.config.output,
        )
    return names


def _clear(store: Store, plan: Plan) -> None:
    """Remove an earlier output; what tells of it goes last, so that a run that is killed here is known."""
    names = _names(store, plan)
    store.remove([MANIFEST])
    store.remove(name for name in names if _PART.fullmatch(name))
    store.remove([RUN])


def _check_identity(store: Store, plan: Plan) -> None:
    """Refuse the output of something else.

    Raises:
        RequestError: The output is of another model, input or configuration; says which.
    """
    data = store.read(RUN)
    if data is None:
        return
    try:
        before = json.loads(data)
        identity = before["identity"]
    except (ValueError, KeyError, TypeError) as exc:
        raise StepError(
            f"output {plan.config.output}: {RUN} cannot be read. Run again with --overwrite"
        ) from exc
    if identity == plan.identity:
        return
    now = json.loads(run_bytes(plan))
    changed = [
        f"config.{key}" for key in now["config"] if before.get("config", {}).get(key) != now["config"][key]
    ]
    changed += [key for key in ("model", "inputs", "part_rows") if before.get(key) != now[key]]
    rule = "must be of this model, input and configuration"
    remedy = "Give another directory, or run with --overwrite to make it anew"
    found = f"one with other {', '.join(changed) or 'settings'}"
    raise RequestError.of("output", rule, found, remedy, context=plan.config.output)


def _finished(store: Store, plan: Plan, names: list[str]) -> dict[str, Any] | None:
    """Return the manifest of an output that is all there; None where something is to be done."""
    data = store.read(MANIFEST) if MANIFEST in names else None
    if data is None:
        return None
    manifest: dict[str, Any] = json.loads(data)
    there = set(names)
    whole = all(part["name"] in there for part in manifest["parts"])
    return manifest if whole and manifest["identity"] == plan.identity else None


def _figures_of(manifest: dict[str, Any]) -> Figures:
    return Figures(**manifest["figures"])
