"""Records on the way from one record to another."""

from __future__ import annotations

from typing import TYPE_CHECKING, SupportsIndex

from augment.errors import RecordsError, UnsupportedError
from augment.runtime.checks import checked_first_row
from augment.runtime.guided import guided_paths
from augment.runtime.latents import decoded, posterior_means
from augment.runtime.paths import Method, path
from augment.runtime.records_in import conformed
from augment.runtime.results import Records

if TYPE_CHECKING:
    import pyarrow as pa

    from augment.data import Encoded, Unseen
    from augment.runtime.engine import Engine

__all__ = ["chosen_method", "interpolated"]


def chosen_method(engine: Engine, wanted: Method, *, model: str) -> Method:
    """Return the method that is wanted, or for `auto` the best that the model can.

    Args:
        engine: The model's.
        wanted: Any method.
        model: Its name, for the message.

    Raises:
        UnsupportedError: The model cannot.
    """
    if wanted is Method.AUTO:
        return Method.GUIDED if engine.makes_all_in_steps else Method.LINEAR
    if wanted is Method.GUIDED and not engine.makes_all_in_steps:
        reason = "it makes no whole records column by column. Use linear or slerp"
    elif wanted is not Method.GUIDED and "encode" not in engine.graphs:
        reason = "it has no latent space. Use guided"
    else:
        return wanted
    raise UnsupportedError(f"model {model} cannot interpolate by method {wanted}: {reason}")


def interpolated(
    engine: Engine,
    ends: tuple[pa.Table, pa.Table],
    *,
    steps: int,
    method: Method,
    first_row: SupportsIndex,
) -> Records:
    """Return `steps` records for each pair of rows, by a method that is not `auto`.

    Raises:
        RecordsError: The records do not fit the model, or the tables differ in length.
    """
    if method is Method.GUIDED:
        return _guided(engine, ends, steps, first_row)
    first, first_unseen = posterior_means(engine, ends[0], "start")
    last, last_unseen = posterior_means(engine, ends[1], "end")
    _require_pairs(len(first), len(last))
    points = path(first, last, steps=steps, method=method)
    latent = points.reshape(-1, points.shape[2])
    records = decoded(engine, latent, checked_first_row(first_row, len(latent)))
    return Records(records, (*first_unseen, *last_unseen))


def _guided(engine: Engine, ends: tuple[pa.Table, pa.Table], steps: int, first_row: SupportsIndex) -> Records:
    """Return paths made by the first of the samplers that go column by column."""
    first, first_unseen = _encoded(engine, ends[0], "start")
    last, last_unseen = _encoded(engine, ends[1], "end")
    _require_pairs(len(first.tokens), len(last.tokens))
    sampler = next(iter(engine.stepwise))
    made = guided_paths(engine, sampler, first, last, steps=steps)
    records = engine.records(made, checked_first_row(first_row, len(made.tokens)))
    return Records(records, (*first_unseen, *last_unseen))


def _encoded(engine: Engine, table: pa.Table, context: str) -> tuple[Encoded, tuple[Unseen, ...]]:
    return engine.codec.encode(conformed(table, engine.codec.schema, partial=False, context=context))


def _require_pairs(starts: int, ends: int) -> None:
    if starts != ends:
        raise RecordsError.of("end", f"must have as many rows as start ({starts})", ends)
