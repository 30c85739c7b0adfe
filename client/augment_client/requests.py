"""Makes messages of what a caller asks; everything is checked here, before anything is sent."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from augment_client import responses
from augment_client.calls import Call, rows_a_message
from augment_client.checks import (
    MAX_DRAWS,
    MAX_ROW,
    MAX_STEPS,
    checked_integer,
    checked_name,
    checked_share,
    checked_version,
)
from augment_client.errors import InvalidRecordsError, InvalidRequestError
from augment_client.records import latent_table, to_table
from augment_proto.arrow import to_ipc
from augment_proto.v1 import augment_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from augment_client.conditions import Asked
    from augment_client.records import RecordsLike
    from augment_client.results import Denoised, Draws, Latents, Predictions, Records, Scores

__all__ = [
    "Repair",
    "decode",
    "denoise",
    "denoise_chunks",
    "denoise_header",
    "draws",
    "encode",
    "generate",
    "get_model",
    "interpolate",
    "predict",
    "reconstruct",
    "score",
]

_MAX_SEED = 2**64 - 1
_NUMBERS = ("mean", "median")
_METHODS = {
    "auto": pb.INTERPOLATION_METHOD_UNSPECIFIED,
    "guided": pb.INTERPOLATION_METHOD_GUIDED,
    "linear": pb.INTERPOLATION_METHOD_LINEAR,
    "slerp": pb.INTERPOLATION_METHOD_SLERP,
}


def get_model(name: str, version: int | None) -> pb.GetModelRequest:
    """Return the request for one model's description."""
    return pb.GetModelRequest(model=checked_name(name), version=checked_version(version))


def generate(
    name: str,
    rows: int,
    *,
    seed: int | None,
    offset: int,
    sampler: str | None,
    version: int | None,
    asked: Asked,
) -> pb.GenerateRequest:
    """Return the request for synthetic records."""
    first = checked_integer("offset", offset, 0, MAX_ROW)
    count = checked_integer("rows", rows, 1, MAX_ROW)
    if sampler is not None and not isinstance(sampler, str):
        raise InvalidRequestError.of("sampler", "must be the name of a sampler", sampler)
    return pb.GenerateRequest(
        model=checked_name(name),
        version=checked_version(version),
        rows=count,
        seed=None if seed is None else checked_integer("seed", seed, 0, _MAX_SEED),
        offset=first,
        sampler=sampler or "",
        conditions=asked.condition_messages(),
        balance=asked.balance_message(),
        steps=asked.step_count(),
    )


def interpolate(
    name: str, start: RecordsLike, end: RecordsLike, *, steps: int, method: str, version: int | None
) -> Call[Records]:
    """Return the call for the records between `start` and `end`."""
    count = checked_integer("steps", steps, 2, MAX_STEPS)
    way = _METHODS.get(method) if isinstance(method, str) else None
    if way is None:
        raise InvalidRequestError.of("method", f"must be one of {list(_METHODS)}", method)
    first, last = to_table(start, "start"), to_table(end, "end")
    if first.num_rows != last.num_rows:
        rule = f"must have as many rows as start ({first.num_rows})"
        raise InvalidRecordsError.of("end", rule, last.num_rows)
    model = checked_name(name)

    def build(version: int, first_row: int, start: pa.Table, end: pa.Table) -> pb.InterpolateRequest:
        return pb.InterpolateRequest(
            model=model,
            version=version,
            start=to_ipc(start),
            end=to_ipc(end),
            steps=count,
            method=way,
            first_row=first_row,
        )

    tables = (first, last)
    return Call("Interpolate", model, checked_version(version), tables, build, responses.records, count)


@dataclass(frozen=True)
class Repair:
    """What is asked of denoised records; checked when it is made.

    Attributes:
        threshold: Below which probability a cell is repaired; None: the server's choice.
        numbers: What stands for a number; None: the server's choice.
        first_row: The number of the first row.
    """

    threshold: float | None = None
    numbers: str | None = None
    first_row: int = 0

    def __post_init__(self) -> None:
        if self.threshold is not None:
            checked_share("threshold", self.threshold)
        if self.numbers is not None and self.numbers not in _NUMBERS:
            raise InvalidRequestError.of("numbers", f"must be one of {list(_NUMBERS)}", self.numbers)
        checked_integer("first_row", self.first_row, 0, MAX_ROW)

    def message(self, records: bytes, *, model: str, version: int, first_row: int) -> pb.DenoiseRequest:
        """Return the request for some of the records, the first of which is number `first_row` of them."""
        return pb.DenoiseRequest(
            model=model,
            version=version,
            records=records,
            threshold=None if self.threshold is None else float(self.threshold),
            first_row=int(self.first_row) + first_row,
            numbers=self.numbers or "",
        )


