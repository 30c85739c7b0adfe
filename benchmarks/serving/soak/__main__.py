"""`python -m serving.soak`: a server among clients that crash, dawdle, cancel and lie, and good ones.

Good clients compare every answer, bit by bit, with the runtime's in this process. Processes with calls under
way are killed; others read slowly, do not end their requests, cancel, send other schemas, counts and
versions, or noise. New versions come every few seconds, every fifth broken. Then the same with a server that
keeps a few bytes of each request: a soak that does not find this proves nothing, so the command fails.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serving.bundles import train_small
from serving.host import machine
from serving.soak.running import Plan, soak

if TYPE_CHECKING:
    from serving.soak.running import Found
    from serving.soak.slope import Slope

__all__ = ["main"]

_MOST_MIB = 50.0
_OUT = Path(__file__).resolve().parents[2] / "results" / "soak.json"


def main() -> int:
    """Soak, then soak with the leak; print, write the figures, and return the exit code."""
    options = _options()
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        bundle = options.bundle or train_small(Path(scratch), ("vae", "denoiser"))
        plan = Plan(bundle, min(120.0, options.seconds / 4), options.seconds, options.reload_s)
        found = soak(plan)
        _show("the server", found)
        seconds = max(30.0, min(options.seconds / 3, 120.0))
        leaking = replace(plan, warm_s=15.0, seconds=seconds, leak_bytes=options.leak_bytes)
        control = soak(leaking)
        _show(f"one that keeps {options.leak_bytes} bytes of each request", control)
    verdicts = _verdicts(found, control)
    for words, verdict in verdicts.items():
        print(f"  {verdict:10s} {words}")
    if not options.quick:
        _write(options, found, control, verdicts)
    enough = {"met", "not shown"} if options.quick else {"met"}
    return 0 if enough.issuperset(verdicts.values()) else 1


def _verdicts(found: Found, control: Found) -> dict[str, str]:
    """Return what was promised, and whether it held: "met", "NOT MET", or "not shown" by so few requests."""
    held = {
        "no unexpected errors": not found.ledger.unexpected and not found.faults,
        "no task, file handle, thread or call is left": not found.left,
        "the leak was found": control.anonymous.low > _MOST_MIB,
    }
    growths = [_growth(found.resident), _growth(found.anonymous)]
    worst = max(growths, key=("met", "not shown", "NOT MET").index)
    told = {words: "met" if good else "NOT MET" for words, good in held.items()}
    return {f"memory grows by at most {_MOST_MIB:g} MiB per million requests": worst, **told}


def _growth(slope: Slope) -> str:
    if slope.low > _MOST_MIB:
        return "NOT MET"
    return "met" if slope.middle <= _MOST_MIB else "not shown"


def _show(what: str, found: Found) -> None:
    print(f"{what}: {found.requests:,} requests, {found.reloads[0]} versions, {found.reloads[1]} refused")
    print(f"  resident  {found.resident}")
    first, last = found.memory_mib
    print(f"  anonymous {found.anonymous}; resident {first:.0f}, then {last:.0f} MiB")
    print(f"  before {found.before}\n  after  {found.after}\n  tasks  {found.tasks}")
    for kind, statuses in found.ledger.as_json().items():
        print(f"  {kind:28s} {', '.join(f'{status}: {count:,}' for status, count in statuses.items())}")
    for words in (*found.ledger.unexpected, *found.faults):
        print(f"  UNEXPECTED {words}", flush=True)


def _write(options: argparse.Namespace, found: Found, control: Found, verdicts: dict[str, str]) -> None:
    figures = {
        "machine": machine(),
        "seconds": options.seconds,
        "server": _figures(found),
        "leak": {"bytes a request": options.leak_bytes, **_figures(control)},
        "verdicts": verdicts,
    }
    options.out.write_text(json.dumps(figures, indent=1) + "\n")


def _figures(found: Found) -> dict[str, Any]:
    return {
        "requests": found.requests,
        "versions loaded and refused": found.reloads,
        "MiB per million requests, resident": asdict(found.resident),
        "MiB per million requests, anonymous": asdict(found.anonymous),
        "resident MiB, first and last": found.memory_mib,
        "before": asdict(found.before),
        "after": asdict(found.after),
        "unexpected": [*found.ledger.unexpected, *found.faults],
        "answers": found.ledger.as_json(),
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m serving.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, help="that are looked at; default: 600")
    parser.add_argument("--quick", action="store_true", help="a minute; writes no figures")
    parser.add_argument(
        "--bundle", type=Path, help="directory of a bundle; default: a small one, trained now"
    )
    parser.add_argument(
        "--reload-s", type=float, default=4.0, help="between two versions; default: %(default)s"
    )
    parser.add_argument("--leak-bytes", type=int, default=1024, help="of the control; default: %(default)s")
    parser.add_argument("--out", type=Path, default=_OUT, help="where the figures go")
    options = parser.parse_args()
    options.seconds = options.seconds or (60.0 if options.quick else 600.0)
    return options


if __name__ == "__main__":
    sys.exit(main())
