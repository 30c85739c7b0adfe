"""The gRPC servicer: hands each call to `Operations` in a pool of threads, the event loop stays free."""

from __future__ import annotations

import asyncio
import contextvars
from typing import TYPE_CHECKING, Any, TypeVar

from augment_proto.v1 import augment_pb2_grpc
from augment_server.calls import caller

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from concurrent.futures import Executor

    from augment_proto.v1 import augment_pb2 as pb
    from augment_server.operations import Operations

__all__ = ["AugmentService"]

_T = TypeVar("_T")


class AugmentService(augment_pb2_grpc.AugmentServiceServicer):
    """The methods of `augment.v1.AugmentService`.

    Args:
        operations: What they do.
        pool: Where they do it.
    """

    def __init__(self, operations: Operations, pool: Executor) -> None:
        self._operations = operations
        self._pool = pool

    async def ListModels(self, request: pb.ListModelsRequest, context: object) -> pb.ListModelsResponse:  # noqa: ARG002, N802
        """The hosted models."""
        return await self._run(self._operations.list_models, request)

    async def GetModel(self, request: pb.GetModelRequest, context: object) -> pb.GetModelResponse:  # noqa: ARG002, N802
        """One model."""
        return await self._run(self._operations.get_model, request)

    async def Generate(  # noqa: N802
        self,
        request: pb.GenerateRequest,
        context: object,  # noqa: ARG002
    ) -> AsyncIterator[pb.GenerateResponse]:
        """Synthetic records; a cancelled call computes nothing beyond the batch it is at."""
        messages = self._operations.generate(request)
        while (message := await self._run(_next, messages)) is not None:
            yield message
            await self._pace(message.chunk.row_count)

    async def Interpolate(self, request: pb.InterpolateRequest, context: object) -> pb.InterpolateResponse:  # noqa: ARG002, N802
        """Records on the path between two records."""
        return await self._run(self._operations.interpolate, request)

    async def Denoise(self, request: pb.DenoiseRequest, context: object) -> pb.DenoiseResponse:  # noqa: ARG002, N802
        """Records imputed and repaired."""
        return await self._run(self._operations.denoise, request)

    async def DenoiseStream(  # noqa: N802
        self,
        request_iterator: AsyncIterator[pb.DenoiseStreamRequest],
        context: object,  # noqa: ARG002
    ) -> AsyncIterator[pb.DenoiseStreamResponse]:
        """The same chunk by chunk: the next one is not read before its predecessor is answered."""
        first = await anext(request_iterator, None)
        denoising = await self._run(self._operations.begin_denoising, first)
        yield denoising.start
        async for message in request_iterator:
            yield await self._run(denoising.answer, message)
            await self._pace(0)

    async def Encode(self, request: pb.EncodeRequest, context: object) -> pb.EncodeResponse:  # noqa: ARG002, N802
        """Records to latent vectors."""
        return await self._run(self._operations.encode, request)

    async def Decode(self, request: pb.DecodeRequest, context: object) -> pb.DecodeResponse:  # noqa: ARG002, N802
        """Latent vectors to records."""
        return await self._run(self._operations.decode, request)

    async def Reconstruct(self, request: pb.ReconstructRequest, context: object) -> pb.ReconstructResponse:  # noqa: ARG002, N802
        """Encode, then decode."""
        return await self._run(self._operations.reconstruct, request)

    async def Score(self, request: pb.ScoreRequest, context: object) -> pb.ScoreResponse:  # noqa: ARG002, N802
        """How unusual records are."""
        return await self._run(self._operations.score, request)

    async def Predict(self, request: pb.PredictRequest, context: object) -> pb.PredictResponse:  # noqa: ARG002, N802
        """What the model predicts of records."""
        return await self._run(self._operations.predict, request)

    async def _pace(self, rows: int) -> None:
        """Take a stream's rows from its caller's quota, and wait while the caller owes some."""
        wait_s = self._operations.quotas.spend(caller(), rows)
        if wait_s > 0:
            await asyncio.sleep(wait_s)

    async def _run(self, work: Callable[[Any], _T], argument: object) -> _T:
        """Return `work(argument)`, computed in the pool under the call's own context."""
        context = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(self._pool, context.run, work, argument)


def _next(messages: Iterator[pb.GenerateResponse]) -> pb.GenerateResponse | None:
    return next(messages, None)
