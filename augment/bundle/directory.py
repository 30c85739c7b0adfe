"""A models directory: `<models_dir>/<name>/<version>/`. Finds bundles and opens none."""

from __future__ import annotations

from pathlib import Path

from augment.bundle.limits import NAME_PATTERN, VERSION_PATTERN
from augment.errors import ModelNotFoundError, VersionNotFoundError

__all__ = ["find_bundle", "list_bundles", "next_version"]

_SHOWN = 20


def list_bundles(models_dir: Path | str) -> list[Path]:
    """Return the directories of all bundles, ordered by name, then version.

    Whatever is not named like a bundle is passed over: notes, hidden files, leftovers of a publisher
    that was killed. A directory that is not there holds no bundles.
    """
    models_dir = Path(models_dir)
    return [
        models_dir / name / str(version)
        for name in _names_in(models_dir)
        for version in _versions_of(models_dir / name)
    ]


def find_bundle(models_dir: Path | str, name: str, version: int | None = None) -> Path:
    """Return the directory of one bundle; the newest version where none is given.

    Raises:
        ModelNotFoundError: No bundle has this name.
        VersionNotFoundError: The model has no such version.
    """
    models_dir = Path(models_dir)
    versions = _versions_of(models_dir / name) if NAME_PATTERN.fullmatch(name) else []
    if not versions:
        there = [other for other in _names_in(models_dir) if _versions_of(models_dir / other)]
        raise ModelNotFoundError(name, tuple(there[:_SHOWN]))
    wanted = versions[-1] if version is None else version
    if wanted not in versions:
        raise VersionNotFoundError(f"{name}/{wanted}", tuple(str(there) for there in versions[-_SHOWN:]))
    return models_dir / name / str(wanted)


def _versions_of(model_dir: Path) -> list[int]:
    """Return the versions in one model's directory, oldest first."""
    return sorted(
        int(entry.name) for entry in _directories(model_dir) if VERSION_PATTERN.fullmatch(entry.name)
    )


def next_version(model_dir: Path) -> int:
    """Return the version after the newest entry that is called like one, be it a bundle or not."""
    taken = [int(entry.name) for entry in model_dir.iterdir() if VERSION_PATTERN.fullmatch(entry.name)]
    return max(taken, default=0) + 1


def _names_in(models_dir: Path) -> list[str]:
    """Return the model names in a models directory, in order."""
    return sorted(entry.name for entry in _directories(models_dir) if NAME_PATTERN.fullmatch(entry.name))


def _directories(path: Path) -> list[Path]:
    """Return the directories inside `path`; none where it is no directory."""
    try:
        return [entry for entry in path.iterdir() if entry.is_dir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
