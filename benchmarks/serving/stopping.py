"""`python -m serving.stopping`: SIGTERM under 80 % load; failed unary calls and lost rows.

Two servers host the same models, and clients know both addresses, as behind a name with two records. The
most unary calls a second that the first can answer are measured beside two streams; then calls begin at
80 % of that rate, and the first server gets SIGTERM. Calls that it no longer takes are sent again by gRPC,
by the client's service config, and reach the second. Streams that it had begun must come whole.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from augment_client import Client
from serving.bundles import add_version, prepared
from serving.load import Callers, Counted, reconstructing
from serving.processes import ServedProcess

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Stopping", "run"]

_CAPACITY_S = 6.0
_BEFORE_S = 4.0
_AFTER_S = 4.0
_SHARE = 0.8
_CALLERS = 8
_STREAMS = 2
_GRACE_S = 60.0


@dataclass(frozen=True)
class Stopping:
    """What was measured.

    Attributes:
        per_second: Calls begun a second.
        calls: What came of the unary calls, before and after SIGTERM.
        streams: What came of the streams, each of `stream_rows` rows.
        stream_rows: Rows that each stream asked for.
        rows: Rows that came, of all streams.
        exit_code: Of the server that was told to stop.
        drained_s: Seconds from SIGTERM to its end.
    """

    per_second: float
    calls: Counted
    streams: Counted
    stream_rows: int
    rows: int
    exit_code: int
    drained_s: float

    @property
    def lost_rows(self) -> int:
        """Rows that streams asked for and did not get."""
        begun = len(self.streams.seconds) + len(self.streams.failures)
        return begun * self.stream_rows - self.rows

    def __str__(self) -> str:
        calls, streams = self.calls, self.streams
        failed, broken = len(calls.failures), len(streams.failures)
        called = f"{len(calls.seconds) + failed} at {self.per_second:.0f} a second"
        streamed = f"{len(streams.seconds) + broken} of {self.stream_rows} rows"
        lines = (
            f"unary calls  {called}, failed {failed}",
            f"streams      {streamed}, failed {broken}, rows lost {self.lost_rows}",
            f"stopped      in {self.drained_s:.1f} s, exit code {self.exit_code}",
        )
        return "\n".join((*lines, *calls.failures[:5], *streams.failures[:5]))


def run(bundle: Path, scratch: Path, *, stream_rows: int) -> Stopping:
    """Stop a server under load.

    Args:
        bundle: What is hosted.
        scratch: A directory to write to.
        stream_rows: Rows of each stream; they must fit into 60 seconds.
    """
    models, name = scratch / "models", bundle.parent.name
    (models / name).mkdir(parents=True)
    add_version(bundle, models, 1)
    flags = ("--threads", "1", "--grace-s", str(_GRACE_S))
    with (
        ServedProcess(models, scratch / "first", *flags) as first,
        ServedProcess(models, scratch / "second", *flags) as second,
        Client(f"ipv4:{first.target},{second.target}") as client,
    ):
        rows: list[int] = []
        streams = Callers(_streaming(client, name, stream_rows, rows), _STREAMS)
        call = reconstructing(client, name)
        per_second = _SHARE * _most_per_second(call)
        load = Callers(call, _CALLERS, per_second)
        time.sleep(_BEFORE_S)
        began = time.monotonic()
        first.terminate()
        exit_code = first.wait(_GRACE_S + 30)
        drained_s = time.monotonic() - began
        time.sleep(_AFTER_S)
        calls, streamed = load.stop(), streams.stop()
    return Stopping(per_second, calls, streamed, stream_rows, sum(rows), exit_code, drained_s)


def _most_per_second(call: Callable[[int], None]) -> float:
    callers = Callers(call, _CALLERS)
    time.sleep(_CAPACITY_S)
    return len(callers.stop().seconds) / _CAPACITY_S


def _streaming(client: Client, name: str, rows: int, arrived: list[int]) -> Callable[[int], None]:
    """Return a call that streams records and adds how many came to `arrived`, batch by batch."""

    def call(seed: int) -> None:
        with client.generate_batches(name, rows, seed=seed) as stream:
            arrived.extend(batch.num_rows for batch in stream)

    return call


def main() -> None:
    """Parse the options, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m serving.stopping", description=__doc__)
    parser.add_argument("--bundle", type=Path, help="a bundle's directory; default: a small one, trained now")
    parser.add_argument("--stream-rows", type=int, default=50_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        bundle = prepared(options.bundle, Path(scratch))
        print(run(bundle, Path(scratch), stream_rows=options.stream_rows))


if __name__ == "__main__":
    main()
