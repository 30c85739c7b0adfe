"""The two places where a model can be: a bundle here, or a server. Both give the same records."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pyarrow as pa

    from augment.data import Balance, Codec, Condition
    from augment.sources.facts import Facts
    from augment_proto.receipt import Receipt

__all__ = [
    "Denoised",
    "Draws",
    "Generated",
    "Latents",
    "Predictions",
    "Records",
    "Request",
    "Scores",
    "Source",
    "Unseen",
    "Where",
    "open_source",
]


class Unseen(Protocol):
    """A value that the model never saw; its cells were read as missing."""

    @property
    def column(self) -> str: ...  # noqa: D102 - see augment.data.layout.Unseen
    @property
    def value(self) -> str: ...  # noqa: D102
    @property
    def cells(self) -> int: ...  # noqa: D102
    @property
    def first_row(self) -> int: ...  # noqa: D102


class Records(Protocol):
    """Records in the types of the model's data file."""

    @property
    def records(self) -> pa.Table: ...  # noqa: D102 - see augment.runtime.results
    @property
    def unseen(self) -> Sequence[Unseen]: ...  # noqa: D102


class Denoised(Records, Protocol):
    """Repaired records; `changed` and `confidence` have the same columns and rows."""

    @property
    def changed(self) -> pa.Table: ...  # noqa: D102
    @property
    def confidence(self) -> pa.Table: ...  # noqa: D102


class Draws(Protocol):
    """Completed tables."""

    @property
    def tables(self) -> tuple[pa.Table, ...]: ...  # noqa: D102 - see augment.runtime.results
    @property
    def changed(self) -> pa.Table: ...  # noqa: D102
    @property
    def unseen(self) -> Sequence[Unseen]: ...  # noqa: D102


class Latents(Protocol):
    """Latent vectors, in columns `latent_0` and so on."""

    @property
    def latent(self) -> pa.Table: ...  # noqa: D102
    @property
    def unseen(self) -> Sequence[Unseen]: ...  # noqa: D102


class Scores(Protocol):
    """How unusual records are: `score`, and where the model knows `percentile`."""

    @property
    def scores(self) -> pa.Table: ...  # noqa: D102 - see augment.runtime.results
    @property
    def unseen(self) -> Sequence[Unseen]: ...  # noqa: D102


class Predictions(Protocol):
    """What is predicted of records: `prediction`, and a probability a class."""

    @property
    def predictions(self) -> pa.Table: ...  # noqa: D102 - see augment.runtime.results
    @property
    def target(self) -> str: ...  # noqa: D102
    @property
    def unseen(self) -> Sequence[Unseen]: ...  # noqa: D102


@dataclass(frozen=True)
class Request:
    """What a model is asked to generate: rows of the endless table that all else here names.

    Attributes:
        rows: How many.
        seed: In [0, 2^64).
        offset: The first row.
        sampler: How they are made; None: the first of the model that can.
        conditions: What every row satisfies, e.g. `age in 30..40`.
        balance: A column, or a column and shares of its classes.
        steps: In how many steps a record is made; None: the model's default.
    """

    rows: int
    seed: int = 0
    offset: int = 0
    sampler: str | None = None
    conditions: tuple[Condition | str, ...] = ()
    balance: Balance | str | None = None
    steps: int | None = None

    @property
    def condition_texts(self) -> tuple[str, ...]:
        """The conditions as text."""
        return tuple(each if isinstance(each, str) else each.text for each in self.conditions)

    @property
    def balance_text(self) -> str | None:
        """The balance as text."""
        return self.balance if self.balance is None or isinstance(self.balance, str) else self.balance.text

    def part(self, offset: int, rows: int) -> Request:
        """Return the same for other rows of that table."""
        return replace(self, offset=offset, rows=rows)


@dataclass(frozen=True)
class Generated:
    """Synthetic records on their way.

    Attributes:
        receipt: What they are made by.
        tables: They, portion by portion.
    """

    receipt: Receipt
    tables: Iterator[pa.Table]


class Source(Protocol):
    """A model that answers."""

    @property
    def facts(self) -> Facts:
        """What the model says of itself."""

    @property
    def codec(self) -> Codec | None:
        """How its records are encoded; None: only the server knows."""

    def generate(self, request: Request) -> Generated:
        """Return synthetic records in result types, in constant memory."""

    def interpolate(self, start: pa.Table, end: pa.Table, *, steps: int, method: str) -> Records:
        """Return `steps` records from each row of `start` to that of `end`."""

    def denoise(
        self, table: pa.Table, *, threshold: float | None, numbers: str | None, first_row: int
    ) -> Denoised:
        """Return the records with missing cells imputed and doubtful ones repaired."""

    def draws(
        self, table: pa.Table, *, draws: int, seed: int, threshold: float | None, first_row: int
    ) -> Draws:
        """Return completed tables."""

    def encode(self, table: pa.Table) -> Latents:
        """Return the records' latent vectors."""

    def score(self, table: pa.Table) -> Scores:
        """Return how unusual the records are."""

    def predict(self, table: pa.Table) -> Predictions:
        """Return what the model predicts of the records."""


@dataclass(frozen=True)
class Where:
    """Where a model is.

    Attributes:
        name: Its name, or the path or URL of one version's directory.
        models: The directory of bundles or its URL, if no server is named.
        server: `host:port`, or None.
        version: None: the newest.
        threads: Threads of one computation here; None: by the CPUs there are.
    """

    name: str
    models: Path | str
    server: str | None = None
    version: int | None = None
    threads: int | None = None


@contextmanager
def open_source(where: Where) -> Iterator[Source]:
    """Open the model; whatever cannot be done here says so at once.

    Raises:
        NotFoundError: No such model or version.
        BundleError: The bundle cannot be used.
    """
    # Each kind is imported alone: one needs onnxruntime, the other grpc.
    if where.server is None:
        from augment.sources.local import LocalSource  # noqa: PLC0415

        yield LocalSource.open(where)
        return
    from augment.sources.server import open_server_source  # noqa: PLC0415

    with open_server_source(where) as source:
        yield source
