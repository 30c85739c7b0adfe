"""What calls see: immutable, and swapped as a whole, so that no call ever waits for a lock."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from augment.errors import ModelNotFoundError, NotFoundError, VersionNotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from augment.runtime import Model
    from augment_server.hosting.state import Hosted

__all__ = ["ALIAS_PATTERN", "AliasNotFoundError", "Snapshot"]

ALIAS_PATTERN = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,63}")
_SHOWN = 20


class AliasNotFoundError(NotFoundError):
    """The model has no such alias; `name` is `model@alias`."""

    kind = "model alias"


@dataclass(frozen=True)
class Snapshot:
    """The models at one moment.

    Attributes:
        hosted: Every version that is known, by name and number, oldest first.
        served: The version of each name that answers where no version is asked for; always loaded.
        aliases: The version of each alias of each name.
    """

    hosted: Mapping[str, Mapping[int, Hosted]] = field(default_factory=dict)
    served: Mapping[str, int] = field(default_factory=dict)
    aliases: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def models(self) -> list[Model]:
        """Return the served version of each model, ordered by name."""
        found = (self.hosted[name][version].model for name, version in sorted(self.served.items()))
        return [model for model in found if model is not None]

    def find(self, reference: str, version: int) -> Hosted:
        """Return what a request means.

        Args:
            reference: `name` or `name@alias`.
            version: 0: the served one, or the alias's. Beside an alias it decides: callers that send a
                table in pieces look an alias up once and stay with its version.

        Raises:
            ModelNotFoundError: No model of that name is served.
            AliasNotFoundError: The model has no such alias.
            VersionNotFoundError: The model has no such version.
        """
        name, has_alias, alias = reference.partition("@")
        if name not in self.served:
            raise ModelNotFoundError(name, tuple(sorted(self.served))[:_SHOWN])
        if version:
            return self._version(name, version)
        if not has_alias:
            return self.hosted[name][self.served[name]]
        aliases = self.aliases.get(name, {})
        if alias not in aliases:
            raise AliasNotFoundError(f"{name}@{alias[:64]}", tuple(sorted(aliases))[:_SHOWN])
        return self._version(name, aliases[alias])

    def _version(self, name: str, version: int) -> Hosted:
        found = self.hosted[name].get(version)
        if found is None or found.withdrawn:
            there = [str(number) for number, each in self.hosted[name].items() if not each.withdrawn]
            raise VersionNotFoundError(f"{name}/{version}", tuple(there[-_SHOWN:]))
        return found
