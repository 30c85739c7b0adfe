from __future__ import annotations

from typing import TYPE_CHECKING

from augment.scale.run import run_step
from augment.scale.server import ServerEngine
from tests.client.mortal import MortalServer
from tests.scale.steps import config_of, parts_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from augment.scale.making import Made
    from augment.scale.plan import Plan

OPERATIONS = (
    {"do": "impute"},
    {"do": "augment", "rows": 4_000, "conditions": ["age > 30"]},
    {"do": "encode"},
    {"do": "score"},
)


def test_a_server_that_goes_away_in_the_middle_changes_nothing(root: Path, flat_dir: Path) -> None:
    """Killed (kill -9) twice while parts are in flight, streams and calls alike go on: the same files."""
    config = config_of(root, flat_dir, operations=OPERATIONS)
    run_step(config.model_copy(update={"output": str(root / "whole")}))
    with MortalServer(flat_dir) as server:

        class Killing(ServerEngine):
            def run(self, plan: Plan, numbers: Iterable[int]) -> Iterator[Made]:
                for place, made in enumerate(super().run(plan, numbers)):
                    if place in {1, 6}:
                        server.kill()
                    yield made

        through = {"engine": "server", "server": server.target}
        outcome = run_step(config.model_copy(update=through), engine=Killing(3))
        assert server.kills == 2
    assert outcome.made == 10
    assert parts_of(root / "out") == parts_of(root / "whole")
