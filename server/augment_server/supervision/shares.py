"""What one of several workers gets of the machine and of the limits."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from augment.cpus import threads_of

if TYPE_CHECKING:
    from augment_server.settings import Settings

__all__ = ["cpus_of", "share_of"]

_LOOPBACK = "127.0.0.1"


def cpus_of(index: int, workers: int, cpus: int) -> int:
    """Return how many of the CPUs are a worker's: of 5, the first of 2 gets 3, the second 2; at least 1."""
    return max(1, cpus // workers + (index < cpus % workers))


def share_of(settings: Settings, index: int, cpus: int) -> Settings:
    """Return the settings of one worker: together they keep what the operator's settings promise.

    Numbers of threads and computations that the operator chose stay as they are. Pages for operators are on
    ports of their own, on this machine alone: the supervisor asks them. A worker removes the copies of
    remote models that it does not need, so each has a directory for its own.

    Args:
        settings: Those of the whole server, with a port that is not 0.
        index: The worker's number, from 0.
        cpus: Those of the whole server.
    """
    workers = settings.workers
    own = cpus_of(index, workers, cpus)
    changes: dict[str, object] = {
        "threads": settings.threads or threads_of(own),
        "computations": settings.computations or own,
        "max_queue_rows": max(1, settings.max_queue_rows // workers),
    }
    if settings.max_model_bytes is not None:
        changes["max_model_bytes"] = max(1, settings.max_model_bytes // workers)
    for page in ("metrics", "admin"):
        if getattr(settings, f"{page}_port") is not None:
            changes |= {f"{page}_host": _LOOPBACK, f"{page}_port": 0}
    if isinstance(settings.models, str):
        changes["cache_dir"] = (settings.cache_dir or _cache_home()) / f"worker-{index}"
    return settings.model_copy(update=changes)


def _cache_home() -> Path:
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "augment-service"
