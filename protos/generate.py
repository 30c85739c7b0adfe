"""Generates the committed stubs from the `.proto` files in `augment_proto/v1`.

    python protos/generate.py            writes the stubs beside the .proto files
    python protos/generate.py --check    compares them with what would be written; exit 1 if they differ

The stubs refuse a grpcio older than their generator, so the generator's version is the users' floor:
raising `GENERATOR` raises `grpcio>=` for everybody who installs the client.
"""

from __future__ import annotations

import argparse
import difflib
import os
import subprocess
import sys
import sysconfig
import tempfile
from importlib import metadata
from pathlib import Path

GENERATOR = {"grpcio-tools": "1.80.0", "mypy-protobuf": "5.1.0"}
ROOT = Path(__file__).resolve().parent
NAMES = ("admin", "augment")
PROTOS = tuple(f"augment_proto/v1/{name}.proto" for name in NAMES)
STUBS = tuple(
    f"augment_proto/v1/{name}_{suffix}"
    for name in NAMES
    for suffix in ("pb2.py", "pb2.pyi", "pb2_grpc.py", "pb2_grpc.pyi")
)


class GeneratorError(Exception):
    """The generator failed; the text is what it said."""


def wrong_versions() -> list[str]:
    """Return a line for each generator package that is not the pinned version."""
    return [
        f"{package} must be {wanted}, got {found}. Run: pip install {package}=={wanted}"
        for package, wanted in GENERATOR.items()
        if (found := _installed(package)) != wanted
    ]


def generate(out: Path) -> None:
    """Write the stubs under `out`.

    Raises:
        GeneratorError: The proto file is wrong, or a plugin is missing.
    """
    scripts = sysconfig.get_path("scripts")
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{ROOT}"]
    command += [f"--{kind}_out={out}" for kind in ("python", "mypy", "grpc_python", "mypy_grpc")]
    environment = {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ.get('PATH', '')}"}
    done = subprocess.run(  # noqa: S603 - fixed arguments
        [*command, *PROTOS], check=False, cwd=ROOT, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        raise GeneratorError(done.stderr)


def differences() -> list[str]:
    """Return a unified diff between the committed stubs and freshly generated ones."""
    lines: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        generate(Path(scratch))
        for stub in STUBS:
            committed = _lines(ROOT / stub)
            lines += difflib.unified_diff(committed, _lines(Path(scratch) / stub), f"committed/{stub}", stub)
    return lines


def main(arguments: list[str]) -> int:
    """Generate or check; return the exit code (0 done or same, 1 stubs differ, 2 no fitting generator)."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare only; write nothing")
    check = parser.parse_args(arguments).check
    if wrong := wrong_versions():
        sys.stderr.write("\n".join(wrong) + "\n")
        return 2
    try:
        return _check() if check else _write()
    except GeneratorError as error:
        sys.stderr.write(str(error))
        return 2


def _write() -> int:
    generate(ROOT)
    return 0


def _check() -> int:
    changed = differences()
    if changed:
        sys.stderr.writelines([*changed, "\nthe stubs are not what the .proto files say. Run: make protos\n"])
    return 1 if changed else 0


def _installed(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "none"


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
