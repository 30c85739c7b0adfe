"""What is written beside the parts: `_run.json` before the first, `_manifest.json` after the last."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from augment.scale.making import Made
    from augment.scale.plan import Plan

__all__ = ["MANIFEST", "RUN", "Figures", "Ledger", "manifest_bytes", "run_bytes"]

RUN = "_run.json"
MANIFEST = "_manifest.json"
FORMAT = 1


class Ledger:
    """What is known of the parts that are in their places: 48 bytes each.

    Args:
        parts: How many there are in all.
    """

    def __init__(self, parts: int) -> None:
        kind = np.dtype([("rows", np.int64), ("bytes", np.int64), ("sha256", np.uint8, 32)])
        self._entries = np.zeros(parts, kind)
        self._unseen: Counter[str] = Counter()

    def note(self, made: Made) -> None:
        """Take in a part."""
        entry = (made.rows, made.size, np.frombuffer(bytes.fromhex(made.sha256), np.uint8))
        self._entries[made.number] = entry
        self._unseen.update(made.unseen)

    @property
    def unseen(self) -> dict[str, int]:
        """By column, cells of given rows with values that the model never saw."""
        return dict(sorted(self._unseen.items()))

    @property
    def rows(self) -> int:
        """Of all parts, after a filter."""
        return int(self._entries["rows"].sum())

    def rows_of(self, numbers: range) -> int:
        """Of some parts."""
        return int(self._entries["rows"][numbers.start : numbers.stop].sum())

    def listed(self, plan: Plan) -> list[dict[str, Any]]:
        """Return the parts for the manifest."""
        return [self._entry(number, plan.parts[number].name) for number in range(len(plan.parts))]

    def _entry(self, number: int, name: str) -> dict[str, Any]:
        entry = self._entries[number]
        told = {"rows": int(entry["rows"]), "bytes": int(entry["bytes"])}
        return {"name": name, **told, "sha256": entry["sha256"].tobytes().hex()}


@dataclass(frozen=True)
class Figures:
    """What was measured.

    Attributes:
        drift: By column, how far the input is from the training data; empty where it was not measured.
        detection_auc: How well synthetic rows can be told from given ones; None: it was not measured.
    """

    drift: dict[str, dict[str, float]] = field(default_factory=dict)
    detection_auc: float | None = None


def run_bytes(plan: Plan) -> bytes:
    """Return `_run.json`: what the parts that come are of."""
    return _json({"format": FORMAT, "identity": plan.identity, **_told(plan)})


def manifest_bytes(plan: Plan, ledger: Ledger, figures: Figures) -> bytes:
    """Return `_manifest.json`: the same for the same plan, whoever made the parts and when."""
    given = ledger.rows_of(plan.parts.given)
    return _json(
        {
            "format": FORMAT,
            "identity": plan.identity,
            **_told(plan),
            "rows": ledger.rows,
            "given_rows": given,
            "synthetic_rows": ledger.rows - given,
            "unseen": ledger.unseen,
            "figures": asdict(figures),
            "columns": {each.name: str(each.type) for each in plan.schema},
            "parts": ledger.listed(plan),
        }
    )


def _told(plan: Plan) -> dict[str, Any]:
    facts = plan.facts
    return {
        "model": {"name": facts.name, "version": facts.version, "digest": facts.digest},
        "config": plan.settings,
        "part_rows": plan.parts.size,
        "inputs": [{"rows": file.rows, "fingerprint": file.fingerprint} for file in plan.parts.files],
    }


def _json(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
