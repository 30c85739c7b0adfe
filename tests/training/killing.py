"""Trains in child processes that kill themselves at seeded moments, and again until one comes through.

Run as a program by `test_training_killed`: it imports torch once and forks, so that a moment costs a second.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import torch

from augment.bundle import open_bundle
from augment.data import LargeTable, detect_schema
from augment.data.record_file import RecordWriter
from augment.training import Runs, TrainConfig, Watcher, build_bundle, override
from augment.training.fit_run import FitRun
from tests.records import every_kind

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

CONFIG = TrainConfig.model_validate(
    {
        "device": "cpu",
        "seed": 3,
        "epochs": 3,
        "batch_size": 60,
        "vae": {"hidden": 8, "latent_dim": 2, "prior": "normal", "layers": 1, "dropout": 0.1},
        "denoiser": {"hidden": 8, "layers": 1, "dropout": 0.1},
    }
)
COLUMNS = ["class", "income", "image"]
AFTER_PUBLISHING = -1
"""The moment before whatever comes first once a version is there."""


class Moments:
    """Counts what happens: a step, a sync, a rename, a stage; and kills at one."""

    def __init__(self, root: Path, deadly: int | None) -> None:
        self.seen = 0
        self.deadly = deadly
        self._version = root / "models" / "x" / "1"

    def pass_by(self) -> None:
        """Count, or die."""
        self.seen += 1
        published = self.deadly == AFTER_PUBLISHING and self._version.exists()
        if published or self.seen == self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)

    def before(self, owner: Any, name: str) -> None:
        """Count each call of a function."""
        call: Callable[..., Any] = getattr(owner, name)

        def counted(*arguments: Any, **named: Any) -> Any:
            self.pass_by()
            return call(*arguments, **named)

        setattr(owner, name, counted)


class Stages(Watcher):
    """Counts stages."""

    def __init__(self, moments: Moments) -> None:
        self._moments = moments

    def on_stage(self, stage: str) -> None:
        """Count."""
        del stage
        self._moments.pass_by()


def train(root: Path, deadly: int | None, config: TrainConfig, *, large: bool) -> None:
    """Train in this process; write how much happened."""
    moments = Moments(root, deadly)
    moments.before(os, "fsync")
    moments.before(os, "replace")
    moments.before(Path, "replace")
    moments.before(Path, "rename")
    moments.before(Path, "unlink")
    moments.before(FitRun, "take_step")
    moments.before(RecordWriter, "append")
    records = every_kind().select(COLUMNS)
    table: pa.Table | LargeTable = records
    if large:
        path = root.parent / "records.parquet"
        if not path.exists():
            pq.write_table(records, path, row_group_size=30)
        table = LargeTable.open(path)
    runs = Runs(parent=root / "runs", every_s=0.0)
    schema = detect_schema(records, target="class")
    build_bundle(table, schema, config, name="x", out=root / "models", run_dir=runs, watcher=Stages(moments))
    moments.pass_by()
    (root / "seen").write_text(str(moments.seen))


def in_a_child(root: Path, deadly: int | None, config: TrainConfig, *, large: bool) -> bool:
    """Train in a forked process; returns whether it came through."""
    child = os.fork()
    if child == 0:
        try:
            train(root, deadly, config, large=large)
        except BaseException as exc:  # noqa: BLE001 - told to the parent by the code
            print(repr(exc), file=sys.stderr, flush=True)  # noqa: T201 - for the test's message
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return False
    if os.WEXITSTATUS(status) != 0:
        raise SystemExit(1)
    return True


def ending(root: Path) -> dict[str, Any]:
    """Return what there is in the end."""
    versions = sorted((root / "models" / "x").glob("[0-9]*"))
    manifest = open_bundle(versions[-1]).manifest
    lines = [path.read_text().splitlines() for path in (root / "runs").glob("*/loss.csv")]
    return {
        "graphs": {role: manifest.files[graph.file].sha256 for role, graph in manifest.graphs.items()},
        "losses": {name: model.heldout_loss for name, model in manifest.training.models.items()},
        "versions": len(versions),
        "runs": len(lines),
        "epochs": [line.split(",")[:3] for line in lines[0][1:]],
        "left": [str(path) for pattern in ("*.pt*", "encoded-*") for path in (root / "runs").rglob(pattern)],
    }


def main(root: Path, models: list[str], kills: int, seed: int, *, large: bool) -> None:
    """Print the ending of an unbroken run, and of runs that were killed twice, at random moments.

    The first of them is killed the second time just after publishing.
    """
    torch.set_num_threads(1)
    config = override(CONFIG, {"models": models})
    train(
        root / "whole", None, config, large=large
    )  # in this process, so that children find all modules loaded
    total = int((root / "whole" / "seen").read_text())
    generator = random.Random(seed)  # noqa: S311 - a test's moments
    found: dict[str, Any] = {"whole": ending(root / "whole"), "killed": []}
    for number in range(kills):
        place = root / f"killed-{number}"
        first = generator.randint(1, total // 2)
        moments = [first, generator.randint(1, total - 1) if number else AFTER_PUBLISHING]
        started = time.monotonic()
        deaths = sum(not in_a_child(place, moment, config, large=large) for moment in moments)
        if not (place / "seen").exists():
            assert in_a_child(place, None, config, large=large)
        took = time.monotonic() - started
        found["killed"].append({"moments": moments, "deaths": deaths, "seconds": took, **ending(place)})
    print(json.dumps(found | {"total": total}))  # noqa: T201 - the program's result


if __name__ == "__main__":
    main(
        Path(sys.argv[1]),
        sys.argv[2].split(","),
        int(sys.argv[3]),
        int(sys.argv[4]),
        large=sys.argv[5] == "large",
    )
