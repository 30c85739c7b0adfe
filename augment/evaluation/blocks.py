"""What a page is made of: plots, tables, images and notes, each of which writes its own HTML.

All text is escaped here, so that no column name or cell can become markup.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import plotly.graph_objects as go

__all__ = ["Block", "Card", "Cell", "Details", "Grid", "Image", "Note", "Plot", "Plots", "Row", "Table"]


class Plots:
    """The plots of one page; each gets a number, under which the page's script draws it."""

    def __init__(self) -> None:
        self.figures: list[str] = []

    def add(self, figure: go.Figure) -> int:
        """Keep a figure as JSON and return its number."""
        self.figures.append(figure.to_json())
        return len(self.figures) - 1


class Block(Protocol):
    """Anything that can stand on the page."""

    def html(self, plots: Plots) -> str:
        """Return the block's markup; plots are handed over to `plots`."""


@dataclass(frozen=True)
class Note:
    """A paragraph."""

    text: str

    def html(self, plots: Plots) -> str:  # noqa: ARG002 - a note has no plot
        """Return one paragraph."""
        return f"<p class='note'>{escape(self.text)}</p>"


@dataclass(frozen=True)
class Plot:
    """A figure with a title, and at its right a figure of merit."""

    figure: go.Figure
    title: str = ""
    badge: str = ""

    def html(self, plots: Plots) -> str:
        """Return a place that the page's script fills once it is in view."""
        number = plots.add(self.figure)
        height = int(self.figure.layout.height or 300)
        tall = " tall" if height > 300 else ""  # noqa: PLR2004 - spans two rows of a grid
        badge = f"<span class='badge'>{escape(self.badge)}</span>" if self.badge else ""
        head = f"<figcaption>{_breakable(self.title)}{badge}</figcaption>" if self.title else ""
        place = f"<div class='plot' data-plot='{number}' style='height:{height}px'></div>"
        return f"<figure class='card{tall}'>{head}{place}</figure>"


def _breakable(name: str) -> str:
    """Return a name that may be broken after its underscores."""
    return f"<span>{escape(name).replace('_', '_<wbr>')}</span>"


@dataclass(frozen=True)
class Image:
    """An image in the page itself, with hard pixels; `width` in CSS pixels, or as wide as its place."""

    uri: str
    title: str
    alt: str
    width: int | None = None

    def html(self, plots: Plots) -> str:  # noqa: ARG002 - an image is no plot
        """Return a captioned image."""
        width = "" if self.width is None else f" style='width:min(100%,{self.width}px)'"
        picture = f"<img class='pixels'{width} src='{escape(self.uri)}' alt='{escape(self.alt)}'>"
        kind = "card" if self.width is None else "card fit"
        return f"<figure class='{kind}'><figcaption>{escape(self.title)}</figcaption>{picture}</figure>"


@dataclass(frozen=True)
class Row:
    """Blocks side by side, one below the other where the page is narrow."""

    blocks: Sequence[Block]

    def html(self, plots: Plots) -> str:
        """Return the blocks in one row."""
        return f"<div class='row'>{''.join(block.html(plots) for block in self.blocks)}</div>"


@dataclass(frozen=True)
class Grid:
    """Many small plots."""

    plots: Sequence[Plot]

    def html(self, plots: Plots) -> str:
        """Return the plots as tiles."""
        return f"<div class='grid'>{''.join(plot.html(plots) for plot in self.plots)}</div>"


@dataclass(frozen=True)
class Details:
    """Blocks that show when asked for."""

    summary: str
    blocks: Sequence[Block]

    def html(self, plots: Plots) -> str:
        """Return the blocks under a line that opens them; a plot is drawn once it shows."""
        inside = "".join(block.html(plots) for block in self.blocks)
        return f"<details><summary>{escape(self.summary)}</summary>{inside}</details>"


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: What it says.
        mark: `changed`, `good`, `fair`, `bad`, `dim`, `words` (flowing text) or nothing.
        hint: Shows on hover.
    """

    text: str
    mark: str = ""
    hint: str = ""

    def html(self) -> str:
        """Return the cell."""
        mark = f" class='{escape(self.mark)}'" if self.mark else ""
        hint = f" title='{escape(self.hint)}'" if self.hint else ""
        return f"<td{mark}{hint}>{escape(self.text)}</td>"


@dataclass(frozen=True)
class Table:
    """A table; the first cell of each row names it."""

    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""

    def html(self, plots: Plots) -> str:  # noqa: ARG002 - a table has no plot
        """Return the table in a box that scrolls sideways by itself."""
        head = "".join(f"<th scope='col'>{escape(name)}</th>" for name in self.header)
        body = "".join(f"<tr>{''.join(cell.html() for cell in row)}</tr>" for row in self.rows)
        caption = f"<caption>{escape(self.caption)}</caption>" if self.caption else ""
        return (
            f"<div class='scroll'><table>{caption}<thead><tr>{head}</tr></thead>"
            f"<tbody>{body}</tbody></table></div>"
        )


@dataclass(frozen=True)
class Card:
    """A figure that matters, with the sentence that says what it means."""

    label: str
    value: str
    meaning: str
    tone: str = field(default="plain")  # good, fair, poor or plain

    def html(self) -> str:
        """Return the card."""
        return (
            f"<div class='figure {escape(self.tone)}'><span class='label'>{escape(self.label)}</span>"
            f"<span class='value'>{escape(self.value)}</span><p>{escape(self.meaning)}</p></div>"
        )
