"""Training's progress: bars on a terminal, a few lines elsewhere."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from augment.cli.progress import TrainingView, duration
from augment.training import Progress


def epoch(number: int, epochs: int = 100, model: str = "vae") -> Progress:
    """Return an epoch."""
    return Progress(
        model=model,
        epoch=number,
        epochs=epochs,
        step=number * 10,
        steps=epochs * 10,
        train_loss=12.5,
        parts={"reconstruction": 11.0, "divergence": 1.5},
        heldout_loss=13.25,
        best=True,
        learning_rate=0.001,
        rows_per_s=12345.6,
        seconds_left=75.0,
    )


def test_a_log_gets_about_ten_lines_a_model(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal there are plain lines with loss parts, held-out loss, speed and time left."""
    with TrainingView() as view:
        view.on_stage("training vae on cpu")
        for number in range(1, 101):
            view.on_epoch(epoch(number))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "training vae on cpu"
    assert len(lines) == 1 + 11
    assert lines[1] == (
        "vae: epoch 1/100  loss 12.500 (reconstruction 11.00 divergence 1.50)  held-out 13.250* "
        "12,346 rows/s  1:15 left"
    )
    assert lines[-1].startswith("vae: epoch 100/100")


def test_a_terminal_gets_a_bar_a_model() -> None:
    """On a terminal every model has a bar of its own, and a new data set begins new ones."""
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=True, width=160, highlight=False)
    with TrainingView(console) as view:
        view.on_stage("encoding [all] rows")
        view.on_epoch(epoch(100))
        view.on_epoch(epoch(50, model="denoiser"))
        view.restart()
        view.on_epoch(epoch(1))
    text = shown.getvalue()
    for part in (
        "encoding [all] rows",
        "vae",
        "denoiser",
        "epoch 100/100",
        "epoch 50/100",
        "12,346 rows/s",
        "1:15 left",
    ):
        assert part in text


def test_a_narrow_terminal_leaves_out_the_parts() -> None:
    """Where a line has no room for the loss's parts, the rest of it stays."""
    shown = io.StringIO()
    with TrainingView(Console(file=shown, force_terminal=True, width=110, highlight=False)) as view:
        view.on_epoch(epoch(100))
    assert "reconstruction" not in shown.getvalue()
    assert "1:15 left" in shown.getvalue()


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (59.94, "59.9 s"), (75.2, "1:15"), (3725, "1:02:05")]
)
def test_durations_read_well(seconds: float, text: str) -> None:
    """Tenths below a minute, then minutes, then hours."""
    assert duration(seconds) == text
