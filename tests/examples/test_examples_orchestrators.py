from __future__ import annotations

import copy
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from hera.workflows.models import Workflow

from tests.deploy.restricted import violations
from tests.scale.steps import config_of, given_rows, manifest_of, write_inputs
from tests.server.running import environment

ROOT = Path(__file__).resolve().parents[2]
FLOWS = ROOT / "examples" / "orchestrators"
NEWEST = "1.37"


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((FLOWS / name).read_text(encoding="utf-8")))


def job() -> dict[str, Any]:
    (found,) = [each for each in documents("kubernetes-job.yaml") if each["kind"] == "Job"]
    return found


def pod_of_argo(workflow: dict[str, Any]) -> dict[str, Any]:
    """Return the pod that Argo makes of the workflow's only template, as Kubernetes has it."""
    spec, (template,) = workflow["spec"], workflow["spec"]["templates"]
    shared = {name: spec[name] for name in ("securityContext", "volumes", "automountServiceAccountToken")}
    container = {"name": "main", **template["container"]}
    return {"restartPolicy": "Never", "containers": [container], **shared}


def known_to_argo(workflow: dict[str, Any]) -> dict[str, Any]:
    """Return a workflow without the fields that Argo does not know."""
    made = Workflow.model_validate(workflow)
    known: dict[str, Any] = made.model_dump(mode="json", by_alias=True, exclude_none=True)
    return known


def as_job(pod: dict[str, Any]) -> dict[str, Any]:
    made = copy.deepcopy(job())
    made["spec"]["template"]["spec"] = pod
    del made["spec"]["podFailurePolicy"]  # names a container
    return made


def test_the_job_fits_the_schemas_and_the_profile() -> None:
    """Kubernetes knows every field of Job and ConfigMap, and admits the pod to a restricted namespace."""
    for document in documents("kubernetes-job.yaml"):
        kubernetes_validate.validate(document, NEWEST, strict=True)
    assert violations(job()["spec"]["template"]["spec"]) == []
    broken = copy.deepcopy(job())
    broken["spec"]["podFailurePolicy"]["rules"][0]["onExitCode"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, NEWEST, strict=True)


def test_the_workflow_makes_the_same_pod() -> None:
    """Argo's template fits the schema of pods, and is the Job's but for what Argo sets itself."""
    (workflow,) = documents("argo-workflow.yaml")
    pod = pod_of_argo(workflow)
    kubernetes_validate.validate(as_job(pod), NEWEST, strict=True)
    assert violations(pod) == []
    own = job()["spec"]["template"]["spec"]
    assert pod["volumes"] == own["volumes"]
    assert {**pod["containers"][0], "name": "step"} == own["containers"][0]
    assert set(workflow["spec"]["templates"][0]) == {"name", "retryStrategy", "container"}


def test_argo_knows_every_field_of_the_workflow() -> None:
    """Nothing is lost on the way through the models that are made of Argo's own schema."""
    (workflow,) = documents("argo-workflow.yaml")
    assert known_to_argo(workflow) == workflow
    workflow["spec"]["templates"][0]["retryStrategy"]["retryPolicies"] = "Always"
    assert known_to_argo(workflow) != workflow


def test_nobody_tries_again_what_would_end_the_same() -> None:
    """Exit codes 2 and 3, bad input and a closed gate, are final everywhere."""
    (rule,) = [each for each in job()["spec"]["podFailurePolicy"]["rules"] if each["action"] == "FailJob"]
    assert rule["onExitCodes"]["values"] == [2, 3]
    (workflow,) = documents("argo-workflow.yaml")
    assert "['2', '3']" in workflow["spec"]["templates"][0]["retryStrategy"]["expression"]
    for name in ("airflow_step.py", "prefect_step.py"):
        assert re.search(r"REFUSED = \{2: .*, 3: .*\}", (FLOWS / name).read_text(encoding="utf-8"))


