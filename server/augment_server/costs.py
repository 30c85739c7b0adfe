"""What calls cost, in rows, as far as their requests tell without being decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from augment_proto.messages import rows_of
from augment_server.admission import LEAST_ROWS

if TYPE_CHECKING:
    from augment_proto.v1 import augment_pb2 as pb

    Request = (
        pb.DecodeRequest
        | pb.DenoiseRequest
        | pb.EncodeRequest
        | pb.InterpolateRequest
        | pb.PredictRequest
        | pb.ReconstructRequest
        | pb.ScoreRequest
        | pb.DenoiseChunk
    )

__all__ = ["batch_cost", "request_cost"]

_FIRST_ROWS = 4096


def request_cost(request: Request, most: int) -> int:
    """Return the cost of a request that carries records, or latent vectors.

    Args:
        request: The request; what is wrong with it is for whoever decodes it to say.
        most: Rows that one call may have: what asks for more is refused, and costs no more.
    """
    kind = request.DESCRIPTOR.name
    if kind == "InterpolateRequest":
        rows = rows_of(request.start) * request.steps  # type: ignore[union-attr]  # by the name above
    elif kind == "DecodeRequest":
        rows = rows_of(request.latent)  # type: ignore[union-attr]  # likewise
    else:
        rows = rows_of(request.records)  # type: ignore[union-attr]  # likewise
        rows *= max(1, request.draws) if kind == "DenoiseRequest" else 1  # type: ignore[union-attr]  # likewise
    return max(LEAST_ROWS, min(rows, most))


def batch_cost(rows_left: int, last_rows: int = _FIRST_ROWS) -> int:
    """Return the cost of a stream's next batch.

    Args:
        rows_left: Rows that the stream still owes.
        last_rows: Rows of the batch before it.
    """
    return max(LEAST_ROWS, min(rows_left, last_rows))
