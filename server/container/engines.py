"""What builds images and looks into them: docker where its engine answers, else buildah."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Buildah", "Docker", "Engine", "File", "find_engine", "run"]


@dataclass(frozen=True)
class File:
    """A regular file of an image: its path without the leading slash, and its bytes."""

    path: str
    size: int


class Engine(Protocol):
    """A tool that builds images."""

    name: str

    def build(self, context: Path, file: Path, tag: str, arguments: Mapping[str, str], *flags: str) -> None:
        """Build `file` in `context` and name the image `tag`."""

    def config(self, image: str) -> dict[str, Any]:
        """Return an image's configuration, with the keys of OCI: Env, Entrypoint, User, Labels."""

    def files(self, image: str) -> list[File]:
        """Return all regular files of an image."""


class Buildah:
    """buildah, which needs no engine in the background. Mounting images takes root."""

    name = "buildah"

    def build(self, context: Path, file: Path, tag: str, arguments: Mapping[str, str], *flags: str) -> None:
        """Build with layers kept; OCI's own format has no health check, so docker's is asked for.

        Steps run by chroot, which works inside containers as well, unless BUILDAH_ISOLATION says otherwise.
        """
        options = ["--format", "docker", "--layers", *_build_options(file, tag, arguments), *flags]
        if "BUILDAH_ISOLATION" not in os.environ:
            options += ["--isolation", "chroot"]
        run("buildah", "build", *options, str(context), shown=True)

    def config(self, image: str) -> dict[str, Any]:
        """Return an image's configuration."""
        found: dict[str, Any] = json.loads(run("buildah", "inspect", "--type", "image", image))
        return dict(found["Docker"]["config"])

    def files(self, image: str) -> list[File]:
        """Return all regular files of an image."""
        with self.mounted(image) as root:
            plain = (path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
            return [File(str(path.relative_to(root)), path.lstat().st_size) for path in plain]

    @contextmanager
    def mounted(self, image: str) -> Iterator[Path]:
        """Yield the root directory of an image."""
        container = run("buildah", "from", "--pull-never", image).strip()
        try:
            yield Path(run("buildah", "mount", container).strip())
        finally:
            run("buildah", "rm", container)


class Docker:
    """docker, or what takes docker's commands."""

    name = "docker"

    def build(self, context: Path, file: Path, tag: str, arguments: Mapping[str, str], *flags: str) -> None:
        """Build with docker's BuildKit, which knows secrets."""
        run("docker", "build", *_build_options(file, tag, arguments), *flags, str(context), shown=True)

    def config(self, image: str) -> dict[str, Any]:
        """Return an image's configuration."""
        found: list[dict[str, Any]] = json.loads(run("docker", "image", "inspect", image))
        return dict(found[0]["Config"])

    def files(self, image: str) -> list[File]:
        """Return all regular files of an image."""
        container = run("docker", "create", image).strip()
        try:
            command = ["docker", "export", container]
            with subprocess.Popen(command, stdout=subprocess.PIPE) as exporting:  # noqa: S603 - fixed words
                assert exporting.stdout is not None  # noqa: S101 - a pipe was asked for
                with tarfile.open(fileobj=exporting.stdout, mode="r|") as archive:
                    return [File(entry.name, entry.size) for entry in archive if entry.isreg()]
        finally:
            run("docker", "rm", container)


def find_engine() -> Engine | None:
    """Return what can build here: docker if its engine answers, else buildah if installed, else None."""
    if shutil.which("docker"):
        asked = subprocess.run(["docker", "info"], capture_output=True, check=False)  # noqa: S607 - by PATH
        if asked.returncode == 0:
            return Docker()
    return Buildah() if shutil.which("buildah") else None


def run(*command: str, shown: bool = False) -> str:
    """Run a command and return what it printed; with `shown` it goes to the terminal instead.

    Raises:
        subprocess.CalledProcessError: The command failed.
    """
    streams = None if shown else subprocess.PIPE
    done = subprocess.run(command, stdout=streams, text=True, check=True)  # noqa: S603 - words, no shell
    return done.stdout or ""


def _build_options(file: Path, tag: str, arguments: Mapping[str, str]) -> list[str]:
    options = ["--file", str(file), "--tag", tag]
    for name, value in arguments.items():
        options += ["--build-arg", f"{name}={value}"]
    return options
