"""Opens a bundle for service: verified, replayed, warmed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from augment.bundle.limits import GRAPH_SUFFIX
from augment.bundle.signing import TrustedKeys
from augment.errors import BundleCorruptError, GraphError
from augment.runtime import Model

if TYPE_CHECKING:
    from pathlib import Path

    from augment_server.settings import Settings

__all__ = ["Opening", "graph_bytes_of"]


@dataclass(frozen=True)
class Opening:
    """How bundles are opened for service.

    Attributes:
        threads: Threads of one computation; None: by the CPUs there are.
        trusted: Whose signature they must have; None: they need none.
    """

    threads: int | None = None
    trusted: TrustedKeys | None = None

    @classmethod
    def of(cls, settings: Settings) -> Opening:
        """Return how the settings want it.

        Raises:
            RequestError: The trusted keys are none.
        """
        trusted = TrustedKeys.read(settings.trusted_keys) if settings.trusted_keys else None
        return cls(settings.threads, trusted)

    def open(self, path: Path) -> Model:
        """Return the model of a bundle, once it has answered its golden rows and made a record.

        Raises:
            BundleError: It cannot be used.
        """
        try:
            model = Model.open(path, threads=self.threads, trusted=self.trusted)
            if "generate" in model.operations:
                model.generate(1)  # the way of a call, from the sampler to the codec
        except GraphError as error:  # before any call: the bundle is no good
            raise BundleCorruptError(error.path, error.reason) from error
        return model


def graph_bytes_of(model: Model) -> int:
    """Return the bytes of the model's graphs."""
    files = model.manifest.files
    return sum(info.bytes for file, info in files.items() if file.endswith(GRAPH_SUFFIX))
