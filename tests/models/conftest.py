"""The models, small and untrained."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from augment.models import (
    Autoencoder,
    AutoencoderOptions,
    Batch,
    Denoiser,
    DenoiserOptions,
    Maker,
    MakerOptions,
    Spoiling,
    Vae,
    VaeOptions,
)
from tests.models.encoded_tables import TABLES, encoded_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from augment.data import Layout
    from augment.models import Trainable


def in_two_stages(layout: Layout) -> tuple[tuple[int, ...], ...]:
    """Return every other column, and the rest; all at once where there is one."""
    columns = tuple(range(len(layout.names)))
    return tuple(stage for stage in (columns[::2], columns[1::2]) if stage)


SPOILING = Spoiling(mask=0.1, swap=0.1, gaussian=0.1, salt_and_pepper=0.1)

MAKERS: dict[str, Callable[[Layout, int], Trainable]] = {
    "vae": lambda layout, seed: Vae(
        layout,
        VaeOptions(
            latent_dim=3, hidden=16, dropout=0.1, blur=0.05, mask_rate=0.2, stages=in_two_stages(layout)
        ),
        torch.Generator().manual_seed(seed),
    ),
    "denoiser": lambda layout, seed: Denoiser(
        layout, DenoiserOptions(hidden=16, blur=0.05), torch.Generator().manual_seed(seed)
    ),
    "maker": lambda layout, seed: Maker(
        layout, MakerOptions(hidden=16, blur=0.05, weight_sets=2), torch.Generator().manual_seed(seed)
    ),
    "autoencoder": lambda layout, seed: Autoencoder(
        layout,
        AutoencoderOptions(latent_dim=3, hidden=(16, 12), dropout=0.1, spoiling=SPOILING),
        torch.Generator().manual_seed(seed),
    ),
    "tied autoencoder": lambda layout, seed: Autoencoder(
        layout, AutoencoderOptions(latent_dim=2, hidden=(16,), tied=True), torch.Generator().manual_seed(seed)
    ),
}


@pytest.fixture(params=TABLES)
def table(request: pytest.FixtureRequest) -> tuple[Layout, Batch]:
    """Each layout with 64 records."""
    layout, encoded = encoded_table(request.param)
    return layout, Batch.from_encoded(encoded)


@pytest.fixture(params=MAKERS)
def make(request: pytest.FixtureRequest) -> Callable[[Layout, int], Trainable]:
    """Each model's maker, from a layout and a seed; records with arrays are not made column by column."""

    def made(layout: Layout, seed: int) -> Trainable:
        if request.param == "maker" and layout.array_width:
            pytest.skip("the maker takes no arrays")
        return MAKERS[request.param](layout, seed)

    return made
