from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest
import yaml

from augment.errors import StepError
from augment.scale.run import run_step
from augment.scale.server import ServerEngine
from tests.cli.running import augment
from tests.client.mortal import MortalServer
from tests.scale.steps import config_of, parts_of
from tests.server.running import ServerProcess

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


def test_a_server_that_stays_away_ends_the_run_so_that_it_is_tried_again(
    root: Path, flat_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 1, for what is made is kept; none there at the beginning is 2."""
    monkeypatch.setattr("augment.scale.server._RETRIES", 2)
    server = ServerProcess(flat_dir, "--threads", "1")
    through = {"engine": "server", "server": server.target, "workers": 2}
    config = config_of(root, flat_dir, operations=OPERATIONS, **through)

    class Killing(ServerEngine):
        def run(self, plan: Plan, numbers: Iterable[int]) -> Iterator[Made]:
            for made in super().run(plan, numbers):
                server.kill()
                yield made

    told = rf"server {server.target} has not come back: .*Run the step again once it is there"
    with pytest.raises(StepError, match=told):
        run_step(config, engine=Killing(2))
    assert 1 <= len(parts_of(root / "out")) < 10
    (root / "step.yaml").write_text(yaml.safe_dump(config.model_dump(mode="json")))
    assert augment("step", root / "step.yaml").code == 2


def test_who_stops_a_run_does_not_wait_for_a_server_that_is_away(root: Path, flat_dir: Path) -> None:
    """Ctrl-C while all calls wait for it: the run ends at once."""
    server = ServerProcess(flat_dir, "--threads", "1")
    config = config_of(root, flat_dir, operations=OPERATIONS, engine="server", server=server.target)

    class Stopped(ServerEngine):
        def run(self, plan: Plan, numbers: Iterable[int]) -> Iterator[Made]:
            for made in super().run(plan, numbers):
                server.kill()
                time.sleep(3)  # by now calls are made again
                yield made
                raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_step(config, engine=Stopped(2))
    assert time.monotonic() - began < 20
    assert not [each for each in threading.enumerate() if each.name.startswith("augment-part")]
