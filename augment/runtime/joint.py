"""What is asked of a model by several callers at once: computed together, answered to each as if alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, SupportsIndex, TypeVar

import numpy as np
import pyarrow as pa

from augment.errors import UnsupportedError
from augment.runtime.checks import checked_choice, checked_first_row, checked_share
from augment.runtime.denoising import denoised_stack
from augment.runtime.latents import decoded, latents, reconstructed
from augment.runtime.prediction import predicted, scored
from augment.runtime.records_in import latent_matrix
from augment.runtime.stack import Stack, addresses, stacked

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from augment.bundle import Manifest
    from augment.runtime.engine import Engine
    from augment.runtime.results import Denoised, Latents, Predictions, Records, Scores

__all__ = ["NUMBERS", "Joint", "Part", "only"]

NUMBERS = ("mean", "median")

_T = TypeVar("_T")


@dataclass(frozen=True)
class Part:
    """One caller's records.

    Attributes:
        table: A table; for `decode` also latent vectors of shape (rows, latent width).
        first_row: The number of the first row, for made identifiers.
    """

    table: pa.Table | NDArray[np.floating]
    first_row: SupportsIndex = 0


class Joint:
    """The operations of one model on the records of several callers; `Model` has those on one's.

    Each method gives back as many results as it is given parts, in their order. Each is, to the byte, what
    it is without the others; in the place of what is wrong with a caller's records there is the error.

    Args:
        engine: The model's.
        manifest: What its bundle says about itself.
        operations: What can be asked of it.
        name: Its name and version, for messages.
    """

    def __init__(self, engine: Engine, manifest: Manifest, operations: Sequence[str], name: str) -> None:
        self._engine = engine
        self._manifest = manifest
        self._operations = operations
        self._name = name

    def require(self, operation: str) -> None:
        """Refuse an operation that the model has no graph for.

        Raises:
            UnsupportedError: It has none.
        """
        if operation not in self._operations:
            there = ", ".join(self._operations)
            raise UnsupportedError(f"model {self._name} cannot {operation}; it can: {there}")

    def denoise(
        self, parts: Sequence[Part], *, threshold: float | None = None, numbers: str | None = None
    ) -> list[Denoised | Exception]:
        """Repair; see `Model.denoise`.

        Raises:
            RequestError: A parameter is out of its range.
            UnsupportedError: The model cannot.
        """
        self.require("denoise")
        share = 0.5 if threshold is None else checked_share("threshold", threshold)
        mean = numbers is None or checked_choice("numbers", numbers, NUMBERS) == "mean"
        names = frozenset(self._engine.codec.result_schema.names)

        def work(stack: Stack, given: Sequence[Part]) -> list[Denoised]:
            return denoised_stack(
                self._engine,
                stack,
                threshold=share,
                mean=mean,
                absent=[names - frozenset(_columns(part)) for part in given],
                first_rows=_first_rows(stack, given),
            )

        return self._of_tables(parts, work, partial=True)

    def encode(self, parts: Sequence[Part]) -> list[Latents | Exception]:
        """Return latent vectors; see `Model.encode`.

        Raises:
            UnsupportedError: The model cannot.
        """
        self.require("encode")
        return self._of_tables(parts, lambda stack, _: latents(self._engine, stack))

    def decode(self, parts: Sequence[Part]) -> list[pa.Table | Exception]:
        """Return records of latent vectors; see `Model.decode`.

        Raises:
            UnsupportedError: The model cannot.
        """
        self.require("decode")

        def work(given: Sequence[Part]) -> list[pa.Table]:
            matrices = [latent_matrix(part.table, self._manifest.latent_dim) for part in given]
            sizes = tuple(len(matrix) for matrix in matrices)
            stack = Stack(pa.table({}), sizes, ())
            rows = addresses(sizes, _first_rows(stack, given))
            return stack.cut(decoded(stack.engine(self._engine), np.concatenate(matrices), rows))

        return _together(parts, work)

    def reconstruct(self, parts: Sequence[Part]) -> list[Records | Exception]:
        """Return records encoded and decoded; see `Model.reconstruct`.

        Raises:
            UnsupportedError: The model cannot.
        """
        self.require("reconstruct")
        return self._of_tables(
            parts, lambda stack, given: reconstructed(self._engine, stack, _first_rows(stack, given))
        )

    def score(self, parts: Sequence[Part]) -> list[Scores | Exception]:
        """Return how unusual records are; see `Model.score`.

        Raises:
            UnsupportedError: The model cannot.
        """
        self.require("score")
        quantiles = self._manifest.score_quantiles
        return self._of_tables(parts, lambda stack, _: scored(self._engine, stack, quantiles))

    def predict(self, parts: Sequence[Part]) -> list[Predictions | Exception]:
        """Return what is predicted of records; see `Model.predict`.

        Raises:
            UnsupportedError: The model cannot.
        """
        self.require("predict")
        prediction = self._manifest.prediction
        assert prediction is not None  # noqa: S101 - the manifest has it where there is a graph `predict`
        return self._of_tables(parts, lambda stack, _: predicted(self._engine, stack, prediction))

    def _of_tables(
        self,
        parts: Sequence[Part],
        work: Callable[[Stack, Sequence[Part]], list[_T]],
        *,
        partial: bool = False,
    ) -> list[_T | Exception]:
        codec = self._engine.codec

        def stacked_work(given: Sequence[Part]) -> list[_T]:
            return work(stacked([part.table for part in given], codec, partial=partial), given)

        return _together(parts, stacked_work)


def _together(parts: Sequence[Part], work: Callable[[Sequence[Part]], list[_T]]) -> list[_T | Exception]:
    """Return the results of the parts; where they fail together, of each half of them.

    So whose records are wrong, or make a graph fail, is alone in that in the end.
    """
    try:
        return [*work(parts)]
    except Exception as error:  # noqa: BLE001 - whatever it is, it is for one caller to be told
        if len(parts) == 1:
            return [error]
    half = len(parts) // 2
    return _together(parts[:half], work) + _together(parts[half:], work)


def _columns(part: Part) -> list[str]:
    return part.table.column_names if isinstance(part.table, pa.Table) else []


def _first_rows(stack: Stack, parts: Sequence[Part]) -> list[int]:
    pairs = zip(parts, stack.sizes, strict=True)
    return [checked_first_row(part.first_row, size) for part, size in pairs]


def only(results: Sequence[_T | Exception]) -> _T:
    """Return the one result, or raise it."""
    (result,) = results
    if isinstance(result, Exception):
        raise result
    return result
