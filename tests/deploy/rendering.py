"""The manifests as a cluster would get them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

__all__ = ["BASE", "CLOSED", "DEPLOY", "EXAMPLE", "Manifest", "files_named", "read", "rendered", "renderer"]

Manifest = dict[str, Any]

DEPLOY = Path(__file__).resolve().parents[2] / "server" / "deploy"
BASE = DEPLOY / "base"
EXAMPLE = DEPLOY / "overlays" / "example"
CLOSED = DEPLOY / "overlays" / "closed"


def renderer() -> list[str] | None:
    """Return the command that renders a kustomization: kustomize, or kubectl, which has it built in."""
    if kustomize := shutil.which("kustomize"):
        return [kustomize, "build"]
    if kubectl := shutil.which("kubectl"):
        return [kubectl, "kustomize"]
    return None


def rendered(directory: Path) -> list[Manifest]:
    """Return what kustomize makes of a directory."""
    command = renderer()
    assert command is not None
    words = [*command, str(directory)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)  # noqa: S603 - found on PATH
    return _documents(done.stdout)


def read(directory: Path) -> list[Manifest]:
    """Return the manifests that a directory's kustomization names, as they are written."""
    return [manifest for path in files_named(directory) for manifest in _documents(path.read_text("utf-8"))]


def files_named(directory: Path) -> list[Path]:
    """Return the manifest files that a directory's kustomization names, those of its bases included."""
    kustomization = yaml.safe_load((directory / "kustomization.yaml").read_text("utf-8"))
    paths: list[Path] = []
    for name in kustomization["resources"]:
        path = directory / name
        paths += files_named(path) if path.is_dir() else [path]
    return paths


def _documents(text: str) -> list[Manifest]:
    return [document for document in yaml.safe_load_all(text) if document]
