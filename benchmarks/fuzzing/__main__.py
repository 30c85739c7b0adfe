"""`python -m fuzzing`: tries every target, prints the verdicts beside the rule, and fails if it is broken."""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from fuzzing.bundles import trained
from fuzzing.isolated import run_isolated
from fuzzing.options import COUNTS, Options
from fuzzing.verdicts import summary
from serving.host import machine

if TYPE_CHECKING:
    from fuzzing.verdicts import Tally

_CACHE = Path(__file__).parent.parent / ".cache" / "fuzz"


def main() -> int:
    """Run the targets; return 1 if one broke the rule."""
    given = _arguments()
    options = Options(
        models=trained(_CACHE),
        keep=given.keep,
        seed=given.seed,
        first=given.first,
        count=given.count,
        seconds=given.seconds,
    )
    print(f"seed {options.seed}, {machine()}, at most {options.seconds:g} s a target", flush=True)
    tallies = []
    for target in given.only or COUNTS:
        print(f"{target} ...", flush=True)
        tallies.append(_run(target, options))
        print(summary(tallies[-1]), flush=True)
    broken = [tally.target for tally in tallies if not tally.holds()]
    print(f"\nbroken: {', '.join(broken)}; inputs in {options.keep}" if broken else "\nthe rule holds")
    return int(bool(broken))


def _run(target: str, options: Options) -> Tally:
    if target == "guided":
        from fuzzing.guided import run_guided  # noqa: PLC0415 - may say that it cannot

        return run_guided(options)
    if target in {"bodies", "bombs"}:
        from fuzzing.server_target import run_bodies, run_bombs  # noqa: PLC0415 - beside the others

        return run_bodies(options) if target == "bodies" else run_bombs(options)
    return run_isolated(target, options)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m fuzzing", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=COUNTS, help="a target; may be given several times"
    )
    parser.add_argument("--seconds", type=float, default=45.0, help="at most, of each target")
    parser.add_argument("--count", type=int, help="inputs of each target; default: the issue's")
    parser.add_argument(
        "--seed", type=int, default=random.SystemRandom().randrange(10**6), help="of all inputs"
    )
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--keep", type=Path, default=_CACHE / "findings", help="where broken inputs are kept")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
