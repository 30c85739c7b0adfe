"""Reads answers. The bytes of a server are checked like those of a client: in full, before any use."""

from __future__ import annotations

import datetime as dt
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyarrow as pa

from augment_client.errors import ProtocolError
from augment_client.results import (
    ColumnInfo,
    Denoised,
    Draws,
    Latents,
    ModelInfo,
    Predictions,
    Records,
    Scores,
    Unseen,
    VersionInfo,
)
from augment_proto.arrow import from_ipc, schema_from_ipc
from augment_proto.errors import ArrowFormatError
from augment_proto.limits import Limits
from augment_proto.plain import restore
from augment_proto.receipt import Receipt
from augment_proto.v1 import augment_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from augment_proto.v1 import augment_pb2 as pb

__all__ = [
    "ANSWER_LIMITS",
    "decoded",
    "denoised",
    "denoised_chunk",
    "draws",
    "latents",
    "model",
    "models",
    "predictions",
    "reading",
    "records",
    "scores",
]

_ANSWER_BYTES = 256 * 2**20
ANSWER_LIMITS = Limits(
    max_bytes=_ANSWER_BYTES, max_rows=2**24, max_messages=2**20, max_decoded_bytes=4 * _ANSWER_BYTES
)
"""What one answer may hold; generous, since the caller chose the server."""


@contextmanager
def reading() -> Iterator[None]:
    """Turn whatever bad bytes raise into a `ProtocolError`."""
    try:
        yield
    except ArrowFormatError as error:
        raise ProtocolError.of(error.rule, error.value) from error
    except (pa.ArrowException, ValueError) as error:
        raise ProtocolError.of("must have the columns of its result schema", str(error)) from error


def models(answer: pb.ListModelsResponse) -> list[ModelInfo]:
    """Read the hosted models."""
    return [_model(each) for each in answer.models]


def model(answer: pb.GetModelResponse) -> ModelInfo:
    """Read one model."""
    return _model(answer.model)


def records(answer: pb.InterpolateResponse | pb.ReconstructResponse) -> Records:
    """Read records made from records."""
    made = _restored(answer.records, answer.result_schema)
    return Records(_stamped(made, answer.receipt), _unseen(answer.unseen))


def decoded(answer: pb.DecodeResponse) -> Records:
    """Read records made from latent vectors."""
    return Records(_stamped(_restored(answer.records, answer.result_schema), answer.receipt))


def denoised(answer: pb.DenoiseResponse) -> Denoised:
    """Read repaired records."""
    return _denoised(answer, answer.result_schema, answer.receipt)


def denoised_chunk(chunk: pb.DenoisedChunk, start: pb.DenoiseStreamStart) -> Denoised:
    """Read repaired records of a stream; its start has the schema, and the receipt but for the rows."""
    receipt = augment_pb2.Receipt()
    receipt.CopyFrom(start.receipt)
    receipt.offset, receipt.rows = chunk.first_row, chunk.row_count
    return _denoised(chunk, start.result_schema, receipt)


def _denoised(
    answer: pb.DenoiseResponse | pb.DenoisedChunk, result_schema: bytes, receipt: pb.Receipt
) -> Denoised:
    repaired = _restored(answer.records, result_schema)
    changed, confidence = _table(answer.changed), _table(answer.confidence)
    for table in (changed, confidence):
        if table.column_names != repaired.column_names or table.num_rows != repaired.num_rows:
            raise ProtocolError.of("must have one flag and one confidence a cell", table.shape)
    return Denoised(_stamped(repaired, receipt), changed, confidence, _unseen(answer.unseen))


def draws(answer: pb.DenoiseResponse) -> Draws:
    """Read completed tables."""
    tables = tuple(_restored(each, answer.result_schema) for each in answer.draws)
    changed = _table(answer.changed)
    for table in tables:
        if table.column_names != changed.column_names or table.num_rows != changed.num_rows:
            raise ProtocolError.of("must have one flag a cell", table.shape)
    if not tables:
        raise ProtocolError.of("must have the draws asked for", "none: the server is older than this client")
    tables = tuple(_stamped(table, answer.receipt) for table in tables)
    return Draws(tables, changed, answer.seed, _unseen(answer.unseen))


def latents(answer: pb.EncodeResponse) -> Latents:
    """Read latent vectors."""
    return Latents(_stamped(_table(answer.latent), answer.receipt), _unseen(answer.unseen))


def scores(answer: pb.ScoreResponse) -> Scores:
    """Read scores."""
    return Scores(_stamped(_table(answer.scores), answer.receipt), _unseen(answer.unseen))


def predictions(answer: pb.PredictResponse) -> Predictions:
    """Read predictions."""
    table = _table(answer.predictions)
    if table.num_columns != 1 + len(answer.classes):
        raise ProtocolError.of("must have a prediction and one probability a class", table.column_names)
    table = _stamped(table, answer.receipt)
    return Predictions(table, answer.target, tuple(answer.classes), _unseen(answer.unseen))


def _table(data: bytes) -> pa.Table:
    with reading():
        return from_ipc(data, ANSWER_LIMITS)


def _restored(data: bytes, schema: bytes) -> pa.Table:
    with reading():
        return restore(from_ipc(data, ANSWER_LIMITS), schema_from_ipc(schema, ANSWER_LIMITS))


def _stamped(table: pa.Table, receipt: pb.Receipt) -> pa.Table:
    """Return the table with the receipt in its schema's metadata; as it is where a server gave none."""
    if not receipt.digest:
        return table
    told = Receipt(
        model=receipt.model,
        version=receipt.version,
        digest=receipt.digest,
        operation=receipt.operation,
        offset=receipt.offset,
        rows=receipt.rows,
        seed=receipt.seed if receipt.HasField("seed") else None,
    )
    return table.replace_schema_metadata(told.on(table.schema).metadata)


def _unseen(values: Iterable[pb.UnseenValue]) -> tuple[Unseen, ...]:
    return tuple(Unseen(value.column, value.value, value.cells, value.first_row) for value in values)


def _model(message: pb.Model) -> ModelInfo:
    with reading():
        schema = schema_from_ipc(message.result_schema, ANSWER_LIMITS)
    return ModelInfo(
        name=message.name,
        version=message.version,
        digest=message.digest,
        created_at=message.created_at.ToDatetime(tzinfo=dt.UTC),
        schema=schema,
        columns=tuple(_column(column) for column in message.columns),
        samplers=tuple(message.samplers),
        operations=tuple(message.operations),
        latent_dim=message.latent_dim,
        block_rows=max(1, message.block_rows),
        training_rows=message.training_rows,
        figures=dict(message.figures),
        aliases=dict(message.aliases),
        versions=tuple(_version(each) for each in message.versions),
    )


def _version(message: pb.ModelVersion) -> VersionInfo:
    known = augment_pb2.VersionState.values()
    state = message.state if message.state in known else augment_pb2.VERSION_STATE_UNSPECIFIED
    name = augment_pb2.VersionState.Name(state).removeprefix("VERSION_STATE_")
    return VersionInfo(message.version, name, message.reason, message.digest)


def _column(message: pb.Column) -> ColumnInfo:
    return ColumnInfo(
        name=message.name,
        kind=message.kind,
        nullable=message.nullable,
        role=message.role,
        categories=tuple(message.categories),
        category_count=message.category_count,
        minimum=message.minimum,
        maximum=message.maximum,
        unit=message.unit,
        shape=tuple(message.shape),
    )
