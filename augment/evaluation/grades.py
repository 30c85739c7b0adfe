"""Green, amber or red: what the figures come to, in words and with their reasons."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from augment.evaluation.evaluation import Evaluation
    from augment.evaluation.figure import Figure

__all__ = ["Grade", "Reason", "Tone", "grades", "overall", "sentence", "tone_of"]

Tone = Literal["good", "fair", "poor", "plain"]
_ORDER: tuple[Tone, ...] = ("plain", "good", "fair", "poor")
_COLOR = {"good": "Green", "fair": "Amber", "poor": "Red", "plain": "Undecided"}

# Up to where the excess over fresh real rows is good, and up to where it is fair.
_LIMITS = {
    "fidelity.shape_error": (0.01, 0.05),
    "fidelity.trend_error": (0.02, 0.06),
    "fidelity.detection_auc": (0.05, 0.2),
    "fidelity.detection_auc_logistic": (0.05, 0.2),
    "fidelity.alpha_precision": (0.03, 0.1),
    "fidelity.beta_recall": (0.05, 0.2),
    "privacy.dcr_share": (0.02, 0.05),
    "privacy.nndr": (0.05, 0.15),
    "privacy.exact_copies": (0.002, 0.01),
    "privacy.membership_auc": (0.02, 0.06),
}
_LEARNT = (0.05, 0.2)  # of what real rows teach, what synthetic rows fail to
_COPIED = 0.42  # of a detector that sees the same row once as real and once as synthetic
_NOISE = 0.82  # two standard errors of an AUC over n rows of each kind are 0.82 / sqrt(n)

_DETECTOR = {
    "good": "a strong detector can hardly tell the synthetic rows from real ones",
    "fair": "a strong detector finds something in the synthetic rows",
    "poor": "a strong detector tells the synthetic rows from real ones",
}
_SHAPES = {
    "fair": "columns or pairs of columns are somewhat unlike the real ones",
    "poor": "columns or pairs of columns are unlike the real ones",
}
_TOO_NEAR = "the synthetic rows lie nearer to real rows than fresh real rows do"
_USE = {
    "good": "models learn about as much from them as from real rows",
    "fair": "models learn less from them than from real rows",
    "poor": "models learn far less from them than from real rows",
}
_PRIVACY = {
    "good": "no sign of copied training rows was found",
    "fair": "there are weak signs of copied training rows",
    "poor": "training rows shine through",
}
_LEAKED = "the held-out rows are not unseen, so that the rest says little"


@dataclass(frozen=True)
class Reason:
    """A sentence and how good what it says is."""

    tone: Tone
    text: str


@dataclass(frozen=True)
class Grade:
    """One of `fidelity`, `utility`, `privacy`, `held-out rows`: its colour, why, the same in a few words."""

    subject: str
    tone: Tone
    reasons: tuple[Reason, ...]
    words: str = ""


def tone_of(name: str, figure: Figure) -> Tone:
    """Return how good a figure is beside fresh real rows; `plain` where that cannot be said."""
    if figure.value is None or name not in _LIMITS:
        return "plain"
    excess = figure.excess
    if excess is None:
        return "plain"
    if figure.better == "half":
        if name.startswith("privacy.") and figure.value < 0.5:  # noqa: PLR2004 - further away than chance is no leak
            return "good"
        excess = abs(figure.value - 0.5) - _NOISE / math.sqrt(max(figure.floor_rows, 1))
    return _tone(excess, *_LIMITS[name])


def grades(found: Evaluation) -> tuple[Grade, ...]:
    """Return the three grades, and a fourth where held-out rows are not unseen."""
    leaks = tuple(Reason("poor", leak) for leak in found.leaks)
    leaked = (Grade("held-out rows", "poor", leaks, _LEAKED),) if leaks else ()
    return (_fidelity(found), _utility(found), _privacy(found), *leaked)


def overall(found: Iterable[Grade]) -> Tone:
    """Return the worst of the grades."""
    return _worst(grade.tone for grade in found)


def sentence(found: Iterable[Grade]) -> str:
    """Return the verdict in one sentence."""
    found = tuple(found)
    parts = [grade.words for grade in found if grade.tone != "plain"]
    if not parts:
        return "Undecided: there are too few rows to judge by."
    return f"{_COLOR[overall(found)]}: {'; '.join(parts)}."


def _fidelity(found: Evaluation) -> Grade:
    texts = {
        "fidelity.detection_auc": (
            "Boosted trees tell synthetic from real rows with a ROC AUC of {value:.3f} (0.5 = cannot tell)"
        ),
        "fidelity.shape_error": "Single columns differ by {value:.2%} on average",
        "fidelity.trend_error": "Pairs of columns go together otherwise by {value:.2%} on average",
        "fidelity.alpha_precision": "Typical rows are as typical as real ones to {value:.2f} of 1",
        "fidelity.beta_recall": "Real rows have a synthetic row as near as a real one to {value:.2f} of 1",
    }
    reasons = _reasons(found, texts)
    auc = found.figures["fidelity.detection_auc"].value
    if auc is not None and auc < _COPIED:
        reasons.append(Reason("poor", "A ROC AUC this far below 0.5 means many exact copies of real rows."))
    telling = [name for name, drop in _ranked(found) if drop > 0.01][:3]  # noqa: PLR2004 - of AUC: noise below
    detected = tone_of("fidelity.detection_auc", found.figures["fidelity.detection_auc"])
    if telling and detected != "good":
        reasons.append(Reason("plain", f"What gives them away most: {', '.join(telling)}."))
    tone = _worst(reason.tone for reason in reasons[:3])
    if detected == "plain" and tone == "good":
        tone = "plain"  # columns and pairs may be right in rows that are not
    return Grade("fidelity", tone, tuple(reasons), _fidelity_words(tone, detected, auc))


def _fidelity_words(tone: Tone, detected: Tone, auc: float | None) -> str:
    """Return what decided: the detector, copies, or columns and pairs."""
    if auc is not None and auc < _COPIED:
        return _TOO_NEAR
    words = _DETECTOR if detected == tone else _SHAPES
    return words.get(tone, "")


def _ranked(found: Evaluation) -> list[tuple[str, float]]:
    importance = found.detection.importance if found.detection else {}
    return sorted(importance.items(), key=lambda pair: -pair[1])


def _utility(found: Evaluation) -> Grade:
    use = found.utility
    if use is None:
        return Grade("utility", "plain", (Reason("plain", f"Not judged: {_why(found)}."),))
    tone = _tone((use.real - use.synthetic) / max(use.real - use.baseline, 1e-9), *_LEARNT)
    if use.real <= use.baseline:
        text = "Not even real rows teach to predict the target, so this says little"
        return Grade("utility", "plain", (Reason("plain", f"{text} ({use.metric} {use.real:.3f})."),))
    lines = [
        Reason(
            tone,
            f"Trained on synthetic rows, a model predicts held-out real rows with {use.metric} "
            f"{use.synthetic:.3f}; on as many real rows, {use.real:.3f}; without learning, "
            f"{use.baseline:.3f}.",
        )
    ]
    gain = use.both - use.all_real
    if abs(gain) > 0.002:  # noqa: PLR2004 - less is noise
        word = "helps" if gain > 0 else "hurts"
        scores = f"{use.all_real:.3f} becomes {use.both:.3f}"
        text = f"Adding the synthetic rows to all the real ones {word}: {scores}."
        lines.append(Reason("good" if gain > 0 else "plain", text))
    return Grade("utility", tone, tuple(lines), _USE[tone])


def _why(found: Evaluation) -> str:
    return found.figures["utility.trained_on_synthetic"].reason


def _privacy(found: Evaluation) -> Grade:
    texts = {
        "privacy.exact_copies": "{value:.2%} of the synthetic rows equal a training row",
        "privacy.dcr_share": "{value:.1%} of the rows lie nearer to a training than to an unseen row",
        "privacy.membership_auc": "An attacker tells training rows from unseen ones with ROC AUC {value:.3f}",
        "privacy.nndr": "The nearest training row is {value:.2f} times as far as the second nearest (median)",
    }
    reasons = _reasons(found, texts)
    tone = _worst(reason.tone for reason in reasons)
    judged = any(
        found.figures[f"privacy.{name}"].value is not None for name in ("dcr_share", "membership_auc")
    )
    if tone == "good" and not judged:
        tone = "plain"
    return Grade("privacy", tone, tuple(reasons), _PRIVACY.get(tone, ""))


def _reasons(found: Evaluation, texts: dict[str, str]) -> list[Reason]:
    reasons = []
    for name, text in texts.items():
        figure = found.figures[name]
        if figure.value is None:
            reasons.append(Reason("plain", f"{name.partition('.')[2]} not judged: {figure.reason}."))
            continue
        said = text.format(value=figure.value)
        if figure.floor is not None:
            kind = text[text.index("{value:") + 7 :].partition("}")[0]
            said += f"; fresh real rows: {figure.floor:{kind}}"
            if figure.matched is not None:
                said += f", and as few synthetic rows: {figure.matched:{kind}}"
        reasons.append(Reason(tone_of(name, figure), f"{said}."))
    return reasons


def _tone(excess: float, good: float, fair: float) -> Tone:
    return "good" if excess <= good else "fair" if excess <= fair else "poor"


def _worst(tones: Iterable[Tone]) -> Tone:
    return max(tones, key=_ORDER.index, default="plain")
