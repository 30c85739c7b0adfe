"""What is wrong with settings, in this project's words instead of pydantic's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, get_args

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
    if error["type"].startswith("union_tag"):
        return _kind(field, error)
    if error["type"] == "too_short":
        return Violation(field, "must not be empty", shorten(given))
    if error["type"] == "missing":
        return Violation(field, "must be given", "nothing")
    message = re.sub(r"^\w+ should ", "must ", str(error["msg"]).removeprefix("Value error, "))
    first, _, rest = message.partition(" ")
    if not loc and first in settings.model_fields and isinstance(given, dict):
        field, message, given = first, rest, given.get(first)
    rule = message if re.search(r"\bmust\b", message) else f"is not valid: {message}"
    return Violation(field, rule, shorten(given), str((error.get("ctx") or {}).get("remedy", "")))


def _unknown(loc: Sequence[int | str], settings: type[BaseModel]) -> Violation:
    """Return what to tell of a setting that there is none of."""
    *above, name = loc
    names = _names(above, settings)
    guess = meant(name, names)
    remedy = f"{guess} There are: {', '.join(names)}".strip()
    return Violation(_field(loc), "must be the name of a setting", shorten(name), remedy)


def _kind(field: str, error: dict[str, Any]) -> Violation:
    """Return what to tell of one of several kinds of settings that does not say which, or names none."""
    key, tag = error["ctx"]["discriminator"].strip("'"), error["ctx"].get("tag")
    kinds = re.findall(r"'([^']*)'", str(error["ctx"].get("expected_tags", "")))
    rule = f"must be one of {', '.join(kinds)}" if kinds else "must say which kind it is"
    return Violation(f"{field}.{key}", rule, shorten(tag), meant(tag, kinds) if tag else "")


def _names(path: Sequence[int | str], settings: type[BaseModel]) -> list[str]:
    """Return the names of the settings below a path; of several kinds, one that the path names."""
    found = [settings]
    for part in path:
        fields = [one.model_fields[str(part)] for one in found if str(part) in one.model_fields]
        inner = _models(fields[0].annotation) if fields else []
        named = [one for one in found if any(field.default == part for field in one.model_fields.values())]
        found = inner or named or found
    return list(found[0].model_fields)


def _models(annotation: Any) -> list[type[BaseModel]]:
    """Return the settings that an annotation is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]


def _field(loc: Sequence[int | str]) -> str:
    """Return a path, e.g. `vae.prior` or `models[0]`.

    >>> _field(("models", 0))
    'models[0]'
    """
    steps = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc]
    return "".join(steps).removeprefix(".") or "config"
