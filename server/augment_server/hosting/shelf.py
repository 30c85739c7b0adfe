"""Loads and unloads. Everything in here runs on one thread, the loader's; others read the snapshots."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from augment.errors import BundleCorruptError, BundleError
from augment_server.hosting.memory import give_back_memory
from augment_server.hosting.opening import graph_bytes_of
from augment_server.hosting.snapshot import Snapshot
from augment_server.hosting.state import Hosted, State
from augment_server.hosting.store import StoreError
from augment_server.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from augment.runtime import Model
    from augment_server.hosting.opening import Opening
    from augment_server.hosting.policy import Policy
    from augment_server.hosting.store import Store

__all__ = ["Shelf"]


class Shelf:
    """The versions that are known and those of them that are loaded.

    Args:
        store: Where the bundles lie.
        policy: Which to load.
        opening: How bundles are opened.
        publish: Called with a snapshot whenever something changed.

    Attributes:
        used: When each version was last asked for, as a growing number; calls write it.
        counts: How often a version was `loaded`, `refused` and `unloaded`.
        is_closing: Whether nothing is loaded any more: whatever would load is cancelled. Any thread sets it.
    """

    def __init__(
        self, store: Store, policy: Policy, opening: Opening, publish: Callable[[Snapshot], None]
    ) -> None:
        self._store = store
        self._policy = policy
        self._opening = opening
        self._publish = publish
        self._hosted: dict[str, dict[int, Hosted]] = {}
        self._served: dict[str, int] = {}
        self._aliases: dict[str, dict[str, int]] = {}
        self._kept: dict[str, set[int]] = {}
        self._held: set[tuple[str, int]] = set()
        self._lent: set[tuple[str, int]] = set()
        self._told: dict[tuple[str, int], str] = {}
        self.used: dict[tuple[str, int], int] = {}
        self.counts: Counter[str] = Counter()
        self.is_closing = False

    def versions(self) -> list[Hosted]:
        """Return every version that is known, by name and number."""
        return [each[number] for _, each in sorted(self._hosted.items()) for number in sorted(each)]

    def names(self) -> set[str]:
        """Return the names that are known."""
        return set(self._hosted)

    def find(self, name: str, version: int) -> Hosted | None:
        """Return a version; None if it is not known."""
        return self._hosted.get(name, {}).get(version)

    def settle(self, name: str, there: Collection[int], aliases: Mapping[str, int]) -> None:
        """Load, swap and unload one model's versions as the policy and the aliases say.

        The version that was served before is unloaded only after its successor is loaded, and goes on
        being served where there is none.

        Args:
            name: The model's name.
            there: The versions that lie in the store now.
            aliases: The versions that the model's aliases should be.
        """
        hosted = self._hosted.setdefault(name, {})
        for number in there:
            hosted.setdefault(number, Hosted(name, number))
        kept: list[int] = []
        for number in self._policy.candidates(name, there):
            if self._policy.is_enough(len(kept)):
                break
            if self._usable(name, number, must=not kept):
                kept.append(number)
        self._aliases[name] = self._settled_aliases(name, there, aliases)
        held = {number for number in there if (name, number) in self._held}
        self._kept[name] = {*kept, *self._aliases[name].values(), *held}
        self._serve(name, kept[0] if kept else None, there)

    def lend(self, name: str, version: int) -> Model:
        """Return a version that is asked for and not loaded, loaded now.

        Raises:
            BundleError: It cannot be used.
            StoreError: It cannot be read.
        """
        hosted = self._hosted[name][version]
        if hosted.model is None and not self._usable(name, version, must=True):
            raise self._hosted[name][version].refusal()
        model = self._hosted[name][version].model
        if model is None:
            raise StoreError(f"{name}/{version} cannot be read")
        self._lent.add((name, version))
        self.trim(spared=(name, version))
        return model

    def hold(self, name: str, version: int) -> Hosted:
        """Load a version and keep it, whatever the policy says, tried anew if it was refused.

        Raises:
            BundleError: It cannot be used.
            StoreError: It cannot be read.
        """
        hosted = self._hosted.setdefault(name, {}).setdefault(version, Hosted(name, version))
        changed = "" if hosted.state is State.REFUSED else hosted.fingerprint
        self._put(replace(hosted, fingerprint=changed, withdrawn=False, evicted=False))
        self.lend(name, version)
        self._held.add((name, version))
        return self._hosted[name][version]

    def withdraw(self, name: str, version: int) -> None:
        """Unload a version until `hold` takes it back."""
        self._held.discard((name, version))
        self._put(replace(self._hosted[name][version], withdrawn=True))

    def trim(self, spared: tuple[str, int] | None = None) -> None:
        """Unload what nobody needs: by the policy, then the least recently used over the limits."""
        ready = [each for each in self.versions() if each.model is not None and not self._is_served(each)]
        ready = [each for each in ready if each.key != spared]
        ready.sort(key=lambda each: (self.used.get(each.key, 0), each.version))
        lent = [each for each in ready if each.version not in self._kept.get(each.name, ())]
        unasked = [each for each in lent if each.key not in self._lent or each.withdrawn]
        asked = [each for each in lent if each not in unasked]
        room = self._policy.max_lent - (spared is not None)
        dropped = unasked + asked[: max(0, len(asked) - room)]
        dropped += self._over_limit([each for each in ready if each not in dropped], dropped)
        for each in dropped:
            self._unload(each)
        if dropped:
            give_back_memory()

    def _over_limit(self, ready: Iterable[Hosted], dropped: Iterable[Hosted]) -> list[Hosted]:
        """Return which of `ready` to unload besides `dropped` to stay under the limit of memory."""
        limit = self._policy.max_bytes
        if limit is None:
            return []
        loaded = sum(each.graph_bytes for each in self.versions() if each.model is not None)
        loaded -= sum(each.graph_bytes for each in dropped)
        over: list[Hosted] = []
        for each in ready:
            if loaded > limit:
                loaded -= each.graph_bytes
                over.append(each)
        if loaded > limit:
            self._tell(("", 0), "the served models alone are over the limit", loaded=loaded, limit=limit)
        return over

    def _serve(self, name: str, version: int | None, there: Collection[int]) -> None:
        """Make a version the served one, then forget what is no longer there."""
        before = self._served.get(name)
        if version is None:
            self._served.pop(name, None)
        else:
            self._served[name] = version
        hosted = self._hosted[name]
        for number in [number for number in hosted if number not in there]:
            gone = hosted.pop(number)
            self._held.discard(gone.key)
            self._lent.discard(gone.key)
            self.used.pop(gone.key, None)
            self._told.pop(gone.key, None)
            if gone.model is not None:
                self._count("unloaded", gone, why="removed")
        if not hosted:
            for table in (self._hosted, self._aliases, self._kept):
                table.pop(name, None)
        if version != before:
            get_logger().info("model served", model=name, version=version, before=before)
        self._announce()

    def _settled_aliases(
        self, name: str, there: Collection[int], aliases: Mapping[str, int]
    ) -> dict[str, int]:
        """Return the aliases whose versions can be used, and what those before it were of the others."""
        before = self._aliases.get(name, {})
        settled = {}
        for alias, number in aliases.items():
            old = before.get(alias)
            if number in there and self._usable(name, number, must=False):
                settled[alias] = number
                self._told.pop((f"{name}@{alias}", number), None)
            else:
                self._tell((f"{name}@{alias}", number), "alias refused: its version cannot be used", kept=old)
                if old is not None and old in there:
                    settled[alias] = old
        return settled

    def _usable(self, name: str, version: int, *, must: bool) -> bool:
        """Say whether a version can be used, and load it if it is not: at once with `must`.

        Without `must` one that was evicted is left where it is, until somebody asks for it.
        """
        hosted = self._hosted[name][version]
        if hosted.withdrawn:
            return False
        try:
            fingerprint = self._store.fingerprint(name, version)
        except StoreError as error:
            self._tell(hosted.key, str(error))
            return hosted.model is not None
        if fingerprint == hosted.fingerprint:
            if hosted.model is not None or hosted.state is State.REFUSED:
                return hosted.model is not None
            if hosted.evicted and not must:
                return True
        return self._load(hosted, fingerprint)

    def _load(self, hosted: Hosted, fingerprint: str) -> bool:
        """Open a version beside what is served and swap it in; say whether it can be used now."""
        if self.is_closing:
            raise asyncio.CancelledError  # no `Exception`, so that nobody takes it for the bundle's fault
        self._put(replace(hosted, state=State.LOADING))
        still = State.UNLOADED if hosted.model is None else State.READY
        try:
            model = self._opening.open(self._store.fetch(*hosted.key))
        except StoreError as error:
            self._put(replace(hosted, state=still))
            self._tell(hosted.key, str(error))
            return hosted.model is not None
        except BundleError as error:
            return self._refuse(hosted, fingerprint, error)
        except Exception as error:  # noqa: BLE001 - one bundle, however broken, must not stop the others
            refused = BundleCorruptError("", f"failed when it was tried: {type(error).__name__}")
            return self._refuse(hosted, fingerprint, refused, unexpected=error)
        self._put(
            replace(
                hosted,
                state=State.READY,
                model=model,
                error=None,
                fingerprint=fingerprint,
                digest=model.digest,
                graph_bytes=graph_bytes_of(model),
                evicted=False,
            )
        )
        self._count("loaded", hosted, digest=model.digest)
        self._told.pop(hosted.key, None)
        return True

    def _refuse(
        self, hosted: Hosted, fingerprint: str, error: BundleError, unexpected: Exception | None = None
    ) -> bool:
        """Keep why a version cannot be used, and what was loaded before; say whether that serves on.

        Where reading failed, or memory was short, it is tried again at the next look, and logged once.
        """
        trouble = unexpected or error.__cause__
        passing = isinstance(trouble, OSError | MemoryError) and not isinstance(trouble, FileNotFoundError)
        state = State.REFUSED if hosted.model is None else State.READY
        kept = type(error)(error.path, error.reason)  # without the frames, which hold the bundle's bytes
        self._put(replace(hosted, state=state, error=kept, fingerprint="" if passing else fingerprint))
        if not (passing and hosted.error is not None and hosted.error.reason == error.reason):
            self._count("refused", hosted, reason=str(error), exc_info=unexpected)
        return hosted.model is not None

    def _unload(self, hosted: Hosted) -> None:
        evicted = hosted.version in self._kept.get(hosted.name, ())
        state = State.UNLOADED if hosted.error is None else State.REFUSED
        self._put(replace(hosted, state=state, model=None, evicted=evicted))
        self._lent.discard(hosted.key)
        self._count("unloaded", hosted, why="over the limits" if evicted else "not needed")

    def _is_served(self, hosted: Hosted) -> bool:
        return self._served.get(hosted.name) == hosted.version

    def _put(self, hosted: Hosted) -> None:
        self._hosted[hosted.name][hosted.version] = hosted
        self._announce()

    def _announce(self) -> None:
        hosted = {
            name: {number: each[number] for number in sorted(each)} for name, each in self._hosted.items()
        }
        aliases = {name: dict(each) for name, each in self._aliases.items() if each}
        self._publish(Snapshot(hosted, dict(self._served), aliases))

    def _count(self, what: str, hosted: Hosted, **facts: object) -> None:
        """Count and log what became of a version."""
        self.counts[what] += 1
        log = get_logger().bind(model=hosted.name, version=hosted.version)
        if what == "refused":
            log.error("bundle refused", serves_on=hosted.model is not None, **facts)
        else:
            log.info("model changed", what=what, **facts)

    def _tell(self, key: tuple[str, int], what: str, **facts: object) -> None:
        """Log a trouble once for as long as it lasts."""
        if self._told.get(key) != what:
            self._told[key] = what
            get_logger().warning("model trouble", model=key[0], version=key[1], what=what, **facts)
