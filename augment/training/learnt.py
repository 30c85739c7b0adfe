"""Models that were just trained, in memory: they answer at once, and can be published as a bundle."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from augment.bundle import publish
from augment.data import Codec, Encoded, conform
from augment.errors import RequestError
from augment.training.build import draft_of, report_of
from augment.training.in_memory import engine_of
from augment.training.progress import Watcher
from augment.training.train import choose_device, train_models

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from augment.data import Schema
    from augment.runtime.engine import Engine
    from augment.training.config import TrainConfig
    from augment.training.train import Trained

__all__ = ["Learnt", "encoded_with", "learn"]

_EXAMPLES = 512


@dataclass(frozen=True)
class Learnt:
    """What was learnt of a table.

    Attributes:
        codec: Its encoding.
        trained: The models by name.
        config: How they were trained.
        examples: Some of its records, for trying exported graphs on.
        rows: How many records it had.
        seconds: How long it took.
    """

    codec: Codec
    trained: Mapping[str, Trained]
    config: TrainConfig
    examples: Encoded
    rows: int
    seconds: float

    @cached_property
    def engine(self) -> Engine:
        """What the runtime's operations run on; torch runs the graphs."""
        return engine_of(self.codec, [one.finished for one in self.trained.values()], self.config.block_rows)

    def publish(self, path: Path | str) -> Path:
        """Export all graphs and publish them as the next version of the model at `path`.

        Args:
            path: The model's directory, `models/name`.

        Returns:
            The bundle's directory, `models/name/version`.

        Raises:
            RequestError: The path has no name.
            ExportError: A graph does not compute what its model computes.
            PublishError: The bundle cannot be written.
        """
        where = Path(path)
        if not where.name:
            raise RequestError.of("path", "must end in the model's name", str(path), "Give models/NAME")
        device = choose_device(self.config).type
        report = report_of(self.trained, self.config, self.rows, self.codec.layout, device, self.seconds)
        reports = {name: one.report for name, one in self.trained.items() if one.report.mechanism is None}
        quality = {f"{name}.heldout_loss": report.heldout_loss for name, report in reports.items()}
        draft = draft_of(self.trained, self.codec, self.examples, self.config, report, quality)
        return publish(where.parent, where.name, draft)


def learn(
    table: pa.Table, schema: Schema, config: TrainConfig, repeats: NDArray[np.int64] | None = None
) -> Learnt:
    """Learn a table.

    Args:
        table: The records.
        schema: Their columns.
        config: How to train.
        repeats: How often each record counts in training, at least once; None: once.

    Raises:
        SchemaError: The table does not fit the schema.
        TrainingError: Training cannot go on.
    """
    started = time.monotonic()
    codec, encoded = encoded_with(table, schema)
    trained = train_models(encoded, codec.layout, config, Watcher(), repeats)
    seconds = time.monotonic() - started
    return Learnt(codec, trained, config, first_rows(encoded), len(encoded.tokens), round(seconds, 3))


def encoded_with(table: pa.Table, schema: Schema) -> tuple[Codec, Encoded]:
    """Return the encoding of a table, and the table in it."""
    table = conform(table, schema)
    codec = Codec.fit(table, schema)
    return codec, codec.encode(table)[0]


def first_rows(encoded: Encoded) -> Encoded:
    """Return as many records as exported graphs are tried on."""
    some = slice(_EXAMPLES)
    return Encoded(encoded.tokens[some].copy(), encoded.residuals[some].copy(), encoded.arrays[some].copy())
