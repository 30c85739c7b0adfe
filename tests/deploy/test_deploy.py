from __future__ import annotations

import copy
from typing import Any

import kubernetes_validate
import pytest
import yaml

from augment_server.settings import Settings
from tests.deploy.rendering import BASE, EXAMPLE, Manifest, files_named, read, rendered, renderer
from tests.deploy.restricted import violations

OLDEST, NEWEST = "1.30", "1.37"  # before 1.30, preStop has no sleep


@pytest.fixture(scope="module", params=[BASE, EXAMPLE], ids=["base", "example"])
def manifests(request: pytest.FixtureRequest) -> list[Manifest]:
    """What kustomize renders."""
    if renderer() is None:
        pytest.skip("neither kustomize nor kubectl is here")
    return rendered(request.param)


@pytest.fixture(scope="module")
def pod() -> dict[str, Any]:
    """The pod's spec, as written in the base."""
    spec: dict[str, Any] = one(read(BASE), "Deployment")["spec"]["template"]["spec"]
    return spec


def one(manifests: list[Manifest], kind: str) -> Manifest:
    """Return the only manifest of a kind."""
    (found,) = [manifest for manifest in manifests if manifest["kind"] == kind]
    return found


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("directory", [BASE, EXAMPLE], ids=["base", "example"])
def test_every_manifest_as_written_fits_the_schemas(directory: Any, version: str) -> None:
    """Each file that a kustomization names is there and knows no field that its kind does not have."""
    for manifest in read(directory):
        kubernetes_validate.validate(manifest, version, strict=True)
    written = {path for path in directory.glob("*.yaml") if path.name != "kustomization.yaml"}
    patches = yaml.safe_load((directory / "kustomization.yaml").read_text("utf-8")).get("patches", [])
    assert written <= {*files_named(directory), *(directory / patch["path"] for patch in patches)}


def test_what_kustomize_makes_fits_the_schemas(manifests: list[Manifest]) -> None:
    """The rendered manifests fit as well, and refer to the generated settings by their hashed name."""
    for manifest in manifests:
        kubernetes_validate.validate(manifest, NEWEST, strict=True)
    (container,) = one(manifests, "Deployment")["spec"]["template"]["spec"]["containers"]
    name = one(manifests, "ConfigMap")["metadata"]["name"]
    assert name.startswith("augment-settings-")
    assert container["envFrom"] == [{"configMapRef": {"name": name}}]


def test_a_wrong_field_does_not_fit() -> None:
    """The schemas are strict: a field that the kind does not have is refused."""
    budget = one(read(BASE), "PodDisruptionBudget")
    budget["spec"]["maxUnavailabel"] = 1
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(budget, NEWEST, strict=True)


def test_the_pod_meets_the_restricted_profile(pod: dict[str, Any]) -> None:
    """Nothing in it is forbidden, and it asks for more: a read-only root, no token, no service variables."""
    assert violations(pod) == []
    (container,) = pod["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert all(mount["readOnly"] for mount in container["volumeMounts"])
    assert (pod["automountServiceAccountToken"], pod["enableServiceLinks"]) == (False, False)
    assert pod["securityContext"]["runAsUser"] == 65532
    assert set(container["resources"]["limits"]) == {"cpu", "memory", "ephemeral-storage"}
    assert set(container["resources"]["requests"]) == {"cpu", "memory", "ephemeral-storage"}


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (("hostNetwork",), True, "hostNetwork"),
        (("volumes", 0), {"name": "models", "hostPath": {"path": "/"}}, "volume hostPath"),
        (("securityContext", "runAsNonRoot"), None, "runAsNonRoot"),
        (("securityContext", "runAsUser"), 0, "runAsNonRoot"),
        (("securityContext", "seccompProfile"), {}, "seccompProfile"),
        (("containers", 0, "securityContext", "allowPrivilegeEscalation"), None, "allowPrivilegeEscalation"),
        (("containers", 0, "securityContext", "capabilities"), {"drop": ["NET_RAW"]}, "capabilities"),
        (("containers", 0, "securityContext", "privileged"), True, "privileged"),
        (("containers", 0, "ports", 0, "hostPort"), 50051, "hostPort"),
    ],
)
def test_a_pod_that_breaks_one_rule_is_seen(
    pod: dict[str, Any], path: tuple[str | int, ...], value: Any, told: str
) -> None:
    """The rules above can fail: each is broken once."""
    broken = copy.deepcopy(pod)
    place: Any = broken
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert violations(broken) == [told]


def test_the_settings_are_the_servers(manifests: list[Manifest]) -> None:
    """Each is a setting, holds a value that the server takes, and agrees with ports, mounts and times."""
    data = one(manifests, "ConfigMap")["data"]
    given = {name.removeprefix("AUGMENT_").lower(): value for name, value in data.items()}
    settings = Settings(**given)
    spec = one(manifests, "Deployment")["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    slept = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert spec["terminationGracePeriodSeconds"] >= settings.grace_s + slept + 5
    assert container["ports"][0]["containerPort"] == settings.port
    assert container["volumeMounts"][0]["mountPath"] == str(settings.models)
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["grpc"] == {"port": settings.port}


def test_all_select_the_same_pods(manifests: list[Manifest]) -> None:
    """Services, budget, policy and spreading select exactly the deployment's pods, and none selects all."""
    deployment = one(manifests, "Deployment")["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    spread = deployment["template"]["spec"]["topologySpreadConstraints"]
    selected = [
        deployment["selector"]["matchLabels"],
        one(manifests, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        one(manifests, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        *(constraint["labelSelector"]["matchLabels"] for constraint in spread),
        *(manifest["spec"]["selector"] for manifest in manifests if manifest["kind"] == "Service"),
    ]
    assert selected == [labels] * len(selected)
    assert {m["spec"].get("clusterIP") for m in manifests if m["kind"] == "Service"} == {"None", None}


def test_the_autoscaler_owns_the_replicas_and_reads_the_queue(manifests: list[Manifest]) -> None:
    """The deployment states no number, at least two pods run, and one may go at a time."""
    deployment, scaler = one(manifests, "Deployment"), one(manifests, "HorizontalPodAutoscaler")["spec"]
    assert "replicas" not in deployment["spec"]
    assert scaler["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    assert [metric["pods"]["metric"]["name"] for metric in scaler["metrics"]] == ["augment_queue_depth"]
    assert 2 <= scaler["minReplicas"] < scaler["maxReplicas"]
    assert one(manifests, "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


def test_the_example_chooses_its_image_namespace_and_sizes() -> None:
    """An overlay's choices reach what is rendered."""
    if renderer() is None:
        pytest.skip("neither kustomize nor kubectl is here")
    manifests = rendered(EXAMPLE)
    (container,) = one(manifests, "Deployment")["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "augment-server:0.1.0"
    named = {m["metadata"]["namespace"] for m in manifests if m["kind"] != "Namespace"}
    assert named == {one(manifests, "Namespace")["metadata"]["name"]}
    assert one(manifests, "HorizontalPodAutoscaler")["spec"]["maxReplicas"] == 30
    assert one(manifests, "ConfigMap")["data"]["AUGMENT_LOG_LEVEL"] == "warning"