def test_the_page_shows_every_file() -> None:
    """docs/orchestrators.md links each example, and each link leads to a file."""
    page = (ROOT / "docs" / "orchestrators.md").read_text(encoding="utf-8")
    linked = {ROOT / "docs" / path for path in re.findall(r"\]\((\.\./examples/[^)]+)\)", page)}
    assert all(path.exists() for path in linked)
    files = {path for path in FLOWS.rglob("*") if path.is_file() and path.suffix in (".py", ".yaml")}
    assert {path.resolve() for path in linked if path.is_file()} >= files
    for path in FLOWS.rglob("*.py"):
        compile(path.read_text(encoding="utf-8"), str(path), "exec")


STAND_IN = """#!{python}
import pathlib, sys
codes = pathlib.Path(__file__).with_name("codes")
left = codes.read_text().split()
pathlib.Path(__file__).with_name("calls").open("a").write(" ".join(sys.argv[1:]) + "\\n")
codes.write_text(" ".join(left[1:]))
sys.exit(int(left[0]))
"""


PROGRAM = """
import pathlib, sys
from prefect_step import augmented_customers
for codes in sys.argv[1:]:
    pathlib.Path("codes").write_text(codes)
    pathlib.Path("calls").write_text("")
    state = augmented_customers("step.yaml", return_state=True)
    print("told", codes, "|", pathlib.Path("calls").read_text().count("step step.yaml"), state.is_completed())
"""
ENDS = {"0": "1 True", "1 0": "2 True", "2 0": "1 False", "3 0": "1 False", "1 1 1 1 0": "4 False"}


REAL = """#!{python}
from augment.cli import main
main()
"""


@pytest.mark.timeout(580)
def test_prefect_runs_the_step_itself(flat_dir: Path, tmp_path: Path) -> None:
    """The flow's task is `augment step` on a real bundle; run twice, the second run makes nothing anew."""
    pytest.importorskip("prefect", reason="make test-orchestrators installs it")
    write_inputs(tmp_path / "in", given_rows())
    config = config_of(tmp_path, flat_dir)
    (tmp_path / "step.yaml").write_text(yaml.safe_dump(config.model_dump(mode="json")))
    twice = "from prefect_step import augmented_customers as run\nrun('step.yaml')\nrun('step.yaml')\n"
    done = with_prefect(tmp_path, REAL, twice)
    assert done.returncode == 0, done.stdout + done.stderr
    assert manifest_of(tmp_path / "out")["rows"] == 2_000


@pytest.mark.timeout(580)
def test_prefect_runs_the_flow(tmp_path: Path) -> None:
    """Prefect itself tries again what may succeed and fails at once where the step refuses.

    The step is a stand-in that ends with the codes it is told.
    """
    pytest.importorskip("prefect", reason="make test-orchestrators installs it")
    done = with_prefect(tmp_path, STAND_IN, PROGRAM, *ENDS)
    found = [line for line in done.stdout.splitlines() if line.startswith("told")]
    assert found == [f"told {codes} | {end}" for codes, end in ENDS.items()], done.stdout + done.stderr


def with_prefect(
    place: Path, command: str, program: str, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Run a program in a directory with a Prefect of its own and with `augment` as a script there."""
    script = place / "augment"
    script.write_text(command.format(python=sys.executable))
    script.chmod(0o755)
    own = environment(
        PATH=os.pathsep.join([str(place), os.environ["PATH"]]),
        PREFECT_HOME=str(place / "prefect"),
        PREFECT_SERVER_ANALYTICS_ENABLED="false",
        PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS="240",
        DO_NOT_TRACK="1",
    )
    return subprocess.run(  # noqa: S603 - our own example
        [sys.executable, "-c", program, *arguments],
        env={**own, "PYTHONPATH": os.pathsep.join([str(FLOWS), own["PYTHONPATH"]])},
        cwd=place,
        capture_output=True,
        text=True,
        timeout=560,
        check=False,
    )
