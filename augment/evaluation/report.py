"""The judge's report as a page: the verdict first, then fidelity, utility, privacy, and the small print."""

from __future__ import annotations

from typing import TYPE_CHECKING

from augment.evaluation.blocks import Card, Cell, Details, Note, Plot, Row, Table
from augment.evaluation.curves import roc_plot, utility_plot
from augment.evaluation.embedding import Embedding
from augment.evaluation.figures import ranking_plot
from augment.evaluation.grades import grades, overall, sentence, tone_of
from augment.evaluation.meanings import MEANINGS
from augment.evaluation.page import Page, Section, Verdict
from augment.evaluation.rows import code
from augment.evaluation.sections import MAX_POINTS, Comparisons, columns_section, map_section, pairs_section

if TYPE_CHECKING:
    from collections.abc import Sequence

    from augment.evaluation.blocks import Block
    from augment.evaluation.evaluation import Evaluation
    from augment.evaluation.figure import Figure
    from augment.evaluation.grades import Grade

__all__ = ["report_page"]

_CARDS = (
    "fidelity.detection_auc",
    "fidelity.shape_error",
    "fidelity.trend_error",
    "utility.trained_on_synthetic",
    "privacy.dcr_share",
    "privacy.membership_auc",
    "privacy.exact_copies",
)
_MARKS = {"good": "good", "fair": "fair", "poor": "bad", "plain": ""}
_TOP = 12
_PAIRS = 2
_LISTED = 200  # rows of a table of details


def report_page(found: Evaluation) -> Page:
    """Return the report of an evaluation."""
    judged = grades(found)
    reasons = [
        (grade.subject.capitalize(), grade.tone, [(reason.tone, reason.text) for reason in grade.reasons])
        for grade in judged
    ]
    cards = [_card(name, found, judged) for name in _CARDS if found.figures[name].value is not None]
    verdict = Verdict("", sentence(judged), cards, overall(judged), reasons)
    sections = [*_fidelity(found), _utility(found), _privacy(found), _details(found)]
    return Page("How good are these synthetic rows?", [verdict], sections, _footer(found))


def _footer(found: Evaluation) -> str:
    rows = found.inputs
    return (
        f"{rows.synthetic.num_rows:,} synthetic rows beside {rows.train.num_rows:,} training rows and "
        f"{rows.holdout.num_rows:,} unseen ones, {len(rows.columns)} columns, seed {found.seed}. "
        "Made by augment evaluate."
    )


def _card(name: str, found: Evaluation, judged: Sequence[Grade]) -> Card:
    figure, meaning = found.figures[name], MEANINGS[name]
    assert figure.value is not None  # noqa: S101 - the caller looked
    tone = judged[1].tone if name.startswith("utility.") else tone_of(name, figure)
    beside = "" if figure.floor is None else f"Fresh real rows get {figure.floor:{meaning.form}}."
    if name.startswith("utility.") and found.utility is not None:
        said = f"{found.utility.metric} on held-out real rows. As many real rows teach {figure.floor:.3f}."
        return Card(meaning.label, f"{figure.value:{meaning.form}}", said, tone)
    if figure.matched is not None:
        beside = f"{beside[:-1]}, as few synthetic rows {figure.matched:{meaning.form}}."
    hint = " 0.5 = cannot tell." if name.endswith("auc") else ""
    return Card(meaning.label, f"{figure.value:{meaning.form}}", f"{beside}{hint}".strip(), tone)


def _fidelity(found: Evaluation) -> list[Section]:
    opening = Section(
        "fidelity",
        "Fidelity",
        "Do synthetic rows look like real ones: column by column, pair by pair, and as whole rows?",
        [_figures(found, "fidelity"), _meanings("fidelity")],
        chapter=True,
    )
    inputs = found.inputs
    comparisons = Comparisons.of(inputs.train, inputs.synthetic, inputs.schema)
    comparisons.columns.sort(key=lambda column: -column.difference)
    sections = [opening, *_giveaways(found), columns_section("fidelity", comparisons)]
    if len(comparisons.associations.names) >= _PAIRS:
        pairs = pairs_section("fidelity", comparisons)
        sections.append(Section(pairs.anchor, pairs.title, pairs.lead, [*pairs.blocks, *_worst_pairs(found)]))
    return [*sections, *_map(found)]


def _figures(found: Evaluation, group: str) -> Table:
    chosen = {name: figure for name, figure in found.figures.items() if name.startswith(f"{group}.")}
    fewer = any(figure.matched is not None for figure in chosen.values())
    rows = []
    for name, figure in chosen.items():
        form, mark = MEANINGS[name].form, _MARKS[tone_of(name, figure)]
        cells = [_number(figure.value, form, mark, figure.reason), _number(figure.floor, form)]
        rows.append([Cell(MEANINGS[name].label), *cells, *([_matched(figure, form)] if fewer else [])])
    header = ["", "synthetic rows", "fresh real rows", *(["as few synthetic rows"] if fewer else [])]
    return Table(header, rows)


def _number(value: float | None, form: str, mark: str = "", hint: str = "") -> Cell:
    return Cell("-", "dim", hint) if value is None else Cell(f"{value:{form}}", mark)


def _matched(figure: Figure, form: str) -> Cell:
    if figure.matched is None:
        return Cell("", "dim")
    return Cell(f"{figure.matched:{form}}", "", f"{figure.floor_rows:,} rows, as the fresh real ones")


