"""Rows that a thread fetches before they are wanted."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Protocol, Self

import pyarrow as pa

from augment_client.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Ahead", "Fetching"]

_JOIN_S = 10.0


class Fetching(Protocol):
    """Where rows come from."""

    @property
    def schema(self) -> pa.Schema:
        """Columns and types of the batches."""
        ...

    def batches(self, rows: range) -> Iterator[pa.RecordBatch]:
        """Yield the rows in order."""
        ...

    def close(self) -> None:
        """End what runs, in whatever thread."""
        ...


class Ahead:
    """Consecutive rows, fetched in portions by a thread of its own, of which at most two wait.

    A portion is fetched to its end without a pause, so that no stream stands idle while a model trains,
    however long that takes: servers cut off who does not read.

    Args:
        source: Where they come from; closed with this.
        rows: Which.
        portion: How many to ask for at once. The next portion is begun when fewer than that wait.
    """

    def __init__(self, source: Fetching, rows: range, portion: int) -> None:
        self._source = source
        self._rows = rows
        self._portion = portion
        self._changed = threading.Condition()
        self._ready: deque[pa.RecordBatch] = deque()
        self._waiting = 0
        self._closed = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="augment-rows", daemon=True)

    def take(self, rows: int) -> pa.Table:
        """Return the next rows; waits for them.

        Raises:
            ClientError: They cannot be had.
        """
        if rows and self._thread.ident is None:
            self._thread.start()
        taken: list[pa.RecordBatch] = []
        while rows:
            taken.append(self._next(rows))
            rows -= taken[-1].num_rows
        return pa.Table.from_batches(taken, self._source.schema)

    def close(self) -> None:
        """End the thread and the source."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._source.close()
        if self._thread.ident is not None:
            self._thread.join(_JOIN_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _next(self, most: int) -> pa.RecordBatch:
        """Return the next batch, or so many rows of it."""
        with self._changed:
            self._changed.wait_for(lambda: self._ready or self._error is not None)
            if not self._ready and self._error is not None:
                raise self._error
            batch = self._ready.popleft()
            if batch.num_rows > most:
                self._ready.appendleft(batch.slice(most))
                batch = batch.slice(0, most)
            self._waiting -= batch.num_rows
            self._changed.notify_all()
        return batch

    def _run(self) -> None:
        try:
            for portion in self._portions():
                if not self._has_room():
                    return
                for batch in self._source.batches(portion):
                    self._put(batch)
            self._end(ProtocolError.of("must have the rows that are asked for", "fewer"))
        except BaseException as error:  # noqa: BLE001 - raised again where the rows are wanted
            self._end(error)

    def _end(self, error: BaseException) -> None:
        """Let `error` be what comes after the rows that are there."""
        with self._changed:
            self._error = error
            self._changed.notify_all()

    def _portions(self) -> Iterator[range]:
        """Yield the rows in portions that end at multiples of their size, where blocks of noise end too."""
        start = self._rows.start
        while start < self._rows.stop:
            stop = min(self._rows.stop, start - start % self._portion + self._portion)
            yield range(start, stop)
            start = stop

    def _has_room(self) -> bool:
        """Wait until a portion may be fetched; False: no more is wanted."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._waiting < self._portion)
            return not self._closed

    def _put(self, batch: pa.RecordBatch) -> None:
        with self._changed:
            self._ready.append(batch)
            self._waiting += batch.num_rows
            self._changed.notify_all()
