from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.server.running import environment

if TYPE_CHECKING:
    from pathlib import Path


def test_onnxruntime_tells_nobody(flat_dir: Path, tmp_path: Path) -> None:
    """A model that is loaded and run leaves no device id in the home directory: telemetry is off."""
    code = f"""
from augment.runtime import Model
print(Model.open({str(flat_dir / "flat" / "1")!r}).generate(3).num_rows)
"""
    variables = {
        key: value for key, value in environment(HOME=str(tmp_path)).items() if "TELEMETRY" not in key
    }
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=True
    )
    assert done.stdout == "3\n"
    assert not [name for _, _, files in os.walk(tmp_path) for name in files]
