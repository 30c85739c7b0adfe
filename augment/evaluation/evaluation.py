"""The judge: all figures of a synthetic table beside those of fresh real rows."""

from __future__ import annotations

import json
import math
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from augment.errors import PublishError, RequestError
from augment.evaluation import privacy
from augment.evaluation.coverage import alpha_precision_beta_recall
from augment.evaluation.detection import (
    FEWEST_ROWS,
    Detection,
    detect,
    detect_linearly,
    single_column_aucs,
)
from augment.evaluation.figure import Figure
from augment.evaluation.inputs import Inputs, prepare
from augment.evaluation.leaks import leaks
from augment.evaluation.quality import mean_error, shape_errors, trend_errors
from augment.evaluation.rows import Rows, code
from augment.evaluation.utility import Utility, learn

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from augment.data.schema import Schema
    from augment.evaluation.figure import Better
    from augment.evaluation.quality import PairError

__all__ = ["ColumnDetail", "Evaluation", "evaluate", "figures_for_manifest"]

FORMAT = 1  # of the JSON


@dataclass(frozen=True)
class ColumnDetail:
    """What the judge found in one column.

    Attributes:
        name: The column.
        kind: Its kind in the schema.
        shape_error: Distance of the distributions, in [0, 1]; None where the real cells are all missing.
        shape_floor: The same of the holdout.
        importance: By how much the detector's AUC falls when the column is shuffled; None if not judged.
        alone_auc: The AUC of a small detector that sees this column alone; None if not judged.
    """

    name: str
    kind: str
    shape_error: float | None
    shape_floor: float | None
    importance: float | None
    alone_auc: float | None


@dataclass(frozen=True)
class Evaluation:
    """Everything the judge found.

    Attributes:
        figures: By name, e.g. `fidelity.detection_auc`.
        columns: One a compared column, the worst shape first.
        pairs: The trend error of each pair, the worst first.
        detection: The boosted detector's curve and importances; None with too few rows.
        floor_detection: The same on the holdout in place of the synthetic rows, without importances.
        utility: What models learnt; None without a target that can be predicted.
        leaks: In what way held-out rows are not unseen, a sentence each.
        inputs: The tables that were judged.
        seed: The seed of all drawing and training.
    """

    figures: dict[str, Figure]
    columns: tuple[ColumnDetail, ...]
    pairs: tuple[PairError, ...]
    detection: Detection | None
    floor_detection: Detection | None
    utility: Utility | None
    leaks: tuple[str, ...]
    inputs: Inputs
    seed: int

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out, ignored or cut, a sentence each."""
        return self.inputs.notes

    def to_json(self) -> str:
        """Return figures and details as JSON text; the same tables and seed give the same text."""
        found = self.inputs
        detection = self.detection
        value: dict[str, Any] = {
            "format": FORMAT,
            "seed": self.seed,
            "rows": {
                "train": found.train.num_rows,
                "holdout": found.holdout.num_rows,
                "synthetic": found.synthetic.num_rows,
            },
            "target": found.target.name if found.target else None,
            "figures": {name: figure.as_dict() for name, figure in self.figures.items()},
            "columns": [asdict(column) for column in self.columns],
            "pairs": [asdict(pair) for pair in self.pairs],
            "roc": None
            if detection is None
            else {
                "false_positives": detection.false_positives,
                "true_positives": [round(share, 6) for share in detection.true_positives],
            },
            "utility": asdict(self.utility) if self.utility else None,
            "leaks": list(self.leaks),
            "notes": list(self.notes),
        }
        return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def write_json(self, path: Path | str) -> None:
        """Write `to_json()`.

        Raises:
            PublishError: The file cannot be written.
        """
        _write(Path(path), self.to_json())

    def write_html(self, path: Path | str) -> None:
        """Write the report: one file that holds all it needs.

        Raises:
            PublishError: The file cannot be written.
        """
        from augment.evaluation.page import render  # noqa: PLC0415 - plotly is slow to import
        from augment.evaluation.report import report_page  # noqa: PLC0415

        _write(Path(path), render(report_page(self)))


def evaluate(
    train: pa.Table,
    holdout: pa.Table,
    synthetic: pa.Table,
    *,
    schema: Schema | None = None,
    target: str | None = None,
    seed: int = 0,
    max_rows: int = 50_000,
    progress: Callable[[str], None] | None = None,
) -> Evaluation:
    """Judge synthetic rows by what a strong detector, a downstream model and an attacker make of them.

    Args:
        train: The real rows that the generator learnt from.
        holdout: Real rows from the same source that it never saw; they also measure every floor.
        synthetic: What it made. Columns may stand in any order; extra ones are ignored and noted.
        schema: What the columns are; detected from `train` if not given.
        target: The column that downstream models predict; the schema's own if not given.
        seed: Same tables, same seed: same figures.
        max_rows: Of each table; more are cut down at random, and noted.
        progress: Told what is being done, a few words at a time.

    Raises:
        ColumnNotFoundError: There is no column `target`.
        SchemaError: The tables cannot be compared; the message says which columns and why.
        RequestError: `max_rows` is below 1.
    """
    if max_rows < 1:
        raise RequestError.of("max_rows", "must be at least 1", max_rows)
    say = progress or (lambda _: None)
    say("reading the tables")
    tables = {"train": train, "holdout": holdout, "synthetic": synthetic}
    inputs = prepare(tables, schema, target, seed=seed, max_rows=max_rows)
    real, unseen, made = code(inputs.columns, inputs.train, inputs.holdout, inputs.synthetic)
    return _Judge(inputs, real, unseen, made, seed, say).judge()


def figures_for_manifest(evaluation: Evaluation) -> dict[str, float]:
    """Return the figures that a bundle's manifest can hold: finite values by name, floors as `NAME.floor`."""
    found: dict[str, float] = {}
    for name, figure in evaluation.figures.items():
        for key, value in ((name, figure.value), (f"{name}.floor", figure.floor)):
            if value is not None and math.isfinite(value):
                found[key] = float(value)
    return found


