"""Finds the run that goes on: the one that was killed or stopped while it did the same."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from augment.errors import PublishError, TrainingError
from augment.training.run_dir import RunDirectory

if TYPE_CHECKING:
    from collections.abc import Callable

    from augment.data import Schema
    from augment.training.config import TrainConfig

__all__ = ["Identity", "Runs", "open_run"]

_SHOWN = 4


@dataclass(frozen=True)
class Runs:
    """Where a run is kept, and whether an unfinished one goes on.

    Attributes:
        directory: The run's own directory; None: one in `parent`, named by the time.
        parent: Where to look for unfinished runs if no directory is said.
        resume: `auto` goes on where an unfinished run of the same name, data and settings stopped; `never`
            begins anew.
        every_s: Seconds between checkpoints.
    """

    directory: Path | None = None
    parent: Path | None = None
    resume: Literal["auto", "never"] = "auto"
    every_s: float = 30.0

    @classmethod
    def of(cls, place: Runs | Path | str | None) -> Runs | None:
        """Return `place` itself, or the runs of a directory."""
        return place if isinstance(place, Runs) or place is None else cls(directory=Path(place))


@dataclass(frozen=True)
class Identity:
    """What must be the same for a run to go on.

    Attributes:
        name: The bundle's.
        data_sha256: Of the records and their encoding.
        device: `cpu` or `cuda`: their random numbers differ.
        settings: The configuration.
    """

    name: str
    data_sha256: str
    device: str
    settings: dict[str, Any]

    def differences(self, other: dict[str, Any]) -> list[str]:
        """Return what is different in a stored identity, in words."""
        mine = asdict(self)
        found = [
            f"{what} was {other.get(key)!r} and is {mine[key]!r}"
            for key, what in (("name", "name"), ("device", "device"))
            if other.get(key) != mine[key]
        ]
        if other.get("data_sha256") != self.data_sha256:
            found.append("the data or their schema are others")
        return found + _changes("", other.get("settings") or {}, self.settings)


def open_run(
    runs: Runs, identity: Identity, config: TrainConfig, schema: Schema, tell: Callable[[str], None]
) -> RunDirectory:
    """Return the directory of the run that goes on, or of a new one; it is locked until it is closed.

    Raises:
        TrainingError: The run in the wanted directory is another one that is not finished, or is under way in
            another process.
        PublishError: It cannot be written to.
    """
    stored = _stored(identity)
    if runs.directory is None:
        found = _unfinished(runs, identity, tell) if runs.resume == "auto" else None
        if found is not None:
            found.take_up(runs.every_s, tell)
            return found
        now = dt.datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
        return _new(_free(runs.parent or Path("runs"), now), stored, config, schema, (runs.every_s, tell))
    run = RunDirectory(runs.directory)
    there = run.identity()
    if there is not None and runs.resume == "auto":
        if changed := identity.differences(there):
            raise TrainingError(_another_run(run.path, changed))
        _lock(run)
        run.take_up(runs.every_s, tell)
        return run
    return _new(runs.directory, stored, config, schema, (runs.every_s, tell))


def _stored(identity: Identity) -> dict[str, Any]:
    return asdict(identity)


def _new(
    path: Path,
    stored: dict[str, Any],
    config: TrainConfig,
    schema: Schema,
    keeping: tuple[float, Callable[[str], None]],
) -> RunDirectory:
    run = RunDirectory(path)
    run.make()
    _lock(run)
    run.begin(config, schema, stored, keeping[0], keeping[1])
    return run


def _lock(run: RunDirectory) -> None:
    if not run.lock():
        raise TrainingError(
            f"run directory {run.path} must be of no other process, got one that is training there. "
            "Wait for it, or give another --run-dir"
        )


def _unfinished(runs: Runs, identity: Identity, tell: Callable[[str], None]) -> RunDirectory | None:
    """Return the newest unfinished run of the same identity that no process is at, locked."""
    others: list[str] = []
    for path in sorted((runs.parent or Path("runs")).glob("*/"), reverse=True):
        run = RunDirectory(path)
        there = run.identity()
        if there is None:
            continue
        if changed := identity.differences(there):
            others.append(f"{path} is left as it is: {'; '.join(changed[:_SHOWN])}")
        elif run.lock():
            return run
    for other in others[:1]:
        tell(f"unfinished run {other}")
    return None


def _free(parent: Path, name: str) -> Path:
    """Return a directory that is not there yet."""
    names = (name if number == 1 else f"{name}-{number}" for number in range(1, 1000))
    for path in (parent / one for one in names):
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as exc:
            raise PublishError(f"run directory {path} must be writable, got: {exc}") from exc
        return path
    raise PublishError(f"run directory {parent / name} must not be there a thousand times")


def _another_run(path: Path, changed: list[str]) -> str:
    more = f"; and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
    return (
        f"run directory {path} must hold an unfinished run of the same data and settings, got another: "
        f"{'; '.join(changed[:_SHOWN])}{more}. Begin anew with --resume never, or give another --run-dir"
    )


def _changes(prefix: str, old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Return which settings differ, nested ones by their dotted names."""
    found: list[str] = []
    for key in dict.fromkeys([*old, *new]):
        was, now = old.get(key), new.get(key)
        if isinstance(was, dict) and isinstance(now, dict):
            found += _changes(f"{prefix}{key}.", was, now)
        elif was != now:
            found.append(f"{prefix}{key} was {json.dumps(was)} and is {json.dumps(now)}")
    return found
