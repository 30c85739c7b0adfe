"""Versions that calls have asked for and that are loaded for them: they wait here, and take no turn yet."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

from augment_server.denials import OverloadedError
from augment_server.hosting.store import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from augment.runtime import Model

__all__ = ["MOST_CALLS", "MOST_LOADS", "MOST_LOADS_OF_ONE", "Loads", "keep", "kept"]

MOST_LOADS = 16
"""At a time, in one process; they are loaded one by one."""

MOST_LOADS_OF_ONE = 4
"""Begun by one client: as many as stay loaded because somebody asked for them."""

MOST_CALLS = 1024
"""That wait for them, in one process."""

_RESERVED = 4
"""One of so many is kept for other clients than the one that has all the others."""

_LOAD_S = 1.0
"""What one takes, about: whoever is refused comes again when those that wait may be done."""

_kept: ContextVar[Model | None] = ContextVar("augment_server_kept_model", default=None)


def keep(model: Model) -> None:
    """Have the current call, and work that copies its context, keep a model until the call ends."""
    _kept.set(model)


def kept(name: str, version: int) -> Model | None:
    """Return the model that the current call keeps; None: it keeps none, or another one."""
    model = _kept.get()
    return model if model is not None and (model.name, model.version) == (name, version) else None


@dataclass(frozen=True)
class _Load:
    """One version on its way.

    Attributes:
        client: Who asked for it first.
        model: The model, once it is there.
    """

    client: str
    model: asyncio.Future[Model]


class Loads:
    """The loads that calls wait for. On one event loop alone.

    Calls that ask for one version wait for one load. What has begun goes on to its end, whoever still waits
    for it, and counts as its client's until then: nobody fills the loader's line by calls that are given up.

    Args:
        begin: Begins to load a version, in the loader's thread.
    """

    def __init__(self, begin: Callable[[str, int], Future[Model]]) -> None:
        self._begin = begin
        self._loads: dict[tuple[str, int], _Load] = {}
        self._calls: Counter[str] = Counter()

    async def wait(self, name: str, version: int, client: str) -> None:
        """Return when a version is loaded, which the current call then keeps, or cannot be used.

        Args:
            name: The model's name.
            version: Its version.
            client: Whose call waits.

        Raises:
            OverloadedError: Too much waits already, of all clients or of this one.
            StoreError: It cannot be read just now.
        """
        load = self._load(name, version, client)
        self._calls[client] += 1
        try:
            await asyncio.wait((load.model,))  # which leaves it alone when the call is cancelled
        finally:
            self._calls[client] -= 1
            if not self._calls[client]:
                del self._calls[client]
        if load.model.cancelled():  # the server stops
            raise asyncio.CancelledError
        error = load.model.exception()
        if error is None:
            keep(load.model.result())
        elif isinstance(error, StoreError):
            raise StoreError(str(error))  # each call has its own: errors hold what they came through

    def _load(self, name: str, version: int, client: str) -> _Load:
        """Return the load of a version, begun now unless it has.

        Raises:
            OverloadedError: Too much waits already.
        """
        load = self._loads.get((name, version))
        own, calls = self._calls[client], self._calls.total()
        if calls >= MOST_CALLS or own >= MOST_CALLS - MOST_CALLS // _RESERVED:
            raise self._refusal(f"{calls} calls wait for versions to be loaded")
        if load is not None:
            return load
        own = sum(each.client == client for each in self._loads.values())
        if len(self._loads) >= MOST_LOADS or own >= MOST_LOADS_OF_ONE:
            why = f"{len(self._loads)} versions wait to be loaded, of at most {MOST_LOADS}"
            raise self._refusal(f"{why}, {own} of them for this client, of at most {MOST_LOADS_OF_ONE}")
        load = _Load(client, asyncio.wrap_future(self._begin(name, version)))
        self._loads[name, version] = load
        load.model.add_done_callback(lambda _: self._end(name, version))
        return load

    def _end(self, name: str, version: int) -> None:
        model = self._loads.pop((name, version)).model
        if not model.cancelled():
            model.exception()  # perhaps nobody waits for it any more: asyncio is not to complain

    def _refusal(self, why: str) -> OverloadedError:
        chance = random.uniform(1.0, 1.5)  # noqa: S311 - no secret
        return OverloadedError(why, _LOAD_S * max(1, len(self._loads)) * chance)
