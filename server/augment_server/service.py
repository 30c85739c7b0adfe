"""The gRPC servicer: has `Operations` compute each call when its turn comes; the event loop stays free."""

from __future__ import annotations

import asyncio
import itertools
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from augment_proto.v1 import augment_pb2_grpc
from augment_server.admission import LEAST_ROWS, Bid
from augment_server.calls import caller, current_call
from augment_server.costs import batch_cost, cost_and_company, request_cost

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from augment_proto.v1 import augment_pb2 as pb
    from augment_server.admission import Admission
    from augment_server.operations import Operations
    from augment_server.questions import Answering
    from augment_server.server_info import ServerInfo

__all__ = ["AugmentService"]

_T = TypeVar("_T")


class AugmentService(augment_pb2_grpc.AugmentServiceServicer):
    """The methods of `augment.v1.AugmentService`.

    Args:
        operations: What they do.
        admission: When, and where.
        info: What is told of the server.
    """

    def __init__(self, operations: Operations, admission: Admission, info: ServerInfo) -> None:
        self._operations = operations
        self._admission = admission
        self._info = info

    async def GetServerInfo(  # noqa: N802
        self,
        request: pb.GetServerInfoRequest,  # noqa: ARG002
        context: object,  # noqa: ARG002
    ) -> pb.GetServerInfoResponse:
        """The server itself."""
        return self._info.message()

    async def ListModels(self, request: pb.ListModelsRequest, context: Any) -> pb.ListModelsResponse:  # noqa: N802
        """The hosted models."""
        return await self._run(partial(self._operations.list_models, request), context)

    async def GetModel(self, request: pb.GetModelRequest, context: Any) -> pb.GetModelResponse:  # noqa: N802
        """One model."""
        await self._operations.prepare(request, "describe")
        return await self._run(partial(self._operations.get_model, request), context)

    async def Generate(self, request: pb.GenerateRequest, context: Any) -> AsyncIterator[pb.GenerateResponse]:  # noqa: N802
        """Synthetic records; a cancelled call computes nothing beyond the batch it is at."""
        await self._operations.prepare(request, "generate")
        messages = self._operations.generate(request)
        left, cost = request.rows, batch_cost(request.rows, 0)
        for number in itertools.count(1):
            begun = number > 1
            work = partial(_part, messages, 1 if begun else 2)
            is_priced = begun or cost == LEAST_ROWS  # see `batch_cost`
            part = await self._run(work, context, cost, begun=begun, is_priced=is_priced)
            rows = part[-1].chunk.row_count if part else 0
            owed_s = self._operations.quotas.spend(caller(), rows)  # before its caller has them and is gone
            for message in part:
                yield message
            left, cost = left - rows, batch_cost(left - rows, number, rows)
            if owed_s > 0:
                await asyncio.sleep(owed_s)
            if not rows or left <= 0:
                return

    async def Interpolate(self, request: pb.InterpolateRequest, context: Any) -> pb.InterpolateResponse:  # noqa: N802
        """Records on the path between two records."""
        await self._operations.prepare(request, "interpolate")
        cost = request_cost(request, self._operations.max_rows)
        return await self._run(partial(self._operations.interpolate, request), context, cost)

    async def Denoise(self, request: pb.DenoiseRequest, context: Any) -> pb.DenoiseResponse:  # noqa: N802
        """Records imputed and repaired."""
        return await self._answer_along("denoise", self._operations.denoise, request, context)

    async def DenoiseStream(  # noqa: N802
        self, request_iterator: AsyncIterator[pb.DenoiseStreamRequest], context: Any
    ) -> AsyncIterator[pb.DenoiseStreamResponse]:
        """The same chunk by chunk: the next one is not read before its predecessor is answered."""
        first = await anext(request_iterator, None)
        if first is not None:
            await self._operations.prepare(first.header, "denoise")
        denoising = await self._run(partial(self._operations.begin_denoising, first), context)
        yield denoising.start
        async for message in request_iterator:
            cost = request_cost(message.chunk, self._operations.max_rows)
            yield await self._run(partial(denoising.answer, message), context, cost, begun=True)
            owed_s = self._operations.quotas.spend(caller(), 0)
            if owed_s > 0:
                await asyncio.sleep(owed_s)

    async def Encode(self, request: pb.EncodeRequest, context: Any) -> pb.EncodeResponse:  # noqa: N802
        """Records to latent vectors."""
        return await self._answer_along("encode", self._operations.encode, request, context)

    async def Decode(self, request: pb.DecodeRequest, context: Any) -> pb.DecodeResponse:  # noqa: N802
        """Latent vectors to records."""
        return await self._answer_along("decode", self._operations.decode, request, context)

    async def Reconstruct(self, request: pb.ReconstructRequest, context: Any) -> pb.ReconstructResponse:  # noqa: N802
        """Encode, then decode."""
        return await self._answer_along("reconstruct", self._operations.reconstruct, request, context)

    async def Score(self, request: pb.ScoreRequest, context: Any) -> pb.ScoreResponse:  # noqa: N802
        """How unusual records are."""
        return await self._answer_along("score", self._operations.score, request, context)

    async def Predict(self, request: pb.PredictRequest, context: Any) -> pb.PredictResponse:  # noqa: N802
        """What the model predicts of records."""
        return await self._answer_along("predict", self._operations.predict, request, context)

    async def _answer_along(
        self, operation: str, work: Callable[[Any], Answering[_T]], request: Any, context: Any
    ) -> _T:
        """Return what is made of a request with records, computed along with others that wait."""
        await self._operations.prepare(request, operation)
        cost, company = cost_and_company(request, self._operations.max_rows)
        bid = Bid(current_call().client, cost, context.time_remaining())
        asked: Callable[[], Any] = partial(work, request)
        answer: _T = await self._admission.run(bid, asked, company)
        return answer

    async def _run(
        self,
        work: Callable[[], _T],
        context: Any,
        rows: int = LEAST_ROWS,
        *,
        begun: bool = False,
        is_priced: bool = True,
    ) -> _T:
        """Return `work()`, computed when it is the call's turn."""
        bid = Bid(current_call().client, rows, context.time_remaining(), begun, is_priced)
        return await self._admission.run(bid, work)


def _part(messages: Iterator[pb.GenerateResponse], most: int) -> list[pb.GenerateResponse]:
    """Return the next messages; the header comes with the first rows, which are made with it."""
    return list(itertools.islice(messages, most))
