"""The demo's page: for each data set its figures, comparisons, paths and repairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from augment.demo.story import (
    image_cards,
    images_section,
    morph_section,
    noise_section,
    path_section,
    repair_cards,
    repairs_section,
)
from augment.demo.trial import STEPS
from augment.evaluation.cells import compared
from augment.evaluation.page import Page, Section, Verdict
from augment.evaluation.sections import cards, columns_section, map_section, pairs_section, verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from augment.demo.run import Chapter
    from augment.evaluation.blocks import Card

__all__ = ["demo_page"]


def demo_page(chapters: Sequence[Chapter], footer: str) -> Page:
    """Return the page of all data sets."""
    several = len(chapters) > 1
    titles = " and ".join(chapter.dataset.title for chapter in chapters)
    return Page(
        title=f"Synthetic records of {titles}",
        verdicts=[
            Verdict(chapter.dataset.title if several else "", verdict(chapter.comparisons), _cards(chapter))
            for chapter in chapters
        ],
        sections=[section for chapter in chapters for section in _sections(chapter)],
        footer=footer,
    )


def _cards(chapter: Chapter) -> list[Card]:
    """Return the chapter's most telling figures."""
    found = cards(chapter.comparisons)
    if chapter.dataset.images is not None:
        found += image_cards(chapter.trial, chapter.dataset.images.name)
    if chapter.trial.repairs is not None:
        found += repair_cards(chapter.trial.repairs)
    return found


def _sections(chapter: Chapter) -> list[Section]:
    dataset, trial = chapter.dataset, chapter.trial
    prefix = dataset.name
    sections = [Section(prefix, dataset.title, _about(chapter), [], chapter=True)]
    if dataset.images is not None:
        sections += _image_sections(chapter)
    comparisons = chapter.comparisons
    if comparisons.columns:
        sections.append(columns_section(prefix, comparisons))
    if len(comparisons.associations.names) > 1:
        sections.append(pairs_section(prefix, comparisons))
    latent = (trial.real_latent, trial.synthetic_latent)
    sections.append(map_section(prefix, latent, dataset.target, (trial.real_sample, trial.synthetic)))
    if dataset.images is None:
        names = [column.name for column in compared(dataset.schema, trial.path)]
        sections.append(path_section(prefix, names, (trial.start, trial.end), trial.path))
    if trial.repairs is not None:
        made = trial.denoised
        sections.append(
            repairs_section(prefix, trial.corrupted, made.records, made.confidence, trial.repairs)
        )
    return sections


def _image_sections(chapter: Chapter) -> list[Section]:
    dataset, trial = chapter.dataset, chapter.trial
    assert dataset.images is not None  # noqa: S101 - the caller looked
    name, corrupted = dataset.images.name, trial.corrupted
    return [
        images_section(dataset.name, name, chapter.train, trial.synthetic),
        morph_section(dataset.name, name, trial.path, STEPS),
        noise_section(dataset.name, name, corrupted.clean, corrupted.records, trial.denoised.records),
    ]


def _about(chapter: Chapter) -> str:
    dataset, seconds = chapter.dataset, chapter.trial.seconds
    report = chapter.report
    rate = chapter.trial.synthetic.num_rows / max(seconds["generate"], 1e-9)
    models = " and ".join(
        f"a {name} of {model.parameters:,} parameters ({model.epochs} epochs)"
        for name, model in sorted(report.models.items(), reverse=True)
    )
    return (
        f"{dataset.table.num_rows:,} records of {len(dataset.schema.columns)} columns; "
        f"{report.rows:,} of them trained {models} in {report.seconds:.0f} s on {report.device}. "
        f"The server made {chapter.trial.synthetic.num_rows:,} records in {seconds['generate']:.2f} s "
        f"({rate:,.0f} a second, the first call included). The figures compare "
        f"{chapter.trial.judged.num_rows:,} synthetic records with real ones."
    )
