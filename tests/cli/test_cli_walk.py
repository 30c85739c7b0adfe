"""A first walk: schema, edit, train, info, generate, repair; what is told on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from augment.bundle import open_bundle
from augment.cli.training import read_training_data, settings_of
from augment.data import load_schema, read_table
from tests.cli.running import augment
from tests.server.running import environment


@pytest.mark.slow
def test_a_first_walk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flat_csv: Path) -> None:
    """Each command's output is the next one's input, and each says what comes next."""
    monkeypatch.chdir(tmp_path)
    ran = augment("schema", flat_csv, "--target", "class", "--out", "flat.yaml")
    assert ran.code == 0, ran.err
    assert "distinct" in ran.out
    assert "augment train" in ran.err
    text = Path("flat.yaml").read_text(encoding="utf-8")
    Path("flat.yaml").write_text(text.replace("name: income", "name: income\n  unit: EUR"), encoding="utf-8")
    train = ("train", flat_csv, "--schema", "flat.yaml", "--name", "walk", "--epochs", 2, "--device", "cpu")
    ran = augment(*train, "--seed", 5)
    assert ran.code == 0, ran.err
    assert "note: left out, since it is free text" in ran.err
    assert "key: not learnt but made anew, since it is an identifier" in ran.err
    assert "vae: epoch 1/2" in ran.err
    assert "rows/s" in ran.err
    assert "augment generate walk" in ran.err
    assert "held-out loss" in ran.out
    report = open_bundle(Path("models/walk/1")).manifest.training
    assert (report.seed, report.rows, set(report.models)) == (5, 240, {"vae", "maker", "denoiser"})
    assert len(list(Path("runs/walk").glob("*/loss.csv"))) == 1
    ran = augment("generate", "walk", "--rows", 30, "--seed", 1, "--out", "new.csv")
    assert "wrote 30 records of walk/1 with seed 1 to new.csv" in ran.out
    assert "note" not in read_table("new.csv").column_names


def test_a_target_given_to_train_goes_over_the_schemas(tmp_path: Path, flat_csv: Path) -> None:
    """--target marks that column and no other."""
    file = tmp_path / "flat.yaml"
    augment("schema", flat_csv, "--target", "class", "--out", file)
    _, schema = read_training_data(flat_csv, schema_file=file, target="city")
    assert [column.name for column in schema.columns if column.role == "target"] == ["city"]


def test_flags_go_over_the_configuration_file(tmp_path: Path) -> None:
    """What the file says holds, unless a flag says otherwise."""
    file = tmp_path / "train.yaml"
    file.write_text("models: [vae]\nseed: 7\nmax_steps: 500\n", encoding="utf-8")
    settings = settings_of(file, {"max_steps": 2})
    assert (settings.models, settings.seed, settings.max_steps) == (("vae",), 7, 2)


def test_the_schema_file_is_named_after_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flat_csv: Path
) -> None:
    """Without --out it is DATA's name; --force replaces it; it reads back as a schema."""
    monkeypatch.chdir(tmp_path)
    assert augment("schema", flat_csv).code == 0
    assert augment("schema", flat_csv).code == 2
    assert augment("schema", flat_csv, "--force").code == 0
    assert load_schema("flat.schema.yaml").column("age") is not None


def test_info_tells_the_same_here_and_there(models: Path, server: str) -> None:
    """A bundle and a server describe a model alike; the settings that were used stand in the bundle alone."""
    here, there = (
        json.loads(_json(augment("info", "tiny", "--json", *where).out))
        for where in (("--models", models), ("--server", server))
    )
    assert here.pop("place") == str(models / "tiny" / "1")
    assert there.pop("place") == server
    assert [column.pop("role") for column in here["columns"]]
    assert [column.pop("role") for column in there["columns"]]
    assert here.pop("resolved")["vae"]["device"] == "cpu"
    assert here == there
    ran = augment("info", "tiny", "--models", models)
    for part in (
        "tiny, version 1",
        "generate, interpolate",
        "class",
        "(target)",
        "left out",
        "vae was trained with batch_size",
        "vae.heldout_loss",
    ):
        assert part in ran.out


def _json(text: str) -> str:
    """Return the JSON in a text that a server's log lines may precede."""
    return text[text.index("\n{\n") if "\n{\n" in text else 0 :]


def test_info_lists_models(tmp_path: Path, models: Path, server: str) -> None:
    """Without a name all models are listed; a broken one is named in a warning; none is an error."""
    for where in (("--models", models), ("--server", server)):
        ran = augment("info", *where)
        assert ran.code == 0
        assert "flat" in ran.out
        assert "tiny" in ran.out
    (tmp_path / "broken" / "1").mkdir(parents=True)
    ran = augment("info", "--models", tmp_path)
    assert ran.code == 2
    assert "broken" in ran.err
    assert json.loads(augment("info", "--models", models, "--json").out)[0]["name"] == "flat"


@pytest.mark.parametrize(
    ("flags", "rule"),
    [
        (("--models", "none"), "must be a directory"),
        (("--port", "70000"), "--port (AUGMENT_PORT)"),
        (("--log-level", "loud"), "--log-level"),
    ],
)
def test_serve_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...], rule: str
) -> None:
    """A directory that is not there and settings out of range are told; nothing is served."""
    monkeypatch.chdir(tmp_path)
    ran = augment("serve", *flags)
    assert ran.code == 2
    assert rule in ran.err


def start(*arguments: object, cwd: Path) -> subprocess.Popen[str]:
    """Start `augment` in a process of its own."""
    return subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "augment.cli", *map(str, arguments)],
        cwd=cwd,
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    )


def test_serve_serves_until_it_is_interrupted(tmp_path: Path, models: Path) -> None:
    """`augment serve` says when it is ready, answers the other commands, and Ctrl-C ends it well."""
    process = start("serve", "--models", models, "--port", 0, "--threads", 1, cwd=tmp_path)
    try:
        assert process.stderr is not None
        ready = next(line for line in map(json.loads, process.stderr) if line["event"] == "ready")
        ran = augment("info", "flat", "--server", f"127.0.0.1:{ready['port']}")
        assert ran.code == 0, ran.err
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.communicate()


def test_a_bar_is_shown_on_a_terminal_only(tmp_path: Path, models: Path) -> None:
    """On a terminal rows are counted by a bar; in a log there is none."""
    controller, terminal = os.openpty()
    command = [
        "generate",
        "flat",
        "--rows",
        "20000",
        "--seed",
        "1",
        "--out",
        "x.csv",
        "--models",
        str(models),
    ]
    process = subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "augment.cli", *command],
        cwd=tmp_path,
        env=environment(TERM="xterm", COLUMNS="100"),
        stderr=terminal,
        stdout=subprocess.DEVNULL,
    )
    os.close(terminal)
    shown = b""
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        try:
            shown += os.read(controller, 65536)
        except OSError:  # the other end was closed
            break
    assert process.wait(20) == 0
    os.close(controller)
    assert b"100%" in shown
    assert b"rows/s" in shown
