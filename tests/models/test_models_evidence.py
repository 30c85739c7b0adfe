from __future__ import annotations

import numpy as np
import pyarrow as pa
import torch
from sklearn.metrics import average_precision_score

from augment.data import Codec, detect_schema
from augment.models import Batch, Denoiser
from augment.models.evidence import SwapEvidence
from augment.training import TrainConfig, Watcher, train_models
from tests.records import every_kind


def test_untrained_evidence_is_bayes_rule() -> None:
    """At the start it is log p - log q for a table's cells, and nothing for arrays."""
    table = every_kind(60)
    layout = Codec.fit(table, detect_schema(table, target="class")).layout
    tokens = torch.ones((1, len(layout.names)), dtype=torch.int32)
    likelihood = 0.25
    made = SwapEvidence(layout)(torch.full(tokens.shape, -np.log(likelihood)), tokens)[0]
    for column, name in enumerate(layout.names):
        expected = 0.0 if name == "image" else np.log(likelihood / layout.frequencies[column][1])
        assert np.isclose(float(made[column].detach()), expected, atol=1e-5), name


def test_a_short_training_finds_swapped_cells() -> None:
    """Where one column tells another, cells taken from other rows stand out after 150 steps."""
    generator = np.random.default_rng(0)
    cause = generator.integers(0, 4, 400)
    table = pa.table({"cause": [f"c{i}" for i in cause], "effect": [f"e{i}" for i in cause]})
    codec = Codec.fit(table, detect_schema(table))
    encoded, _ = codec.encode(table)
    config = TrainConfig(models=("denoiser",), max_steps=150, device="cpu")
    model = train_models(encoded, codec.layout, config, Watcher())["denoiser"].model
    assert isinstance(model, Denoiser)
    tokens = encoded.tokens.copy()
    tokens[:100, 1] = generator.permutation(tokens[:100, 1])
    swapped = tokens[:, 1] != encoded.tokens[:, 1]
    spoilt = Batch(torch.from_numpy(tokens), torch.from_numpy(encoded.residuals), torch.zeros(400, 0))
    with torch.no_grad():
        intact = model.eval()(spoilt, torch.ones(400, 2), torch.ones(400, 1)).intact[:, 1]
    assert average_precision_score(swapped, -intact.numpy()) > 0.9
