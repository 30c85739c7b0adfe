"""Clients that do not behave: each kind loops until told to stop, and knows what it provokes."""

from __future__ import annotations

import random
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import grpc

from augment_proto.v1 import augment_pb2 as pb
from augment_proto.v1.augment_pb2_grpc import AugmentServiceStub
from serving.soak.ledger import BUSY, Ledger, status_of
from serving.stalled import half_sent

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator

__all__ = ["Bad", "cancelling", "crashing", "half_sending", "not_speaking", "slow_reading", "slow_sending"]

_ROWS = 100_000_000
_KILL_EVERY_S = 8.0
_DRAINED = 20
_BUSY_S = 1.0


@dataclass(frozen=True)
class Bad:
    """Where the bad ones go.

    Attributes:
        target: The server's address.
        model: A model's name.
        idle_s: After how long the server cuts off who stalls.
        ledger: Where their answers go.
        stop: Set when they shall end.
    """

    target: str
    model: str
    idle_s: float
    ledger: Ledger
    stop: threading.Event

    def told(self, kind: str, call: Callable[[], object], *expected: str) -> None:
        """Make a call and write down what it ended in."""
        try:
            call()
        except grpc.RpcError as error:
            status = status_of(error)
        else:
            status = "OK"
        self.ledger.write(kind, status, expected)
        if status.startswith(BUSY):
            self.stop.wait(_BUSY_S)

    def connected(self) -> grpc.Channel:
        """Return a connection of its own."""
        return grpc.insecure_channel(self.target, [("grpc.use_local_subchannel_pool", 1)])


def cancelling(bad: Bad, seed: int) -> None:
    """Streams are cancelled after a message or none; unary calls are given a few milliseconds."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    with bad.connected() as channel:
        stub: Any = AugmentServiceStub(channel)
        while not bad.stop.wait(0.1):
            rows = chance.choice((500, 3000, _ROWS))
            call = stub.Generate(pb.GenerateRequest(model=bad.model, rows=rows, seed=chance.getrandbits(60)))
            wanted = chance.randrange(3)

            def end(call: Any = call, wanted: int = wanted) -> None:
                for _ in range(wanted):
                    next(call, None)
                call.cancel()
                list(call)

            bad.told("cancelling", end, "CANCELLED", "OK")
            hurried = stub.Generate(
                pb.GenerateRequest(model=bad.model, rows=500, seed=1), timeout=chance.uniform(0.001, 0.02)
            )
            bad.told("in a hurry", partial(list, hurried), "OK", "DEADLINE_EXCEEDED")


def slow_reading(bad: Bad, seed: int) -> None:
    """A stream is read message by message with pauses, at last one that is too long."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    while not bad.stop.is_set():
        with bad.connected() as channel:
            stub: Any = AugmentServiceStub(channel)
            call = stub.Generate(pb.GenerateRequest(model=bad.model, rows=_ROWS, seed=seed))

            def read(call: Any = call) -> None:
                for _ in range(chance.randrange(1, 5)):
                    next(call)
                    bad.stop.wait(chance.uniform(0, bad.idle_s / 4))
                bad.stop.wait(bad.idle_s + 3)
                for _ in range(_DRAINED):  # what came before the end
                    next(call)
                call.cancel()
                list(call)

            bad.told("slow reading", read, "DEADLINE_EXCEEDED IDLE", "CANCELLED")


def slow_sending(bad: Bad, seed: int) -> None:
    """The header of a stream of chunks comes, and nothing after it."""
    del seed
    while not bad.stop.is_set():
        with bad.connected() as channel:
            stub: Any = AugmentServiceStub(channel)
            call = stub.DenoiseStream(_header_alone(bad))
            bad.told("slow sending", partial(list, call), "DEADLINE_EXCEEDED IDLE", "OK")


def half_sending(bad: Bad, seed: int) -> None:
    """A request's header or part of its body comes, and nothing after it; then the connection ends."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    while not bad.stop.is_set():
        method = chance.choice(("Denoise", "DenoiseStream", "Encode"))
        with half_sent(bad.target, chance.choice((6, 1000, 2**20, 2**22)), method) as connection:
            bad.stop.wait(chance.uniform(0, bad.idle_s))
            connection.shutdown(socket.SHUT_RDWR)
        bad.ledger.write("half sending", "sent", ("sent",))


def not_speaking(bad: Bad, seed: int) -> None:
    """Connections on which noise comes, or nothing."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    host, _, port = bad.target.partition(":")
    while not bad.stop.wait(0.2):
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            noise = chance.randbytes(chance.choice((0, 1, 24, 5000)))
            try:
                connection.sendall(noise)
                if noise and chance.random() < 0.5:  # noqa: PLR2004 - half of them wait for an answer
                    connection.settimeout(1)
                    connection.recv(1000)
            except OSError:
                pass
        bad.ledger.write("not speaking", "sent", ("sent",))


def crashing(bad: Bad, seed: int) -> None:
    """Processes with several calls under way are killed."""
    del seed
    while not bad.stop.wait(_KILL_EVERY_S):
        command = [sys.executable, "-m", "serving.soak.killed", bad.target, bad.model]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # noqa: S603 - ours
        assert process.stdout is not None
        said = process.stdout.readline()
        time.sleep(0.2)
        process.kill()
        _, words = process.communicate()
        status = "killed" if said else f"ended by itself: {words.decode()[-300:]}"
        busy = b"OVERLOADED" in words or b"the server is busy" in words
        bad.ledger.write("crashing", "killed" if busy else status, ("killed",))


def _header_alone(bad: Bad) -> Iterator[pb.DenoiseStreamRequest]:
    yield pb.DenoiseStreamRequest(header=pb.DenoiseStreamHeader(model=bad.model))
    bad.stop.wait(bad.idle_s + 30)
