"""Few pictures of one digit: what synthetic ones do for a network of torch, and where it hurts.

For each of several seeds: 8 pictures of an eight and 50 of each other digit to learn from; a bundle is
trained on these alone and served. `SyntheticDataset` mixes fresh synthetic eights into each epoch of the real
rows. The same network learns for as many steps with and without them, and is judged on the real pictures that
nobody saw.

    python examples/torch_training.py [--seeds 3] [--max-steps 600] [--steps 400] [--workers 0]
"""

from __future__ import annotations

import argparse
import tempfile
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import torch
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss, precision_score, recall_score
from torch import nn
from torch.utils.data import DataLoader

from augment.data import detect_schema
from augment.demo.serving import serving
from augment.training import TrainConfig, build_bundle
from augment_client.torch import SyntheticDataset
from gains import Figure, show

if TYPE_CHECKING:
    from collections.abc import Iterator

RARE, RARE_ROWS, OTHER_ROWS, BATCH = 8, 8, 50, 64
PIXELS = 16
NAMES = [f"pixel_{place}" for place in range(PIXELS)]


def digits(seed: int) -> tuple[pa.Table, pa.Table]:
    """Return the pictures to learn from and those to judge by."""
    data = load_digits()
    order = np.random.default_rng(seed).permutation(len(data.target))
    learnt: list[int] = []
    for digit in range(10):
        learnt += order[data.target[order] == digit][: RARE_ROWS if digit == RARE else OTHER_ROWS].tolist()
    pixels = (data.images / 16).reshape(-1, 4, 2, 4, 2).mean((2, 4)).reshape(-1, PIXELS)  # 4 x 4 of 8 x 8
    columns = {name: pixels[:, place] for place, name in enumerate(NAMES)}
    table = pa.table({**columns, "digit": data.target.astype(str)})
    return table.take(learnt), table.take(np.setdiff1d(order, learnt))


def train(learnt: pa.Table, models: Path, name: str, *, seed: int, max_steps: int) -> None:
    """Publish a bundle of these rows: what makes rows under conditions is the `maker`."""
    config = TrainConfig(seed=seed, device="cpu", models=("maker",), max_steps=max_steps)
    build_bundle(learnt, detect_schema(learnt, target="digit"), config, name=name, out=models)


def batches(dataset: SyntheticDataset, workers: int) -> Iterator[dict[str, torch.Tensor]]:
    """Yield batches, epoch after epoch, for ever."""
    # `describe` has used gRPC in this process, whose forks cannot use it any more.
    context = "forkserver" if workers else None
    loader = DataLoader(dataset, batch_size=None, num_workers=workers, multiprocessing_context=context)
    for epoch in count():
        dataset.set_epoch(epoch)  # reshuffles the real rows and moves on to fresh synthetic ones
        yield from loader


def learn(
    dataset: SyntheticDataset, levels: torch.Tensor, *, steps: int, workers: int, seed: int
) -> nn.Module:
    """Return a trained network; `levels` holds the digit of each category's code."""
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Linear(PIXELS, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, 10))
    optimiser = torch.optim.AdamW(network.parameters(), lr=2e-3)
    for batch in islice(batches(dataset, workers), steps):
        images = torch.stack([batch[name] for name in NAMES], dim=1)
        loss = nn.functional.cross_entropy(network(images), levels[batch["digit"]])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call] # torch gives it no types
        optimiser.step()
    return network.eval()


def figures(network: nn.Module, held_out: pa.Table) -> dict[Figure, float]:
    """Return how well it does on pictures that it did not see."""
    images = torch.from_numpy(np.stack([held_out[name].to_numpy() for name in NAMES], axis=1)).float()
    truth = held_out["digit"].to_numpy().astype(int)
    with torch.no_grad():
        chances = network(images).double().softmax(1).numpy()
    told = chances.argmax(1)
    return {
        Figure("an eight", "recall"): recall_score(truth == RARE, told == RARE),
        Figure("an eight", "precision"): precision_score(truth == RARE, told == RARE, zero_division=0.0),
        Figure("all digits", "accuracy"): float((truth == told).mean()),
        Figure("the other digits", "accuracy"): float((truth == told)[truth != RARE].mean()),
        Figure("all digits", "log loss", smaller_is_better=True): log_loss(truth, chances, labels=range(10)),
    }


def main() -> None:
    """Train, serve, augment, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="how many splits of the data")
    parser.add_argument("--max-steps", type=int, default=600, help="of training each bundle")
    parser.add_argument("--steps", type=int, default=400, help="of training each network")
    parser.add_argument("--workers", type=int, default=0, help="of each DataLoader")
    asked = parser.parse_args()
    splits = {seed: digits(seed) for seed in range(asked.seeds)}
    found: dict[int, list[dict[Figure, float]]] = {0: [], OTHER_ROWS - RARE_ROWS: []}
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder, "models")
        for seed, (learnt, _) in splits.items():
            train(learnt, models, f"digits-{seed}", seed=seed, max_steps=asked.max_steps)
        with serving(models, Path(folder, "log")) as server:
            for seed, (learnt, held_out) in splits.items():
                for rows, results in found.items():
                    dataset = SyntheticDataset(
                        server.address,
                        f"digits-{seed}",
                        real=learnt,
                        rows=rows,
                        conditions={"digit": str(RARE)},
                        batch_size=BATCH,
                        seed=seed,
                    )
                    (column,) = [each for each in dataset.describe().columns if each.name == "digit"]
                    levels = torch.tensor([int(level) for level in column.categories])
                    network = learn(dataset, levels, steps=asked.steps, workers=asked.workers, seed=seed)
                    results.append(figures(network, held_out))
    show(*found.values())


if __name__ == "__main__":
    main()
