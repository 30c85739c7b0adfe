from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
IMPORT = re.compile(r"^from (augment\w*(?:\.\w+)*) import ([\w, ]+)", re.MULTILINE)
NEEDS = {"augment.scale.ray": "ray", "augment.scale.spark": "pyspark"}


def imports() -> list[tuple[str, str]]:
    """Return modules and names that pages and examples import from this project."""
    files = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.py")]
    found = [each for file in files for each in IMPORT.findall(file.read_text(encoding="utf-8"))]
    return sorted({(module, name.strip()) for module, names in found for name in names.split(",")})


@pytest.mark.parametrize(("module", "name"), imports())
def test_what_pages_and_examples_import_is_there(module: str, name: str) -> None:
    """Under the very name that readers will type."""
    if module in NEEDS:
        pytest.importorskip(NEEDS[module], reason="make test-scale installs it")
    assert hasattr(importlib.import_module(module), name)
