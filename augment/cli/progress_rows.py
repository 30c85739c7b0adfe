"""Progress over rows: a bar on a terminal, nothing elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from augment.cli.console import stderr

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa

__all__ = ["counted"]


def counted(tables: Iterable[pa.Table], total: int) -> Iterator[pa.Table]:
    """Yield the tables as they come, and show how many of `total` rows have come."""
    console = stderr()
    if not console.is_terminal:
        yield from tables
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
        for table in tables:
            yield table
            bars.advance(task, table.num_rows)
            rate = bars.tasks[0].speed
            bars.update(task, rate=f"{rate:,.0f} rows/s" if rate else "")
