"""Checkpoints: what is needed to go on after the process was killed, whenever that was.

A file appears whole or not at all: it is written beside its place, synced, and renamed. Two of each model are
kept, so that a damaged newest one costs minutes and not the run. They hold tensors and plain values, and
are read with `weights_only=True`: a file that someone else wrote can be wrong, but it runs no code.
"""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import shutil
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["Checkpoints", "ModelCheckpoints", "write_synced"]

_KEPT = 2
_TRAINED = "trained"
_DIGEST_BYTES = 32  # sha256, before the data: torch reads changed weights without a word
_UNREADABLE = (OSError, RuntimeError, ValueError, KeyError, EOFError, pickle.UnpicklingError)


def write_synced(path: Path, data: bytes) -> None:
    """Have a file's new contents on the disk whole, or its old ones.

    Raises:
        OSError: The disk is full, or the directory cannot be written to.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of a run, in a directory of their own.

    Attributes:
        path: The directory.
        every_s: Seconds between two checkpoints of a model, at least; 0: one a step.
        tell: Is told where a checkpoint could not be written. Training goes on: the disk may have room again
            before anybody needs the file.
    """

    path: Path
    every_s: float = 30.0
    tell: Callable[[str], None] = field(default=lambda _: None)

    def of(self, model: str) -> ModelCheckpoints:
        """Return those of one model."""
        return ModelCheckpoints(self, model)

    def clear(self) -> None:
        """Remove them all."""
        shutil.rmtree(self.path, ignore_errors=True)

    def remove_unfinished(self) -> None:
        """Remove what a process that was killed while writing left behind."""
        for path in self.path.glob(".*.pt.*"):
            path.unlink(missing_ok=True)


class ModelCheckpoints:
    """The checkpoints of one model."""

    def __init__(self, run: Checkpoints, model: str) -> None:
        self._run = run
        self._model = model
        self._last = time.monotonic()

    @property
    def due(self) -> bool:
        """Whether it is time for another one."""
        return time.monotonic() - self._last >= self._run.every_s

    def save(self, step: int, state: dict[str, Any]) -> None:
        """Write the state after so many steps, and remove all but the newest two."""
        if self._write(f"{self._model}.{step:09}.pt", state):
            for old in self._steps()[:-_KEPT]:
                old.unlink(missing_ok=True)
        self._last = time.monotonic()

    def newest(self) -> dict[str, Any] | None:
        """Return the newest state that can be read; None where there is none."""
        states = (_read(path) for path in reversed(self._steps()))
        return next((state for state in states if state is not None), None)

    def save_trained(self, state: dict[str, Any]) -> None:
        """Write what is left of a model once it is trained; the steps to it are no longer needed."""
        if self._write(f"{self._model}.{_TRAINED}.pt", state):
            for old in self._steps():
                old.unlink(missing_ok=True)

    def trained(self) -> dict[str, Any] | None:
        """Return that; None where the model is not trained yet."""
        return _read(self._run.path / f"{self._model}.{_TRAINED}.pt")

    def _steps(self) -> list[Path]:
        return sorted(self._run.path.glob(f"{self._model}.{'[0-9]' * 9}.pt"))

    def _write(self, name: str, state: dict[str, Any]) -> bool:
        buffer = io.BytesIO()
        torch.save(state, buffer)
        data = buffer.getvalue()
        try:
            write_synced(self._run.path / name, hashlib.sha256(data).digest() + data)
        except OSError as exc:
            self._run.tell(f"checkpoint not written: {exc}")
            return False
        return True


def _read(path: Path) -> dict[str, Any] | None:
    """Return a state; None where the file is missing, cut or changed."""
    try:
        raw = path.read_bytes()
        digest, data = raw[:_DIGEST_BYTES], raw[_DIGEST_BYTES:]
        if hashlib.sha256(data).digest() != digest:
            return None
        state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except _UNREADABLE:
        return None
    return state if isinstance(state, dict) else None
