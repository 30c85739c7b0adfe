"""The page: whole in itself, safe with any names and cells, and fine in a real browser."""

from __future__ import annotations

import io
import json
import re
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from matplotlib import image as matplotlib_image

from augment.data import detect_schema
from augment.evaluation import Usefulness, compare_associations
from augment.evaluation.blocks import Cell, Image, Note, Plots, Row, Table
from augment.evaluation.figures import heat_maps, shorten_label
from augment.evaluation.page import Page, Section, Verdict, render
from augment.evaluation.png import data_uri, encode_grey, montage
from augment.evaluation.sections import (
    Comparisons,
    cards,
    columns_section,
    map_section,
    pairs_section,
    verdict,
)
from tests.evaluation.browser import opened
from tests.records import every_kind

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>&amp;"


def table(rows: int = 400, seed: int = 0) -> pa.Table:
    """Return records with hostile names and levels, many levels, and 36 more columns."""
    random = np.random.default_rng(seed)
    many = {f"x{index}": random.normal(size=rows).round(3) for index in range(36)}
    odd = {
        HOSTILE: random.choice([HOSTILE, "<b>bold</b>", "plain"], rows).tolist(),
        "level": [f"L{int(level)}" for level in random.integers(0, 60, rows)],
        "when": pa.array(random.integers(0, 10**9, rows), pa.timestamp("s")),
        "constant": [7] * rows,
    }
    return pa.table(odd | many)


def page(target: str = HOSTILE) -> Page:
    """Return a page with every section and block."""
    real, synthetic = table(), table(seed=1)
    schema = detect_schema(real, target=target)
    found = Comparisons.of(
        real, synthetic, schema, detection_auc=0.62, usefulness=Usefulness(HOSTILE, "accuracy", 0.9, 0.8, 0.4)
    )
    latent = np.random.default_rng(0).normal(size=(400, 5)).astype(np.float32)
    picture = Image(data_uri(montage(np.zeros((3, 4, 4)), low=0, high=1)), HOSTILE, HOSTILE, 90)
    extra = Section(
        "extra", HOSTILE, HOSTILE, [Row([picture]), Note(HOSTILE), Table([HOSTILE], [[Cell(HOSTILE)]])]
    )
    sections = [
        Section("all", HOSTILE, "", [], chapter=True),
        columns_section("t", found),
        pairs_section("t", found),
        map_section("t", (latent, latent), schema.column(target), (real, synthetic)),
        extra,
    ]
    return Page(HOSTILE, [Verdict(HOSTILE, verdict(found), cards(found))], sections, HOSTILE)


def test_no_name_or_cell_becomes_markup() -> None:
    """Hostile text is shown as text: the page has its own three scripts and no other, and no such image."""
    html = render(page())
    outside = re.sub(r"<script[^>]*>.*?</script>", "", html, flags=re.DOTALL)
    assert len(re.findall(r"<script[^>]*>", html.replace("\\u003c", ""))) == 3
    assert "<img src=x" not in outside
    assert "alert(1)</script" not in html
    assert "<b>bold" not in html


def test_the_plots_are_json_that_reads_back() -> None:
    """What the page's script reads is one JSON list with a figure for every place."""
    html = render(page())
    data = re.search(r'<script type="application/json" id="plots">(.*?)</script>', html, re.DOTALL)
    assert data is not None
    figures = json.loads(data[1])
    assert len(figures) == html.count("data-plot='")
    assert all({"data", "layout"} <= set(figure) for figure in figures)


def test_the_page_forbids_itself_the_network() -> None:
    """Its policy lets nothing be loaded, and it names no other file."""
    html = render(page())
    assert "default-src &#x27;none&#x27;" in html
    assert not re.findall(r"<(?:link|script|img)[^>]+(?:src|href)=[\"'](?!data:)", html)


@pytest.mark.parametrize("target", [HOSTILE, "x0"])
def test_a_real_browser_has_nothing_to_complain_of(tmp_path: Path, target: str) -> None:
    """Every plot is drawn, the console is empty, and nothing is asked of the network."""
    path = tmp_path / "index.html"
    path.write_text(render(page(target)), encoding="utf-8")
    with opened(path, tmp_path / "profile") as shown:
        assert shown.complaints == []
        assert shown.requests == []
        places = shown.driver.execute_script("return document.querySelectorAll('.plot').length")
        drawn = shown.driver.execute_script("return document.querySelectorAll('.plot .main-svg').length")
        assert drawn >= places > 40
        assert shown.driver.title == HOSTILE
        wide = shown.driver.execute_script("return document.documentElement.scrollWidth > innerWidth")
        assert not wide


@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_images_survive_png(image: np.ndarray) -> None:
    """Another program reads every pixel back."""
    back = matplotlib_image.imread(io.BytesIO(encode_grey(image)), format="png")
    assert np.array_equal((back * 255).round().astype(np.uint8), image)


def test_a_montage_has_every_image_in_its_place() -> None:
    """Row by row, dark on white, values beyond the range clipped."""
    images = np.stack([np.full((2, 3), value) for value in (0.0, 1.0, 5.0, -2.0, 0.5)])
    drawn = montage(images, low=0, high=1, columns=2)
    assert drawn.shape == (2 * 3 + 2, 3 * 2 + 1)
    assert (drawn[0, 0], drawn[0, 4], drawn[3, 0], drawn[3, 4], drawn[6, 0]) == (255, 0, 0, 255, 128)
    assert (drawn[6:, 4:] == 255).all()
    assert montage(images[:1] * 0 + 3, low=3, high=3).shape == (2, 3)


@pytest.mark.parametrize(
    ("auc", "words"),
    [(0.5, "can hardly tell"), (0.6, "a little better"), (0.7, "often tells"), (0.99, "easily tells")],
)
def test_the_verdict_says_what_the_detector_found(auc: float, words: str) -> None:
    """In words and as a figure, with what it means."""
    real = every_kind(60)
    found = Comparisons.of(real, real, detect_schema(real), detection_auc=auc)
    assert words in verdict(found)
    assert f"{auc:.2f}; 0.5 = cannot tell" in verdict(found)


def test_no_figure_no_card() -> None:
    """What could not be judged is not shown; what could, is."""
    real = every_kind(60).select(["image", "class"])
    schema = detect_schema(real, target="class")
    labels = [card.label for card in cards(Comparisons.of(real, real, schema))]
    assert labels == ["Columns differ by"]
    alone = Comparisons.of(
        real.select(["image"]), real.select(["image"]), detect_schema(real.select(["image"]))
    )
    assert cards(alone) == []
    assert alone.mean_column_difference == 0
    assert "too few" in verdict(alone)


def test_labels_are_cut_and_heat_maps_of_many_columns_unlabelled() -> None:
    """A label keeps its beginning; more names than can be read are left to the pointer."""
    assert shorten_label("a" * 30, 10) == "aaaaaaaaa…"
    assert shorten_label("<b>") == "&lt;b&gt;"
    real = table()
    plots = heat_maps(compare_associations(real, real, detect_schema(real)))
    assert len(plots[0].layout.yaxis.ticktext) == 40
    assert len(plots[0].layout.xaxis.ticktext) == 0


def test_a_plot_is_handed_over_once() -> None:
    """Plots are numbered in the order they were added."""
    plots = Plots()
    first, second = heat_maps(
        compare_associations(every_kind(30), every_kind(30), detect_schema(every_kind(30)))
    )[:2]
    assert (plots.add(first), plots.add(second)) == (0, 1)
