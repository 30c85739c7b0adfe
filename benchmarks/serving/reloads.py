"""`python -m serving.reloads`: a new version again and again under load; failed calls and memory.

Each version is published beside the last one by a rename, as `augment train` does it. Callers use the model's
name alone, so they move to the new version when the server swaps it in. Memory is the server process's
resident set: the first after 10 seconds of load on the first version, the most over all samples after that,
swaps included. Every hundredth version is broken; the one before it must serve on.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from augment_client import Client
from serving.bundles import add_version, broken_version, prepared, remove_version
from serving.load import Callers, Counted, reconstructing
from serving.processes import ServedProcess

__all__ = ["Reloads", "run"]

_WARM_S = 10.0
_PATIENCE_S = 120.0
_BROKEN_EVERY = 100
_KEPT = 3


@dataclass(frozen=True)
class Reloads:
    """What was measured.

    Attributes:
        loaded: Versions that were swapped in.
        refused: Broken ones that were not.
        calls: What came of the calls.
        first_mib: Memory under load before the first reload.
        most_mib: The most memory after that.
        last_mib: Memory at the end.
        took_s: Seconds.
    """

    loaded: int
    refused: int
    calls: Counted
    first_mib: float
    most_mib: float
    last_mib: float
    took_s: float

    @property
    def ratio(self) -> float:
        """The most memory over the first."""
        return self.most_mib / self.first_mib

    def __str__(self) -> str:
        calls, failed = self.calls, len(self.calls.failures)
        memory = f"first {self.first_mib:.0f} MiB, most {self.most_mib:.0f} MiB, last {self.last_mib:.0f} MiB"
        lines = (
            f"reloads         {self.loaded} (and {self.refused} broken versions refused)",
            f"calls           {len(calls.seconds) + failed}, failed {failed}",
            f"time of a call  median {calls.percentile_ms(50):.1f} ms, 99 % {calls.percentile_ms(99):.1f} ms",
            f"memory          {memory}; most / first {self.ratio:.2f}",
            f"took            {self.took_s:.0f} s",
        )
        return "\n".join((*lines, *calls.failures[:5]))


def run(
    bundle: Path, scratch: Path, *, reloads: int, callers: int, progress: int = 0, warm_s: float = _WARM_S
) -> Reloads:
    """Reload under load.

    Args:
        bundle: What every version is a copy of.
        scratch: A directory to write to.
        reloads: How many good versions to publish after the first.
        callers: Threads that call all the time.
        progress: Print a line every so many reloads; 0: none.
        warm_s: Seconds of load before memory is first looked at.
    """
    models, name = scratch / "models", bundle.parent.name
    (models / name).mkdir(parents=True)
    add_version(bundle, models, 1)
    began = time.monotonic()
    with (
        ServedProcess(models, scratch / "log", "--watch-s", "0.05", "--threads", "1") as server,
        Client(server.target) as client,
    ):
        load = Callers(reconstructing(client, name), callers)
        try:
            time.sleep(warm_s)
            first = most = server.rss_mib()
            version = 1
            for number in range(1, reloads + 1):
                version += 1
                if number % _BROKEN_EVERY == 0:
                    _refused(client, broken_version(bundle, models, version))
                    version += 1
                most = max(most, _swapped(client, server, add_version(bundle, models, version)))
                for old in (version - _KEPT - 1, version - _KEPT):
                    remove_version(models, name, old)
                if progress and number % progress == 0:
                    print(f"{number} reloads, {server.rss_mib():.0f} MiB", flush=True)
            last = server.rss_mib()
        finally:
            counted = load.stop()
        refused = len(server.events("bundle refused"))
    return Reloads(reloads, refused, counted, first, most, last, time.monotonic() - began)


def _refused(client: Client, path: Path) -> None:
    """Wait until a broken version is refused; the one before it must be served."""
    limit = time.monotonic() + _PATIENCE_S
    while time.monotonic() < limit:
        told = client.model(path.parent.name)
        if any(each.version == int(path.name) and each.state == "REFUSED" for each in told.versions):
            assert told.version < int(path.name), "the broken version is served"
            return
        time.sleep(0.02)
    raise SystemExit(f"{path} was not refused within {_PATIENCE_S:.0f} s")


def _swapped(client: Client, server: ServedProcess, path: Path) -> float:
    """Wait until a version answers; return the most memory meanwhile, in MiB."""
    limit, most = time.monotonic() + _PATIENCE_S, 0.0
    while time.monotonic() < limit:
        most = max(most, server.rss_mib())
        if client.model(path.parent.name).version == int(path.name):
            return most
        time.sleep(0.02)
    raise SystemExit(f"{path} did not answer within {_PATIENCE_S:.0f} s")


def main() -> None:
    """Parse the options, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m serving.reloads", description=__doc__)
    parser.add_argument(
        "--bundle", type=Path, help="directory of a bundle; default: a small one, trained now"
    )
    parser.add_argument("--reloads", type=int, default=1000)
    parser.add_argument("--callers", type=int, default=4, help="threads that call all the time")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        bundle = prepared(options.bundle, Path(scratch))
        print(run(bundle, Path(scratch), reloads=options.reloads, callers=options.callers, progress=100))


if __name__ == "__main__":
    main()
