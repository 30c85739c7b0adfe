"""Differential privacy of a whole bundle: how much noise its models need, and what they spent."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import nn

from augment.bundle import Privacy
from augment.errors import RequestError, SchemaError
from augment.training import processes
from augment.training.sizing import Length, schedule_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from augment.training.config import PrivacyConfig, TrainConfig

__all__ = ["Mechanism", "epsilon_of", "plan_mechanism", "private_settings", "require_privacy", "spent"]

_FEWEST_ROWS = 100
_LEAST_NOISE, _MOST_NOISE = 0.2, 1e4
_CLOSE_ENOUGH = 1.002
_ROWS_A_BATCH, _LEAST_BATCH, _MOST_BATCH = 8, 16, 1024
_STEPS = 1000
_HIDDEN = 128
_NOT_COVERED = ("schema", "encoding", "training.rows")
_ACCOUNTANT = "rdp"


@dataclass(frozen=True)
class Mechanism:
    """What each step of DP-SGD does (Abadi et al., Deep Learning with Differential Privacy, 2016).

    Attributes:
        noise_multiplier: Standard deviation of the noise, in `max_grad_norm`.
        sample_rate: Probability of each record to be in a batch, independent of the others.
        max_grad_norm: To which each record's gradient is shortened.
    """

    noise_multiplier: float
    sample_rate: float
    max_grad_norm: float


def private_settings(config: TrainConfig, rows: int) -> TrainConfig:
    """Return the settings with what is left open chosen for noisy gradients; as they are without privacy.

    Fewer weights, because noise grows with their number; larger batches, because it does not grow with
    those. The prior is N(0, I), since a mixture fitted to latent vectors of the records is not private, and
    so the Kullback-Leibler term has its full weight. Said twice is as said once.
    """
    if config.privacy is None:
        return config
    batch_size = config.batch_size or max(_LEAST_BATCH, min(_MOST_BATCH, rows // _ROWS_A_BATCH))
    steps = config.max_steps or (max(20, config.epochs) * -(-rows // batch_size) if config.epochs else _STEPS)
    maker, vae, denoiser = config.maker, config.vae, config.denoiser
    narrow = {"hidden": _HIDDEN}
    return config.model_copy(
        update={
            "batch_size": batch_size,
            "max_steps": steps,
            "vae": vae.model_copy(update={"prior": "normal", "beta": 1.0} | ({} if vae.hidden else narrow)),
            "maker": maker.model_copy(
                update={"weight_sets": maker.weight_sets or 1, "layers": maker.layers or 1}
                | ({} if maker.hidden else narrow)
            ),
            "denoiser": denoiser.model_copy(update={} if denoiser.hidden else narrow),
        }
    )


def plan_mechanism(config: TrainConfig, models: int, rows: int) -> Mechanism | None:
    """Return the mechanism with which so many models together spend what is allowed; None: nothing is said.

    Args:
        config: From `private_settings`.
        models: How many are trained, each for the same number of steps.
        rows: All records, and all are trained on.

    Raises:
        RequestError: What is asked for cannot be, e.g. too large a delta.
        SchemaError: There are too few rows.
        ModuleNotFoundError: Opacus is not installed.
    """
    wanted = config.privacy
    if wanted is None:
        return None
    require_privacy(config, rows)
    schedule = schedule_for(config, nn.Identity(), rows, Length())
    rate, steps = schedule.batch_size / rows, schedule.steps * models
    delta = _delta(wanted, rows)
    low, high = _LEAST_NOISE, _MOST_NOISE
    if epsilon_of([(high, rate, steps)], delta) > wanted.epsilon:
        remedy = "Ask for a larger one, or for fewer steps (max_steps)"
        raise RequestError.of("privacy.epsilon", "must be within reach of some noise", wanted.epsilon, remedy)
    while high / low > _CLOSE_ENOUGH:
        middle = (low * high) ** 0.5
        enough = epsilon_of([(middle, rate, steps)], delta) <= wanted.epsilon
        low, high = (low, middle) if enough else (middle, high)
    return Mechanism(high, rate, wanted.max_grad_norm)


def epsilon_of(history: Sequence[tuple[float, float, int]], delta: float) -> float:
    """Return the epsilon of steps in a row, by Opacus' accountant of Renyi differential privacy.

    Args:
        history: Noise multiplier, sample rate and number of steps of each run.
        delta: The probability that the epsilon may fail with.
    """
    from opacus.accountants import RDPAccountant  # noqa: PLC0415 - an extra of its own

    accountant = RDPAccountant()
    accountant.history = list(history)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the best order lies at an end of those tried: still an upper bound
        return float(accountant.get_epsilon(delta=delta))


def spent(config: TrainConfig, rows: int, runs: Sequence[tuple[Mechanism, int]]) -> Privacy | None:
    """Return what a bundle's models spent together; None where nothing was private.

    Args:
        config: How they were trained.
        rows: All records.
        runs: Each model's mechanism and the steps that it did.
    """
    if config.privacy is None or not runs:
        return None
    delta = _delta(config.privacy, rows)
    history = [(run.noise_multiplier, run.sample_rate, steps) for run, steps in runs]
    return Privacy(
        epsilon=epsilon_of(history, delta),
        delta=delta,
        accountant=_ACCOUNTANT,
        noise_multiplier=runs[0][0].noise_multiplier,
        sample_rate=runs[0][0].sample_rate,
        max_grad_norm=runs[0][0].max_grad_norm,
        steps=sum(steps for _, steps in runs),
        not_covered=_NOT_COVERED,
    )


def _delta(wanted: PrivacyConfig, rows: int) -> float:
    return float(rows**-1.1) if wanted.delta is None else wanted.delta


def require_privacy(config: TrainConfig, rows: int, *, start: str | None = None) -> None:
    """Refuse what the guarantee would not hold for, or would mean nothing for; nothing without privacy.

    Args:
        config: How to train.
        rows: All records.
        start: The digest of the bundle that training goes on from.

    Raises:
        RequestError: What is asked for cannot be.
        SchemaError: There are too few rows.
        ModuleNotFoundError: Opacus is not installed.
    """
    if config.privacy is None:
        return
    import opacus.accountants  # noqa: F401, PLC0415 - an extra of its own, asked for before anything is done

    if start is not None:
        rule = "must be left out with differential privacy"
        remedy = "What the weights of before have spent is not counted. Train anew with all rows"
        raise RequestError.of("from", rule, start[:12], remedy)
    if rows < _FEWEST_ROWS:
        rule = f"must be at least {_FEWEST_ROWS} to train with differential privacy"
        raise SchemaError.of("rows", rule, rows, "Of fewer, the noise leaves nothing; give more records")
    if config.privacy.delta is not None and config.privacy.delta >= 1 / rows:
        rule = f"must be below 1 / rows = {1 / rows:g}"
        remedy = "With a larger one a guarantee may publish a whole record; leave it out for rows**-1.1"
        raise RequestError.of("privacy.delta", rule, config.privacy.delta, remedy)
    if processes.count() > 1:
        rule = "must be 1 with differential privacy"
        raise RequestError.of("processes", rule, processes.count(), "Train without torchrun")
