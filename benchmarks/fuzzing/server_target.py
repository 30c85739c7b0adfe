"""A live server: bodies to every method, several at a time, and what becomes of the process meanwhile."""

from __future__ import annotations

import asyncio
import itertools
import random
import shutil
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc

from fuzzing.bodies import body, methods
from fuzzing.bundles import NAME
from fuzzing.memory import Growth
from fuzzing.renaming import renamed
from fuzzing.streams import bombs, seed_streams
from fuzzing.verdicts import MAX_SECONDS, MESSAGE_MIB, Case, Tally, Violation, keep
from serving.processes import ServedProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fuzzing.bodies import Method
    from fuzzing.options import Options

__all__ = ["run_bodies", "run_bombs"]

_SPARE = "spare"
_TOKEN = "fuzz-token-fuzz-token"  # noqa: S105 - of a server that lives for a minute
_FLAGS = ("--max-rows-per-request", "4096", "--watch-s", "0", "--idle-s", "5", "--threads", "1")
_AT_A_TIME = {"bodies": 8, "bombs": 1}
_SAMPLE = {"bodies": 100, "bombs": 1}
_WARM = {
    "bodies": 3000,
    "bombs": 6,
}  # growth counts from there: one message of the largest size was among them
_DEADLINE_S = 20.0
_MOST_ANSWERS = 2
_MOST_AGAIN = 200
_LARGE = 2**20
_ZEROS_MIB = (15, 17, 32)
_NEVER = {grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL, grpc.StatusCode.DATA_LOSS}


@dataclass(frozen=True)
class _Call:
    number: int
    method: Method
    bodies: tuple[bytes, ...]
    metadata: tuple[tuple[str, str | bytes], ...] = ()
    compression: grpc.Compression = grpc.Compression.NoCompression

    @property
    def case(self) -> Case:
        return Case(self.method.path, {f"body-{place}": data for place, data in enumerate(self.bodies)})


class _Caller:
    """Makes calls and counts how they end.

    Args:
        options: Where broken inputs are kept.
        tally: Where ends are counted.
        server: Whom it calls.
    """

    def __init__(self, options: Options, tally: Tally, server: ServedProcess) -> None:
        self._keep = options.keep
        self._tally = tally
        self._server = server
        self._slow: list[_Call] = []
        self._channel = grpc.insecure_channel(server.target, [("grpc.max_send_message_length", -1)])
        self._growth = Growth(server.pid)
        self._token = (("authorization", f"Bearer {_TOKEN}"),)

    async def run(self, calls: Iterator[_Call], until: float) -> None:
        """Make the calls, several at a time, until there is no more, no time, or no server."""
        options = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
        address = f"127.0.0.1:{self._server.admin_port}"
        async with (
            grpc.aio.insecure_channel(self._server.target, options) as channel,
            grpc.aio.insecure_channel(address, options) as admin,
        ):
            await asyncio.gather(
                *(self._some(calls, (channel, admin), until) for _ in range(_AT_A_TIME[self._tally.target]))
            )
            for call in self._slow[:_MOST_AGAIN]:
                await self._alone(call, (channel, admin))
        self._tally.peak_mib = self._growth.peak_mib()

    async def _some(self, calls: Iterator[_Call], channels: tuple[Any, Any], until: float) -> None:
        for call in calls:
            end, seconds = await self._end(call, channels)
            self._count(call, end, seconds)
            if self._tally.tried % _SAMPLE[self._tally.target] == 0:
                self._tally.growth_mib = max(self._tally.growth_mib, self._growth.now_mib())
            if self._tally.tried == _WARM[self._tally.target]:
                self._growth.rebase()
                self._tally.growth_mib = 0.0
            if time.monotonic() > until or self._tally.exits:
                return

    def _count(self, call: _Call, end: grpc.StatusCode, seconds: float) -> None:
        if seconds > MAX_SECONDS and not call.method.endless:
            self._slow.append(call)
            seconds = 0.0
        self._tally.count(call.number, end.name, seconds)
        if not self._server.is_running():
            self._tally.exits += 1
            self._broken(call, "the server ended during this call or one beside it")
        elif end in _NEVER:
            self._broken(call, f"{call.method.path} ended with {end.name}")

    def _broken(self, call: _Call, why: str) -> None:
        self._tally.violations.append(Violation(call.number, why))
        place = keep(self._keep, self._tally, call.number, call.case, why)
        sys.stdout.write(f"BROKEN: {place}: {why}\n")

    async def _alone(self, call: _Call, channels: tuple[Any, Any]) -> None:
        """Try a slow one again with none beside it; the best of three counts."""
        best = min([(await self._end(call, channels))[1] for _ in range(3)])
        if best > self._tally.slowest_s:
            self._tally.slowest_s, self._tally.slowest = best, call.number
        if best > MAX_SECONDS:
            self._broken(call, f"{call.method.path} took {best:.2f} s")

    async def _end(self, call: _Call, channels: tuple[Any, Any]) -> tuple[grpc.StatusCode, float]:
        """Return how a call ended and after how long."""
        if call.method.streams or len(call.bodies[0]) > _LARGE:
            return await asyncio.to_thread(self._streamed, call)
        began = time.monotonic()
        made = channels[call.method.admin].stream_stream(call.method.path)(
            timeout=_DEADLINE_S,
            metadata=(*call.metadata, *(self._token if call.method.admin else ())),
            compression=call.compression,
        )
        await made.write(call.bodies[0])
        await made.done_writing()
        with suppress(grpc.aio.AioRpcError):
            for _ in range(1 if call.method.endless else _MOST_ANSWERS):
                if await made.read() is grpc.aio.EOF:
                    return await made.code(), time.monotonic() - began
            made.cancel()
            return grpc.StatusCode.OK, time.monotonic() - began
        return await made.code(), time.monotonic() - began

    def _streamed(self, call: _Call) -> tuple[grpc.StatusCode, float]:
        """Likewise, of several or large requests: grpc.aio loses the status of a call that ends meanwhile."""
        began = time.monotonic()
        method: Any = self._channel.stream_stream(call.method.path)
        made = method(
            iter(call.bodies), timeout=_DEADLINE_S, metadata=call.metadata, compression=call.compression
        )
        try:
            for _ in itertools.islice(made, _MOST_ANSWERS):
                pass
        except grpc.RpcError:
            return made.code(), time.monotonic() - began
        made.cancel()
        return grpc.StatusCode.OK, time.monotonic() - began


