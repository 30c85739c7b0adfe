"""Laws of the priors over the latent space."""

from __future__ import annotations

import pytest
import torch

from augment.models import Batch, Cells, GaussianMixture, GivenPrior, Posterior, StandardNormal
from augment.models.mixture import fit_mixture
from augment.training.flowing import fit_flow
from tests.models.encoded_tables import encoded_table


def three_blobs(rows: int = 3000) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    centres = torch.tensor([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]])
    which = torch.randint(3, (rows,), generator=generator)
    noise = torch.randn((rows, 2), generator=generator)
    return centres[which] + noise @ torch.tensor([[1.0, 0.8], [0.0, 0.6]])


def draw(prior: GaussianMixture | StandardNormal, rows: int, latent_dim: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    noise = []
    for port in prior.ports:
        shape = (rows,) if port.width is None else (rows, port.width)
        made = torch.rand if port.name.endswith("_u") else torch.randn
        noise.append(made(shape, generator=generator))
    latents: torch.Tensor = prior(*noise)
    assert latents.shape == (rows, latent_dim)
    return latents


@pytest.mark.parametrize("components", [1, 3, 10])
def test_mixture_draws_have_the_moments_of_the_data(components: int) -> None:
    """Whatever the number of components, draws have the data's mean and covariance."""
    points = three_blobs()
    generator = torch.Generator().manual_seed(0)
    prior = GaussianMixture.fit(points, components=components, generator=generator)
    drawn = draw(prior, 20_000, 2)
    torch.testing.assert_close(drawn.mean(0), points.mean(0), rtol=0, atol=0.15)
    torch.testing.assert_close(drawn.T.cov(), points.T.cov(), rtol=0.05, atol=0.3)


def test_three_components_find_three_blobs() -> None:
    """Each blob gets a component, and the fit explains the data better than one Gaussian."""
    points = three_blobs()
    generator = torch.Generator().manual_seed(0)
    mixture = fit_mixture(points, components=3, generator=generator)
    one = fit_mixture(points, components=1, generator=generator)
    torch.testing.assert_close(
        mixture.weights, torch.full((3,), 1 / 3, dtype=torch.float64), atol=0.03, rtol=0
    )
    found = mixture.means[mixture.means.sum(1).argsort()]
    assert float(found[0].norm()) < 0.3
    gain = mixture.responsibilities(points.double())[1] - one.responsibilities(points.double())[1]
    assert gain > 0.5


def test_the_seed_decides_the_mixture() -> None:
    """The same seed gives the same mixture to the bit."""
    fits = [
        fit_mixture(three_blobs(), components=4, generator=torch.Generator().manual_seed(5)) for _ in "ab"
    ]
    assert torch.equal(fits[0].roots, fits[1].roots)
    assert torch.equal(fits[0].means, fits[1].means)


@pytest.mark.parametrize("points", [torch.zeros(5, 3), torch.ones(1, 2), torch.arange(12.0).reshape(6, 2)])
def test_degenerate_points_still_give_a_mixture(points: torch.Tensor) -> None:
    """Equal points, one point, points on a line: the mixture is finite and its draws stay near."""
    prior = GaussianMixture.fit(points, components=4, generator=torch.Generator().manual_seed(0))
    drawn = draw(prior, 100, points.shape[1])
    assert bool(drawn.isfinite().all())
    assert float((drawn - points.mean(0)).abs().max()) < 30


def test_the_standard_normal_is_its_noise() -> None:
    """N(0, I) passes the noise through."""
    drawn = draw(StandardNormal(4), 5000, 4)
    torch.testing.assert_close(drawn.mean(0), torch.zeros(4), rtol=0, atol=0.06)
    torch.testing.assert_close(drawn.std(0), torch.ones(4), rtol=0, atol=0.06)


def two_classes(rows: int = 2000) -> tuple[torch.Tensor, Batch, GivenPrior, GivenPrior]:
    """Latent vectors on either side by the record's first column, and a mixture and a flow fitted to them."""
    layout, encoded = encoded_table("categories", rows)
    batch = Batch.from_encoded(encoded)
    generator = torch.Generator().manual_seed(0)
    side = 3.0 * (2 * batch.tokens[:, :1] - 3)
    mean = torch.cat([side, torch.randn((rows, 1), generator=generator)], dim=1)
    posterior = Posterior(mean, torch.full_like(mean, 0.5))
    cells = Cells(batch.tokens, layout.vocab_sizes)
    latents = posterior.draw(generator)
    mixture = GaussianMixture.fit(latents, components=4, generator=generator, cells=cells)
    return side, batch, mixture, fit_flow(posterior, batch, layout, steps=400, seed=0)


def test_given_cells_decide_where_latent_vectors_lie() -> None:
    """Both priors put vectors on the side of the class that is given, spread as that class's.

    Where nothing is given, on either side, as often as the classes occur.
    """
    side, batch, *priors = two_classes()
    for prior in priors:
        assert isinstance(prior, GivenPrior)
        generator = torch.Generator().manual_seed(5)
        noise = [
            torch.rand(len(batch), generator=generator)
            if port.width is None
            else torch.randn((len(batch), port.width), generator=generator)
            for port in prior.ports
        ]
        with torch.no_grad():
            drawn, free = prior.given(batch, *noise), prior(*noise)
        assert float(((drawn[:, :1] > 0) == (side > 0)).float().mean()) > 0.97
        assert 0.35 < float((drawn[:, :1] - side).std()) < 0.9
        assert 0.8 < float(drawn[:, 1].std()) < 1.4
        share = float((side > 0).float().mean())
        assert float((free[:, 0] > 0).float().mean()) == pytest.approx(share, abs=0.1)
        assert float((free[:, 0].abs() > 1.0).float().mean()) > 0.9
