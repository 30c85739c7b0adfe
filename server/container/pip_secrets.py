"""This machine's pip settings as secrets of the build: its index serves the build and stays in no layer."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

__all__ = ["pip_secrets"]

_KEPT = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout")
_CA = "/run/secrets/ca.crt"


def pip_secrets(directory: Path) -> list[str]:
    """Return `--secret` flags for the image's build, with their files written to `directory`.

    The files are `pip.conf`, of the settings that hold anywhere (no paths of this machine), and `ca.crt`,
    the certificates that pip trusts here, if it was told any.
    """
    settings = _pip_settings()
    lines = [f"{key} = {value}" for key in _KEPT if (value := _anywhere(settings.get(key, "")))]
    flags = []
    authorities = settings.get("cert", os.environ.get("SSL_CERT_FILE", ""))
    if authorities and Path(authorities).is_file():
        lines.append(f"cert = {_CA}")
        flags += ["--secret", f"id=ca.crt,src={Path(authorities).resolve()}"]
    if lines:
        file = directory / "pip.conf"
        file.write_text("\n".join(["[global]", *lines, ""]), encoding="utf-8")
        flags += ["--secret", f"id=pip.conf,src={file}"]
    return flags


def _pip_settings() -> dict[str, str]:
    """Return pip's settings by name; the environment goes before a section, and that before `global`."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own Python
    settings: dict[str, str] = {}
    for section in ("global.", "install.", ":env:."):
        for line in listed.stdout.splitlines():
            key, _, value = line.partition("=")
            if key.startswith(section):
                settings[key.removeprefix(section)] = str(ast.literal_eval(value))
    return settings


def _anywhere(value: str) -> str:
    return " ".join(word for word in value.split() if not word.startswith(("file:", "/")))
