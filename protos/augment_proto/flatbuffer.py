"""The few words of flatbuffers that are needed to look into an Arrow message before it is decoded.

Arrow verifies a message's flatbuffer before it hands it out, so offsets lie inside it; `struct.error`
is what a reader sees should they not. Layout: https://flatbuffers.dev/internals/
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

__all__ = ["Table"]


@dataclass(frozen=True)
class Table:
    """A flatbuffer table: fields by number, each perhaps absent.

    Attributes:
        data: The whole flatbuffer.
        position: Where the table begins in it.
    """

    data: bytes
    position: int

    @classmethod
    def root(cls, data: bytes) -> Table:
        """Return the buffer's root table."""
        return cls(data, _read("<I", data, 0))

    def scalar(self, field: int, kind: str, default: int = 0) -> int:
        """Return a number of `struct` format `kind` (`<q`, `<B`, ...), or `default` where absent."""
        at = self._locate(field)
        return _read(kind, self.data, at) if at else default

    def table(self, field: int) -> Table | None:
        """Return the table that a field points to, or None where absent."""
        at = self._locate(field)
        return Table(self.data, at + _read("<I", self.data, at)) if at else None

    def pairs(self, field: int) -> tuple[tuple[int, int], ...]:
        """Return a vector of structs of two int64 each; empty where absent."""
        at = self._locate(field)
        if not at:
            return ()
        start = at + _read("<I", self.data, at)
        end = start + 4 + 16 * _read("<I", self.data, start)
        return tuple(struct.iter_unpack("<qq", self.data[start + 4 : end]))

    def has(self, field: int) -> bool:
        """Return whether the field was written at all."""
        return self._locate(field) != 0

    def _locate(self, field: int) -> int:
        vtable = self.position - _read("<i", self.data, self.position)
        slot = 4 + 2 * field
        if slot >= _read("<H", self.data, vtable):
            return 0
        offset = _read("<H", self.data, vtable + slot)
        return self.position + offset if offset else 0


def _read(kind: str, data: bytes, at: int) -> int:
    value: int = struct.unpack_from(kind, data, at)[0]
    return value
