"""One version of a model as the server knows it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from augment.errors import BundleCorruptError, BundleError

if TYPE_CHECKING:
    from augment.runtime import Model

__all__ = ["Hosted", "State", "told_reason"]

_MAX_REASON = 300
_PATH = re.compile(r"(?<![\w.])(?:[a-z][a-z0-9+]*:/)?/[^\s'\",;:)]+")


class State(StrEnum):
    """What a version can be; the protocol's `VersionState` has the same names."""

    READY = "READY"
    LOADING = "LOADING"
    REFUSED = "REFUSED"
    UNLOADED = "UNLOADED"


@dataclass(frozen=True)
class Hosted:
    """One version of a model.

    Attributes:
        name: The model's name.
        version: Larger is newer.
        state: What it is now.
        model: The loaded model; while a changed bundle is read again, the one loaded before.
        error: Why it was refused; also of a changed bundle, while the model loaded before serves on.
        fingerprint: Of the files that were tried last; empty before the first try.
        digest: Of the manifest that was loaded last.
        graph_bytes: Bytes of its graphs, by which memory is counted.
        evicted: Unloaded to stay under the limit of memory; loaded again when asked for.
        withdrawn: Unloaded by the operator; not loaded until the operator says so.
    """

    name: str
    version: int
    state: State = State.UNLOADED
    model: Model | None = None
    error: BundleError | None = None
    fingerprint: str = ""
    digest: str = ""
    graph_bytes: int = 0
    evicted: bool = False
    withdrawn: bool = False

    @property
    def key(self) -> tuple[str, int]:
        """Its name and version."""
        return self.name, self.version

    @property
    def reason(self) -> str:
        """Why it was refused, for anybody to read: no paths; empty if it was not."""
        return "" if self.error is None else told_reason(self.error)

    def refusal(self) -> BundleError:
        """Return a new error that says why it was refused; one kept for long would keep its traceback."""
        if self.error is None:
            return BundleCorruptError(f"{self.name}/{self.version}", "is not loaded")
        return type(self.error)(self.error.path, self.error.reason)


def told_reason(error: BundleError) -> str:
    """Return the reason without paths, cut to 300 characters."""
    text = _PATH.sub("…", error.reason.replace(error.path, "…"))
    return text if len(text) <= _MAX_REASON else f"{text[: _MAX_REASON - 1]}…"
