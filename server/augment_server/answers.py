"""Parts that many answers have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from augment_proto.v1 import augment_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterable

    from augment.data import Unseen
    from augment.runtime import Model

__all__ = ["receipt_of", "schema_bytes", "unseen_messages"]

_MAX_UNSEEN_TEXT = 1000


def receipt_of(
    model: Model, operation: str, rows: int, offset: int = 0, seed: int | None = None
) -> pb.Receipt:
    """Return what the same answer can be had by again."""
    return pb.Receipt(
        model=model.name,
        version=model.version,
        digest=model.digest,
        operation=operation,
        offset=offset,
        rows=rows,
        seed=seed,
    )


def schema_bytes(model: Model) -> bytes:
    """Return the model's result schema as an Arrow IPC message."""
    data: bytes = model.result_schema.serialize().to_pybytes()
    return data


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_UNSEEN_TEXT else f"{text[: _MAX_UNSEEN_TEXT - 3]}..."


def unseen_messages(values: Iterable[Unseen]) -> list[pb.UnseenValue]:
    """Return the cells that were read as missing; a long text is cut, which is enough to find it by."""
    return [
        pb.UnseenValue(
            column=value.column, value=_cut(value.value), cells=value.cells, first_row=value.first_row
        )
        for value in values
    ]
