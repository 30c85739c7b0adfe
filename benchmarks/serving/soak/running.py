"""One soak: a server, everybody at it at once, and what is left when they have gone."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from augment.runtime import Model
from augment_client import Client
from serving.soak import bad
from serving.soak.good import asking_client, good_client, questions
from serving.soak.ledger import Ledger
from serving.soak.lies import lying
from serving.soak.observed import Samples, Soaked
from serving.soak.reloading import Reloading
from serving.soak.slope import Slope, slope_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from serving.soak.good import Question
    from serving.soak.observed import Counts

__all__ = ["Found", "Plan", "soak"]

_GOOD = 3
_ASKING = 2
_IDLE_S = 6.0
_SAMPLES = 1200
_LEAST_WINDOWS, _MOST_WINDOWS = 10, 100
_WATCH_S = "0.2"
_SPARE = 2
_BAD: tuple[Callable[[bad.Bad, int], None], ...] = (
    *(bad.cancelling, bad.slow_reading, bad.slow_sending, bad.half_sending, bad.not_speaking, bad.crashing),
)


@dataclass(frozen=True)
class Plan:
    """How long, and with what.

    Attributes:
        bundle: What is served.
        warm_s: Seconds of the same load before anything is looked at.
        seconds: Seconds that are looked at.
        reload_s: Seconds between two versions.
        leak_bytes: What the server keeps of every request; 0: it is itself.
    """

    bundle: Path
    warm_s: float
    seconds: float
    reload_s: float
    leak_bytes: int = 0


@dataclass(frozen=True)
class Found:
    """What came of a soak.

    Attributes:
        ledger: Who got which answers.
        requests: Calls that were answered in the seconds that count.
        resident: Growth of the resident memory.
        anonymous: Growth of its part that is no file's.
        memory_mib: Resident at the first and the last look.
        before: What there was of threads, files and tasks after the first load.
        after: The same at the end.
        tasks: What the event loop runs at the end.
        reloads: Versions loaded, and refused.
        faults: Lines of the log that say that the server itself failed.
    """

    ledger: Ledger
    requests: int
    resident: Slope
    anonymous: Slope
    memory_mib: tuple[float, float]
    before: Counts
    after: Counts
    tasks: dict[str, int]
    reloads: tuple[int, int]
    faults: list[str]

    @property
    def left(self) -> dict[str, int]:
        """What was left behind: of the server's own pools a thread or two may come late."""
        found = self.after.beyond(self.before)
        return {name: count for name, count in found.items() if name != "threads" or count > _SPARE}


def soak(plan: Plan) -> Found:
    """Run a server through it."""
    asked = questions(Model.open(plan.bundle, threads=1))
    records = Model.open(plan.bundle, threads=1).generate(24, seed=5)
    with TemporaryDirectory() as scratch:
        models = Path(scratch) / "models"
        reloading = Reloading(plan.bundle, models)
        flags = ("--threads", "1", "--watch-s", _WATCH_S, "--idle-s", str(_IDLE_S))
        with Soaked(models, Path(scratch), plan.leak_bytes, *flags) as server:
            crowd = _Crowd(server, plan, asked, records, reloading)
            with crowd.about():
                time.sleep(plan.warm_s)
            before = server.settled()
            time.sleep(_IDLE_S + 3)
            before = server.settled()
            with crowd.about():
                time.sleep(plan.warm_s / 4)
                with Samples(server, max(0.2, plan.seconds / _SAMPLES)) as samples:
                    time.sleep(plan.seconds)
            time.sleep(_IDLE_S + 3)
            after = server.settled(before)
            crowd.check_served()
            windows = max(_LEAST_WINDOWS, min(_MOST_WINDOWS, int(plan.seconds / (2 * plan.reload_s))))
            return Found(
                ledger=crowd.ledger,
                requests=int(samples.requests[-1] - samples.requests[0]),
                resident=slope_of(samples.requests, samples.resident, windows),
                anonymous=slope_of(samples.requests, samples.anonymous, windows),
                memory_mib=(samples.resident[0], samples.resident[-1]),
                before=before,
                after=after,
                tasks=server.tasks(),
                reloads=(reloading.good, len(server.events("bundle refused"))),
                faults=[str(line)[:2000] for line in server.events("fault")],
            )


class _Crowd:
    """All clients of a server, good and bad, and who publishes versions."""

    def __init__(
        self, server: Soaked, plan: Plan, asked: list[Question], records: Any, reloading: Reloading
    ) -> None:
        self.ledger = Ledger()
        self._server = server
        self._name = plan.bundle.parent.name
        self._plan = plan
        self._asked = asked
        self._records = records
        self._reloading = reloading

    @contextmanager
    def about(self) -> Iterator[None]:
        """Let them all loose until the end of `with`."""
        stop = threading.Event()
        known = bad.Bad(self._server.target, self._name, _IDLE_S, self.ledger, stop)
        with Client(self._server.target) as client:
            works: list[tuple[Callable[..., None], tuple[Any, ...]]] = [
                (self._reloading.run, (self._plan.reload_s, stop)),
                *((asking_client, (client, self._name, self.ledger, stop)) for _ in range(_ASKING)),
                (lying, (known, self._records, 0)),
                *((kind, (known, seed)) for seed, kind in enumerate(_BAD)),
                *(
                    (good_client, (client, self._name, self._asked, self.ledger, stop, seed))
                    for seed in range(_GOOD)
                ),
            ]
            threads = [
                threading.Thread(target=self._guarded, args=(work, arguments)) for work, arguments in works
            ]
            for thread in threads:
                thread.start()
            try:
                yield
            finally:
                stop.set()
                for thread in threads:
                    thread.join()

    def check_served(self) -> None:
        """Write down what is served in the end: the last version that is whole."""
        with Client(self._server.target) as client:
            version = client.model(self._name).version
        status = "OK" if version == self._reloading.served else f"version {version}: not the last whole one"
        self.ledger.write("served in the end", status, ("OK",))

    def _guarded(self, work: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        """Run one of them; what it dies of is unexpected."""
        try:
            work(*arguments)
        except Exception as error:  # noqa: BLE001 - told among what was not expected
            self.ledger.write(work.__name__, f"{type(error).__name__}: {error}", ())
