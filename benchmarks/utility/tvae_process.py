"""Run by the peers' Python: for each line of JSON on stdin, fits TVAE and writes what it makes."""

from __future__ import annotations

import json
import os
import sys
import warnings

import numpy as np
import pandas as pd
import torch
from ctgan import TVAE


def main() -> None:
    """Answer each task with `done`; whatever else is printed goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        task = json.loads(line)
        given = pd.read_parquet(task["given"])
        np.random.seed(task["seed"])  # noqa: NPY002 - the generator that ctgan uses
        torch.manual_seed(task["seed"])
        model = TVAE(enable_gpu=False)
        model.fit(given, task["discrete"])
        model.sample(task["count"]).to_parquet(task["made"])
        print("done", file=answers, flush=True)


if __name__ == "__main__":
    main()
