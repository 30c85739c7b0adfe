"""Run by the peers' Python: for each line of JSON on stdin fits TVAE and answers with seconds."""

from __future__ import annotations

import json
import os
import resource
import sys
import time
import warnings

import pandas as pd
import torch
from ctgan import TVAE
from ctgan.synthesizers import tvae as tvae_module


def main() -> None:
    """Answer each task; whatever else is printed goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    begun: list[tuple[float, float]] = []
    loader = tvae_module.DataLoader

    def stamped(*arguments: object, **named: object) -> object:
        """Note when the loop begins: before it come the encoders, which are not what is compared."""
        begun.append((time.perf_counter(), time.process_time()))
        return loader(*arguments, **named)

    tvae_module.DataLoader = stamped
    for line in sys.stdin:
        task = json.loads(line)
        torch.set_num_threads(task["threads"])
        torch.manual_seed(task["seed"])
        table = pd.read_parquet(task["data"])
        model = TVAE(
            embedding_dim=task["latent"],
            compress_dims=(task["hidden"],) * task["layers"],
            decompress_dims=(task["hidden"],) * task["layers"],
            batch_size=task["batch"],
            epochs=task["epochs"],
            enable_gpu=False,
        )
        started = time.perf_counter()
        model.fit(table, task["discrete"])
        ended, cpu = time.perf_counter(), time.process_time()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        loop, loop_cpu = ended - begun[-1][0], cpu - begun[-1][1]
        answer = {"loop_s": loop, "loop_cpu_s": loop_cpu, "whole_s": ended - started, "peak_mib": peak}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
