"""Small files that operators write, read whole or not at all."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from augment.errors import RequestError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_whole"]


def read_whole(path: Path, field: str, max_bytes: int) -> bytes:
    """Return all of a file: of one that is cut off, what grants less than it seems may be what is left.

    Args:
        path: The file.
        field: The setting that names it.
        max_bytes: The most that are read.

    Raises:
        RequestError: It is longer.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        data = file.read(max_bytes + 1)
        size = max(len(data), os.fstat(file.fileno()).st_size)
    if len(data) > max_bytes:
        rule = f"must be a file of at most {max_bytes:_} bytes"
        raise RequestError.of(field, rule, f"{size:_} bytes", f"Make {path} shorter: nothing of it was read")
    return data
