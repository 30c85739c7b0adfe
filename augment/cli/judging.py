"""Judging for the command line: reads the files, shows what is being done, prints the figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from augment.cli.about import about
from augment.cli.console import out, stderr, warn
from augment.cli.summary import grid
from augment.data import load_schema, read_table
from augment.errors import RequestError
from augment.evaluation import evaluate
from augment.evaluation.grades import grades, overall, sentence, tone_of
from augment.evaluation.meanings import MEANINGS

if TYPE_CHECKING:
    from pathlib import Path

    from augment.evaluation import Evaluation

__all__ = ["judge_files", "print_evaluation"]

_STYLES = {"good": "green", "fair": "yellow", "poor": "red", "plain": ""}


def judge_files(
    files: tuple[Path, Path, Path],
    schema_file: Path | None,
    target: str | None,
    *,
    outputs: tuple[Path, Path | None],
    seed: int,
    max_rows: int,
) -> Evaluation:
    """Judge the files (real, holdout, synthetic), and write the report and the figures (HTML, JSON).

    Raises:
        InvalidInputError: A file cannot be read, or does not compare with the others; an output cannot be.
        ColumnNotFoundError: There is no column `target`.
        PublishError: An output could not be written.
    """
    _check_outputs(*outputs)
    schema = load_schema(schema_file) if schema_file else None
    tables = []
    for path in files:
        with about(path):
            tables.append(read_table(path, schema=schema))
    with stderr().status("judging") as status, about(files[0]):
        found = evaluate(
            *tables,
            schema=schema,
            target=target,
            seed=seed,
            max_rows=max_rows,
            progress=status.update,
        )
    for note in found.notes:
        warn(note)
    found.write_html(outputs[0])
    if outputs[1] is not None:
        found.write_json(outputs[1])
    return found


def _check_outputs(report: Path, figures: Path | None) -> None:
    """Refuse before the work what could not be written after it."""
    for option, path, suffix in (("--out", report, ".html"), ("--json", figures, ".json")):
        if path is None:
            continue
        if path.suffix.lower() != suffix:
            raise RequestError.of(option, f"must end in {suffix}", str(path))
        if not path.parent.is_dir():
            remedy = f"mkdir -p {path.parent}"
            raise RequestError.of(option, "must lie in a directory that exists", str(path), remedy)


def print_evaluation(found: Evaluation) -> None:
    """Print the figures and the verdict."""
    console = out()
    table = grid("", "figure", "synthetic rows", "fresh real rows")
    for name, figure in found.figures.items():
        meaning = MEANINGS[name]
        value, floor = (
            "-" if number is None else f"{number:{meaning.form}}" for number in (figure.value, figure.floor)
        )
        table.add_row(Text(name, "bold"), Text(value, _STYLES[tone_of(name, figure)]), floor)
    console.print(table)
    judged = grades(found)
    console.print(Text(sentence(judged), _STYLES[overall(judged)]), soft_wrap=True)
