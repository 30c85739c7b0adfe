"""A bundle that runs: generates, interpolates, denoises, encodes, decodes, reconstructs and scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, SupportsIndex, overload

import pyarrow as pa

from augment.bundle import open_bundle
from augment.errors import RequestError
from augment.runtime.asked import asked_for, chosen_sampler
from augment.runtime.checks import (
    checked_choice,
    checked_first_row,
    checked_integer,
    checked_rows,
    checked_seed,
    checked_share,
)
from augment.runtime.draws import drawing_sampler, drawn
from augment.runtime.generation import generated_batches
from augment.runtime.interpolation import chosen_method, interpolated
from augment.runtime.joint import NUMBERS, Joint, Part, only
from augment.runtime.loading import load_engine
from augment.runtime.operations import operations_of
from augment.runtime.paths import Method
from augment.runtime.records_in import conformed
from augment.runtime.sizes import size_for
from augment.runtime.wish import wish_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from augment.bundle import Bundle, Manifest
    from augment.bundle.signing import TrustedKeys
    from augment.data import Balance, Codec
    from augment.runtime.asked import ConditionsLike
    from augment.runtime.engine import Engine
    from augment.runtime.results import Denoised, Draws, Latents, Predictions, Records, Scores

__all__ = ["MAX_DRAWS", "MAX_STEPS", "Model"]

MAX_DRAWS = 1_000
MAX_STEPS = 10_000
_BULK_ROWS = 65_536
_FIRST_ROWS = 32


class Model:
    """One version of a model, ready. Every method may be called from several threads at once.

    Tables that are given back are in the model's result schema, batches in its wire schema
    (categories as dictionary codes). `open` makes one.

    Example:
        >>> model = Model.open("models/adult/1")  # doctest: +SKIP
        >>> model.generate(1000, seed=7).to_pandas()  # doctest: +SKIP

    Attributes:
        path: The bundle's directory.
        name: The model's name.
        version: Larger is newer.
        digest: sha256 over the manifest, in hex: names this very model for good.
        manifest: What the bundle says about itself.
        codec: Records to numbers and back.
        samplers: Ways to generate, the default first.
        operations: What can be asked of this model, e.g. `generate`, `denoise`.
        joint: The same of the records of several callers at once.
    """

    def __init__(self, bundle: Bundle, engine: Engine) -> None:
        self.path: Path = bundle.path
        self.name: str = bundle.name
        self.version: int = bundle.version
        self.digest: str = bundle.digest
        self.manifest: Manifest = bundle.manifest
        self.codec: Codec = engine.codec
        self.samplers: tuple[str, ...] = bundle.manifest.samplers
        self.operations = operations_of(
            self.samplers,
            engine.graphs,
            stepwise=engine.makes_all_in_steps,
        )
        self.joint = Joint(engine, bundle.manifest, self.operations, f"{self.name}/{self.version}")
        self._engine = engine

    @classmethod
    def open(
        cls,
        path: Path | str,
        *,
        threads: SupportsIndex | None = None,
        replay_golden: bool = True,
        trusted: TrustedKeys | None = None,
    ) -> Model:
        """Open, verify and load the bundle in a directory `<name>/<version>`.

        Args:
            path: The directory.
            threads: For the arithmetic of one call; None: as many as this process may use, at most 4.
            replay_golden: Whether to run the recorded inputs and compare.
            trusted: Whose signature the bundle must have; None: it needs none.

        Raises:
            BundleError: The bundle is corrupt, unsafe, or of a newer format.
        """
        count = None if threads is None else checked_integer("threads", threads, 1, 1024)
        bundle = open_bundle(path)
        if trusted is not None:
            trusted.require(bundle)
        return cls(bundle, load_engine(bundle, threads=count, replay_golden=replay_golden))

    @property
    def result_schema(self) -> pa.Schema:
        """The columns and types of the tables given back: those of the training file, without text."""
        return self.codec.result_schema

    @property
    def wire_schema(self) -> pa.Schema:
        """The columns and types of batches; `table.cast(model.result_schema)` makes results of them."""
        return self.codec.wire_schema

    def generate(
        self,
        rows: SupportsIndex,
        *,
        seed: SupportsIndex = 0,
        offset: SupportsIndex = 0,
        sampler: str | None = None,
        conditions: ConditionsLike | None = None,
        balance: Balance | str | None = None,
        steps: SupportsIndex | None = None,
    ) -> pa.Table:
        """Return synthetic records: rows `offset` to `offset + rows` of the seed's endless table.

        See `generate_batches` for the arguments.

        Raises:
            RequestError: A parameter is out of its range, or a condition impossible.
            UnsupportedError: The model cannot generate, or not what is asked for.
        """
        batches = self.generate_batches(
            rows,
            seed=seed,
            offset=offset,
            sampler=sampler,
            conditions=conditions,
            balance=balance,
            steps=steps,
            max_rows=_BULK_ROWS,
        )
        return pa.Table.from_batches(batches, self.wire_schema).cast(self.result_schema)

    def generate_batches(
        self,
        rows: SupportsIndex,
        *,
        seed: SupportsIndex = 0,
        offset: SupportsIndex = 0,
        sampler: str | None = None,
        conditions: ConditionsLike | None = None,
        balance: Balance | str | None = None,
        steps: SupportsIndex | None = None,
        max_rows: SupportsIndex | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Yield the same records as `generate`, in constant memory and in the wire schema.

        Args:
            rows: How many, from 1.
            seed: In [0, 2^64).
            offset: The first row.
            sampler: One of `samplers`; the first that can do what is asked where none is given.
            conditions: What every record must satisfy, all at once: texts, `["age in 30..40"]`, or values
                by column, `{"age": (30, 40), "sex": ["Male"], "x": None}` (None: missing).
            balance: Shares of classes: `target`, a column, or a column and shares.
            steps: In how many steps a record is made: fewer are faster and coarser; None: the model's
                default.
            max_rows: The most rows of a batch: each ends where a multiple of it does; None: what is made
                at once.

        Raises:
            RequestError: A parameter is out of its range, or a condition impossible; raised by the call,
                not by the first batch.
            UnsupportedError: The model cannot generate, or not what is asked for.
        """
        self.joint.require("generate")
        count, first = checked_rows(rows, offset)
        size = None if max_rows is None else checked_integer("max_rows", max_rows, 1, 2**31 - 1)
        asked = asked_for(self.codec, conditions, balance, steps)
        return generated_batches(
            self._engine,
            self.sampler_for(sampler, plain=asked.is_plain),
            wish_of(self.codec.layout, asked),
            seed=checked_seed(seed),
            offset=first,
            rows=count,
            max_rows=size,
        )

    def sampler_for(self, sampler: str | None = None, *, plain: bool = True) -> str:
        """Return the sampler that `generate` uses.

        Args:
            sampler: The one named, if any.
            plain: Neither conditions nor a balance nor steps are asked for.

        Raises:
            RequestError: The model has no such sampler.
            UnsupportedError: It cannot generate, or not what is asked for.
        """
        self.joint.require("generate")
        return chosen_sampler(self.samplers, sampler, able=self.samplers if plain else self._engine.stepwise)

    def first_rows(self, offset: int, *, plain: bool = True) -> int:
        """Return how many rows from `offset` on are made soonest, and cost later ones little.

        Args:
            offset: The first row.
            plain: Neither conditions nor a balance are asked for.
        """
        sizes = self._engine.sizes if plain else (self._engine.block_rows,)
        left = sizes[-1] - offset % sizes[-1]
        return min(left, size_for(_FIRST_ROWS, sizes))

    def interpolate(
        self,
        start: pa.Table,
        end: pa.Table,
        *,
        steps: SupportsIndex,
        method: str = "auto",
        first_row: SupportsIndex = 0,
    ) -> Records:
        """Return `steps` records on the way from each row of `start` to that row of `end`.

        Deterministic. Rows are pair after pair. Made identifiers are those of rows `first_row` and after.

        Args:
            start: Records.
            end: As many.
            steps: Records a pair, both ends included.
            method: `guided`: the ends are the records themselves, and each step between them is made
                column by column, near the way and plausible as a whole. `linear`, `slerp`: between
                posterior means, and the ends are reconstructions. `auto`: guided where the model can.
            first_row: The number of the first row that is given back.

        Raises:
            RequestError: `steps` is not in [2, 10000] or `method` none of these.
            RecordsError: The records do not fit the model, or the tables differ in length.
            UnsupportedError: The model cannot interpolate, or not by this method.
        """
        self.joint.require("interpolate")
        count = checked_integer("steps", steps, 2, MAX_STEPS)
        wanted = Method(checked_choice("method", method, [each.value for each in Method]))
        way = chosen_method(self._engine, wanted, model=f"{self.name}/{self.version}")
        return interpolated(self._engine, (start, end), steps=count, method=way, first_row=first_row)

    @overload
    def denoise(
        self,
        table: pa.Table,
        *,
        threshold: float | None = None,
        numbers: str | None = None,
        draws: None = None,
        seed: SupportsIndex = 0,
        first_row: SupportsIndex = 0,
    ) -> Denoised: ...

    @overload
    def denoise(
        self,
        table: pa.Table,
        *,
        threshold: float | None = None,
        numbers: str | None = None,
        draws: SupportsIndex,
        seed: SupportsIndex = 0,
        first_row: SupportsIndex = 0,
    ) -> Draws: ...

    def denoise(
        self,
        table: pa.Table,
        *,
        threshold: float | None = None,
        numbers: str | None = None,
        draws: SupportsIndex | None = None,
        seed: SupportsIndex = 0,
        first_row: SupportsIndex = 0,
    ) -> Denoised | Draws:
        """Impute missing cells and repair those that do not fit the rest of their record.

        Columns may be left out: they are imputed. Identifiers that are given stay; text is left out.
        Every cell that is not changed keeps its bits. Array cells are always denoised above threshold 0.

        Args:
            table: The records.
            threshold: A given cell is repaired where the probability that it is intact is below this; 0:
                impute only, from given cells that count as right. None: 0.5, or 0 with `draws`.
            numbers: What stands for a number: its `mean` (the value nearest to it), which has the least
                squared error, or its `median`. None: the mean.
            draws: How many completed tables to draw: for multiple imputation, where what is uncertain
                must vary. None: one table of the best guesses.
            seed: Of the draws, in [0, 2^64): draw k is the same whatever their number.
            first_row: The number of the first row, where a long table comes in pieces: made identifiers
                and the draws' noise go on from there.

        Raises:
            RequestError: `threshold` is not in [0, 1], `draws` not in [1, 1000], `seed` out of its range,
                or `numbers` not one of these, or given with `draws`.
            RecordsError: The records do not fit the model.
            UnsupportedError: The model cannot denoise, or not draw: it has arrays.
        """
        if draws is None:
            checked_seed(seed)
            part = Part(table, first_row)
            return only(self.joint.denoise([part], threshold=threshold, numbers=numbers))
        self.joint.require("denoise")
        share = 0.0 if threshold is None else checked_share("threshold", threshold)
        count = checked_integer("draws", draws, 1, MAX_DRAWS)
        if numbers is not None:
            checked_choice("numbers", numbers, NUMBERS)
            raise RequestError.of("numbers", "must not be given with draws, which are drawn", numbers)
        number = checked_seed(seed)
        given = conformed(table, self.codec.schema, partial=True)
        absent = frozenset(self.result_schema.names) - frozenset(table.column_names)
        first = checked_first_row(first_row, given.num_rows)
        return drawn(
            self._engine,
            drawing_sampler(self._engine, model=f"{self.name}/{self.version}"),
            given,
            draws=count,
            seed=number,
            threshold=share,
            absent=absent,
            first_row=first,
        )

    def encode(self, table: pa.Table) -> Latents:
        """Return the posterior mean of each record.

        Raises:
            RecordsError: The records do not fit the model.
            UnsupportedError: The model has no encoder.
        """
        return only(self.joint.encode([Part(table)]))

    def decode(self, latent: pa.Table | NDArray[np.floating], *, first_row: SupportsIndex = 0) -> pa.Table:
        """Return the most likely record of each latent vector.

        Args:
            latent: Columns `latent_0` and so on, or an array of shape (rows, latent width).
            first_row: The number of the first row, where a long table comes in pieces: made identifiers
                go on from there.

        Raises:
            RecordsError: The columns or the shape differ, or a number is missing, NaN or infinite.
            UnsupportedError: The model has no decoder.
        """
        return only(self.joint.decode([Part(latent, first_row)]))

    def reconstruct(self, table: pa.Table, *, first_row: SupportsIndex = 0) -> Records:
        """Return each record encoded and decoded again; made identifiers as for rows from `first_row`.

        Raises:
            RecordsError: The records do not fit the model.
            UnsupportedError: The model has no latent space.
        """
        return only(self.joint.reconstruct([Part(table, first_row)]))

    def score(self, table: pa.Table) -> Scores:
        """Return how unusual each record is, and how unusual that is among held-out training rows.

        Raises:
            RecordsError: The records do not fit the model.
            UnsupportedError: The model cannot score.
        """
        return only(self.joint.score([Part(table)]))

    def predict(self, table: pa.Table) -> Predictions:
        """Return the likeliest class of each record and the probability of each class, or a value.

        Raises:
            RecordsError: The records do not fit the model.
            UnsupportedError: The model predicts nothing.
        """
        return only(self.joint.predict([Part(table)]))
