"""Which file an error is about."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from augment.errors import ColumnNotFoundError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["about"]


@contextmanager
def about(path: Path) -> Iterator[None]:
    """Name the file in errors about its contents that do not name one yet."""
    try:
        yield
    except InvalidInputError as exc:
        if exc.context:
            raise
        raise type(exc)(*exc.violations, context=str(path)) from exc
    except ColumnNotFoundError as exc:
        raise ColumnNotFoundError(exc.name, exc.available, context=str(path)) from exc
