"""What is wrong with settings, in this project's words instead of pydantic's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from augment.errors import Violation, meant, shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import ValidationError

__all__ = ["violations_of"]


def violations_of(exc: ValidationError, settings: type[BaseModel]) -> list[Violation]:
    """Return each broken rule: the setting, what must hold, the value, and what may have been meant.

    Args:
        exc: What pydantic found.
        settings: The class that was validated; its fields are what names may have been meant.
    """
    found = [dict(error) for error in exc.errors()]
    own = [error for error in found if error["type"] != "too_short" or not error["input"]]
    return [_violation(error, settings) for error in own]


def _violation(error: dict[str, Any], settings: type[BaseModel]) -> Violation:
    loc, given = tuple(error["loc"]), error["input"]
    field = _field(loc)
    if error["type"] == "extra_forbidden":
        return _unknown(loc, settings)
    if error["type"] == "literal_error":
        choices = re.findall(r"'([^']*)'", str(error["ctx"]["expected"]))
        return Violation(field, f"must be one of {', '.join(choices)}", shorten(given), meant(given, choices))
    if error["type"] == "too_short":
        return Violation(field, "must not be empty", shorten(given))
    message = str(error["msg"]).removeprefix("Value error, ").removeprefix("Input should ")
    rule = re.sub(r"^be ", "must be ", message)
    rule = rule if re.search(r"\bmust\b", rule) else f"is not valid: {rule}"
    return Violation(field, rule, shorten(given))


def _unknown(loc: Sequence[int | str], settings: type[BaseModel]) -> Violation:
    """Return what to tell of a setting that there is none of."""
    *above, name = loc
    names = _names(above, settings)
    guess = meant(name, names)
    remedy = f"{guess} There are: {', '.join(names)}".strip()
    return Violation(_field(loc), "must be the name of a setting", shorten(name), remedy)


def _names(path: Sequence[int | str], settings: type[BaseModel]) -> list[str]:
    """Return the names of the settings below a path."""
    found = settings
    for part in path:
        inner = found.model_fields[str(part)].annotation if str(part) in found.model_fields else None
        options = [inner, *getattr(inner, "__args__", ())]
        found = next((one for one in options if isinstance(one, type) and issubclass(one, BaseModel)), found)
    return list(found.model_fields)


def _field(loc: Sequence[int | str]) -> str:
    """Return a path, e.g. `vae.prior` or `models[0]`.

    >>> _field(("models", 0))
    'models[0]'
    """
    steps = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc]
    return "".join(steps).removeprefix(".") or "config"
