"""Synthetic rows of one bundle, from a server that may come and go."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from augment_client import requests
from augment_client.channel import is_forked
from augment_client.client import Client
from augment_client.conditions import Asked
from augment_client.errors import ClientError, InvalidRequestError, ProtocolError
from augment_client.patience import Patience

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from augment_client.results import ModelInfo
    from augment_client.streams import RecordStream

__all__ = ["Connect", "Source", "Wish"]

Connect = str | Sequence[str] | Callable[[], Client]
"""Where the server is, as `Client` takes it, or what makes a client."""
_R = TypeVar("_R")
_RETRIES = 20  # about a minute: a run that took hours waits for a server that is deployed anew


@dataclass(frozen=True)
class Wish:
    """What is asked of synthetic rows.

    Attributes:
        connect: Where the server is, or what makes a client.
        model: The model's name.
        seed: Of the endless table that rows are taken from.
        sampler: As in `Client.generate`, like the rest.
    """

    connect: Connect
    model: str
    seed: int
    sampler: str | None = None
    asked: Asked = field(default_factory=Asked)

    def __post_init__(self) -> None:
        known = isinstance(self.connect, str | Sequence) or callable(self.connect)
        if not known or not self.connect:
            rule = "must be host:port, several of them, or a callable that returns a Client"
            raise InvalidRequestError.of("target", rule, self.connect)
        self.text()

    def text(self) -> str:
        """Return the request as text, all its parts checked: two wishes of one text get the same rows."""
        request = requests.generate(
            self.model, 1, seed=self.seed, offset=0, sampler=self.sampler, version=None, asked=self.asked
        )
        return request.SerializeToString(deterministic=True).hex()

    def client(self) -> Client:
        """Return a connected client."""
        return self.connect() if callable(self.connect) else Client(self.connect, retries=_RETRIES)


class Source:
    """A connection for one walk over the rows; opened where it is used, so that it never crosses a fork.

    Args:
        wish: What is asked for.
        version: The model's version; None: the newest.
        was_there: Whether the server has answered before, and is therefore waited for.

    Attributes:
        info: The model, which stays the same for the whole walk.

    Raises:
        ClientError: The server is not there, or does not know the model.
    """

    def __init__(self, wish: Wish, version: int | None, *, was_there: bool) -> None:
        _refuse_forked()
        self._wish = wish
        self._closed = threading.Event()
        self._stream: RecordStream | None = None
        self._client = wish.client()
        name = wish.model if version is None else wish.model.partition("@")[0]  # an alias may move meanwhile
        try:
            self.info: ModelInfo = self._patiently(
                lambda: self._client.model(name, version=version), began=was_there
            )
        except ClientError:
            self._client.close()
            raise

    @property
    def schema(self) -> pa.Schema:
        """Columns and types of the batches, without metadata."""
        return self.info.schema.remove_metadata()

    def batches(self, rows: range) -> Iterator[pa.RecordBatch]:
        """Yield rows in batches; goes on by itself where the server goes away and comes again.

        Raises:
            ClientError: It does not come again in time, or refuses.
        """
        with self._patiently(lambda: self._open(rows), began=True) as stream:
            self._stream = stream
            if self._closed.is_set():
                return
            if stream.info.digest != self.info.digest:
                raise ProtocolError.of(f"must be of the bundle {self.info.digest}", stream.info.digest)
            for batch in stream:
                yield batch.replace_schema_metadata(None)

    def close(self) -> None:
        """Cancel what runs and close the connection."""
        self._closed.set()
        if self._stream is not None:
            self._stream.close()
        self._client.close()

    def _open(self, rows: range) -> RecordStream:
        wish, asked = self._wish, self._wish.asked
        return self._client.generate_batches(
            self.info.name,
            len(rows),
            seed=wish.seed,
            offset=rows.start,
            sampler=wish.sampler,
            conditions=asked.conditions,
            balance=asked.balance,
            steps=asked.steps,
            version=self.info.version,
        )

    def _patiently(self, call: Callable[[], _R], *, began: bool) -> _R:
        """Return what a call returns, once the server is there: a new stream is not taken up by itself."""
        patience = Patience(_RETRIES)
        while True:
            try:
                return call()
            except ClientError as error:
                if self._closed.wait(patience.wait_s(error, began=began)):
                    raise


def _refuse_forked() -> None:
    """Tell at once what would otherwise hang."""
    if is_forked():
        rule = "must not be 'fork' once the process has used gRPC, as this one's parent has"
        remedy = "Give the DataLoader multiprocessing_context='forkserver', or set GRPC_ENABLE_FORK_SUPPORT=1"
        raise InvalidRequestError.of("multiprocessing_context", rule, "fork", remedy)
