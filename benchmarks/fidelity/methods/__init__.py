"""The methods: ours, the peers, the floor and the ceiling. One file each; none is imported before it runs."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Literal, Protocol, cast

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

__all__ = ["METHODS", "Fitted", "Method", "Task", "load"]


@dataclass(frozen=True)
class Task:
    """What a method is given.

    Attributes:
        train: The rows to learn.
        holdout: Real rows that only the ceiling looks at.
        target: The column that downstream models predict.
        classes: Whether it is a category.
        seed: Of all that the method draws.
        threads: It may use.
        directory: Of its own, for what it keeps.
        shared: The directory of the method whose model it uses; its own where there is none.
    """

    train: pa.Table
    holdout: pa.Table
    target: str
    classes: bool
    seed: int
    threads: int
    directory: Path
    shared: Path


class Fitted(Protocol):
    """A method that has learnt.

    Attributes:
        details: Further figures, for the record: seconds of the parts of `fit`, settings.
    """

    details: dict[str, float]

    def sample(self, rows: int, *, seed: int) -> pa.Table:
        """Return synthetic rows; those of two seeds differ where the method can be seeded."""
        ...


class _Module(Protocol):
    def fit(self, task: Task) -> Fitted: ...


@dataclass(frozen=True)
class Method:
    """A method of the benchmark.

    Attributes:
        name: In the tables and on the command line.
        module: Under `fidelity.methods`; has `fit(task) -> Fitted`.
        environment: The one with the packages that it needs.
        shares: The method whose trained model it uses: it has no times of `fit` of its own.
        timed: Whether it makes rows: copies of real ones have no speed.
    """

    name: str
    module: str
    environment: Literal["product", "peers"]
    shares: str | None = None
    timed: bool = True

    @property
    def slug(self) -> str:
        """Return its name for files."""
        return "-".join(self.name.lower().replace(",", "").split())


METHODS = {
    method.name: method
    for method in (
        Method("augment denoiser", "denoiser", "product"),
        Method("augment denoiser, fewer steps", "denoiser_fewer_steps", "product", shares="augment denoiser"),
        Method("augment vae", "vae", "product"),
        Method("TabularARGN", "tabular_argn", "peers"),
        Method("TVAE", "tvae", "peers"),
        Method("CTGAN", "ctgan", "peers"),
        Method("SMOTE", "smote", "peers"),
        Method("independent columns", "independent_columns", "product", timed=False),
        Method("real holdout", "real_holdout", "product", timed=False),
    )
}
"""By name, in the order of the tables."""


def load(method: Method) -> _Module:
    """Import a method's module: only its own environment has its packages."""
    return cast("_Module", import_module(f"fidelity.methods.{method.module}"))
