"""Autoencoders in torch: modules, their likelihoods, their priors, and the graphs that leave torch."""

from __future__ import annotations

from augment.models.autoencoder import Autoencoder, AutoencoderOptions
from augment.models.batch import Batch, LossParts, Records
from augment.models.denoiser import Denoiser, DenoiserOptions, Prediction
from augment.models.distribution import Best, Noise, RecordDistribution
from augment.models.flow import LatentFlow
from augment.models.generation import generation_graphs
from augment.models.graphs import autoencoder_graphs, denoiser_graphs, vae_graphs
from augment.models.maker import Maker, MakerOptions
from augment.models.mixture import Cells
from augment.models.priors import GaussianMixture, GivenPrior, Prior, StandardNormal
from augment.models.spoiling import Spoiling
from augment.models.trainable import Graph, Port, Trainable
from augment.models.vae import Posterior, Vae, VaeOptions

__all__ = [
    "Autoencoder",
    "AutoencoderOptions",
    "Batch",
    "Best",
    "Cells",
    "Denoiser",
    "DenoiserOptions",
    "GaussianMixture",
    "GivenPrior",
    "Graph",
    "LatentFlow",
    "LossParts",
    "Maker",
    "MakerOptions",
    "Noise",
    "Port",
    "Posterior",
    "Prediction",
    "Prior",
    "RecordDistribution",
    "Records",
    "Spoiling",
    "StandardNormal",
    "Trainable",
    "Vae",
    "VaeOptions",
    "autoencoder_graphs",
    "denoiser_graphs",
    "generation_graphs",
    "vae_graphs",
]
