"""The YAML of the clients' file, parsed by C where that is there: other calls wait meanwhile."""

from __future__ import annotations

from typing import Any

import yaml
from yaml.composer import Composer
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

__all__ = ["parse"]

_GARBAGE = (yaml.YAMLError, ArithmeticError, AttributeError, LookupError, TypeError, RecursionError)
"""What PyYAML raises for texts that are wrong, `!!bool x` or a thousand brackets, beside ValueError."""


def parse(data: bytes) -> object:
    """Return what a text says, in plain types.

    Raises:
        ValueError: It is no YAML.
    """
    try:
        return yaml.load(data, _loader())  # noqa: S506 - a safe one
    except _GARBAGE as error:
        raise ValueError(str(error)) from error


def _loader() -> Any:
    """Return the class of a loader: libyaml's parser, three times as fast, below Python's composer.

    That has an end where lists are in lists in lists; libyaml's own ends the process there.
    """
    if not yaml.__with_libyaml__:
        return yaml.SafeLoader
    from yaml._yaml import CParser  # noqa: PLC0415 - not there everywhere

    class Loader(Composer, CParser, SafeConstructor, Resolver):
        def __init__(self, stream: bytes) -> None:
            CParser.__init__(self, stream)
            Composer.__init__(self)
            SafeConstructor.__init__(self)
            Resolver.__init__(self)

    return Loader
