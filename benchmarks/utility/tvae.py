"""CTGAN's TVAE, in a process of its own: it needs other versions of packages, and its licence is BUSL."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Tvae"]


class Tvae:
    """Learns the rare class alone, so that it can make any number of its rows.

    Learning all rows and keeping those of the class, as its users do with more data, gives none at all
    where 20 of 700 rows are of it.
    """

    def __init__(self, python: Path, folder: Path) -> None:
        self._python, self._folder = python, folder
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait()

    def augmented(
        self, features: pd.DataFrame, positive: NDArray[np.bool_], seed: int
    ) -> tuple[pd.DataFrame, NDArray[np.bool_]]:
        """Return the rows and as many of the rare class as the two classes differ by."""
        self._folder.mkdir(parents=True, exist_ok=True)
        count = int((~positive).sum() - positive.sum())
        given, made = self._folder / "given.parquet", self._folder / "made.parquet"
        numbers = features.select_dtypes("number").columns
        features[positive].to_parquet(given)
        discrete = features.columns.difference(numbers).tolist()
        self._ask(
            {"given": str(given), "made": str(made), "count": count, "seed": seed, "discrete": discrete}
        )
        more = pd.concat([features, pd.read_parquet(made)[features.columns]], ignore_index=True)
        return more.astype(features.dtypes.to_dict()), np.append(positive, np.ones(count, np.bool_))

    def _ask(self, task: dict[str, object]) -> None:
        if self._process is None:
            script = Path(__file__).with_name("tvae_process.py")
            self._process = subprocess.Popen(  # noqa: S603 - our own script
                [self._python, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(task), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline().strip()
        if answer != "done":
            raise RuntimeError(f"TVAE must answer 'done', got {answer!r}")
