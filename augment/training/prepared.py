"""A data set that is ready to be trained on: in memory, or in a file."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import torch

from augment.data import Codec, Encoded, EncodingTables, conform
from augment.data.extending import extended_codec, recounted
from augment.data.large_codec import fit_large, widen_large
from augment.data.record_file import RecordFile, RecordForm, RecordWriter
from augment.training.choosing import choose_rows
from augment.training.encoded_store import EncodedStore, encoded_store, store_key
from augment.training.fingerprint import data_sha256
from augment.training.split import heldout_rows, split_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from augment.data import Schema
    from augment.data.large_table import LargeTable
    from augment.training.config import TrainConfig
    from augment.training.weights import WarmStart

__all__ = ["Prepared", "prepared_large", "prepared_table"]

_JUDGED_ROWS = 100_000


@dataclass(frozen=True)
class Prepared:
    """Encoded records, and what else is asked of them.

    Attributes:
        codec: Their encoding.
        records: All of them.
        rows: How many there are.
        data_sha256: What names them.
        examples: The first, at least, to try graphs on.
        shown: Returns training rows and held-out rows for the judge.
        novelty: Returns how far held-out records lie outside the encoding, `Codec.novelty`.
        store: The directory of the records; None: they are in memory.
    """

    codec: Codec
    records: Encoded | RecordFile
    rows: int
    data_sha256: str
    examples: Encoded
    shown: Callable[[], tuple[pa.Table, pa.Table]]
    novelty: Callable[[], NDArray[np.float64]]
    store: EncodedStore | None = None

    def finish(self) -> None:
        """Say that nobody needs the records any more."""
        if self.store is not None:
            self.store.finished = True


@contextmanager
def prepared_table(
    table: pa.Table, schema: Schema, config: TrainConfig, warm: WarmStart | None
) -> Iterator[Prepared]:
    """Encode a table that conforms to its schema."""
    codec = Codec.fit(table, schema) if warm is None else extended_codec(warm.codec, table, schema)
    encoded, _ = codec.encode(table)

    def shown() -> tuple[pa.Table, pa.Table]:
        split = split_rows(table.num_rows, config.holdout, config.seed)
        train, heldout = (table.take(pa.array(rows.numpy())) for rows in (split.train, split.heldout))
        return train, heldout

    def novelty() -> NDArray[np.float64]:
        return codec.novelty(shown()[1])

    yield Prepared(codec, encoded, table.num_rows, data_sha256(codec, encoded), encoded, shown, novelty)


@contextmanager
def prepared_large(
    large: LargeTable,
    schema: Schema,
    config: TrainConfig,
    warm: WarmStart | None,
    parent: Path | None,
    tell: Callable[[str], None],
) -> Iterator[Prepared]:
    """Encode a table to a file, or take up the file of a run that did not come to its end.

    Args:
        large: The table.
        schema: Its columns.
        config: How it will be trained.
        warm: The bundle to go on from; None: none.
        parent: Where the file's directory is made; None: a temporary one.
        tell: Is told what is done.

    Raises:
        SchemaError: A row does not fit the schema.
        DataFileError: A part cannot be read.
        PublishError: The file cannot be written.
    """
    key = store_key(large, schema, config, None if warm is None else warm.digest)
    heldout = heldout_rows(large.rows, config.holdout, config.seed).numpy()
    with encoded_store(parent, key) as store:
        saved = store.encoding()
        if saved is None:
            with store.filling():
                saved = _encode(large, schema, warm, heldout, store, tell)
        else:
            tell(f"taking up the encoded records in {store.path}")
        codec = Codec(schema, EncodingTables.model_validate_json(saved["tables"]))
        records = RecordFile(store.records, RecordForm.of(codec))

        def shown() -> tuple[pa.Table, pa.Table]:
            return _sample_without(large, schema, heldout, config.seed), store.heldout()

        def novelty() -> NDArray[np.float64]:
            return codec.novelty(store.heldout())

        examples = records.gather(np.arange(min(len(records), config.block_rows)))
        yield Prepared(codec, records, large.rows, saved["data_sha256"], examples, shown, novelty, store)


def _encode(
    large: LargeTable,
    schema: Schema,
    warm: WarmStart | None,
    heldout: np.ndarray,
    store: EncodedStore,
    tell: Callable[[str], None],
) -> dict[str, str]:
    """Fill the store; returns what it says of itself."""
    tell(f"counting the categories of {large.rows:,} rows")
    codec = fit_large(large, schema) if warm is None else widen_large(warm.codec, large, schema)
    store.require_room(large.rows * RecordForm.of(codec).dtype.itemsize)
    tell(f"encoding {large.rows:,} rows to {store.path}")
    kept: list[pa.Table] = []
    first_row = 0
    with RecordWriter(store.records, codec) as writer:
        for table in large.tables(schema):
            writer.append(codec.encode(table)[0])
            begin, end = np.searchsorted(heldout, [first_row, first_row + table.num_rows])
            kept.append(table.take(pa.array(heldout[begin:end] - first_row)))
            first_row += table.num_rows
        writer.sync()
    store.write_heldout(pa.concat_tables(kept).combine_chunks())
    codec = recounted(codec, writer.counts, anew=warm is None)
    name = data_sha256(codec, RecordFile(store.records, RecordForm.of(codec)))
    saved = {"tables": codec.tables.model_dump_json(), "data_sha256": name}
    store.save(saved)
    return saved


def _sample_without(large: LargeTable, schema: Schema, heldout: np.ndarray, seed: int) -> pa.Table:
    """Return 100,000 rows of the sample, at most, in their order, that are trained on."""
    places = np.flatnonzero(~np.isin(large.numbers, heldout))
    if len(places) > _JUDGED_ROWS:
        chosen = choose_rows(len(places), _JUDGED_ROWS, torch.Generator().manual_seed(seed))
        places = places[np.sort(chosen.numpy())]
    return conform(large.sample.take(pa.array(places)), schema)
