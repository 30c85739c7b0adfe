"""The targets that were set before anything was measured, and what was measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fidelity.datasets import DATASETS

if TYPE_CHECKING:
    from fidelity.results import Results

__all__ = ["Target", "targets"]

_DENOISER = "augment denoiser"
_FEWER = "augment denoiser, fewer steps"
_VAE = "augment vae"
_ARGN = "TabularARGN"


@dataclass(frozen=True)
class Target:
    """One target on one data set.

    Attributes:
        name: What it is about.
        dataset: Where.
        value: What was measured; None where it was not.
        must: The figure to reach.
        aim: The figure hoped for.
        high: Whether more is better.
    """

    name: str
    dataset: str
    value: float | None
    must: float
    aim: float
    high: bool = False

    @property
    def verdict(self) -> str:
        """Return `aim met`, `must met`, `missed` or `not measured`."""
        if self.value is None:
            return "not measured"
        sign = -1 if self.high else 1
        if sign * self.value <= sign * self.aim:
            return "aim met"
        return "must met" if sign * self.value <= sign * self.must else "**missed**"


def targets(results: Results) -> list[Target]:
    """Return all of them, in the order in which they were set."""
    return [
        *_adult(results, _DENOISER, (0.53, 1.5, 0.7)),
        *_adult(results, _VAE, (0.60, 2.7, 1.3), aim_auc=0.53),
        *_beside_argn(results),
        Target("detection AUC, denoiser", "beijing", results.median("beijing", _DENOISER, "auc"), 0.61, 0.55),
        *_everywhere(results),
        *_speeds(results),
    ]


def _adult(
    results: Results, method: str, musts: tuple[float, float, float], aim_auc: float | None = None
) -> list[Target]:
    """Return AUC, trend and shape on Adult; the aims are what a fresh real sample of that size gets."""
    names = ("auc", "trend", "shape")
    floors = [results.floor("adult", method, name) for name in names]
    aims = [must if floor is None else min(must, floor) for must, floor in zip(musts, floors, strict=True)]
    aims[0] = aim_auc if aim_auc is not None else aims[0]
    titles = ("detection AUC", "trend error, %", "shape error, %")
    return [
        Target(f"{title}, {method}", "adult", results.median("adult", method, name), must, aim)
        for title, name, must, aim in zip(titles, names, musts, aims, strict=True)
    ]


def _beside_argn(results: Results) -> list[Target]:
    return [
        Target(
            "distance of the AUC from .5, denoiser over TabularARGN",
            name,
            results.ratio(name, _DENOISER, _ARGN, "distance"),
            0.6,
            0.2,
        )
        for name in DATASETS
        if name != "adult"
    ]


def _everywhere(results: Results) -> list[Target]:
    found = []
    for name in DATASETS:
        gap = results.median(name, _DENOISER, "utility_gap")
        found.append(Target("trained on synthetic, below real by, denoiser", name, gap, 0.01, 0.003))
        share = results.median(name, _DENOISER, "dcr_share")
        found.append(Target("share nearer to train, denoiser", name, share, 0.52, 0.505))
        copies, own = (get(name, _DENOISER, "copies") for get in (results.median, results.floor))
        found.append(Target("exact copies, denoiser", name, copies, own or 0.0, own or 0.0))
    return found


def _speeds(results: Results) -> list[Target]:
    fit = results.ratio("adult", _DENOISER, _ARGN, "fit")
    training, peer = results.median("adult", _DENOISER, "training"), results.median("adult", _ARGN, "fit")
    alone = training / peer if training is not None and peer else None
    speed = results.ratio("adult", _DENOISER, _ARGN, "speed")
    vae = results.ratio("adult", _VAE, "TVAE", "speed")
    fewer = results.ratio("adult", _FEWER, _ARGN, "speed")
    return [
        Target("fit with export, denoiser over TabularARGN", "adult", fit, 1.5, 0.7),
        Target("training alone, denoiser over TabularARGN's fit", "adult", alone, 1.5, 0.7),
        Target("rows/s, denoiser over TabularARGN", "adult", speed, 0.5, 2.0, high=True),
        Target("rows/s, vae over TVAE", "adult", vae, 1.0, 3.0, high=True),
        Target("rows/s, fewer steps over TabularARGN", "adult", fewer, 1.5, 5.0, high=True),
        Target(
            "distance of the AUC from .5, fewer steps over TabularARGN",
            "adult",
            results.ratio("adult", _FEWER, _ARGN, "distance"),
            1.0,
            1.0,
        ),
    ]
