"""The file of aliases: `{"adult": {"stable": 3}}`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, RootModel, StringConstraints, ValidationError

from augment.bundle.limits import NAME_PATTERN
from augment.errors import RequestError, shorten
from augment_server.hosting.snapshot import ALIAS_PATTERN
from augment_server.hosting.store import ALIASES_FILE, MAX_ALIASES_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Aliases", "aliases_from_bytes", "aliases_to_bytes", "checked_alias"]

_REMEDY = "Mend the file, or remove it"

Aliases = dict[str, dict[str, int]]
"""Version by alias by model."""

_Name = Annotated[str, StringConstraints(pattern=rf"^(?:{NAME_PATTERN.pattern})$", strict=True)]
_Alias = Annotated[str, StringConstraints(pattern=rf"^(?:{ALIAS_PATTERN.pattern})$", strict=True)]
_Version = Annotated[int, Field(strict=True, ge=1, lt=10**18)]


class _File(RootModel[dict[_Name, dict[_Alias, _Version]]]):
    """What the file may hold."""


def aliases_from_bytes(data: bytes | None) -> Aliases:
    """Return the aliases of a file; none where there is no file.

    Raises:
        RequestError: It is too long, no JSON, or names what can be no model, alias or version.
    """
    if data is None:
        return {}
    if len(data) > MAX_ALIASES_BYTES:
        rule = f"must have at most {MAX_ALIASES_BYTES} bytes"
        raise RequestError.of(ALIASES_FILE, rule, len(data), _REMEDY)
    try:
        return _File.model_validate_json(data).root
    except ValidationError as exc:
        error = exc.errors(include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in error["loc"]) or "the whole"
        raise RequestError.of(f"{ALIASES_FILE}: {place}", error["msg"], error["input"], _REMEDY) from exc


def aliases_to_bytes(aliases: Mapping[str, Mapping[str, int]]) -> bytes:
    """Return the file of these aliases, for people to read as well."""
    kept = {name: dict(each) for name, each in aliases.items() if each}
    return f"{json.dumps(kept, indent=2, sort_keys=True)}\n".encode()


def checked_alias(alias: str) -> str:
    """Return an alias that may be set.

    Raises:
        RequestError: It is none.
    """
    if not ALIAS_PATTERN.fullmatch(alias):
        rule = "must be 1 to 64 letters, digits, dots, dashes or underscores, the first a letter"
        raise RequestError.of("alias", rule, shorten(alias))
    return alias
