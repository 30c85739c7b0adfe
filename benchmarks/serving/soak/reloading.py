"""New versions of the model again and again while it is called, broken ones among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from serving.bundles import add_version, broken_version, remove_version

if TYPE_CHECKING:
    import threading
    from pathlib import Path

__all__ = ["Reloading"]

_BROKEN_EVERY = 5
_KEPT = 3


class Reloading:
    """Publishes versions.

    Args:
        bundle: What each is a copy of.
        models: The models directory.

    Attributes:
        good: How many versions could be loaded.
        broken: How many could not.
        served: The last one that could.
    """

    def __init__(self, bundle: Path, models: Path) -> None:
        self.good, self.broken, self.served = 1, 0, 1
        self._version = 1
        self._bundle = bundle
        self._models = models
        (models / bundle.parent.name).mkdir(parents=True)
        add_version(bundle, models, 1)

    def run(self, every_s: float, stop: threading.Event) -> None:
        """Publish one after another until told to stop; only the last few stay."""
        while not stop.wait(every_s):
            self._version += 1
            if self._version % _BROKEN_EVERY == 0:
                broken_version(self._bundle, self._models, self._version)
                self.broken += 1
            else:
                add_version(self._bundle, self._models, self._version)
                self.good += 1
                self.served = self._version
            remove_version(self._models, self._bundle.parent.name, self._version - _KEPT)
