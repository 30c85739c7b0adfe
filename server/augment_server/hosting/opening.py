"""Opens a bundle for service: verified, replayed, warmed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from augment.bundle.limits import GRAPH_SUFFIX
from augment.runtime import Model

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["graph_bytes_of", "open_for_service"]


def open_for_service(path: Path, threads: int | None) -> Model:
    """Return the model of a bundle, once it has answered its golden rows and made a record.

    Raises:
        BundleError: It cannot be used.
    """
    model = Model.open(path, threads=threads)
    if "generate" in model.operations:
        model.generate(1)  # the way of a call, from the sampler to the codec
    return model


def graph_bytes_of(model: Model) -> int:
    """Return the bytes of the model's graphs."""
    files = model.manifest.files
    return sum(info.bytes for file, info in files.items() if file.endswith(GRAPH_SUFFIX))
