"""The models that are served: the newest usable version of each, and older ones when asked for."""

from __future__ import annotations

import threading
from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING

from augment.bundle import find_bundle, list_bundles
from augment.bundle.signing import TrustedKeys
from augment.errors import AugmentError, BundleError, ModelNotFoundError, RequestError
from augment.runtime import Model
from augment_server.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from structlog.typing import FilteringBoundLogger

    from augment_server.settings import Settings

    Opening = Callable[[Path], Model]

__all__ = ["Registry"]

_MAX_OLDER = 4


class Registry:
    """Opened models. Its methods may be called from any thread.

    A bundle that cannot be used is logged with its reason and passed over: the next older version of
    its model is served instead, and all other models are.

    Args:
        models_dir: The models directory.
        newest: One opened model of each name.
        opening: Opens a bundle.
    """

    def __init__(self, models_dir: Path, newest: Iterable[Model], opening: Opening) -> None:
        self._models_dir = models_dir
        self._open = opening
        self._newest = {model.name: model for model in newest}
        self._older: OrderedDict[tuple[str, int], Model | BundleError] = OrderedDict()
        self._opening = threading.Lock()

    @classmethod
    def open(cls, settings: Settings) -> Registry:
        """Open the newest usable version of each model in the models directory.

        Raises:
            RequestError: The directory is not there, or nothing in it can be served.
        """
        directory = settings.models
        if not directory.is_dir():
            raise RequestError.of("models", "must be a directory with bundles", str(directory))
        trusted = TrustedKeys.read(settings.trusted_keys) if settings.trusted_keys else None
        opening = partial(Model.open, threads=settings.threads, trusted=trusted)
        models: dict[str, Model] = {}
        for path in reversed(list_bundles(directory)):
            if path.parent.name not in models and (model := _try_open(path, opening)):
                models[model.name] = model
        if not models and not settings.allow_empty:
            remedy = "Train one with `augment train`, or pass --allow-empty"
            raise RequestError.of("models", "must hold a usable bundle", str(directory), remedy)
        return cls(directory, [models[name] for name in sorted(models)], opening)

    def models(self) -> list[Model]:
        """Return the newest usable version of each model, ordered by name."""
        return list(self._newest.values())

    def get(self, name: str, version: int = 0) -> Model:
        """Return one model, opened now if it is an older version that was not asked for lately.

        Args:
            name: The model's name.
            version: Its version; 0 for the newest.

        Raises:
            ModelNotFoundError: No model of that name is served.
            VersionNotFoundError: The model has no such version.
            BundleError: That version cannot be used.
        """
        newest = self._newest.get(name)
        if newest is None:
            raise ModelNotFoundError(name, tuple(self._newest))
        if version in (0, newest.version):
            return newest
        with self._opening:
            return self._get_older(name, version)

    def _get_older(self, name: str, version: int) -> Model:
        key = (name, version)
        if key not in self._older:
            self._older[key] = self._open_older(find_bundle(self._models_dir, name, version))
        self._older.move_to_end(key)
        if len(self._older) > _MAX_OLDER:
            self._older.popitem(last=False)
        found = self._older[key]
        if isinstance(found, BundleError):
            raise found
        return found

    def _open_older(self, path: Path) -> Model | BundleError:
        try:
            return self._open(path)
        except BundleError as error:
            return error


def _try_open(path: Path, opening: Opening) -> Model | None:
    log = get_logger().bind(model=path.parent.name, version=int(path.name))
    try:
        model = opening(path)
    except Exception as error:  # noqa: BLE001 - one bundle, however broken, must not stop the others
        _log_refusal(log, error)
        return None
    log.info("model loaded", digest=model.digest)
    return model


def _log_refusal(log: FilteringBoundLogger, error: Exception) -> None:
    unexpected = None if isinstance(error, AugmentError) else error
    log.error("bundle refused", reason=str(error), exc_info=unexpected)
