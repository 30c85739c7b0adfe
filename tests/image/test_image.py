from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from augment.runtime import Model
from augment_client import Client
from augment_server.probe import status_of
from container.engines import Buildah, find_engine
from container.image import MAX_MB, added_mb
from tests.image.served import PYTHON, USER, served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from container.engines import Engine
    from tests.image.served import Served

pytestmark = pytest.mark.slow

IMAGE = os.environ.get("AUGMENT_IMAGE", "localhost/augment-server:latest")
INSIDE = """
import os, sys
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status") if ":\\t" in line)
print(os.getuid(), os.getgid(), os.getgroups(), status["CapEff"].strip("0\\n"), status["NoNewPrivs"].strip())
print([path for path in ("/", "/models", "/opt/augment") if not os.statvfs(path).f_flag & os.ST_RDONLY])
print([path for path in ("/bin/sh", "/bin/bash") if os.access(path, os.X_OK)])
"""


@pytest.fixture(scope="module")
def engine() -> Engine:
    """What can look into the image, if it was built."""
    found = find_engine()
    if found is None:
        pytest.skip("neither a docker engine nor buildah is here")
    if isinstance(found, Buildah) and os.getuid() != 0:
        pytest.skip("buildah mounts an image's root for root alone")
    try:
        found.config(IMAGE)
    except subprocess.CalledProcessError:
        pytest.skip(f"there is no image {IMAGE}: make image builds it")
    return found


@pytest.fixture(scope="module")
def readable(models_dir: Path) -> Iterator[Path]:
    """The bundle `tiny` where any user may read it, as a volume is."""
    directory = Path("/tmp") / f"augment-image-test-{os.getpid()}"  # noqa: S108 - its parents are open to all
    shutil.copytree(models_dir, directory)
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


@pytest.fixture(scope="module")
def running(engine: Engine, readable: Path) -> Iterator[Served]:
    """The image's server."""
    with served(engine, IMAGE, readable) as server:
        yield server


def test_the_image_says_how_it_runs(engine: Engine) -> None:
    """A number for the user, an entry point without a shell, a health check, labels, the settings."""
    config = engine.config(IMAGE)
    assert config["User"] == USER
    assert config["Entrypoint"] == [PYTHON, "-m", "augment_server"]
    assert not config.get("Cmd")
    assert config["Healthcheck"]["Test"] == ["CMD", PYTHON, "-m", "augment_server.probe"]
    assert {"AUGMENT_HOST=0.0.0.0", "AUGMENT_MODELS=/models", "AUGMENT_PORT=50051"} <= set(config["Env"])
    assert "ORT_DISABLE_TELEMETRY=1" in config["Env"]
    labels: dict[str, str] = config["Labels"]
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert labels["org.opencontainers.image.version"] == "0.1.0"
    assert len(labels["org.opencontainers.image.revision"]) == 40


def test_only_what_serves_is_in_it(engine: Engine) -> None:
    """No torch, nothing of training, no pip, compiler, cache or sources; its size is under the limit."""
    paths = [file.path for file in engine.files(IMAGE)]
    ours = [
        path.split("/site-packages/")[1].split("/")[0]
        for path in paths
        if path.startswith("opt/augment/lib/")
    ]
    assert {"augment_server", "onnxruntime", "grpc"} <= set(ours)
    unwanted = {
        "torch",
        "onnx",
        "onnxscript",
        "sklearn",
        "pandas",
        "matplotlib",
        "pip",
        "setuptools",
        "tests",
    }
    assert unwanted & set(ours) == set()
    assert [path for path in paths if path.rsplit("/", 1)[-1] in {"gcc", "cc", "g++", "clang", "ld"}] == []
    assert [path for path in paths if ".cache/pip" in path or path.startswith(("source/", "wheels/"))] == []
    assert added_mb(engine, IMAGE)[0] <= MAX_MB


def test_it_answers_as_the_library_does(running: Served, models_dir: Path) -> None:
    """Health, the list of models, and generated rows equal to the library's."""
    model = Model.open(models_dir / "tiny" / "1", threads=1)
    assert status_of(running.target, "", 10) == "SERVING"
    assert status_of(running.target, "tiny", 10) == "SERVING"
    with Client(running.target) as client:
        assert [(told.name, told.version, told.digest) for told in client.models()] == [
            ("tiny", 1, model.digest)
        ]
        made = client.generate("tiny", 500, seed=7)
    assert made.equals(model.generate(500, seed=7))


def test_it_runs_with_no_rights_at_all(engine: Engine, running: Served) -> None:
    """Neither root nor groups nor capabilities nor new ones; its root and its models are read-only."""
    told = running.execute(PYTHON, "-c", INSIDE)
    who, writable, shells = told.stdout.splitlines()
    assert (who, writable) == ("65532 65532 []  1", "[]"), told
    if isinstance(engine, Buildah):
        assert shells == "[]"  # hidden by the sandbox, and the server came up all the same


def test_the_health_check_in_the_image_sees_the_server(running: Served) -> None:
    """The image's own probe ends with 0 while the server serves, and with 1 for a model that is not there."""
    probe = (PYTHON, "-m", "augment_server.probe")
    assert running.execute(*probe).returncode == 0
    told = running.execute(*probe, "--service", "none")
    assert (told.returncode, "NOT_FOUND" in told.stdout) == (1, True)


def test_sigterm_reaches_the_server(engine: Engine, readable: Path) -> None:
    """As process 1 it takes SIGTERM, finishes, and ends with 0."""
    with served(engine, IMAGE, readable) as server:
        probe = (PYTHON, "-m", "augment_server.probe")
        assert server.execute(*probe).returncode == 0
        assert server.stop() == 0
        with pytest.raises(Exception, match="UNAVAILABLE"):
            status_of(server.target, "", 2)
