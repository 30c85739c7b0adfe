"""The synchronous client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

import grpc
import pyarrow as pa

from augment_client import requests, responses
from augment_client.channel import DEFAULT_TARGET, DEFAULT_TIMEOUT_S, channel_options, checked_token
from augment_client.checks import checked_integer, checked_timeout
from augment_client.conditions import Asked
from augment_client.denoise_streams import DenoiseStream
from augment_client.failures import error_of
from augment_client.patience import DEFAULT_RETRIES, MAX_RETRIES, Patience
from augment_client.replicas import Line, Replicas, targets_of
from augment_client.server_info import ServerInfo
from augment_client.streams import RecordStream
from augment_proto.v1 import augment_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from google.protobuf.message import Message

    from augment_client.calls import Call
    from augment_client.conditions import BalanceLike, ConditionsLike
    from augment_client.records import RecordsLike
    from augment_client.results import Denoised, Draws, Latents, ModelInfo, Predictions, Records, Scores

__all__ = ["Client"]

_R = TypeVar("_R", "Records", "Denoised", "Draws", "Latents", "Scores", "Predictions")


class Client:
    """Calls an Augment server. May be used from several threads; close it, or use `with`.

    Records go in as pandas, polars or pyarrow tables, lists of dicts or one dict, and come back as
    `pyarrow.Table` in the types of the data file that the model was trained on: `.to_pandas()` gives
    its dtypes. Large tables are sent in several calls of one model version.

    Every method takes `version` (None: the newest) and `timeout_s` (for each call it takes; None: the
    client's own, or no limit where it generates). All errors are in `augment_client.errors`.

    Args:
        target: `host:port`, or any name that gRPC resolves; several, in a sequence or with commas between,
            are replicas: where one is gone, calls and streams go on at the next.
        timeout_s: How long one call may take.
        retries: How often a broken stream is taken up again before it fails, counted from the last row that
            came; 0: never. By default it takes about 20 seconds until it gives up.
        channel_credentials: `tls_credentials(...)`; None: plain text.
        token: What the server knows the caller by. Sent in plain text only within this machine.

    Example:
        >>> with Client("localhost:50051") as client:  # doctest: +SKIP
        ...     table = client.generate("adult", rows=1000, seed=7)
    """

    def __init__(
        self,
        target: str | Sequence[str] = DEFAULT_TARGET,
        *,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        retries: int = DEFAULT_RETRIES,
        channel_credentials: grpc.ChannelCredentials | None = None,
        token: str | None = None,
    ) -> None:
        self._targets = targets_of(target)
        self._timeout_s = checked_timeout(timeout_s)
        self._retries = checked_integer("retries", retries, 0, MAX_RETRIES)

        def connect(address: str) -> Any:
            options = channel_options(address)
            if channel_credentials is None:
                return grpc.insecure_channel(address, options)
            return grpc.secure_channel(address, channel_credentials, options)

        sent = checked_token(token, self._targets, encrypted=channel_credentials is not None)
        self._replicas = Replicas(self._targets, connect, sent)

    def server_info(self, *, timeout_s: float | None = None) -> ServerInfo:
        """Return the server's version, limits and features."""
        return ServerInfo.of(self._unary("GetServerInfo", pb.GetServerInfoRequest(), timeout_s))

    def models(self, *, timeout_s: float | None = None) -> list[ModelInfo]:
        """Return the newest version of each hosted model, ordered by name."""
        return responses.models(self._unary("ListModels", pb.ListModelsRequest(), timeout_s))

    def model(self, name: str, *, version: int | None = None, timeout_s: float | None = None) -> ModelInfo:
        """Return one model, with its columns and figures."""
        return responses.model(self._unary("GetModel", requests.get_model(name, version), timeout_s))

    def generate(  # noqa: PLR0913 - all that can be asked of generated records
        self,
        name: str,
        rows: int,
        *,
        seed: int | None = None,
        offset: int = 0,
        sampler: str | None = None,
        conditions: ConditionsLike | None = None,
        balance: BalanceLike | None = None,
        steps: int | None = None,
        version: int | None = None,
        timeout_s: float | None = None,
    ) -> pa.Table:
        """Return synthetic records: rows `offset` to `offset + rows` of the seed's endless table.

        Row i of a seed is the same whatever `offset` and `rows`; without a seed the server draws one.

        Args:
            name: The model.
            rows: How many; conditions never make them fewer.
            seed: The same seed gives the same records.
            offset: The first row.
            sampler: One of the model's samplers; None: the first that can do what is asked.
            conditions: What every record satisfies, all at once. Texts: `["age in 30..40",
                "income = >50K", "sex in {Male, Female}", "day < 2024-04-01", "x is not missing"]`, or
                values by column: `{"age": (30, 40), "income": ">50K", "sex": ["Male", "Female"],
                "day": (None, date(2024, 3, 31)), "x": None}`, where a pair is a range with both ends
                included and None is a missing cell.
            balance: A column whose classes shall be equally frequent (`"target"`: the target column of
                the data), or shares: `{"income": {">50K": 0.3, "<=50K": 0.7}}`.
            steps: In how many steps a record is made: fewer are faster and coarser.
            version: The model's version.
            timeout_s: For the whole stream.
        """
        with self.generate_batches(
            name,
            rows,
            seed=seed,
            offset=offset,
            sampler=sampler,
            conditions=conditions,
            balance=balance,
            steps=steps,
            version=version,
            timeout_s=timeout_s,
        ) as stream:
            return pa.Table.from_batches(stream, stream.info.schema)

    def generate_batches(  # noqa: PLR0913 - as above
        self,
        name: str,
        rows: int,
        *,
        seed: int | None = None,
        offset: int = 0,
        sampler: str | None = None,
        conditions: ConditionsLike | None = None,
        balance: BalanceLike | None = None,
        steps: int | None = None,
        version: int | None = None,
        timeout_s: float | None = None,
    ) -> RecordStream:
        """Return an iterator over the same records in batches, in constant memory.

        A stream that breaks because the connection or the server goes away goes on by itself at the next row,
        of the same bundle, at another replica too: no row is lost, none comes twice.
        """
        timeout = None if timeout_s is None else checked_timeout(timeout_s)
        request = requests.generate(
            name,
            rows,
            seed=seed,
            offset=offset,
            sampler=sampler,
            version=version,
            asked=Asked(conditions, balance, steps),
        )
        line = Line.of(self._replicas, "Generate", timeout)
        return RecordStream(request, line, Patience(self._retries, len(self._replicas)))

    def interpolate(
        self,
        name: str,
        start: RecordsLike,
        end: RecordsLike,
        *,
        steps: int = 8,
        method: str = "auto",
        version: int | None = None,
        timeout_s: float | None = None,
    ) -> Records:
        """Return `steps` records on the way from each row of `start` to that row of `end`, ends included.

        Args:
            name: The model.
            start: Records.
            end: As many records.
            steps: Records a pair, from 2 to 10,000.
            method: `guided` through plausible records, `linear` or `slerp` through the latent space;
                `auto`: guided where the model can.
            version: The model's version.
            timeout_s: For each call.
        """
        call = requests.interpolate(name, start, end, steps=steps, method=method, version=version)
        return self._send(call, timeout_s)

    @overload
    def denoise(
        self,
        name: str,
        records: RecordsLike,
        *,
        threshold: float | None = None,
        numbers: str | None = None,
        draws: None = None,
        seed: int | None = None,
        first_row: int = 0,
        version: int | None = None,
        timeout_s: float | None = None,
    ) -> Denoised: ...

    @overload
    def denoise(
        self,
        name: str,
        records: RecordsLike,
        *,
        threshold: float | None = None,
        numbers: str | None = None,
        draws: int,
        seed: int | None = None,
        first_row: int = 0,
        version: int | None = None,
        timeout_s: float | None = None,
    ) -> Draws: ...

    def denoise(  # noqa: PLR0913 - all that can be asked of repaired records
        self,
        name: str,
        records: RecordsLike,
        *,
        threshold: float | None = None,
        numbers: str | None = None,
        draws: int | None = None,
        seed: int | None = None,
        first_row: int = 0,
        version: int | None = None,
        timeout_s: float | None = None,
    ) -> Denoised | Draws:
        """Return the records with missing cells imputed and doubtful ones repaired.

        Args:
            name: The model.
            records: Columns may be left out: they are imputed.
            threshold: A cell is repaired where the probability that it is intact is below this; 0: impute
                only, from given cells that count as right. None: 0.5, or 0 with `draws`.
            numbers: What stands for a number: its `mean` (the value nearest to it), which has the least
                squared error, or its `median`. None: the mean.
            draws: How many completed tables to draw, for multiple imputation: at most 1,000. Each has all
                missing cells of a row drawn together. None: one table of the best guesses.
            seed: Of the draws; draw k of a seed is the same whatever their number. None: one is drawn,
                and told in the result.
            first_row: The number of the first row, where a long table comes in several calls: the draws,
                and identifiers that are made up, go on from there.
            version: The model's version.
            timeout_s: For each call.
        """
        asked = requests.Repair(threshold, numbers, first_row)
        if draws is None:
            return self._send(requests.denoise(name, records, asked, version=version), timeout_s)
        drawn = requests.draws(name, records, asked, count=draws, seed=seed, version=version)
        return self._send(drawn, timeout_s)

    def denoise_batches(
        self,
        name: str,
        batches: Iterable[RecordsLike],
        *,
        threshold: float | None = None,
        numbers: str | None = None,
        first_row: int = 0,
        version: int | None = None,
        timeout_s: float | None = None,
    ) -> DenoiseStream:
        """Return an iterator over the same for tables of any length, in constant memory at both ends.

        The parts are in order; a large batch comes back in several. A stream that breaks because the
        connection or the server goes away goes on by itself with what was not answered. What `batches`
        raises is raised as it is, and closes the stream.

        Args:
            name: The model.
            batches: The records, in portions; read as the parts are taken.
            threshold: As in `denoise`.
            numbers: As in `denoise`.
            first_row: The number of the first row of all.
            version: The model's version.
            timeout_s: For the whole stream; None: no limit.
        """
        timeout = None if timeout_s is None else checked_timeout(timeout_s)
        asked = requests.Repair(threshold, numbers, first_row)
        header = requests.denoise_header(name, asked, version=version)
        line = Line.of(self._replicas, "DenoiseStream", timeout)
        return DenoiseStream(header, batches, first_row, line, Patience(self._retries, len(self._replicas)))

    def encode(
        self, name: str, records: RecordsLike, *, version: int | None = None, timeout_s: float | None = None
    ) -> Latents:
        """Return the latent vector of each record."""
        return self._send(requests.encode(name, records, version=version), timeout_s)

    def decode(
        self, name: str, latent: RecordsLike, *, version: int | None = None, timeout_s: float | None = None
    ) -> pa.Table:
        """Return the most likely record of each latent vector: columns `latent_0` and so on."""
        return self._send(requests.decode(name, latent, version=version), timeout_s).records

    def reconstruct(
        self, name: str, records: RecordsLike, *, version: int | None = None, timeout_s: float | None = None
    ) -> Records:
        """Return each record encoded and decoded again."""
        return self._send(requests.reconstruct(name, records, version=version), timeout_s)

    def score(
        self, name: str, records: RecordsLike, *, version: int | None = None, timeout_s: float | None = None
    ) -> Scores:
        """Return how unusual each record is, and the percentile of that among held-out training rows."""
        return self._send(requests.score(name, records, version=version), timeout_s)

    def predict(
        self, name: str, records: RecordsLike, *, version: int | None = None, timeout_s: float | None = None
    ) -> Predictions:
        """Return the likeliest class of each record and the probability of each class, or a value."""
        return self._send(requests.predict(name, records, version=version), timeout_s)

    def close(self) -> None:
        """End all calls and close the connections."""
        for channel in self._replicas.close():
            channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({', '.join(self._targets)!r})"

    def _send(self, call: Call[_R], timeout_s: float | None) -> _R:
        if not call.is_large:
            return call.read(self._unary(call.method, call.message(), timeout_s))
        model = self.model(call.model, version=call.version or None, timeout_s=timeout_s)
        answers = [self._unary(call.method, message, timeout_s) for message in call.messages(model)]
        return call.join(answers, model)

    def _unary(self, method: str, message: Message, timeout_s: float | None) -> Any:
        timeout = self._timeout_s if timeout_s is None else checked_timeout(timeout_s)
        left = len(self._replicas)
        while True:
            stub = self._replicas.stub
            try:
                return getattr(stub, method)(message, timeout=timeout, metadata=self._replicas.metadata)
            except grpc.RpcError as error:
                failure, left = error_of(error), left - 1
                if not left or not isinstance(failure, ConnectionError):
                    raise failure from error
                self._replicas.leave(stub)
