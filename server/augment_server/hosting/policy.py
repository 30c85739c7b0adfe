"""Which versions are loaded before anybody asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from augment_server.settings import Settings

__all__ = ["Policy"]


@dataclass(frozen=True)
class Policy:
    """What an operator wants loaded.

    Attributes:
        newest: How many of the newest usable versions of each model; None: all.
        pins: The one version of a model that is served, whatever newer ones come.
        max_bytes: Most bytes of graphs to keep loaded; None: no limit.
        max_lent: Most versions to keep loaded only because somebody asked for them.
    """

    newest: int | None
    pins: Mapping[str, int]
    max_bytes: int | None
    max_lent: int = 4

    @classmethod
    def of(cls, settings: Settings) -> Policy:
        """Return what the settings say."""
        words = {"latest": 1, "all": None}
        newest = words[settings.versions] if settings.versions in words else int(settings.versions)
        return cls(newest, dict(settings.pin), settings.max_model_bytes)

    def candidates(self, name: str, versions: Iterable[int]) -> list[int]:
        """Return the versions to try, best first."""
        pinned = self.pins.get(name)
        return sorted((number for number in versions if pinned in (None, number)), reverse=True)

    def is_enough(self, kept: int) -> bool:
        """Say whether so many usable versions of a model are enough."""
        return self.newest is not None and kept >= self.newest
