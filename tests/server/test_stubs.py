from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROTOS = Path(__file__).resolve().parents[2] / "protos"
APART = Path(sys.prefix) / "protos" / "bin" / "python"
"""The generator has an environment of its own, see the Makefile."""


def generate(script: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own script
        [str(APART if APART.exists() else sys.executable), str(script), *arguments],
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def protos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of `protos/` that a test may change; skips where another generator is installed."""
    copy = tmp_path_factory.mktemp("protos") / "protos"
    shutil.copytree(PROTOS, copy)
    checked = generate(copy / "generate.py", "--check")
    if checked.returncode == 2:
        pytest.skip(checked.stderr.strip())
    assert checked.returncode == 0, checked.stderr
    return copy


def test_committed_stubs_are_what_the_proto_file_says(protos: Path) -> None:
    """A check of the committed stubs passes, and fails with a diff after a change to the proto file."""
    proto = protos / "augment_proto" / "v1" / "augment.proto"
    proto.write_text(proto.read_text() + "\nmessage Added {}\n")
    checked = generate(protos / "generate.py", "--check")
    assert checked.returncode == 1
    assert "Added" in checked.stderr
    assert "make protos" in checked.stderr
    assert generate(protos / "generate.py").returncode == 0
    assert generate(protos / "generate.py", "--check").returncode == 0


def test_another_generator_is_refused(tmp_path: Path) -> None:
    """The generator's version is the users' floor: any but the pinned one is named and refused."""
    script = tmp_path / "generate.py"
    script.write_text(
        (PROTOS / "generate.py").read_text().replace('"grpcio-tools": "', '"grpcio-tools": "0.')
    )
    checked = generate(script, "--check")
    assert checked.returncode == 2
    assert "grpcio-tools must be 0." in checked.stderr
