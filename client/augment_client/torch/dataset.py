"""`SyntheticDataset`: real and synthetic rows for a `DataLoader`."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from numbers import Real
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import IterableDataset

from augment_client.checks import MAX_ROW, checked_integer, checked_name, checked_version
from augment_client.conditions import Asked
from augment_client.errors import InvalidRequestError, ProtocolError
from augment_client.records import to_table
from augment_client.torch.ahead import Ahead
from augment_client.torch.encoding import Encoding
from augment_client.torch.mixture import Mixture, Order
from augment_client.torch.plain import conform, plain_schema
from augment_client.torch.shard import Shard, rank_and_world, require_ranks
from augment_client.torch.source import Source, Wish
from augment_client.torch.state import Plan, State
from augment_client.torch.walk import mixed, split

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pyarrow as pa

    from augment_client.conditions import BalanceLike, ConditionsLike
    from augment_client.records import RecordsLike
    from augment_client.results import ModelInfo
    from augment_client.torch.source import Connect

__all__ = ["SyntheticDataset"]

_MAX_RATIO = 1e6
_MAX_BATCH = 2**24
_MAX_PREFETCH = 2**20
_ROWS_AT_ONCE = 256  # of rows that are given out one by one
_EPOCH, _VERSION, _WAS_THERE = 0, 1, 2


class SyntheticDataset(IterableDataset[Any]):
    """Real rows, each once an epoch, among synthetic rows from an Augment server, none of which comes twice.

    The order is decided by `seed`, the epoch, and the numbers of ranks and workers, and by nothing else; a
    rank's batches are the same ones whatever the number of its workers. Together, all give each row once.
    Ranks get equally many rows, so that none waits for a batch that another does not have: up to `world - 1`
    more synthetic ones see to that or, where there are none, as many real ones that an epoch leaves out.

    Workers connect by themselves when they begin. Where the server goes away they go on at the row where they
    were, if it is back within a minute.

    Call `set_epoch` before each epoch, as with torch's `DistributedSampler`: it reshuffles the real rows and
    moves on to fresh synthetic ones. `state_dict` and `load_state_dict` are those that torchdata's
    `StatefulDataLoader` calls in each worker; a resumed walk gives exactly the rows that were left.

    Example:
        >>> dataset = SyntheticDataset("host:50051", "adult", real=frame, batch_size=256)  # doctest: +SKIP
        >>> loader = DataLoader(dataset, batch_size=None, num_workers=2)  # doctest: +SKIP

    Args:
        target: The server, as `Client` takes it; or a callable that returns a `Client`, for TLS and tokens,
            which is called in each worker.
        model: The model's name, also `name@alias`.
        real: Records, as `Client` takes them, with the model's columns; others are left out. None: none.
        ratio: Synthetic rows a real row; None: 1. 0 gives real rows alone, for comparison.
        rows: Synthetic rows an epoch, instead of `ratio`; needed where there are no real rows.
        seed: Of the order and of the synthetic rows.
        fresh: Whether each epoch has synthetic rows of its own, or all the same.
        batch_size: Rows a batch; give the `DataLoader` `batch_size=None` then. None: rows one by one, which
            the `DataLoader` makes batches of, at more cost.
        columns: Which columns become tensors; None: all but identifiers and text. See `Encoding`.
        transform: Makes of a `pyarrow.RecordBatch`, with a column `_synthetic`, what is given out instead of
            tensors by column; without `batch_size` a dict, a tuple, or anything that takes a row's number.
        conditions: What every synthetic row satisfies, as in `Client.generate`, like the next three.
        balance: Classes to make equally frequent among synthetic rows.
        sampler: One of the model's samplers.
        steps: In how many steps a row is made.
        version: The model's version. None: the newest when the first worker of this process asks. Say it
            where several ranks train: the newest may change meanwhile.
        prefetch: Rows that a worker asks for at once, and ahead; at most twice as many wait.
        rank: Of this process among those that train together; None: as torch.distributed or torchrun say when
            the dataset is made.
        world: How many there are.

    Raises:
        InvalidRequestError: A parameter is out of its range; found without a server. When rows are wanted:
            torch.distributed began after the dataset was made, and says another rank.
    """

    def __init__(  # noqa: PLR0913 - all that can be asked of rows and their order
        self,
        target: Connect,
        model: str,
        *,
        real: RecordsLike | None = None,
        ratio: float | None = None,
        rows: int | None = None,
        seed: int = 0,
        fresh: bool = True,
        batch_size: int | None = None,
        columns: Sequence[str] | None = None,
        transform: Callable[[pa.RecordBatch], Any] | None = None,
        conditions: ConditionsLike | None = None,
        balance: BalanceLike | None = None,
        sampler: str | None = None,
        steps: int | None = None,
        version: int | None = None,
        prefetch: int = 8192,
        rank: int | None = None,
        world: int | None = None,
    ) -> None:
        super().__init__()
        if version is not None and "@" in checked_name(model):
            raise InvalidRequestError.of("version", "must not be given with an alias", version)
        self._wish = Wish(target, checked_name(model), seed, sampler, Asked(conditions, balance, steps))
        self._rank, self._world = rank_and_world(rank, world)
        self._found_rank = rank is None
        self._real = None if real is None else to_table(real, "real")
        count = 0 if self._real is None else self._real.num_rows
        self._mixture = Mixture.of(count, _synthetic_rows(count, ratio, rows), self._world)
        self._fresh = fresh
        self._batch_size = (
            0 if batch_size is None else checked_integer("batch_size", batch_size, 1, _MAX_BATCH)
        )
        self._columns = None if columns is None else tuple(columns)
        self._transform = transform
        self._prefetch = checked_integer("prefetch", prefetch, 1, _MAX_PREFETCH)
        # What this process and its workers must agree on, those included that outlive an epoch.
        self._shared = torch.tensor([0, checked_version(version), 0], dtype=torch.int64)
        self._shared.share_memory_()  # type: ignore[no-untyped-call] # torch gives it no types
        self._begun: State | None = None
        self._resumed: State | None = None
        self._conformed: pa.Table | None = None

    @property
    def epoch(self) -> int:
        """The epoch that the next walk is of."""
        return int(self._shared[_EPOCH])

    def set_epoch(self, epoch: int) -> None:
        """Let the next walk be of that epoch, in workers that already run too."""
        self._shared[_EPOCH] = checked_integer(
            "epoch", epoch, 0, MAX_ROW // max(1, self._mixture.synthetic) - 1
        )

    def describe(self) -> ModelInfo:
        """Return the model: columns, categories, version. Later walks are of that version.

        The process has used gRPC after that: give a `DataLoader` with workers
        `multiprocessing_context="forkserver"`.

        Raises:
            ClientError: The server is not there, or does not know the model.
        """
        with closing(self._connected(None)) as source:
            return source.info

    def state_dict(self) -> dict[str, Any]:
        """Return where the last walk of this process stands: numbers and texts alone."""
        at = self._resumed or self._begun or State(self._plan(), self.epoch, 0)
        return at.to_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Let the next walk go on where a state was taken.

        Raises:
            InvalidRequestError: It is no state of ours.
        """
        self._resumed = State.of(state)

    def __len__(self) -> int:
        """Return how many batches, or rows where there are no batches, this rank gets in an epoch."""
        rows = len(Shard(self._rank, self._world).rank_span(self._mixture.total))
        return -(-rows // self._batch_size) if self._batch_size else rows

    def __iter__(self) -> Iterator[Any]:
        plan = self._plan()
        begun = self._resumed or State(plan, self.epoch, 0)
        begun.require(plan)
        self._resumed, self._begun = None, begun
        return self._walk(begun)

    def __getstate__(self) -> dict[str, Any]:
        self._require_ranks()  # here, for a worker that is no fork knows of no other rank
        return {**self.__dict__, "_conformed": None}  # made again where it is used

    def _require_ranks(self) -> None:
        if self._found_rank:
            require_ranks(self._rank, self._world)

    def _plan(self) -> Plan:
        self._require_ranks()
        shard = Shard.here(self._rank, self._world)
        return Plan(
            real_rows=self._mixture.real + self._mixture.left_out,
            synthetic_rows=self._mixture.synthetic,
            seed=self._wish.seed,
            fresh=self._fresh,
            batch_size=self._batch_size,
            request=self._wish.text(),
            rank=shard.rank,
            world=shard.world,
            worker=shard.worker,
            workers=shard.workers,
        )

    def _walk(self, at: State) -> Iterator[Any]:
        """Yield what is left of an epoch, and note before each item where it ends."""
        plan, size = at.plan, self._batch_size or _ROWS_AT_ONCE
        span = Shard(plan.rank, plan.world, plan.worker, plan.workers).span(
            self._mixture.total, self._batch_size or 1
        )
        left = span[at.rows :]
        if not left:
            return
        with closing(self._connected(at)) as source:
            at = replace(at, version=source.info.version, digest=source.info.digest)
            make, real = self._maker(source.info), self._real_rows(source.info)
            order = Order(self._mixture, plan.seed, at.epoch)
            with closing(Ahead(source, self._addresses(left, at.epoch), self._prefetch)) as ahead:
                for start in range(left.start, left.stop, size):
                    stop = min(start + size, left.stop)
                    made = make(mixed(order, real, ahead, start, stop))
                    for end, item in self._items(made, start - span.start, stop - span.start):
                        self._begun = replace(at, rows=end)
                        yield item

    def _items(self, made: Any, start: int, stop: int) -> Iterator[tuple[int, Any]]:
        """Yield each item with the number of rows that have been given out with it."""
        if self._batch_size:
            yield stop, made
        else:
            yield from enumerate(split(made, stop - start), start + 1)

    def _addresses(self, left: range, epoch: int) -> range:
        """Return the rows of the seed's endless table that stand at some positions of an epoch."""
        before = self._mixture.synthetic_before
        first = epoch * self._mixture.synthetic if self._fresh else 0
        return range(first + before(left.start), first + before(left.stop))

    def _connected(self, at: State | None) -> Source:
        """Return a connection to the version that this walk, and all of this process, are of."""
        known = at.version if at is not None else 0
        version = known or int(self._shared[_VERSION]) or None
        source = Source(self._wish, version, was_there=bool(self._shared[_WAS_THERE]))
        if at is not None and at.digest not in ("", source.info.digest):
            source.close()
            raise ProtocolError.of(f"must be of the bundle {at.digest}, as the state is", source.info.digest)
        self._shared[_VERSION], self._shared[_WAS_THERE] = source.info.version, 1
        return source

    def _maker(self, info: ModelInfo) -> Callable[[pa.RecordBatch], Any]:
        return self._transform or Encoding.of(info, self._columns).tensors

    def _real_rows(self, info: ModelInfo) -> pa.Table:
        schema = plain_schema(info.schema)
        if self._real is None:
            return schema.empty_table()
        if self._conformed is None:
            self._conformed = conform(self._real, schema)
        return self._conformed


def _synthetic_rows(real: int, ratio: float | None, rows: int | None) -> int:
    """Return how many synthetic rows an epoch has.

    Raises:
        InvalidRequestError: Both or neither are given, or one is out of its range.
    """
    if rows is not None:
        if ratio is not None:
            raise InvalidRequestError.of("ratio", "must not be given with rows", ratio)
        return checked_integer("rows", rows, 0 if real else 1, MAX_ROW)
    if not real:
        raise InvalidRequestError.of("rows", "must be given where there are no real rows", rows)
    return real if ratio is None else round(real * _checked_ratio(ratio))


def _checked_ratio(ratio: object) -> float:
    if isinstance(ratio, bool) or not isinstance(ratio, Real) or not 0 <= float(ratio) <= _MAX_RATIO:
        raise InvalidRequestError.of("ratio", f"must be a number in [0, {_MAX_RATIO:.0f}]", ratio)
    return float(ratio)
