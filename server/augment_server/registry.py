"""The models that are served: loaded, swapped and unloaded while calls go on."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from augment.errors import NotFoundError, RequestError, VersionNotFoundError
from augment_server.hosting.aliases import aliases_from_bytes, aliases_to_bytes, checked_alias
from augment_server.hosting.loads import keep, kept
from augment_server.hosting.opening import Opening
from augment_server.hosting.places import open_store, remedy_of
from augment_server.hosting.policy import Policy
from augment_server.hosting.shelf import Shelf
from augment_server.hosting.snapshot import AliasNotFoundError, Snapshot
from augment_server.hosting.state import State
from augment_server.hosting.store import StoreError
from augment_server.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future

    from augment.runtime import Model
    from augment_server.hosting.aliases import Aliases
    from augment_server.hosting.state import Hosted
    from augment_server.hosting.store import Listing, Store
    from augment_server.settings import Settings

__all__ = ["Registry"]

_T = TypeVar("_T")


class Registry:
    """Opened models. Its methods may be called from any thread but the loader's own.

    Calls read an immutable snapshot and wait for nothing, except for a version that has to be loaded for
    them. All changes are made one at a time by one thread, the loader's. A model lives for as long as a
    call holds it, loaded or not. A bundle that cannot be used is logged with its reason and passed over:
    the version before it is served, and all other models are.

    Args:
        store: Where the bundles lie.
        policy: Which are loaded before anybody asks.
        opening: How bundles are opened.
    """

    def __init__(self, store: Store, policy: Policy, opening: Opening) -> None:
        self._store = store
        self._snapshot = Snapshot()
        self._shelf = Shelf(store, policy, opening, self._swap)
        self._threads: list[threading.Thread] = []
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="load", initializer=self._note_thread)
        self._listeners: list[Callable[[set[str]], None]] = []
        self._clock = itertools.count(1)
        self._file: Aliases = {}
        self._trouble: dict[str, str] = {}

    @classmethod
    def open(cls, settings: Settings) -> Registry:
        """Load what the settings want loaded.

        Raises:
            RequestError: The directory is not there, or nothing in it can be served.
        """
        store, place = open_store(settings), str(settings.models)
        try:
            store.list()
        except StoreError as error:
            get_logger().error("models unreadable", reason=str(error))
            raise RequestError.of("models", "must be a directory with bundles", place) from error
        registry = cls(store, Policy.of(settings), Opening.of(settings))
        registry.refresh()
        if not registry.models() and not settings.allow_empty:
            refused = bool(registry.versions())
            registry.close()
            remedy = remedy_of(settings.models, refused=refused)
            raise RequestError.of("models", "must hold a usable bundle", place, remedy)
        return registry

    def models(self) -> list[Model]:
        """Return the served version of each model, ordered by name."""
        return self._snapshot.models()

    def missing(self, reference: str, version: int = 0) -> Hosted | None:
        """Return the version that must be loaded before a call can be answered; None: none must.

        Waits for nothing. One that is loaded is kept by the current call until its turn comes, whatever is
        unloaded before. What is not there at all, `get` tells.
        """
        try:
            hosted = self._snapshot.find(reference, version)
        except NotFoundError:
            return None
        if hosted.model is not None:
            keep(hosted.model)
            return None
        return None if hosted.state is State.REFUSED else hosted

    def begin_lending(self, name: str, version: int) -> Future[Model]:
        """Begin to load a version that somebody asked for; the future raises what `get` does."""
        self._shelf.used[name, version] = next(self._clock)
        return self._loader.submit(self._lend, name, version)

    def get(self, reference: str, version: int = 0) -> Model:
        """Return one model, loaded now if it is not and the current call keeps none.

        Args:
            reference: The model's name, or `name@alias`.
            version: Its version; 0 for the served one.

        Raises:
            ModelNotFoundError: No model of that name is served.
            AliasNotFoundError: The model has no such alias.
            VersionNotFoundError: The model has no such version.
            BundleError: That version cannot be used.
            StoreError: It cannot be read just now.
        """
        hosted = self._snapshot.find(reference, version)
        self._shelf.used[hosted.key] = next(self._clock)
        if hosted.model is not None:
            return hosted.model
        if hosted.state is State.REFUSED:
            raise hosted.refusal()
        if (model := kept(*hosted.key)) is not None:
            return model
        return self._run(partial(self._lend, hosted.name, hosted.version))

    def aliases(self, name: str) -> Mapping[str, int]:
        """Return the aliases of a model and their versions."""
        return self._snapshot.aliases.get(name, {})

    def versions(self, name: str = "") -> list[Hosted]:
        """Return what is known of all versions of a model, or of all models, by name, oldest first."""
        hosted = self._snapshot.hosted
        names = sorted(hosted) if not name else [name] if name in hosted else []
        return [each for one in names for each in hosted[one].values()]

    def served(self, name: str) -> int:
        """Return the version that answers where none is asked for; 0 if none does."""
        return self._snapshot.served.get(name, 0)

    def counts(self) -> Mapping[str, int]:
        """Return how often a version was `loaded`, `refused` and `unloaded` since the start."""
        return dict(self._shelf.counts)

    def on_change(self, listener: Callable[[set[str]], None]) -> None:
        """Have `listener` called with the served names after each change, on the loader's thread."""
        self._listeners.append(listener)

    def refresh(self) -> None:
        """Look at the store and load, swap and unload accordingly; return when that is done."""
        self._run(self._refresh)

    def begin_refresh(self) -> Future[None]:
        """Begin a `refresh` and return at once."""
        return self._loader.submit(self._refresh)

    def load(self, name: str, version: int = 0) -> Hosted:
        """Load a version and keep it loaded, whatever the policy says; 0: the newest in the store.

        Raises:
            VersionNotFoundError: There is no such version.
            BundleError: It cannot be used.
            StoreError: The store cannot be read.
        """
        return self._run(partial(self._load, name, version))

    def unload(self, name: str, version: int = 0) -> list[int]:
        """Unload a version, or all of a model, until `load` takes it back; return which.

        Raises:
            VersionNotFoundError: There is no such version.
            RequestError: An alias names it.
        """
        return self._run(partial(self._unload, name, version))

    def set_alias(self, name: str, alias: str, version: int = 0) -> int:
        """Have an alias name a version, which is loaded first; 0: the served one. Return which.

        Raises:
            RequestError: `alias` is no alias, the version was unloaded by hand, or the file is none.
            VersionNotFoundError: There is no such version.
            BundleError: It cannot be used; the alias stays as it is.
            StoreError: The file of aliases cannot be written; the alias stays as it is.
        """
        return self._run(partial(self._set_alias, name, checked_alias(alias), version))

    def delete_alias(self, name: str, alias: str) -> None:
        """Remove an alias.

        Raises:
            AliasNotFoundError: There is none of this name.
            RequestError: The file of aliases is none; it stays as it is.
            StoreError: The file of aliases cannot be written; the alias stays.
        """
        self._run(partial(self._delete_alias, name, alias))

    def close(self, patience_s: float | None = None) -> bool:
        """End the loader's thread after the version that it loads now; say whether it has ended.

        Args:
            patience_s: How long to wait for that; None: as long as it takes.
        """
        self._shelf.is_closing = True
        self._loader.shutdown(wait=False, cancel_futures=True)
        for thread in self._threads:
            thread.join(patience_s)
        return not any(thread.is_alive() for thread in self._threads)

    def _run(self, work: Callable[[], _T]) -> _T:
        return self._loader.submit(work).result()

    def _note_thread(self) -> None:
        self._threads.append(threading.current_thread())

    def _swap(self, snapshot: Snapshot) -> None:
        changed = set(snapshot.served) != set(self._snapshot.served)
        self._snapshot = snapshot
        if changed:
            for listener in self._listeners:
                listener(set(snapshot.served))

    def _refresh(self) -> None:
        try:
            listing = self._listed()
        except StoreError as error:
            self._tell_once("store", "models unreadable, those loaded serve on", str(error))
            return
        self._trouble.pop("store", None)
        self._read_aliases()
        for name in sorted((self._shelf.names() | set(listing.versions)) - listing.unreadable):
            self._settle(name, listing)
        self._shelf.trim()
        self._store.tidy({each.key for each in self._shelf.versions() if each.digest})

    def _listed(self) -> Listing:
        listing = self._store.list()
        if listing.bare and self._snapshot.served:
            raise StoreError("the store is empty: taken for one that is not mounted")
        return listing

    def _settle(self, name: str, listing: Listing) -> None:
        try:
            self._shelf.settle(name, listing.versions.get(name, frozenset()), self._file.get(name, {}))
        except Exception as error:  # noqa: BLE001 - one model, however broken, must not stop the others
            get_logger().error("fault", model=name, exc_info=error)

    def _read_aliases(self) -> None:
        """Read the file of aliases; one that cannot be used changes nothing."""
        try:
            self._reread_aliases()
        except (StoreError, RequestError) as error:
            self._tell_once("aliases", "aliases refused, those before serve on", str(error))
        else:
            self._trouble.pop("aliases", None)

    def _reread_aliases(self) -> None:
        """Read the file of aliases; before a change it raises: what cannot be read is not written over.

        Raises:
            RequestError: It is no such file.
            StoreError: It cannot be read.
        """
        self._file = aliases_from_bytes(self._store.read_aliases())

    def _resettle(self, name: str) -> None:
        """Settle one model after a change by the operator."""
        listing = self._listed()
        if name in listing.unreadable:
            raise StoreError(f"the directory of {name} cannot be read")
        self._settle(name, listing)
        self._shelf.trim()

    def _lend(self, name: str, version: int) -> Model:
        hosted = self._shelf.find(name, version)
        if hosted is None or hosted.withdrawn:
            raise self._no_version(name, version)
        return self._shelf.lend(name, version)

    def _load(self, name: str, version: int) -> Hosted:
        there = self._store.list().versions.get(name, frozenset())
        wanted = version or max(there, default=0)
        if wanted not in there:
            raise self._no_version(name, wanted, there)
        held = self._shelf.hold(name, wanted)
        self._resettle(name)
        return self._shelf.find(name, wanted) or held

    def _unload(self, name: str, version: int) -> list[int]:
        known = [each.version for each in self.versions(name) if not each.withdrawn]
        wanted = known if version == 0 else [version] if version in known else []
        if not wanted:
            raise self._no_version(name, version)
        for alias, number in self.aliases(name).items():
            if number in wanted:
                remedy = "Set the alias to another version first, or delete it"
                raise RequestError.of("version", f"must not be that of an alias ({alias})", number, remedy)
        for number in wanted:
            self._shelf.withdraw(name, number)
        self._resettle(name)
        return wanted

    def _set_alias(self, name: str, alias: str, version: int) -> int:
        wanted = version or self.served(name)
        hosted = self._shelf.find(name, wanted)
        if hosted is None:
            raise self._no_version(name, wanted)
        if hosted.withdrawn:
            remedy = "Load it first, with LoadModel"
            raise RequestError.of("version", "must not be one that was unloaded by hand", wanted, remedy)
        self._reread_aliases()
        self._shelf.lend(name, wanted)
        changed = {**self._file, name: {**self._file.get(name, {}), alias: wanted}}
        self._write_aliases(changed, name)
        get_logger().info("alias set", model=name, alias=alias, version=wanted)
        return wanted

    def _delete_alias(self, name: str, alias: str) -> None:
        self._reread_aliases()
        there = self._file.get(name, {})
        if alias not in there and alias in self.aliases(name):  # another worker was faster
            self._resettle(name)
            return
        if alias not in there:
            raise AliasNotFoundError(f"{name}@{alias[:64]}", tuple(sorted(there)))
        rest = {other: number for other, number in there.items() if other != alias}
        self._write_aliases({**self._file, name: rest}, name)
        get_logger().info("alias deleted", model=name, alias=alias)

    def _write_aliases(self, aliases: Aliases, name: str) -> None:
        self._store.write_aliases(aliases_to_bytes(aliases))
        self._file = aliases
        self._resettle(name)

    def _no_version(self, name: str, version: int, there: Any = None) -> VersionNotFoundError:
        usable = [each.version for each in self.versions(name) if not each.withdrawn]
        known = usable if there is None else sorted(there)
        return VersionNotFoundError(f"{name[:64]}/{version}", tuple(str(number) for number in known[-20:]))

    def _tell_once(self, key: str, event: str, reason: str) -> None:
        if self._trouble.get(key) != reason:
            self._trouble[key] = reason
            get_logger().error(event, reason=reason)
