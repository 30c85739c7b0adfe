"""What leaves torch: each operation of the models as a module of tensors in, tensors out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from augment.models.batch import Batch
from augment.models.distribution import Noise
from augment.models.priors import GivenPrior
from augment.models.trainable import Graph, Port, array_ports, record_ports

if TYPE_CHECKING:
    from torch import Tensor

    from augment.data.layout import Layout
    from augment.models.autoencoder import Autoencoder
    from augment.models.denoiser import Denoiser
    from augment.models.priors import Prior
    from augment.models.vae import Vae

__all__ = ["autoencoder_graphs", "denoiser_graphs", "vae_graphs"]


def autoencoder_graphs(autoencoder: Autoencoder, layout: Layout) -> tuple[Graph, ...]:
    """Return the graphs `encode`, `decode` and `score`.

    A point in the latent space has no spread: `latent_scale` is 0. Numbers come out of `decode` as
    standardised `values`, of which the codec finds the nearest that the column can hold.
    """
    columns, latent = len(layout.names), autoencoder.options.latent_dim
    records = record_ports(layout)
    point, spread = Port("latent", "float32", latent), Port("latent_scale", "float32", latent)
    values = Port("values", "float32", columns)
    return (
        Graph("encode", _Squeeze(autoencoder), records, (point, spread)),
        Graph("decode", _Expand(autoencoder), (point,), (*records, values)),
        Graph("score", _Distance(autoencoder), records, (Port("score", "float32", None),)),
    )


def vae_graphs(vae: Vae, prior: Prior, layout: Layout) -> tuple[Graph, ...]:
    """Return the graphs `vae_sample`, `encode`, `decode` and `score`.

    And `complete`, where there are arrays: those of records whose table cells are given.
    """
    columns, latent = len(layout.names), vae.options.latent_dim
    records = record_ports(layout)
    token_noise = (Port("token_u", "float32", columns), Port("residual_u", "float32", columns))
    noise = (*prior.ports, *token_noise, *array_ports("array_u", layout))
    point, spread = Port("latent", "float32", latent), Port("latent_scale", "float32", latent)
    score = Port("score", "float32", None)
    complete: tuple[Graph, ...] = ()
    if layout.array_width and isinstance(prior, GivenPrior):
        given = (*records[:2], *prior.ports, *array_ports("array_u", layout))
        complete = (Graph("complete", _Complete(vae, prior), given, array_ports("arrays", layout)),)
    return (
        Graph("vae_sample", _Sample(vae, prior), noise, records),
        Graph("encode", _Encode(vae), records, (point, spread)),
        Graph("decode", _Decode(vae), (point,), records),
        Graph("score", _Score(vae), records, (score,)),
        *complete,
    )


def denoiser_graphs(denoiser: Denoiser, layout: Layout) -> tuple[Graph, ...]:
    """Return the graph `denoise`. Its outputs are called `clean_tokens` and so on: ONNX names are unique."""
    columns = len(layout.names)
    flags = (Port("observed", "float32", columns), Port("doubt", "float32", None))
    values = Port("token_values", "float32", sum(layout.vocab_sizes), rows=1)
    inputs = (*record_ports(layout), *flags, values)
    judgement = tuple(Port(name, "float32", columns) for name in ("probability", "intact", "mean"))
    outputs = (*record_ports(layout, prefix="clean_"), *judgement)
    return (Graph("denoise", _Denoise(denoiser, bool(layout.array_width)), inputs, outputs),)


def _record(tensors: tuple[Tensor, ...]) -> Batch:
    """Return `(tokens, residuals[, arrays])` as a batch."""
    tokens, residuals, *arrays = tensors
    return Batch(tokens, residuals, arrays[0] if arrays else residuals[:, :0])


def _tensors(batch: Batch) -> tuple[Tensor, ...]:
    """Return a batch as `(tokens, residuals[, arrays])`."""
    cells = (batch.tokens, batch.residuals)
    return (*cells, batch.arrays) if batch.arrays.shape[1] else cells


class _Sample(nn.Module):
    """Noise of the prior, then of tokens, residuals and arrays, to records."""

    def __init__(self, vae: Vae, prior: Prior) -> None:
        super().__init__()
        self.vae = vae
        self.prior = prior

    def forward(self, *noise: Tensor) -> tuple[Tensor, ...]:
        split = len(self.prior.ports)
        latent = self.prior(*noise[:split])
        token_u, residual_u, *arrays = noise[split:]
        array_u = arrays[0] if arrays else token_u[:, :0]
        return _tensors(self.vae.draw(latent, Noise(token_u, residual_u, array_u)))


class _Complete(nn.Module):
    """Tokens and residuals, noise of the prior, then of arrays, to arrays."""

    def __init__(self, vae: Vae, prior: GivenPrior) -> None:
        super().__init__()
        self.vae = vae
        self.prior = prior

    def forward(self, *tensors: Tensor) -> tuple[Tensor]:
        batch = _record(tensors[:2])
        *noise, array_u = tensors[2:]
        latent = self.prior.given(batch, *noise)
        return (self.vae.likely(latent, batch).draw_arrays(batch.tokens, array_u),)


class _Encode(nn.Module):
    def __init__(self, vae: Vae) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, *record: Tensor) -> tuple[Tensor, Tensor]:
        posterior = self.vae.encode(_record(record))
        return posterior.mean, posterior.scale


class _Decode(nn.Module):
    def __init__(self, vae: Vae) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, *latent: Tensor) -> tuple[Tensor, ...]:
        return _tensors(self.vae.decode(latent[0]).records)


class _Score(nn.Module):
    """The negative evidence lower bound at the posterior mean, in nats: odd records score higher."""

    def __init__(self, vae: Vae) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, *record: Tensor) -> tuple[Tensor]:
        batch = _record(record)
        posterior = self.vae.encode(batch)
        return (self.vae.likely(posterior.mean, batch).nll(batch).sum(1) + posterior.divergence(),)


class _Squeeze(nn.Module):
    def __init__(self, autoencoder: Autoencoder) -> None:
        super().__init__()
        self.autoencoder = autoencoder

    def forward(self, *record: Tensor) -> tuple[Tensor, Tensor]:
        latent = self.autoencoder.encode(_record(record))
        return latent, torch.zeros_like(latent)


class _Expand(nn.Module):
    def __init__(self, autoencoder: Autoencoder) -> None:
        super().__init__()
        self.autoencoder = autoencoder

    def forward(self, *latent: Tensor) -> tuple[Tensor, ...]:
        decoded = self.autoencoder.decode(latent[0])
        return (*_tensors(decoded.records), decoded.values)


class _Distance(nn.Module):
    """The distance of records from their reconstructions: odd records score higher."""

    def __init__(self, autoencoder: Autoencoder) -> None:
        super().__init__()
        self.autoencoder = autoencoder

    def forward(self, *record: Tensor) -> tuple[Tensor]:
        return (self.autoencoder.score(_record(record)),)


class _Denoise(nn.Module):
    """Records and the flags of the given cells to clean records, confidences, and means of numbers.

    `doubt` is 1 where a record's given cells may be wrong, 0 where they are right. `token_values` are
    what tokens are worth, all columns side by side; `mean` is what each cell is worth in the mean, were
    it not missing.
    """

    def __init__(self, denoiser: Denoiser, arrays: bool) -> None:  # noqa: FBT001 - private
        super().__init__()
        self.denoiser = denoiser
        self.inputs = 3 if arrays else 2

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        batch, (observed, doubt, values) = _record(tensors[: self.inputs]), tensors[self.inputs :]
        prediction = self.denoiser(batch, observed, doubt.unsqueeze(1))
        best = prediction.record.best(missing=False)
        seen = self.denoiser.embedding.seen(batch, observed)
        intact = torch.sigmoid(prediction.intact) * seen
        return (*_tensors(best.records), best.probability, intact, prediction.record.mean_worth(values))
