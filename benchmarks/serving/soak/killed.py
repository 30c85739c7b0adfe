"""`python -m serving.soak.killed TARGET MODEL`: opens calls of several kinds and waits to be killed."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any

import grpc

from augment_proto.v1 import augment_pb2 as pb
from augment_proto.v1.augment_pb2_grpc import AugmentServiceStub
from serving.stalled import half_sent

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROWS = 100_000_000
_STREAMS = 2


def main() -> None:
    """Open calls, say so, and wait."""
    target, model = sys.argv[1:]
    stub: Any = AugmentServiceStub(grpc.insecure_channel(target))
    waiting = threading.Event()

    def requests() -> Iterator[pb.DenoiseStreamRequest]:
        yield pb.DenoiseStreamRequest(header=pb.DenoiseStreamHeader(model=model))
        waiting.wait()

    opened = [stub.Generate(pb.GenerateRequest(model=model, rows=_ROWS)) for _ in range(_STREAMS)]
    opened.append(stub.DenoiseStream(requests()))
    half = half_sent(target, 2**20)
    for call in opened:
        next(call)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    waiting.wait()
    half.close()


if __name__ == "__main__":
    main()
