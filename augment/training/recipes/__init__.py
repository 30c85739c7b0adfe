"""The models that training knows. A new one is a file here and a line in `RECIPES`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from augment.training.recipes.autoencoder import AutoencoderRecipe
from augment.training.recipes.denoiser import DenoiserRecipe
from augment.training.recipes.maker import MakerRecipe
from augment.training.recipes.recipe import Finished, Recipe
from augment.training.recipes.vae import VaeRecipe

if TYPE_CHECKING:
    from augment.training.config import ModelName

__all__ = ["RECIPES", "Finished", "Recipe"]

RECIPES: dict[ModelName, tuple[Recipe, ...]] = {
    "vae": (VaeRecipe(),),
    "denoiser": (MakerRecipe(), DenoiserRecipe()),
    "maker": (MakerRecipe(),),
    "imputer": (DenoiserRecipe(),),
    "autoencoder": (AutoencoderRecipe(),),
}
"""What each name in `TrainConfig.models` trains: the denoiser is one network that makes records column by
column and one that restores them whole."""
