"""The page of figures, in Markdown: medians over the turns, and the ratios turn by turn."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["page"]

_TARGET = 3


def page(found: Mapping[str, Any]) -> str:
    """Return the page of what was measured."""
    rows = found["rows"] * found["epochs"]
    load = f"{min(found['load']):.1f} to {max(found['load']):.1f}"
    shape = f"{found['layers']} layers of {found['hidden']}, latent {found['latent']}"
    run = f"{found['rows']:,} rows, batch {found['batch']}, {found['epochs']} epochs"
    load_rule = f"Load average {load} on {found['cores']} cores: where it is above, only CPU seconds compare."
    turns = f"{found['threads']} thread(s); {len(found['augment'])} turns of each, one after the other."
    lines = [
        "# Training beside TVAE",
        "",
        "Printed by `make bench-training`.",
        f"{found['data']}, {run}, {shape}, {turns} {load_rule}",
        "",
        "| | rows/CPU s, median (from, to) | rows/s | whole fit, s | peak MiB |",
        "|---|--:|--:|--:|--:|",
        *(_row(name, found[name], rows) for name in ("augment", "TVAE")),
        "",
    ]
    for name, key in (("CPU seconds", "loop_cpu_s"), ("wall clock", "loop_s")):
        ratios = [b[key] / a[key] for a, b in zip(found["augment"], found["TVAE"], strict=True)]
        middle = statistics.median(ratios)
        lines.append(
            f"augment / TVAE by {name}: {middle:.2f} (turn by turn {min(ratios):.2f} to {max(ratios):.2f}); "
            f"aim {_TARGET}."
        )
    return "\n".join(lines)


def _row(name: str, turns: list[dict[str, float]], rows: int) -> str:
    cpu = sorted(rows / turn["loop_cpu_s"] for turn in turns)
    wall, whole, peak = (
        statistics.median(turn[key] for turn in turns) for key in ("loop_s", "whole_s", "peak_mib")
    )
    by_cpu = f"{statistics.median(cpu):,.0f} ({cpu[0]:,.0f}, {cpu[-1]:,.0f})"
    return f"| {name} | {by_cpu} | {rows / wall:,.0f} | {whole:.1f} | {peak:,.0f} |"
