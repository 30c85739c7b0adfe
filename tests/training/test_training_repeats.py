"""Records that count several times in training."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from augment.data import detect_schema
from augment.training import TrainConfig
from augment.training.config import MakerConfig
from augment.training.in_memory import fit_engine, sample

ROWS, RARE = 200, 20
CONFIG = TrainConfig(models=("maker", "maker"), max_steps=150, maker=MakerConfig(hidden=16))


def test_a_record_that_counts_often_is_made_often() -> None:
    """With rare records counting nine times, half of what is made is like them; else a tenth."""
    table = pa.table({"kind": ["rare"] * RARE + ["usual"] * (ROWS - RARE)})
    schema = detect_schema(table, target="kind")
    repeats = np.where(np.arange(ROWS) < RARE, 9, 1).astype(np.int64)
    shares = []
    for counted in (None, repeats):
        made = sample(fit_engine(table, schema, CONFIG, repeats=counted), "denoiser", 1000)
        shares.append(pc.mean(pc.equal(made["kind"].cast(pa.string()), "rare")).as_py())
    assert 0.04 < shares[0] < 0.2
    assert 0.35 < shares[1] < 0.65
