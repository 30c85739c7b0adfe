"""What calls cost, in rows, as far as their requests tell without being decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from augment.runtime.blocks import aligned
from augment_proto.messages import rows_of
from augment_proto.v1 import augment_pb2 as pb
from augment_server.admission import LEAST_ROWS, Company
from augment_server.questions import answers

if TYPE_CHECKING:
    from collections.abc import Hashable

    Joined = (
        pb.DecodeRequest
        | pb.DenoiseRequest
        | pb.EncodeRequest
        | pb.PredictRequest
        | pb.ReconstructRequest
        | pb.ScoreRequest
    )
    Request = Joined | pb.InterpolateRequest | pb.DenoiseChunk

__all__ = ["batch_cost", "cost_and_company", "request_cost"]

_NEXT_ROWS = 4096


def request_cost(request: Request, most: int) -> int:
    """Return the cost of a request that carries records, or latent vectors.

    Args:
        request: The request; what is wrong with it is for whoever decodes it to say.
        most: Rows that one call may have: what asks for more is refused, and costs no more.
    """
    return _cost(_rows(request) * _times(request), most)


def cost_and_company(request: Joined, most: int) -> tuple[int, Company]:
    """Return the cost likewise, and with what a request may be computed together.

    That is the same asked of the same model with the same options, but for draws: each is a computation of
    its own.
    """
    rows = _rows(request)
    company = Company(_kind(request), aligned(max(1, rows)), answers)
    return _cost(rows * _times(request), most), company


def _cost(rows: int, most: int) -> int:
    return max(LEAST_ROWS, min(rows, most))


def _kind(request: Joined) -> Hashable:
    kind = (request.DESCRIPTOR.name, request.model, request.version)
    if not isinstance(request, pb.DenoiseRequest):
        return kind
    threshold = request.threshold if request.HasField("threshold") else None
    return None if request.draws else (*kind, threshold, request.numbers)


def _rows(request: Request) -> int:
    kind = request.DESCRIPTOR.name
    if kind == "InterpolateRequest":
        return rows_of(request.start)  # type: ignore[union-attr]  # by the name above
    if kind == "DecodeRequest":
        return rows_of(request.latent)  # type: ignore[union-attr]  # likewise
    return rows_of(request.records)  # type: ignore[union-attr]  # likewise


def _times(request: Request) -> int:
    """Return how many rows are made of each."""
    kind = request.DESCRIPTOR.name
    if kind == "InterpolateRequest":
        return int(request.steps)  # type: ignore[union-attr]  # likewise
    return max(1, request.draws) if kind == "DenoiseRequest" else 1  # type: ignore[union-attr]  # likewise


def batch_cost(rows_left: int, number: int, last_rows: int = 0) -> int:
    """Return the cost of a stream's next batch.

    The first is small, and costs what the second does, which follows at once: were it cheap, so many streams
    would be let in while others are at their first that all of them wait long for their second.

    Args:
        rows_left: Rows that the stream still owes.
        number: How many batches came before it.
        last_rows: Rows of the batch before it.
    """
    likely = _NEXT_ROWS if number <= 1 else last_rows
    return max(LEAST_ROWS, min(rows_left, likely))
