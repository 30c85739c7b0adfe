"""The page of the service's speed: each figure beside its target, and a plot against concurrency."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["page", "plot"]

_STREAM, _FIRST_MS, _READY, _OVER_MS, _CALLS, _TOGETHER, _GROWTH_MIB = 0.9, 20, 500, 2, 1000, 3, 8


def page(found: Mapping[str, Any]) -> str:
    """Return the page in Markdown."""
    lines = [
        "# How fast the service is",
        "",
        f"Printed by `make bench-serving`; {found['machine']} when it began, {found['load at the end']} when",
        "it ended. Client, server and the runtime that they are held against are processes of one machine.",
        "",
        "| | target | measured | |",
        "|---|--:|--:|---|",
        *(
            f"| {what} | {target} | {told} | {'ok' if met else 'missed'} |"
            for what, target, told, met in _judged(found)
        ),
        "",
        "| operation, in flight, 100 rows a call | calls/s | p50, ms | p99, ms |",
        "|---|--:|--:|--:|",
        *(
            f"| {key} | {each['calls/s']:,} | {each['p50']} | {each['p99']} |"
            for key, each in found["in flight"].items()
        ),
        "",
        "| 64 in flight | together, calls/s | each alone, calls/s | ratio |",
        "|---|--:|--:|--:|",
        *(
            f"| {key} | {each['together, calls/s']:,} | {each['alone, calls/s']:,} | {each['ratio']} |"
            for key, each in found["together"].items()
        ),
        "",
    ]
    return "\n".join(lines)


def plot(found: Mapping[str, Any], path: Path) -> None:
    """Save throughput and latency against the number of calls in flight."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - slow to import

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    rates, waits = figure.subplots(1, 2)
    for operation in dict.fromkeys(key.split(", ")[0] for key in found["in flight"]):
        points = {
            int(key.split(", ")[1]): each
            for key, each in found["in flight"].items()
            if key.startswith(f"{operation}, ")
        }
        rates.plot(list(points), [each["calls/s"] for each in points.values()], marker="o", label=operation)
        for percentile, style in (("p50", "-"), ("p99", "--")):
            told = [each[percentile] for each in points.values()]
            waits.plot(list(points), told, style, marker="o", label=f"{operation}, {percentile}")
    for axes, label in ((rates, "calls/s"), (waits, "ms")):
        axes.set(xscale="log", yscale="log", xlabel="calls of 100 rows in flight", ylabel=label)
        axes.legend()
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=120)


def _judged(found: Mapping[str, Any]) -> Iterator[tuple[str, str, str, bool]]:
    """Yield what, its target, what was measured, and whether that is met."""
    for sampler, each in found["streams"].items():
        yield _least(f"streamed rows/s of `{sampler}`, of the runtime's", round(each["ratio"], 2), _STREAM)
    for sampler, each in found["first batch"].items():
        yield _most(f"first batch of `{sampler}`, p99, ms", each["p99"], _FIRST_MS)
    yield _least("ready batches, MB/s", found["ready"]["MB/s"], _READY)
    for operation, each in found["unary"].items():
        over = each["p50 over the runtime, ms"]
        yield _most(f"`{operation}` of 100 rows, p50 over the runtime, ms", over, _OVER_MS)
    for key, each in found["in flight"].items():
        if key.endswith(", 32"):
            yield _least(f"calls/s of 100 rows: {key} in flight", each["calls/s"], _CALLS)
    for key, each in found["together"].items():
        yield _least(f"computed together, of alone: {key}", each["ratio"], _TOGETHER)
    for end in ("server", "client"):
        what = f"growth of the {end} over {found['memory']['rows']:,} streamed rows, MiB"
        yield _most(what, found["memory"][end]["growth, MiB"], _GROWTH_MIB)


def _least(what: str, value: float, target: float) -> tuple[str, str, str, bool]:
    return what, f">= {target:,}", f"{value:,}", value >= target


def _most(what: str, value: float, target: float) -> tuple[str, str, str, bool]:
    return what, f"<= {target:,}", f"{value:,}", value <= target
