"""What the service does, as plain functions of messages: decode, call, encode. No gRPC in here."""

from __future__ import annotations

import itertools
import secrets
from functools import partial
from typing import TYPE_CHECKING

from augment.errors import ModelNotFoundError, RequestError, shorten
from augment.runtime import Joint, Part
from augment_proto.arrow import from_ipc, to_ipc
from augment_proto.errors import ArrowFormatError
from augment_proto.limits import Limits
from augment_proto.stream import StreamWriter, cut, rows_per_message
from augment_proto.v1 import augment_pb2 as pb
from augment_server.answers import receipt_of, schema_bytes, unseen_messages
from augment_server.asked import balance_of, conditions_of, told_balance, told_conditions
from augment_server.calls import caller, current_call, note, note_rows
from augment_server.denials import NotAllowedError
from augment_server.denoising import Denoising
from augment_server.descriptions import describe
from augment_server.hosting.loads import Loads
from augment_server.principals import may
from augment_server.questions import Question
from augment_server.quotas import Quotas
from augment_server.status import TooLargeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Protocol

    import pyarrow as pa

    from augment.runtime import Model
    from augment_server.questions import Answering
    from augment_server.registry import Registry
    from augment_server.settings import Settings

    class _Named(Protocol):
        @property
        def model(self) -> str: ...
        @property
        def version(self) -> int: ...


__all__ = ["Operations"]

_MAX_BATCH_ROWS = 4096
"""However narrow the rows: a cancelled stream computes no further than this, and others wait no longer."""

_METHODS = {
    pb.INTERPOLATION_METHOD_UNSPECIFIED: "auto",
    pb.INTERPOLATION_METHOD_LINEAR: "linear",
    pb.INTERPOLATION_METHOD_SLERP: "slerp",
    pb.INTERPOLATION_METHOD_GUIDED: "guided",
}


