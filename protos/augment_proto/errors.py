"""What can be wrong with Arrow bytes from the other side.

::

    ArrowFormatError (ValueError)   no valid, plain Arrow IPC stream
    `- ArrowLimitError              a valid one perhaps, but larger than allowed
"""

from __future__ import annotations

__all__ = ["ArrowFormatError", "ArrowLimitError"]


class ArrowFormatError(ValueError):
    """Bytes are not an Arrow IPC stream as this protocol allows it.

    Attributes:
        field: The message's field that holds the bytes; whoever knows it sets it.
        rule: What must hold, e.g. `must not be compressed`.
        value: What was found, as text.
    """

    def __init__(self, rule: str, value: object) -> None:
        self.field = "records"
        self.rule = rule
        self.value = str(value)[:200]
        super().__init__(f"Arrow data {rule}, got {self.value}")


class ArrowLimitError(ArrowFormatError):
    """The stream is larger than allowed: bytes, rows, columns, messages, or what it unfolds to."""
