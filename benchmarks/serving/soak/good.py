"""Clients that behave, and compare each answer, bit by bit, with that of the runtime in this process."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from augment_client import Client, ClientError, OverloadedError
from serving.soak.ledger import BUSY

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Sequence

    from augment.runtime import Model
    from serving.soak.ledger import Ledger

__all__ = ["Question", "asking_client", "good_client", "questions"]

_ROWS = 24
_SEEDS = 6
_PART = 8
_CHEAP = 100
_SHORT_S = 0.2


@dataclass(frozen=True)
class Question:
    """A call whose answer is known.

    Attributes:
        kind: What is called.
        ask: Calls a model by name.
        answer: What comes of it.
    """

    kind: str
    ask: Callable[[Client, str], Iterable[pa.Table]]
    answer: str


def questions(model: Model) -> list[Question]:
    """Return calls of all kinds with the answers of the runtime in this process."""
    found = [_of_records(model, seed) for seed in range(_SEEDS)]
    return [question for some in found for question in some]


def good_client(
    client: Client, name: str, asked: Sequence[Question], ledger: Ledger, stop: threading.Event, seed: int
) -> None:
    """Ask without pause until told to stop."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    while not stop.is_set():
        question = chance.choice(asked)
        try:
            found = _digest(question.ask(client, name))
        except OverloadedError as error:
            ledger.write("good", BUSY, ())
            stop.wait(error.retry_after_s or 1)
            continue
        except ClientError as error:
            status = f"{type(error).__name__} {error.refusal.reason}: {question.kind}: {error}"
        else:
            status = "OK" if found == question.answer else f"WRONG BITS: {question.kind}"
        ledger.write("good", status, ("OK",))


def asking_client(client: Client, name: str, ledger: Ledger, stop: threading.Event) -> None:
    """Ask what costs little, again and again: what the server is, and what it has."""
    while not stop.is_set():
        try:
            for _ in range(_CHEAP):
                told = client.server_info()
            model, listed = client.model(name), client.models()
        except OverloadedError as error:
            ledger.write("asking", BUSY, ())
            stop.wait(min(error.retry_after_s or 1, _SHORT_S))
        except ClientError as error:
            ledger.write("asking", f"{type(error).__name__} {error.refusal.reason}: {error}", ("OK",))
        else:
            right = told.models == len(listed) == 1 and model.digest == listed[0].digest
            ledger.write("asking", "OK" if right else "WRONG", ("OK",))


def _of_records(model: Model, seed: int) -> list[Question]:
    records = model.generate(_ROWS, seed=1000 + seed)
    start, end = records.slice(0, 2), records.slice(2, 2)
    gaps = _with_gaps(records)
    parts = [gaps.slice(at, _PART) for at in range(0, _ROWS, _PART)]
    mended = [
        model.denoise(part, first_row=at) for part, at in zip(parts, range(0, _ROWS, _PART), strict=True)
    ]
    one = model.denoise(gaps)

    def streamed(client: Client, name: str) -> list[pa.Table]:
        with client.denoise_batches(name, parts) as stream:
            return [each for part in stream for each in (part.records, part.changed, part.confidence)]

    def generated(client: Client, name: str) -> list[pa.Table]:
        return [client.generate(name, 600, seed=seed, sampler="vae")]

    def conditioned(client: Client, name: str) -> list[pa.Table]:
        return [
            client.generate(name, 64, seed=seed, offset=10, sampler="denoiser", conditions=["age in 30..40"])
        ]

    def interpolated(client: Client, name: str) -> list[pa.Table]:
        return [client.interpolate(name, start, end, steps=5).records]

    def denoised(client: Client, name: str) -> list[pa.Table]:
        made = client.denoise(name, gaps)
        return [made.records, made.changed, made.confidence]

    given = ["age in 30..40"]
    path = model.interpolate(start, end, steps=5, method="auto").records
    plain = model.generate(64, seed=seed, offset=10, sampler="denoiser", conditions=given)
    all_mended = [each for made in mended for each in (made.records, made.changed, made.confidence)]
    known: list[tuple[str, Callable[[Client, str], Iterable[pa.Table]], list[pa.Table]]] = [
        ("generate", generated, [model.generate(600, seed=seed, sampler="vae")]),
        ("generate with conditions", conditioned, [plain]),
        ("interpolate", interpolated, [path]),
        ("denoise", denoised, [one.records, one.changed, one.confidence]),
        ("denoise stream", streamed, all_mended),
        (
            "encode",
            lambda client, name: [client.encode(name, records).latent],
            [model.encode(records).latent],
        ),
        (
            "reconstruct",
            lambda client, name: [client.reconstruct(name, records).records],
            [model.reconstruct(records).records],
        ),
        ("score", lambda client, name: [client.score(name, records).scores], [model.score(records).scores]),
    ]
    return [Question(kind, ask, _digest(tables)) for kind, ask, tables in known]


def _with_gaps(records: pa.Table) -> pa.Table:
    """Return the records without every third cell of their first column that may be missing."""
    names = records.column_names
    first = records[names[0]].to_pylist()
    cells = [None if number % 3 == 0 else cell for number, cell in enumerate(first)]
    return records.set_column(0, names[0], pa.array(cells, records.schema.field(0).type))


def _digest(tables: Iterable[pa.Table]) -> str:
    """Return a hash of the names, types and bits of tables, however they are cut up."""
    hashed = hashlib.sha256()
    for table in tables:
        whole = table.replace_schema_metadata(None).combine_chunks()
        sink = pa.BufferOutputStream()
        plain = pa.table({name: _dense(whole[name]) for name in whole.column_names})
        with pa.ipc.new_stream(sink, plain.schema) as writer:
            writer.write_table(plain)
        hashed.update(sink.getvalue())
    return hashed.hexdigest()


def _dense(column: pa.ChunkedArray) -> pa.Array:
    """Return a column as one array, without a dictionary."""
    array = column.combine_chunks()
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
