"""Progress over rows: a bar on a terminal, nothing elsewhere."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from augment.cli.console import stderr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import pyarrow as pa

__all__ = ["Advance", "counted", "rows_bar"]

Advance: TypeAlias = "Callable[[int], None]"
"""Is told of so many rows more."""


def counted(tables: Iterable[pa.Table], total: int) -> Iterator[pa.Table]:
    """Yield the tables as they come, and show how many of `total` rows have come."""
    with rows_bar(total) as advance:
        for table in tables:
            yield table
            advance(table.num_rows)


@contextmanager
def rows_bar(total: int) -> Iterator[Advance]:
    """Show a bar over so many rows; yields what moves it."""
    console = stderr()
    if not console.is_terminal:
        yield lambda _rows: None
        return
    speed = TextColumn("{task.fields[rate]}")
    columns = (
        TextColumn("rows"),
        BarColumn(bar_width=32),
        TaskProgressColumn(),
        speed,
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task("rows", total=total, rate="")

        def advance(rows: int) -> None:
            bars.advance(task, rows)
            rate = bars.tasks[0].speed
            bars.update(task, rate=f"{rate:,.0f} rows/s" if rate else "")

        yield advance