def denoise(name: str, records: RecordsLike, asked: Repair, *, version: int | None) -> Call[Denoised]:
    """Return the call that imputes and repairs."""
    model = checked_name(name)

    def build(version: int, first_row: int, table: pa.Table) -> pb.DenoiseRequest:
        return asked.message(to_ipc(table), model=model, version=version, first_row=first_row)

    return Call("Denoise", model, checked_version(version), (to_table(records),), build, responses.denoised)


def denoise_header(name: str, asked: Repair, *, version: int | None) -> pb.DenoiseStreamHeader:
    """Return what a stream of chunks to denoise begins with."""
    return pb.DenoiseStreamHeader(
        model=checked_name(name),
        version=checked_version(version),
        threshold=None if asked.threshold is None else float(asked.threshold),
        numbers=asked.numbers or "",
    )


def denoise_chunks(table: pa.Table, first_row: int) -> Iterator[pb.DenoiseChunk]:
    """Yield records in chunks, numbered from `first_row`; nothing where there are none."""
    if not table.num_rows:
        return
    size = rows_a_message((table,))
    for start in range(0, table.num_rows, size):
        yield pb.DenoiseChunk(first_row=first_row + start, records=to_ipc(table.slice(start, size)))


def draws(
    name: str, records: RecordsLike, asked: Repair, *, count: int, seed: int | None, version: int | None
) -> Call[Draws]:
    """Return the call for completed tables; the seed is drawn here, so that all messages have the same."""
    number, model = checked_integer("draws", count, 1, MAX_DRAWS), checked_name(name)
    if asked.numbers is not None:
        rule = "must not be given with draws, which are drawn"
        raise InvalidRequestError.of("numbers", rule, asked.numbers)
    own = secrets.randbits(63) if seed is None else checked_integer("seed", seed, 0, _MAX_SEED)

    def build(version: int, first_row: int, table: pa.Table) -> pb.DenoiseRequest:
        row = first_row // number  # calls count the rows of answers
        message = asked.message(to_ipc(table), model=model, version=version, first_row=row)
        message.draws, message.seed = number, own
        return message

    tables = (to_table(records),)
    return Call("Denoise", model, checked_version(version), tables, build, responses.draws, number)


def encode(name: str, records: RecordsLike, *, version: int | None) -> Call[Latents]:
    """Return the call for latent vectors."""
    model = checked_name(name)

    def build(version: int, _first_row: int, table: pa.Table) -> pb.EncodeRequest:
        return pb.EncodeRequest(model=model, version=version, records=to_ipc(table))

    return Call("Encode", model, checked_version(version), (to_table(records),), build, responses.latents)


def decode(name: str, latent: RecordsLike, *, version: int | None) -> Call[Records]:
    """Return the call for the records of latent vectors."""
    model = checked_name(name)

    def build(version: int, first_row: int, table: pa.Table) -> pb.DecodeRequest:
        return pb.DecodeRequest(model=model, version=version, latent=to_ipc(table), first_row=first_row)

    return Call("Decode", model, checked_version(version), (latent_table(latent),), build, responses.decoded)


def reconstruct(name: str, records: RecordsLike, *, version: int | None) -> Call[Records]:
    """Return the call that encodes and decodes."""
    model = checked_name(name)

    def build(version: int, first_row: int, table: pa.Table) -> pb.ReconstructRequest:
        return pb.ReconstructRequest(model=model, version=version, records=to_ipc(table), first_row=first_row)

    return Call(
        "Reconstruct", model, checked_version(version), (to_table(records),), build, responses.records
    )


def predict(name: str, records: RecordsLike, *, version: int | None) -> Call[Predictions]:
    """Return the call that predicts."""
    model = checked_name(name)

    def build(version: int, _first_row: int, table: pa.Table) -> pb.PredictRequest:
        return pb.PredictRequest(model=model, version=version, records=to_ipc(table))

    return Call(
        "Predict", model, checked_version(version), (to_table(records),), build, responses.predictions
    )


def score(name: str, records: RecordsLike, *, version: int | None) -> Call[Scores]:
    """Return the call that scores."""
    model = checked_name(name)

    def build(version: int, _first_row: int, table: pa.Table) -> pb.ScoreRequest:
        return pb.ScoreRequest(model=model, version=version, records=to_ipc(table))

    return Call("Score", model, checked_version(version), (to_table(records),), build, responses.scores)
