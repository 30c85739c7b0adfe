"""Parts of a step made by actors of a Ray cluster, each with the model opened once."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray
from ray.exceptions import RayActorError, RayTaskError

from augment.errors import StepError
from augment.scale.making import Made, Maker, open_maker
from augment.scale.ray.cluster import connect, cpus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from augment.scale.plan import Plan

__all__ = ["RayEngine"]

_MAX_DEATHS = 3


class RayEngine:
    """Actors that read the input, the bundle and write the output: all of these must be there for them.

    An actor that dies, or whose machine is gone, is started anew by Ray, and its part made again.

    Args:
        workers: How many actors, of one CPU each; None: as many as the cluster has CPUs.
        address: Of the cluster; see `augment.scale.ray.connect`.
    """

    def __init__(self, workers: int | None = None, address: str | None = None) -> None:
        self._workers = workers
        self._address = address

    def run(self, plan: Plan, numbers: Iterable[int]) -> Iterator[Made]:
        """Have the parts made; see `Engine`.

        Raises:
            ClusterError: No cluster answers.
            StepError: A part has ended three actors.
        """
        connect(self._address)
        workers = min(self._workers or cpus(), max(1, len(plan.parts)))
        making = ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=_MAX_DEATHS - 1)(_Making)
        sent, here = ray.put(plan), str(Path.cwd())
        actors: list[Any] = [making.remote(sent, here) for _ in range(workers)]
        try:
            yield from _made_by(actors, numbers)
        finally:
            for actor in actors:
                ray.kill(actor)


def _made_by(actors: list[Any], numbers: Iterable[int]) -> Iterator[Made]:
    """Yield parts as they are made. An actor that has not started, for want of a CPU, is not waited for."""
    starting = {actor.ready.remote(): actor for actor in actors}
    busy: dict[Any, Any] = {}
    for number in numbers:
        answer = _first({**busy, **starting})
        made = _got(answer)
        actor = starting.pop(answer) if answer in starting else busy.pop(answer)
        busy[actor.make.remote(number)] = actor
        if made is not None:
            yield made
    while busy:
        answer = _first(busy)
        del busy[answer]
        if (made := _got(answer)) is not None:
            yield made


def _first(answers: Mapping[Any, Any]) -> Any:
    """Return the first answer that is there."""
    (answer,), _ = ray.wait([*answers], num_returns=1)
    return answer


class _Making:
    """Makes parts. The model is opened by the first: what goes wrong then is that part's error."""

    def __init__(self, plan: Plan, directory: str) -> None:
        with suppress(OSError):  # where it is not there, paths must not hang on it
            os.chdir(directory)
        self._opening: AbstractContextManager[Maker] = open_maker(plan, threads=1)
        self._maker: Maker | None = None

    def ready(self) -> None:
        """Answer, once the actor has started."""

    def make(self, number: int) -> Made:
        """Have a part in its place."""
        if self._maker is None:
            self._maker = self._opening.__enter__()
        return self._maker.make(number)


def _got(answer: Any) -> Made | None:
    """Return what an actor made, None where it only started, or raise what it raised."""
    try:
        made: Made | None = ray.get(answer)
    except RayActorError as exc:
        raise StepError(
            f"{_MAX_DEATHS} actors died at one part. Where memory is short, set a smaller part_rows"
        ) from exc
    except RayTaskError as exc:
        raise (exc.cause if isinstance(exc.cause, Exception) else StepError(str(exc))) from exc
    return made