class Operations:
    """One method for each of the service's, blocking, callable from any thread, and `prepare`.

    Those that may be computed together with others of their kind yield what they ask of a model, and go on
    with the answer; `questions` runs them. All raise what `augment.errors` and `augment_proto.errors` name,
    which `status` maps to the wire.

    Args:
        registry: The models.
        settings: The limits.
        quotas: Those of all processes of the server; None: it is the only one.

    Attributes:
        quotas: The rows of each client.
        max_rows: Rows of one unary call, in either direction.
    """

    def __init__(self, registry: Registry, settings: Settings, quotas: Quotas | None = None) -> None:
        self.quotas = quotas or Quotas()
        self._registry = registry
        self._loads = Loads(registry.begin_lending)
        self.max_rows = settings.max_rows_per_request
        self._max_stream_rows = settings.max_stream_rows
        self._limits = Limits(max_bytes=settings.max_request_bytes, max_rows=settings.max_rows_per_request)

    async def prepare(self, request: _Named, operation: str) -> None:
        """Wait until the version that a request asks for is loaded; on the event loop, before its turn.

        So threads that compute wait for no load: there are few, and everybody waits for them.

        Raises:
            NotAllowedError: The caller may not do that with the model.
            QuotaError: It has no rows left.
            OverloadedError: Too many versions wait to be loaded.
            StoreError: The version cannot be read just now.
        """
        missing = self._registry.missing(request.model, request.version)
        if missing is not None:
            self._admit(request, operation)
            await self._loads.wait(*missing.key, current_call().client)

    def list_models(self, _request: pb.ListModelsRequest) -> pb.ListModelsResponse:
        """Return the served version of each model that the caller may do anything with."""
        seen = [model for model in self._registry.models() if may(caller(), "", model.name)]
        return pb.ListModelsResponse(models=[self._described(model) for model in seen])

    def get_model(self, request: pb.GetModelRequest) -> pb.GetModelResponse:
        """Return one model's description."""
        return pb.GetModelResponse(model=self._described(self._model(request, "describe")))

    def generate(self, request: pb.GenerateRequest) -> Iterator[pb.GenerateResponse]:
        """Yield the header, then chunks; a bad request raises before the header."""
        model = self._model(request, "generate")
        if request.rows > self._max_stream_rows:
            raise TooLargeError.of("rows", f"must be at most {self._max_stream_rows}", request.rows)
        seed = request.seed if request.HasField("seed") else secrets.randbits(63)
        columns = [column.name for column in model.manifest.record_schema.columns]
        conditions, balance = conditions_of(request.conditions, columns), balance_of(request, columns)
        plain = not (conditions or balance)
        sampler = model.sampler_for(request.sampler or None, plain=plain and not request.steps)
        max_rows = min(rows_per_message(model.wire_schema), _MAX_BATCH_ROWS)
        batches_of = partial(
            model.generate_batches,
            seed=seed,
            sampler=sampler,
            conditions=conditions,
            balance=balance,
            steps=request.steps or None,
            max_rows=max_rows,
        )
        batches = batches_of(request.rows, offset=request.offset)
        soon = model.first_rows(request.offset, plain=plain)
        if request.rows > soon:  # a few rows come first, as soon as they are there
            rest = batches_of(request.rows - soon, offset=request.offset + soon)
            batches = itertools.chain(batches_of(soon, offset=request.offset), rest)
        first = list(itertools.islice(batches, 1))
        writer = StreamWriter(model.wire_schema)
        yield pb.GenerateResponse(
            header=pb.GenerateHeader(
                model=model.name,
                version=model.version,
                digest=model.digest,
                seed=seed,
                offset=request.offset,
                rows=request.rows,
                sampler=sampler,
                ipc=writer.header,
                result_schema=schema_bytes(model),
                conditions=told_conditions(request.conditions, conditions),
                balance=told_balance(balance),
                steps=request.steps,
            )
        )
        yield from _chunks(itertools.chain(first, batches), writer, request.offset, max_rows)

    def interpolate(self, request: pb.InterpolateRequest) -> pb.InterpolateResponse:
        """Return the records on the paths between `start` and `end`."""
        model = self._model(request, "interpolate")
        start, end = self._table(request.start, "start"), self._table(request.end, "end")
        if start.num_rows * request.steps > self.max_rows:
            rule = f"must be such that steps x rows of start is at most {self.max_rows}"
            raise TooLargeError.of("steps", rule, request.steps)
        method = _METHODS.get(request.method)
        if method is None:
            raise RequestError.of("method", "must be one of InterpolationMethod", request.method)
        self.quotas.spend(caller(), start.num_rows * request.steps)
        made = model.interpolate(start, end, steps=request.steps, method=method, first_row=request.first_row)
        return pb.InterpolateResponse(
            digest=model.digest,
            records=to_ipc(made.records),
            result_schema=schema_bytes(model),
            unseen=unseen_messages(made.unseen),
            receipt=receipt_of(model, "interpolate", made.records.num_rows, request.first_row),
        )

    def denoise(self, request: pb.DenoiseRequest) -> Answering[pb.DenoiseResponse]:
        """Return the records with missing cells imputed and doubtful ones repaired."""
        model, table = self._model(request, "denoise"), self._table(request.records, "records")
        threshold = request.threshold if request.HasField("threshold") else None
        if request.draws:
            return self._draws(model, table, request, threshold)
        options = (("threshold", threshold), ("numbers", request.numbers or None))
        made = yield Question(model, Joint.denoise, Part(table, request.first_row), options)
        return pb.DenoiseResponse(
            digest=model.digest,
            records=to_ipc(made.records),
            result_schema=schema_bytes(model),
            changed=to_ipc(made.changed),
            confidence=to_ipc(made.confidence),
            unseen=unseen_messages(made.unseen),
            receipt=receipt_of(model, "denoise", table.num_rows, request.first_row),
        )

    def begin_denoising(self, request: pb.DenoiseStreamRequest | None) -> Denoising:
        """Return what answers a stream of chunks, by its first message.

        Raises:
            RequestError: There is none, or it is no header.
        """
        if request is None or request.WhichOneof("content") != "header":
            raise RequestError.of("header", "must be the first message of the stream", "none")
        return Denoising(self._model(request.header, "denoise"), request.header, self._table)

    def _draws(
        self, model: Model, table: pa.Table, request: pb.DenoiseRequest, threshold: float | None
    ) -> pb.DenoiseResponse:
        """Return completed tables."""
        if table.num_rows * request.draws > self.max_rows:
            rule = f"must be such that draws x rows of records is at most {self.max_rows}"
            raise TooLargeError.of("draws", rule, request.draws)
        self.quotas.spend(caller(), table.num_rows * request.draws)
        made = model.denoise(
            table,
            threshold=threshold,
            numbers=request.numbers or None,
            draws=request.draws,
            seed=request.seed if request.HasField("seed") else secrets.randbits(63),
            first_row=request.first_row,
        )
        return pb.DenoiseResponse(
            digest=model.digest,
            result_schema=schema_bytes(model),
            changed=to_ipc(made.changed),
            unseen=unseen_messages(made.unseen),
            draws=[to_ipc(one) for one in made.tables],
            seed=made.seed,
            receipt=receipt_of(model, "denoise", table.num_rows, request.first_row, made.seed),
        )

    def encode(self, request: pb.EncodeRequest) -> Answering[pb.EncodeResponse]:
        """Return the records' latent vectors."""
        model, table = self._model(request, "encode"), self._table(request.records, "records")
        made = yield Question(model, Joint.encode, Part(table))
        return pb.EncodeResponse(
            digest=model.digest,
            latent=to_ipc(made.latent),
            unseen=unseen_messages(made.unseen),
            receipt=receipt_of(model, "encode", table.num_rows),
        )

    def decode(self, request: pb.DecodeRequest) -> Answering[pb.DecodeResponse]:
        """Return the most likely records of latent vectors."""
        model = self._model(request, "decode")
        part = Part(self._table(request.latent, "latent"), request.first_row)
        records = yield Question(model, Joint.decode, part)
        return pb.DecodeResponse(
            digest=model.digest,
            records=to_ipc(records),
            result_schema=schema_bytes(model),
            receipt=receipt_of(model, "decode", records.num_rows, request.first_row),
        )

    def reconstruct(self, request: pb.ReconstructRequest) -> Answering[pb.ReconstructResponse]:
        """Return what the model makes of the records, encoded and decoded."""
        model, table = self._model(request, "reconstruct"), self._table(request.records, "records")
        made = yield Question(model, Joint.reconstruct, Part(table, request.first_row))
        return pb.ReconstructResponse(
            digest=model.digest,
            records=to_ipc(made.records),
            result_schema=schema_bytes(model),
            unseen=unseen_messages(made.unseen),
            receipt=receipt_of(model, "reconstruct", table.num_rows, request.first_row),
        )

    def score(self, request: pb.ScoreRequest) -> Answering[pb.ScoreResponse]:
        """Return how unusual each record is."""
        model, table = self._model(request, "score"), self._table(request.records, "records")
        made = yield Question(model, Joint.score, Part(table))
        return pb.ScoreResponse(
            digest=model.digest,
            scores=to_ipc(made.scores),
            unseen=unseen_messages(made.unseen),
            receipt=receipt_of(model, "score", table.num_rows),
        )

    def predict(self, request: pb.PredictRequest) -> Answering[pb.PredictResponse]:
        """Return what the model predicts of the records."""
        model, table = self._model(request, "predict"), self._table(request.records, "records")
        made = yield Question(model, Joint.predict, Part(table))
        return pb.PredictResponse(
            digest=model.digest,
            predictions=to_ipc(made.predictions),
            unseen=unseen_messages(made.unseen),
            target=made.target,
            classes=made.classes,
            receipt=receipt_of(model, "predict", table.num_rows),
        )

    def _model(self, request: _Named, operation: str) -> Model:
        """Return the model of a request that its caller may make and has rows left for."""
        self._admit(request, operation)
        try:
            model = self._registry.get(request.model, request.version)
        except ModelNotFoundError as error:  # it names what there is
            seen = tuple(name for name in error.available if may(caller(), "", name))
            raise ModelNotFoundError(error.name, seen) from None
        note(model=model.name, version=model.version)
        return model

    def _admit(self, request: _Named, operation: str) -> None:
        """Refuse a request that its caller may not make, or has no rows left for."""
        if not request.model:
            raise RequestError.of("model", "must be the name of a model", request.model)
        principal = caller()
        if not may(principal, operation, request.model.partition("@")[0]):
            message = f"{principal.name!r} has no scope for {operation} of {shorten(request.model)}"
            raise NotAllowedError(message)
        self.quotas.admit(principal)

    def _described(self, model: Model) -> pb.Model:
        return describe(model, self._registry.aliases(model.name), self._registry.versions(model.name))

    def _table(self, data: bytes, field: str) -> pa.Table:
        try:
            table = from_ipc(data, self._limits)
        except ArrowFormatError as error:
            error.field = field
            raise
        note_rows(table.num_rows)
        self.quotas.spend(caller(), table.num_rows)
        return table


def _chunks(
    batches: Iterable[pa.RecordBatch], writer: StreamWriter, offset: int, max_rows: int
) -> Iterator[pb.GenerateResponse]:
    row = offset
    for batch in batches:
        for part in cut(batch, max_rows):
            chunk = pb.RecordChunk(row_offset=row, row_count=part.num_rows, ipc=writer.write(part))
            row += part.num_rows
            note(rows=row - offset)
            yield pb.GenerateResponse(chunk=chunk)
