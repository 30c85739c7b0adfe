"""Settings that break a rule: which one, the rule, its value, and what to do; no other setting is told."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import TYPE_CHECKING

from pydantic_settings import SettingsError

from augment.broken_settings import violations_of
from augment.errors import RequestError, Violation, shorten
from augment.url_credentials import without_credentials
from augment_server.settings import Settings

if TYPE_CHECKING:
    from pydantic import ValidationError

__all__ = ["refused"]


def refused(error: ValidationError | SettingsError) -> RequestError:
    """Return the error that names each setting as its flag and its variable, and no secrets.

    Args:
        error: What pydantic found of `Settings`.
    """
    found = [_unreadable(error)] if isinstance(error, SettingsError) else violations_of(error, Settings)
    return RequestError(*map(_told, found))


def _unreadable(error: SettingsError) -> Violation:
    """Return what to tell of a flag or a variable that cannot be read at all, such as JSON that is none."""
    found = re.search(r'(?:field "|encountered for )(\w+)', str(error))
    cause = error.__cause__ or error.__context__
    value = shorten(cause.doc) if isinstance(cause, json.JSONDecodeError) else "what cannot be read"
    name = found.group(1) if found else "settings"
    return Violation(name, "must be NAME=VALUE as a flag, JSON as a variable", value)


def _told(violation: Violation) -> Violation:
    """Return it with the setting as flag and variable, and what it is for where nothing else helps."""
    name, *below = violation.field.split(".")
    value = without_credentials(violation.value)
    if name not in Settings.model_fields:
        return dataclasses.replace(violation, value=value)
    field = f"--{'.'.join([name.replace('_', '-'), *below])} (AUGMENT_{name.upper()})"
    remedy = violation.remedy or f"It is: {Settings.model_fields[name].description}"
    return Violation(field, violation.rule, value, remedy)
