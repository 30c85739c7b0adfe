"""Help teaches, and comes at once."""

from __future__ import annotations

import re

import pytest

from augment.cli.app import app
from tests.cli.running import augment, augment_process

COMMANDS = [command.callback.__name__ for command in app.registered_commands if command.callback]


def test_the_commands_are_all_there_in_the_order_of_a_first_walk() -> None:
    """`augment --help` lists every command, and says what the exit codes mean."""
    ran = augment("--help")
    assert ran.code == 0
    places = [re.search(rf"^\W*{name} ", ran.out, re.MULTILINE) for name in COMMANDS]
    assert all(places)
    assert [place.start() for place in places if place] == sorted(place.start() for place in places if place)
    assert "130 interrupted" in ran.out
    first = ["schema", "train", "info", "serve", "sign", "generate", "interpolate", "denoise", "encode"]
    assert [*first, "score", "predict", "evaluate", "step"] == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_shows_examples(command: str) -> None:
    """The help of a command says what it does and shows it at work."""
    ran = augment(command, "--help")
    assert ran.code == 0
    assert "Examples" in ran.out
    assert re.search(rf"^\s+(AUGMENT_\S+ )?augment {command}", ran.out, re.MULTILINE)


def test_nothing_said_shows_the_help() -> None:
    """`augment` alone shows the help and fails, since nothing was done."""
    ran = augment()
    assert ran.code == 2
    assert "Usage" in ran.out + ran.err


def test_the_version_is_shown() -> None:
    """`augment --version` shows one line."""
    ran = augment("--version")
    assert ran.code == 0
    assert re.fullmatch(r"augment \S+\n", ran.out)


def test_help_waits_for_no_heavy_import() -> None:
    """Importing the command line brings neither torch nor onnxruntime, grpc, numpy or pydantic."""
    heavy = "{'torch', 'onnxruntime', 'grpc', 'numpy', 'pydantic', 'pyarrow'}"
    check = f"import sys, augment.cli.app; sys.exit(bool({heavy} & set(sys.modules)))"
    assert augment_process(before=check).code == 0
