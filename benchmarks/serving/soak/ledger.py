"""Who got which answers, and which of them nobody asked for."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

from grpc_status import rpc_status

from augment_proto.reasons import Reason
from augment_proto.refusal import unpack

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["BUSY", "Ledger", "status_of"]

BUSY = f"RESOURCE_EXHAUSTED {Reason.OVERLOADED}"
"""What anyone may be told who comes while much is going on."""

_MOST = 50


class Ledger:
    """Answers by kind of client; may be written from any thread."""

    def __init__(self) -> None:
        self.counted: Counter[tuple[str, str]] = Counter()
        self.unexpected: list[str] = []
        self._lock = threading.Lock()

    def write(self, kind: str, status: str, expected: Collection[str]) -> None:
        """Count an answer; one that is not among those expected is kept with its words.

        Args:
            kind: Of client.
            status: The answer, as `status_of` says it; what follows a colon are its words.
            expected: The beginnings of what this client provokes.
        """
        with self._lock:
            self.counted[kind, status.partition(":")[0]] += 1
            if not status.startswith((*expected, BUSY)) and len(self.unexpected) < _MOST:
                self.unexpected.append(f"{kind}: {status}")

    def as_json(self) -> dict[str, dict[str, int]]:
        """Return the counts by kind, then answer."""
        kinds = sorted({kind for kind, _ in self.counted})
        return {
            kind: {status: count for (other, status), count in sorted(self.counted.items()) if other == kind}
            for kind in kinds
        }


def status_of(error: Any) -> str:
    """Return a failed call's code, our reason if there is one, and its words."""
    status = rpc_status.from_call(error)
    refusal = unpack(status) if status is not None else None
    reason = f" {refusal.reason}" if refusal is not None else ""
    return f"{error.code().name}{reason}: {error.details()}"
