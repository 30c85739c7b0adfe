"""The demo's own parts of the page: paths between records, and repairs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from augment.demo.corruption import BLANKED, CLOSE, INTACT, images_of
from augment.evaluation.blocks import Card, Cell, Image, Note, Row, Table
from augment.evaluation.page import Section
from augment.evaluation.png import data_uri, montage

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from augment.demo.corruption import Corrupted
    from augment.demo.repairs import Repairs
    from augment.demo.trial import Trial
    from augment.evaluation.blocks import Block

__all__ = [
    "image_cards",
    "images_section",
    "morph_section",
    "noise_section",
    "path_section",
    "repair_cards",
    "repairs_section",
]

_SHOWN_RECORDS = 5
_WORTH_SHOWING = 0.1
_MORPH_PIXEL = 9  # CSS pixels of one pixel of the image
_ACROSS = 20
_MISSING = "missing"


def path_section(
    prefix: str, names: Sequence[str], ends: tuple[pa.Table, pa.Table], path: pa.Table
) -> Section:
    """Return a section with the path from one record to another, a step a column of the table.

    Args:
        prefix: The start of the section's address.
        names: The columns to show.
        ends: The first and the last real record.
        path: The records between, the ends' reconstructions included.
    """
    start, end = ends
    steps = path.num_rows
    header = ["", "real start", *(f"step {step}" for step in range(1, steps + 1)), "real end"]
    rows = [
        [
            Cell(name),
            Cell(text_of(start[name][0]), "dim"),
            *_steps(path[name].to_pylist()),
            Cell(text_of(end[name][0]), "dim"),
        ]
        for name in names
    ]
    lead = (
        "Two real records are encoded, the straight line between their latent vectors is cut into "
        f"{steps} steps, and each step is decoded. Every step is a whole record. Coloured cells differ from "
        "the step before, numbers by at least a tenth of all their way."
    )
    return Section(f"{prefix}-path", "From one record to another", lead, [Table(header, rows)])


def _steps(values: list[Any]) -> list[Cell]:
    cells = []
    for index, value in enumerate(values):
        changed = index > 0 and _moved(values[index - 1], value, _reach(values))
        cells.append(Cell(text_of(value), "changed" if changed else ""))
    return cells


def _reach(values: list[Any]) -> float:
    """Return how far the numbers among the values lie apart; 0 for anything else."""
    present = [value for value in values if value is not None]
    if not present or not all(isinstance(value, int | float) for value in present):
        return 0.0
    return float(max(present) - min(present))


def _moved(before: Any, after: Any, reach: float) -> bool:
    """Whether a number moved by a tenth of its way, or anything else changed."""
    if reach and before is not None and after is not None:
        return bool(abs(after - before) >= reach * _WORTH_SHOWING)
    return bool(before != after)


def text_of(value: Any) -> str:
    """Return a cell's value as people write it: at most 5 significant digits, no needless zeros.

    >>> text_of(1234.5678), text_of(0.25), text_of(None), text_of(31)
    ('1234.6', '0.25', 'missing', '31')
    """
    value = value.as_py() if hasattr(value, "as_py") else value
    if value is None:
        return _MISSING
    if isinstance(value, float):
        return f"{value:.5g}" if abs(value) < 1e5 else f"{value:,.0f}"  # noqa: PLR2004 - 1e+05 is no way to write 100,000
    text = str(value)
    return text if len(text) <= 28 else f"{text[:27]}…"  # noqa: PLR2004 - a column's width


def repairs_section(
    prefix: str, corrupted: Corrupted, repaired: pa.Table, confidence: pa.Table, repairs: Repairs
) -> Section:
    """Return a section with what was found and repaired, and some records before and after."""
    lead = (
        f"{corrupted.records.num_rows} real records that training did not see were corrupted: "
        f"{repairs.blanked:,} cells were blanked and {repairs.swapped:,} were given another record's value. "
        f"A repaired number counts as right within {CLOSE} standard deviations of the truth."
    )
    ranked = Note(
        "A swapped cell is changed only if the model is sure enough that it is wrong. Whatever the "
        f"threshold: in {repairs.ranked:.0%} of all pairs of a swapped and an intact cell, the model is less "
        "sure of the swapped one (50 % = no idea)."
    )
    blocks: list[Block] = [
        _counts_table(repairs),
        ranked,
        _cells_table(corrupted, repaired, confidence, repairs),
    ]
    return Section(f"{prefix}-repair", "Repaired records", lead, blocks)


def _counts_table(repairs: Repairs) -> Table:
    rows = [
        ("Blanked cells filled in right", repairs.blanked_right, repairs.blanked),
        ("... by the column's median or commonest level alone", repairs.blanked_simple, repairs.blanked),
        ("Swapped cells found", repairs.swapped_found, repairs.swapped),
        ("Swapped cells found and repaired right", repairs.swapped_right, repairs.swapped),
        ("Intact cells changed by mistake", repairs.intact_changed, repairs.intact),
    ]
    return Table(
        ["", "cells", "of", "share"],
        [
            [Cell(label), Cell(f"{part:,}"), Cell(f"{whole:,}"), Cell(share(part, whole))]
            for label, part, whole in rows
        ],
    )


def share(part: int, whole: int) -> str:
    """Return a part of a whole in per cent; a dash where there is no whole."""
    return f"{part / whole:.0%}" if whole else "-"


def _cells_table(corrupted: Corrupted, repaired: pa.Table, confidence: pa.Table, repairs: Repairs) -> Table:
    """Return the corrupted cells of the first few records, one a row."""
    rows = []
    for row, column in np.argwhere(corrupted.damage[:_SHOWN_RECORDS] != INTACT):
        name = corrupted.columns[column]
        sent = corrupted.records[name][row]
        kind = "blanked" if corrupted.damage[row, column] == BLANKED else "swapped"
        sure = confidence[name][row].as_py()
        mark = "good" if repairs.right[row, column] else "bad"
        rows.append(
            [
                Cell(f"record {row + 1}: {name}"),
                Cell(text_of(corrupted.clean[name][row])),
                Cell(kind, "dim"),
                Cell(text_of(sent)),
                Cell(text_of(repaired[name][row]), mark),
                Cell("" if sure is None else f"{sure:.2f}"),
            ]
        )
    header = ["cell", "truth", "damage", "sent", "came back", "confidence"]
    return Table(header, rows, f"The corrupted cells of the first {_SHOWN_RECORDS} records")


def repair_cards(repairs: Repairs) -> list[Card]:
    """Return the figures of the repairs."""
    simple = share(repairs.blanked_simple, repairs.blanked)
    return [
        Card(
            "Missing cells filled in right",
            share(repairs.blanked_right, repairs.blanked),
            f"The column's median or commonest level alone gets {simple}.",
        ),
        Card(
            "Wrong cells found",
            share(repairs.swapped_found, repairs.swapped),
            f"{share(repairs.intact_changed, repairs.intact)} of the intact cells were changed by mistake. "
            f"By confidence alone, wrong cells rank below intact ones in {repairs.ranked:.0%} of pairs.",
        ),
    ]


def image_cards(trial: Trial, name: str) -> list[Card]:
    """Return the figures of images that lost their noise."""
    clean, noisy, repaired = trial.corrupted.clean, trial.corrupted.records, trial.denoised.records
    before, after = (image_error(clean, other, name) for other in (noisy, repaired))
    meaning = f"Error against the clean images after denoising; with the noise it was {before:.3f}."
    return [Card("Noise left in images", f"{after:.3f}", meaning)]


def images_section(prefix: str, name: str, real: pa.Table, synthetic: pa.Table) -> Section:
    """Return a section with real and synthetic images."""
    low, high = _range(real, name)
    pictures = [
        _picture(images_of(table, name)[: 3 * _ACROSS], (low, high), title, columns=_ACROSS)
        for title, table in (("Real", real), ("Synthetic", synthetic))
    ]
    lead = f"The first {3 * _ACROSS} real and synthetic records' column {name}, unpicked."
    return Section(f"{prefix}-images", "Images", lead, pictures)


def morph_section(prefix: str, name: str, path: pa.Table, steps: int) -> Section:
    """Return a section with images that turn into others, one pair a line."""
    images = images_of(path, name)
    title = f"{len(images) // steps} paths of {steps} steps"
    picture = _picture(images, _range(path, name), title, columns=steps, scale=_MORPH_PIXEL)
    lead = "Each line begins and ends with the reconstruction of a real image; the steps between are decoded."
    return Section(f"{prefix}-morph", "From one image to another", lead, [picture])


def noise_section(prefix: str, name: str, clean: pa.Table, noisy: pa.Table, repaired: pa.Table) -> Section:
    """Return a section with noisy images, what came back, and what they were."""
    reach = _range(clean, name)
    tables = (("Sent: with noise", noisy), ("Came back", repaired), ("What they were", clean))
    pictures = [
        _picture(images_of(table, name)[: _ACROSS // 2 * 5], reach, title, columns=_ACROSS // 2)
        for title, table in tables
    ]
    errors = [image_error(clean, other, name) for other in (noisy, repaired)]
    note = (
        "Root mean square error against the clean images, as a share of their range: "
        f"{errors[0]:.3f} with noise, {errors[1]:.3f} after repair."
    )
    lead = "Gaussian noise was added to real images that training did not see."
    return Section(f"{prefix}-noise", "Noise taken away", lead, [Row(pictures), Note(note)])


def image_error(clean: pa.Table, other: pa.Table, name: str) -> float:
    """Return the root mean square difference of two columns of images, as a share of the first's range."""
    first, second = (images_of(table, name).astype(np.float64) for table in (clean, other))
    low, high = _range(clean, name)
    return float(np.sqrt(np.mean((first - second) ** 2)) / max(high - low, 1e-12))


def _range(table: pa.Table, name: str) -> tuple[float, float]:
    images = images_of(table, name)
    return float(images.min()), float(images.max())


def _picture(
    images: Any, reach: tuple[float, float], title: str, *, columns: int, scale: int | None = None
) -> Image:
    drawn = montage(images, low=reach[0], high=reach[1], columns=columns)
    width = None if scale is None else drawn.shape[1] * scale
    return Image(data_uri(drawn), title, f"{title}: {len(images)} images", width)