@dataclass(frozen=True)
class _Judge:
    """The steps of one evaluation."""

    inputs: Inputs
    train: Rows
    holdout: Rows
    synthetic: Rows
    seed: int
    say: Callable[[str], None]

    def judge(self) -> Evaluation:
        self.say("comparing columns and pairs")
        quality, shapes, floors, pairs = self._quality()
        self.say("training the detector")
        detection, floor, detected = self._detection()
        self.say("asking what each column gives away")
        alone = single_column_aucs(self.train, self.synthetic, seed=self.seed)
        self.say("looking for rows that are untypical or not represented")
        coverage = self._coverage()
        self.say("training models on real and on synthetic rows")
        utility, learnt = self._utility()
        self.say("measuring distances to training rows")
        kept = self._privacy()
        importance = detection.importance if detection else {}
        columns = [
            ColumnDetail(
                column.name,
                column.kind,
                shapes.get(column.name),
                floors.get(column.name),
                importance.get(column.name),
                alone.get(column.name),
            )
            for column in self.inputs.columns
        ]
        return Evaluation(
            figures=quality | detected | coverage | learnt | kept,
            columns=tuple(sorted(columns, key=lambda column: -(column.shape_error or 0.0))),
            pairs=tuple(sorted(pairs, key=lambda pair: -pair.error)),
            detection=detection,
            floor_detection=floor,
            utility=utility,
            leaks=tuple(leaks(self.train, self.holdout, self.synthetic)),
            inputs=self.inputs,
            seed=self.seed,
        )

    def _random(self, step: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, 100 + step])

    def _quality(
        self,
    ) -> tuple[dict[str, Figure], dict[str, float], dict[str, float], list[PairError]]:
        shapes, pairs = shape_errors(self.train, self.synthetic), trend_errors(self.train, self.synthetic)
        fresh = len(self.holdout)
        shape_floors = shape_errors(self.train, self.holdout) if fresh else {}
        trend_floors = trend_errors(self.train, self.holdout) if fresh else []
        fewer = self.synthetic.draw(fresh, self._random(0)) if 0 < fresh < len(self.synthetic) else None
        shape = _compared(
            mean_error(shapes.values()),
            mean_error(shape_floors.values()),
            None if fewer is None else mean_error(shape_errors(self.train, fewer).values()),
            fresh,
            "no column has a present real cell",
        )
        trend = _compared(
            mean_error(pair.error for pair in pairs),
            mean_error(pair.error for pair in trend_floors),
            None if fewer is None else mean_error(pair.error for pair in trend_errors(self.train, fewer)),
            fresh,
            "there are no two columns whose real cells go together in a way that can be measured",
        )
        figures = {"fidelity.shape_error": shape, "fidelity.trend_error": trend}
        return figures, shapes, shape_floors, pairs

    def _detection(self) -> tuple[Detection | None, Detection | None, dict[str, Figure]]:
        found = detect(self.train, self.synthetic, seed=self.seed)
        floor = detect(self.train, self.holdout, seed=self.seed, explain=False)
        few = f"fewer than {FEWEST_ROWS} real or synthetic rows say nothing"
        if found is None:
            absent = Figure.absent("half", few)
            return None, floor, {f"fidelity.detection_auc{kind}": absent for kind in ("", "_logistic")}
        size = floor.rows if floor else 0
        linear = (
            detect_linearly(self.train, self.synthetic, seed=self.seed),
            detect_linearly(self.train, self.holdout, seed=self.seed),
        )
        return (
            found,
            floor,
            {
                "fidelity.detection_auc": Figure(
                    found.auc, floor.auc if floor else None, "half", floor_rows=size
                ),
                "fidelity.detection_auc_logistic": Figure(*linear, "half", floor_rows=size),
            },
        )

    def _coverage(self) -> dict[str, Figure]:
        names = ("fidelity.alpha_precision", "fidelity.beta_recall")
        if min(len(self.train), len(self.synthetic)) < FEWEST_ROWS:
            reason = f"fewer than {FEWEST_ROWS} real or synthetic rows say nothing"
            return {name: Figure.absent("higher", reason) for name in names}
        values = alpha_precision_beta_recall(self.train, self.synthetic, self._random(1))
        floors: tuple[float | None, float | None] = (None, None)
        if len(self.holdout) >= FEWEST_ROWS:
            floors = alpha_precision_beta_recall(self.train, self.holdout, self._random(2))
        rows = len(self.holdout) if floors[0] is not None else 0
        return {
            name: Figure(value, floor, "higher", floor_rows=rows)
            for name, value, floor in zip(names, values, floors, strict=True)
        }

    def _utility(self) -> tuple[Utility | None, dict[str, Figure]]:
        names = [f"utility.trained_on_{what}" for what in ("real", "synthetic", "both")]
        target = self.inputs.target
        reason = "no target column was named" if target is None else ""
        found = (
            learn(self.train, self.holdout, self.synthetic, target.name, seed=self.seed) if target else reason
        )
        if isinstance(found, str):
            return None, {name: Figure.absent("higher", found) for name in names}
        values = (
            Figure(found.all_real, found.all_real, "higher", floor_rows=len(self.train)),
            Figure(found.synthetic, found.real, "higher", floor_rows=found.rows),
            Figure(found.both, found.all_real, "higher", floor_rows=len(self.train)),
        )
        return found, dict(zip(names, values, strict=True))

    def _privacy(self) -> dict[str, Figure]:
        kinds: dict[str, tuple[Any, Better]] = {
            "dcr_share": (privacy.nearer_share, "half"),
            "nndr": (privacy.neighbour_ratio, "higher"),
            "membership_auc": (privacy.membership_auc, "half"),
        }
        few = f"fewer than {privacy.FEWEST_ROWS} training, holdout or synthetic rows say nothing"
        figures = {}
        for step, (name, (measure, better)) in enumerate(kinds.items()):
            found = measure(self.train, self.holdout, self.synthetic, self._random(3 + step))
            figures[f"privacy.{name}"] = (
                Figure.absent(better, few)
                if found is None
                else Figure(found.value, found.floor, better, floor_rows=found.floor_rows)
            )
        made, fresh = privacy.copied(self.train, self.synthetic, self.holdout)
        floor = float(fresh.mean()) if len(fresh) else None
        figures["privacy.exact_copies"] = (
            Figure(float(made.mean()), floor, "lower", floor_rows=len(fresh))
            if len(made)
            else Figure.absent("lower", "there are no synthetic rows")
        )
        return figures


def _compared(
    value: float | None, floor: float | None, matched: float | None, rows: int, reason: str
) -> Figure:
    if value is None:
        return Figure.absent("lower", reason)
    return Figure(value, floor, "lower", matched, rows if floor is not None else 0)


def _write(path: Path, text: str) -> None:
    """Write a file, whole or not at all."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as exc:
        raise PublishError(f"{path} could not be written: {exc.strerror or exc}") from exc
    finally:
        temporary.unlink(missing_ok=True)
