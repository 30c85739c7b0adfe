"""Laws of the undercomplete autoencoder and of the vectors that it sees."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import torch

from augment.data import Codec, detect_schema
from augment.models import Autoencoder, AutoencoderOptions, Batch, Spoiling
from augment.models.cell_values import CellValues
from augment.models.features import RecordFeatures
from augment.models.spoiling import spoil
from augment.models.stacked import pretrain_layers
from tests.models.encoded_tables import TABLES, encoded_table


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def weights(layer: torch.nn.Module) -> torch.Tensor:
    """Return the weights of a linear layer; what torch's lists hold is untyped."""
    assert isinstance(layer, torch.nn.Linear)
    return layer.weight


def numbers(rows: int = 300) -> pa.Table:
    """Return numbers of two factors, skewed ones and missing ones among them."""
    random = np.random.default_rng(0)
    factors = random.normal(size=(rows, 2))
    mixed = factors @ random.normal(size=(2, 5)) + random.normal(scale=0.1, size=(rows, 5))
    mixed[:, 0] = np.exp(2 * mixed[:, 0])
    mixed[::7, 1] = np.nan
    return pa.table({f"x{i}": pa.array(mixed[:, i], from_pandas=True) for i in range(5)})


def test_numbers_enter_by_their_exact_value() -> None:
    """Tokens and residuals give back each standardised number, be it in a bin or far out."""
    table = numbers()
    codec = Codec.fit(table, detect_schema(table))
    batch = Batch.from_encoded(codec.encode(table)[0])
    found = CellValues(codec.layout)(batch.tokens, batch.residuals).numpy()
    for place, name in enumerate(table.column_names):
        values = table.column(name).to_numpy()
        wanted = np.nan_to_num((values - np.nanmean(values)) / np.nanstd(values))
        np.testing.assert_allclose(found[:, place], wanted, atol=2e-3 * np.abs(wanted).max())


@pytest.mark.parametrize("tied", [False, True])
def test_it_starts_as_principal_components(tied: bool) -> None:  # noqa: FBT001 - pytest's
    """Without hidden ways, the reconstruction of numbers is PCA's."""
    table = numbers()
    codec = Codec.fit(table, detect_schema(table))
    batch = Batch.from_encoded(codec.encode(table)[0])
    model = Autoencoder(codec.layout, AutoencoderOptions(latent_dim=2, hidden=(), tied=tied), seeded())
    model.start_at_components(batch)
    weights(model.encoder[0]).data.zero_()
    if not tied:
        weights(model.decoder[0]).data.zero_()
    vectors = model.features(batch)
    centred = vectors - vectors.mean(0)
    _, _, axes = torch.linalg.svd(centred, full_matrices=False)
    wanted = centred @ axes[:2].T @ axes[:2] + vectors.mean(0)
    torch.testing.assert_close(model.reconstruct(batch), wanted, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("name", TABLES)
def test_what_is_encoded_is_decoded(name: str) -> None:
    """A record's own vector stands for the record: same tokens, and numbers at their values."""
    layout, encoded = encoded_table(name)
    batch, features = Batch.from_encoded(encoded), RecordFeatures(layout)
    decoded = features.decode(features(batch))
    ordered = torch.tensor(layout.ordered)
    torch.testing.assert_close(decoded.records.tokens[:, ~ordered], batch.tokens[:, ~ordered])
    assert bool(((decoded.records.tokens > 0) == (batch.tokens > 0)).all())
    torch.testing.assert_close(
        decoded.values[:, ordered], features.values(batch.tokens, batch.residuals), atol=0, rtol=0
    )
    torch.testing.assert_close(decoded.records.arrays, batch.arrays)


def test_tied_weights_are_one_set() -> None:
    """A tied autoencoder has about half the weights, and its decoder changes with its encoder."""
    layout, encoded = encoded_table("mixed")
    batch = Batch.from_encoded(encoded)
    tied, untied = (
        Autoencoder(layout, AutoencoderOptions(latent_dim=3, tied=flag), seeded()) for flag in (True, False)
    )
    count = [sum(each.numel() for each in model.parameters()) for model in (tied, untied)]
    assert count[0] < 0.6 * count[1]
    latent = tied.encode(batch).detach()
    before = tied.expand(latent)
    with torch.no_grad():
        tied.straight.weight.mul_(2)
    assert not torch.equal(before, tied.expand(latent))


def test_each_corruption_spoils_its_share_and_nothing_else() -> None:
    """Masked cells are 0, swapped ones another record's, noise and extremes touch no category."""
    layout, encoded = encoded_table("mixed", rows=4000)
    features = RecordFeatures(layout)
    vectors = features(Batch.from_encoded(encoded))
    continuous = features.continuous > 0
    masked = spoil(vectors, features, Spoiling(mask=0.3), seeded())
    assert bool(((masked == 0) | (masked == vectors)).all())
    assert 0.2 < float((masked != vectors)[:, continuous].float().mean()) < 0.3
    swapped = spoil(vectors, features, Spoiling(swap=0.3), seeded())
    for _, first, end, _ in features.levels:
        torch.testing.assert_close(swapped[:, first:end].sum(1), vectors[:, first:end].sum(1))
    for kind in (Spoiling(gaussian=0.5), Spoiling(salt_and_pepper=0.2)):
        noised = spoil(vectors, features, kind, seeded())
        assert torch.equal(noised[:, ~continuous], vectors[:, ~continuous])
        assert not torch.equal(noised, vectors)
    extremes = spoil(vectors, features, Spoiling(salt_and_pepper=0.2), seeded())
    moved = extremes != vectors
    assert bool(((extremes == vectors.amin(0)) | (extremes == vectors.amax(0)))[moved].all())


def test_the_loss_is_against_the_clean_record() -> None:
    """With every cell masked the autoencoder is told nothing, and still asked for the record."""
    layout, encoded = encoded_table("numbers")
    batch = Batch.from_encoded(encoded)
    options = AutoencoderOptions(latent_dim=2, spoiling=Spoiling(mask=0.999999))
    model = Autoencoder(layout, options, seeded())
    told = model.features.distance(model.expand(model.squeeze(model.features(batch) * 0)), batch).total
    torch.testing.assert_close(model.loss(batch, seeded()).total, told.mean())


@pytest.mark.parametrize("spoiling", [Spoiling(), Spoiling(mask=0.2)])
def test_layers_learn_one_after_the_other(spoiling: Spoiling) -> None:
    """Each layer changes; together they reconstruct better than random ones before any joint step."""
    layout, encoded = encoded_table("mixed", rows=256)
    batch = Batch.from_encoded(encoded)
    model = Autoencoder(layout, AutoencoderOptions(3, (16, 12), spoiling=spoiling), seeded())
    model.keep_to_layers()
    before = [weights(layer).detach().clone() for layer in model.encoder]
    error = float(model.score(batch).detach().mean())
    pretrain_layers(model, batch, steps=150, batch_size=64, generator=seeded())
    assert not any(torch.equal(weights(layer), old) for layer, old in zip(model.encoder, before, strict=True))
    assert float(model.score(batch).detach().mean()) < 0.9 * error
