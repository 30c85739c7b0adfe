"""One HTML file that holds all it needs and asks the network for nothing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

from plotly.offline import get_plotlyjs

from augment.evaluation.blocks import Plots

if TYPE_CHECKING:
    from collections.abc import Sequence

    from augment.evaluation.blocks import Block, Card

__all__ = ["Page", "Section", "render"]

# The browser itself refuses whatever would reach out, whichever library tries.
_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"


@dataclass(frozen=True)
class Section:
    """A part of the page; `anchor` is its address in the page."""

    anchor: str
    title: str
    lead: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Page:
    """A page: the verdict first, then the cards, then the sections."""

    title: str
    verdict: str
    cards: Sequence[Card]
    sections: Sequence[Section]
    footer: str = ""


def render(page: Page) -> str:
    """Return the page as one self-contained HTML document."""
    plots = Plots()
    body = "".join(_section(section, plots) for section in page.sections)
    # `<` never stands in the data, so that no cell can end the script element.
    data = f"[{','.join(plots.figures)}]".replace("<", "\\u003c")
    return _DOCUMENT.format(
        policy=escape(_POLICY),
        title=escape(page.title),
        style=_asset("page.css"),
        verdict=escape(page.verdict),
        cards="".join(card.html() for card in page.cards),
        links="".join(f"<a href='#{escape(s.anchor)}'>{escape(s.title)}</a>" for s in page.sections),
        body=body,
        footer=escape(page.footer),
        data=data,
        plotly=get_plotlyjs(),
        script=_asset("page.js"),
    )


def _section(section: Section, plots: Plots) -> str:
    lead = f"<p class='lead'>{escape(section.lead)}</p>" if section.lead else ""
    blocks = "".join(block.html(plots) for block in section.blocks)
    return f"<section id='{escape(section.anchor)}'><h2>{escape(section.title)}</h2>{lead}{blocks}</section>"


@cache
def _asset(name: str) -> str:
    return files("augment.evaluation").joinpath("assets", name).read_text(encoding="utf-8")


_DOCUMENT = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<header>
<h1>{title}</h1>
<p class="verdict">{verdict}</p>
<div class="figures">{cards}</div>
<nav>{links}</nav>
</header>
<main>{body}</main>
<footer>{footer}</footer>
<script type="application/json" id="plots">{data}</script>
<script>{plotly}</script>
<script>{script}</script>
</body>
</html>
"""