def run_bodies(options: Options) -> Tally:
    """Return what became of bodies to every method."""
    return _run("bodies", options, options.count_of("bodies"), _bodies)


def run_bombs(options: Options) -> Tally:
    """Return what became of messages that are small to send and large to take in."""
    return _run("bombs", options, len(list(_bombs(options, 0))), _bombs)


def _run(name: str, options: Options, count: int, calls: Callable[[Options, int], Iterator[_Call]]) -> Tally:
    tally = Tally(name, options.seed, count, most_growth_mib=2.0 * MESSAGE_MIB)
    with tempfile.TemporaryDirectory() as scratch:
        models = Path(scratch) / "models"
        shutil.copytree(options.models, models)
        renamed(models / NAME / "1", models / _SPARE / "1", _SPARE)
        token = Path(scratch) / "token"
        token.write_text(_TOKEN)
        flags = ("--admin-port", "0", "--admin-token-file", str(token), *_FLAGS)
        with ServedProcess(models, Path(scratch) / "log", *flags) as server:
            began = time.monotonic()
            caller = _Caller(options, tally, server)
            asyncio.run(caller.run(calls(options, count), began + options.seconds))
            tally.seconds = time.monotonic() - began
            for fault in server.events("fault"):
                sys.stdout.write(f"the server's log: {fault.get('exception', fault)}\n")
    return tally


def _bodies(options: Options, count: int) -> Iterator[_Call]:
    every, streams = methods(), seed_streams()
    for number in range(options.first, options.first + count):
        chance = random.Random(f"{options.seed}-{number}")  # noqa: S311 - to be repeated
        method = every[number % len(every)]
        several = chance.choice((0, 1, 2, 4)) if method.streams else 1
        model = _SPARE if method.admin else NAME
        bodies = tuple(body(method, chance, streams, model) for _ in range(several))
        yield _Call(number, method, bodies, _metadata(chance))


def _metadata(chance: random.Random) -> tuple[tuple[str, str | bytes], ...]:
    if chance.random() < 0.9:  # noqa: PLR2004 - most have none
        return ()
    text = "".join(chance.choice("aZ0-_;\"'%~ ") for _ in range(chance.choice((0, 8, 64, 4000))))
    key = chance.choice(("x-request-id", "traceparent", "grpc-timeout-x", "a"))
    return ((key, text), ("b-bin", chance.randbytes(chance.choice((0, 1, 900)))))


def _bombs(options: Options, _: int) -> Iterator[_Call]:
    del options
    by_path = {method.path: method for method in methods()}
    encode = by_path["/augment.v1.AugmentService/Encode"]
    decode = by_path["/augment.v1.AugmentService/Decode"]
    for number, data in enumerate([*seed_streams(), bytes(15 * 2**20)]):
        yield _Call(number, encode, (_message(3, data),))
    calls = [(method, data) for data in bombs().values() for method in (encode, decode)]
    for number, (method, data) in enumerate(calls, 10):
        yield _Call(number, method, (_message(3, data),))
    sizes = [(size, wrap) for size in _ZEROS_MIB for wrap in (False, True)]
    for number, (size, wrap) in enumerate(sizes, 100):
        zeros = bytes(size * 2**20)
        data = _message(3, zeros) if wrap else zeros
        yield _Call(number, encode, (data,), compression=grpc.Compression.Gzip)


def _message(field: int, data: bytes) -> bytes:
    """Return a request for the model with bytes in one field."""
    name = NAME.encode()
    size, left = bytearray(), len(data)
    while left > 127:  # noqa: PLR2004 - a varint's digits are of 7 bits
        size.append(left & 127 | 128)
        left >>= 7
    size.append(left)
    return b"\x0a" + bytes([len(name)]) + name + bytes([field << 3 | 2]) + bytes(size) + data