def _meanings(group: str) -> Details:
    names = [name for name in MEANINGS if name.startswith(f"{group}.")]
    rows = [
        [
            Cell(MEANINGS[name].label),
            Cell(MEANINGS[name].means, "words"),
            Cell(MEANINGS[name].caveat, "words"),
        ]
        for name in names
    ]
    return Details("What these figures mean, and what they do not", [Table(["", "means", "but"], rows)])


def _giveaways(found: Evaluation) -> list[Section]:
    if found.detection is None:
        return []
    alone = {column.name: column.alone_auc for column in found.columns if column.alone_auc is not None}
    importance = {name: max(0.0, drop) for name, drop in found.detection.importance.items()}
    plots = [
        Plot(roc_plot(found.detection, found.floor_detection), "The detector's ROC curve"),
        Plot(
            ranking_plot(importance, "fall of the AUC, column shuffled", keep=_TOP),
            "What the detector goes by",
        ),
        Plot(
            ranking_plot(
                {name: max(0.5, auc) for name, auc in alone.items()},
                "ROC AUC; 0.5 = tells nothing",
                keep=_TOP,
                start=0.5,
            ),
            "What single columns give away",
        ),
    ]
    lead = (
        "Boosted trees were trained to tell synthetic from real rows. A column high in the second plot but "
        "low in the third is right by itself and wrong beside the others."
    )
    return [Section("fidelity-giveaway", "What gives them away", lead, [Row(plots)])]


def _worst_pairs(found: Evaluation) -> list[Block]:
    if not found.pairs:
        return []
    rows = [
        [Cell(f"{pair.first} and {pair.second}"), Cell(f"{pair.error:.2%}")] for pair in found.pairs[:_LISTED]
    ]
    return [Details("The pairs with the largest trend errors", [Table(["", "trend error"], rows)])]


def _map(found: Evaluation) -> list[Section]:
    tables = tuple(table.slice(0, MAX_POINTS) for table in (found.inputs.train, found.inputs.synthetic))
    rows = code(found.inputs.columns, *tables)
    if min(len(part) for part in rows) < _PAIRS:
        return []
    embed = Embedding.fit(*rows)
    points = (embed(rows[0]), embed(rows[1]))
    space = (
        "rows",
        "The two main axes of the real rows' columns (numbers standardised, categories one-hot)",
    )
    return [map_section("fidelity", points, found.inputs.target, (tables[0], tables[1]), space=space)]


def _utility(found: Evaluation) -> Section:
    lead = "Can a model that learns from synthetic rows do its work on real ones?"
    use = found.utility
    if use is None or found.inputs.target is None:
        reason = found.figures["utility.trained_on_synthetic"].reason
        return Section("utility", "Utility", lead, [Note(f"Not judged: {reason}.")], chapter=True)
    name = found.inputs.target.name
    plot = Plot(utility_plot(use), f"Predicting {name} on {use.tested:,} held-out real rows", use.metric)
    words = Note(
        f"Boosted trees with the same settings learn from each diet ({use.rows:,} synthetic rows, as many "
        f"real ones) and are tested on the same {use.tested:,} real rows, which neither they nor the "
        "generator saw."
    )
    blocks: list[Block] = [plot, words, _meanings("utility")]
    return Section("utility", "Utility", lead, blocks, chapter=True)


def _privacy(found: Evaluation) -> Section:
    lead = (
        "Do synthetic rows give away who was in the training rows? Each figure stands beside that of real "
        "rows which the generator never saw: they cannot leak, so they show what chance does."
    )
    rows = []
    for name, figure in found.figures.items():
        if not name.startswith("privacy."):
            continue
        meaning, mark = MEANINGS[name], _MARKS[tone_of(name, figure)]
        numbers = [
            _number(figure.value, meaning.form, mark, figure.reason),
            _number(figure.floor, meaning.form),
        ]
        rows.append([Cell(meaning.label), *numbers, Cell(meaning.means, "words")])
    caveats = [
        [Cell(MEANINGS[name].label), Cell(MEANINGS[name].caveat, "words")]
        for name in MEANINGS
        if "privacy" in name
    ]
    blocks: list[Block] = [
        Table(["", "synthetic rows", "fresh real rows", "means"], rows),
        Note(
            "Good figures here are the absence of known signs, not a guarantee: synthetic data are not "
            "anonymous by themselves, and rare values of a category come back as they were."
        ),
        Details("What these figures do not say", [Table(["", "but"], caveats)]),
    ]
    return Section("privacy", "Privacy", lead, blocks, chapter=True)


def _details(found: Evaluation) -> Section:
    blocks: list[Block] = [Note(note) for note in found.notes]
    absent = [
        Note(f"{MEANINGS[name].label}: no figure, since {figure.reason}.")
        for name, figure in found.figures.items()
        if figure.value is None
    ]
    header = ["", "kind", "shape error", "fresh real rows", "fall of AUC", "AUC alone"]
    rows = [
        [
            Cell(column.name),
            Cell(column.kind, "dim"),
            _number(column.shape_error, ".2%"),
            _number(column.shape_floor, ".2%"),
            _number(column.importance, ".3f"),
            _number(column.alone_auc, ".3f"),
        ]
        for column in found.columns[:_LISTED]
    ]
    how = Note(
        "Fresh real rows are the holdout, which takes the place of the synthetic rows: its figure is the "
        "best that can be had, noise included. Few rows make shape and trend errors larger, so these are "
        "also given for only as many synthetic rows. Distances add up over the columns: the difference in "
        "rank for numbers, 0 or 1 for categories, and a missing cell is 1 away from a present one."
    )
    blocks += [*absent, how, Details("Column by column in numbers", [Table(header, rows)])]
    return Section("details", "Small print", "", blocks, chapter=True)
