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

__all__ = ["Page", "Section", "Verdict", "render"]

# The browser itself refuses whatever would reach out, whichever library tries.
_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        anchor: Its address in the page.
        title: Its heading.
        lead: What it shows.
        blocks: Its contents.
        chapter: Whether it opens a chapter, to which the sections after it belong.
    """

    anchor: str
    title: str
    lead: str
    blocks: Sequence[Block]
    chapter: bool = False


@dataclass(frozen=True)
class Verdict:
    """What the page comes to: a sentence, and the figures behind it.

    Attributes:
        subject: What it is about; empty where the page is about one thing.
        sentence: The verdict.
        cards: The figures.
        tone: `good`, `fair` or `poor` gives the sentence a colour; `plain` does not.
        reasons: What the sentence rests on: a heading, its tone, and lines of a tone and a text each.
    """

    subject: str
    sentence: str
    cards: Sequence[Card]
    tone: str = "plain"
    reasons: Sequence[tuple[str, str, Sequence[tuple[str, str]]]] = ()


@dataclass(frozen=True)
class Page:
    """A page: the verdicts first, then the sections."""

    title: str
    verdicts: Sequence[Verdict]
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
        verdicts="".join(_verdict(verdict) for verdict in page.verdicts),
        links="".join(_link(section) for section in page.sections),
        body=body,
        footer=escape(page.footer),
        data=data,
        plotly=get_plotlyjs(),
        script=_asset("page.js"),
    )


def _verdict(verdict: Verdict) -> str:
    subject = f"<strong>{escape(verdict.subject)}.</strong> " if verdict.subject else ""
    cards = "".join(card.html() for card in verdict.cards)
    reasons = "".join(_reasons(*group) for group in verdict.reasons)
    reasons = f"<div class='reasons'>{reasons}</div>" if reasons else ""
    kind = "" if verdict.tone == "plain" else f" banner {escape(verdict.tone)}"
    sentence = f"<p class='verdict{kind}'>{subject}{escape(verdict.sentence)}</p>"
    return f"{sentence}{reasons}<div class='figures'>{cards}</div>"


def _reasons(heading: str, tone: str, lines: Sequence[tuple[str, str]]) -> str:
    listed = "".join(f"<li class='{escape(kind)}'>{escape(text)}</li>" for kind, text in lines)
    return f"<div class='{escape(tone)}'><h3>{escape(heading)}</h3><ul>{listed}</ul></div>"


def _link(section: Section) -> str:
    kind = " class='chapter'" if section.chapter else ""
    return f"<a{kind} href='#{escape(section.anchor)}'>{escape(section.title)}</a>"


def _section(section: Section, plots: Plots) -> str:
    lead = f"<p class='lead'>{escape(section.lead)}</p>" if section.lead else ""
    blocks = "".join(block.html(plots) for block in section.blocks)
    kind = " class='chapter'" if section.chapter else ""
    head = f"<h2>{escape(section.title)}</h2>{lead}"
    return f"<section{kind} id='{escape(section.anchor)}'>{head}{blocks}</section>"


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
{verdicts}
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
