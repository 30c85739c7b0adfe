"""The README's own commands, run as written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
WAIT_FOR_SERVER = (
    'import grpc; grpc.channel_ready_future(grpc.insecure_channel("localhost:50051")).result(timeout=30)'
)


def blocks(section: str) -> Iterator[tuple[str, str]]:
    """Yield (language, code) of each fenced block in a section of the README."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    body = text.split(f"## {section}\n", 1)[1].split("\n## ", 1)[0]
    yield from re.findall(r"```(\w+)\n(.*?)```", body, flags=re.DOTALL)


def test_the_readme_is_short() -> None:
    """A newcomer reads at most 150 lines."""
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


@pytest.mark.parametrize(
    "shorter",
    [pytest.param("", marks=pytest.mark.slow, id="as written"), pytest.param("--max-steps 40", id="short")],
)
def test_every_block_of_use_it_runs(shorter: str, tmp_path: Path) -> None:
    """One shell runs the section's blocks in order, a server in its background, without an error."""
    script = ["set -euo pipefail", "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT"]
    for number, (language, code) in enumerate(blocks("Use it")):
        if language == "python":
            (tmp_path / f"block{number}.py").write_text(code, encoding="utf-8")
            script.append(f"{sys.executable} block{number}.py")
        else:
            script.append(re.sub(r"(?m)^augment train .*", rf"\g<0> {shorter}", code))
            if code.rstrip().endswith("&"):
                script.append(f"{sys.executable} -c '{WAIT_FOR_SERVER}'")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(  # noqa: S603 - our own README
        ["/bin/bash", "-c", "\n".join(script)],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "served.parquet").stat().st_size > 0
