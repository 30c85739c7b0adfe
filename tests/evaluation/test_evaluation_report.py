"""The report: verdict first, whole in itself, fine in a real browser, and as the command writes it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from augment.data import write_table
from augment.evaluation import Evaluation, evaluate
from augment.evaluation.page import render
from augment.evaluation.report import report_page
from tests.cli.running import augment
from tests.evaluation.browser import opened
from tests.records import every_kind

if TYPE_CHECKING:
    from pathlib import Path

TRAIN, HOLDOUT, FRESH = every_kind(300, 1), every_kind(200, 2), every_kind(250, 3)
HOSTILE = "</script><script>alert(1)</script>"


def hostile(rows: int, seed: int) -> pa.Table:
    """Return few columns with a name and levels that would be markup."""
    random = np.random.default_rng(seed)
    levels = random.choice([HOSTILE, "<b>bold</b>", "plain"], rows).tolist()
    return pa.table({HOSTILE: levels, "x": random.normal(size=rows), "empty": pa.nulls(rows, pa.float64())})


@pytest.fixture(scope="module")
def found() -> Evaluation:
    """Fresh real rows before the judge."""
    return evaluate(TRAIN, HOLDOUT, FRESH, target="class")


@pytest.mark.parametrize("kind", ["fresh", "hostile", "tiny"])
def test_a_real_browser_has_nothing_to_complain_of(kind: str, found: Evaluation, tmp_path: Path) -> None:
    """Every plot is drawn, details open, the console is empty, nothing is asked of the network."""
    if kind == "hostile":
        found = evaluate(hostile(90, 1), hostile(60, 2), hostile(80, 3), target=HOSTILE)
    if kind == "tiny":
        found = evaluate(TRAIN.slice(0, 1), HOLDOUT.slice(0, 1), FRESH.slice(0, 1), target="class")
    path = tmp_path / "report.html"
    found.write_html(path)
    with opened(path, tmp_path / "profile") as shown:
        run = shown.driver.execute_script
        run("document.querySelectorAll('details').forEach(part => { part.open = true })")
        assert shown.complaints == []
        assert shown.requests == []
        places = run("return document.querySelectorAll('.plot').length")
        assert run("return document.querySelectorAll('.plot .main-svg').length") >= places > 0
        assert not run("return document.documentElement.scrollWidth > innerWidth")
        first = run("return document.querySelector('header .verdict').textContent")
        assert first.startswith(("Green", "Amber", "Red", "Undecided"))
        assert shown.driver.get_log("browser") == []


def test_the_verdict_comes_first_and_each_part_has_its_chapter(found: Evaluation) -> None:
    """Then fidelity, utility, privacy, the small print with what was left out; details on demand."""
    page = report_page(found)
    assert page.verdicts[0].tone in {"good", "fair"}
    assert [group[0] for group in page.verdicts[0].reasons] == ["Fidelity", "Utility", "Privacy"]
    assert [section.title for section in page.sections if section.chapter] == [
        "Fidelity", "Utility", "Privacy", "Small print",
    ]  # fmt: skip
    html = render(page)
    assert html.index("class='verdict") < html.index("<section")
    assert html.count("<details>") >= 4
    assert "key: left out, since it is an identifier" in html


def test_without_a_target_utility_says_why(found: Evaluation) -> None:
    """And the verdict speaks of the rest alone."""
    html = render(report_page(evaluate(TRAIN, HOLDOUT, FRESH)))
    assert "Not judged: no target column was named." in html
    assert "models learn" not in html.partition("<section")[0]
    assert "Not judged" not in render(report_page(found))


def test_the_command_writes_report_and_figures(tmp_path: Path, found: Evaluation) -> None:
    """From files of any format, with the library's own figures, a table and a verdict on stdout."""
    paths = [tmp_path / name for name in ("train.parquet", "test.arrow", "new.parquet")]
    for path, table in zip(paths, (TRAIN, HOLDOUT, FRESH), strict=True):
        write_table(table, path)
    report, figures = tmp_path / "report.html", tmp_path / "figures.json"
    files = ("--real", paths[0], "--holdout", paths[1], "--synthetic", paths[2])
    ran = augment("evaluate", *files, "--target", "class", "--out", report, "--json", figures)
    assert ran.code == 0, ran.err
    assert json.loads(figures.read_text(encoding="utf-8")) == json.loads(found.to_json())
    assert report.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert all(name in ran.out for name in found.figures)
    assert "image: left out" in ran.err
    narrower = tmp_path / "narrow.csv"
    write_table(FRESH.drop_columns(["image", "age"]), narrower)
    ran = augment("evaluate", *files[:5], narrower, "--out", report)
    assert ran.code == 2
    assert "the synthetic table must have the columns age, too" in ran.err.replace("\n", " ")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--out", "report.pdf"), "must end in .html"),
        (("--out", "nowhere/report.html"), "must lie in a directory that exists"),
        (("--out", "report.html", "--json", "figures.txt"), "must end in .json"),
        (("--out", "report.html"), "must exist"),
    ],
)
def test_bad_paths_are_refused_before_the_work(
    options: tuple[str, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An output that cannot be, or a file that is not there, ends the command with code 2."""
    monkeypatch.chdir(tmp_path)
    ran = augment("evaluate", "--real", "a.csv", "--holdout", "b.csv", "--synthetic", "c.csv", *options)
    assert ran.code == 2
    assert said in ran.err
