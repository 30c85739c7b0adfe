from __future__ import annotations

from typing import Any

import kubernetes_validate
import pytest

from augment_server.settings import Settings
from tests.deploy.rendering import CLOSED, EXAMPLE, Manifest, rendered, renderer
from tests.deploy.restricted import violations

NEWEST = "1.37"
MONITOR = "ServiceMonitor"  # of the Prometheus operator; Kubernetes' own schemas do not know it


@pytest.fixture(scope="module")
def manifests() -> list[Manifest]:
    """What kustomize makes of the overlay with all components."""
    if renderer() is None:
        pytest.skip("neither kustomize nor kubectl is here")
    return rendered(CLOSED)


@pytest.fixture(scope="module")
def pod(manifests: list[Manifest]) -> dict[str, Any]:
    """The pod's spec."""
    spec: dict[str, Any] = one(manifests, "Deployment")["spec"]["template"]["spec"]
    return spec


def one(manifests: list[Manifest], kind: str, name: str = "") -> Manifest:
    (found,) = [m for m in manifests if m["kind"] == kind and name in ("", m["metadata"]["name"])]
    return found


def settings_of(manifests: list[Manifest]) -> Settings:
    data = one(manifests, "ConfigMap")["data"]
    return Settings(**{name.removeprefix("AUGMENT_").lower(): value for name, value in data.items()})


def test_all_fits_the_schemas_and_the_profile(manifests: list[Manifest], pod: dict[str, Any]) -> None:
    """With all components, each kind that Kubernetes knows fits, and the pod is still admitted."""
    for manifest in manifests:
        if manifest["kind"] != MONITOR:
            kubernetes_validate.validate(manifest, NEWEST, strict=True)
    assert violations(pod) == []
    (container,) = pod["containers"]
    assert all(mount["readOnly"] for mount in container["volumeMounts"])


def test_the_monitor_finds_the_port_where_the_metrics_are(
    manifests: list[Manifest], pod: dict[str, Any]
) -> None:
    """Monitor, service, policy and container mean one port, which is the server's own setting."""
    monitor = one(manifests, MONITOR)["spec"]
    service = one(manifests, "Service", "augment-metrics")
    assert monitor["selector"]["matchLabels"] == service["metadata"]["labels"]
    others = [m for m in manifests if m["kind"] == "Service" and m is not service]
    assert all(m["metadata"].get("labels") != service["metadata"]["labels"] for m in others)
    (endpoint,), (offered,) = monitor["endpoints"], service["spec"]["ports"]
    assert endpoint["port"] == offered["name"]
    assert service["spec"]["selector"] == others[0]["spec"]["selector"]
    ports = {port["name"]: port["containerPort"] for port in pod["containers"][0]["ports"]}
    settings = settings_of(manifests)
    assert ports[offered["targetPort"]] == settings.metrics_port
    assert settings.metrics_host == settings.host == "0.0.0.0"  # noqa: S104 - the pod's own network
    ingress = one(manifests, "NetworkPolicy")["spec"]["ingress"]
    assert [[port["port"] for port in rule["ports"]] for rule in ingress] == [["grpc"], ["metrics"]]
    assert set(ports) == {"grpc", "metrics"}


def test_the_probes_speak_tls_where_the_server_does(manifests: list[Manifest], pod: dict[str, Any]) -> None:
    """Certificate and key lie where the settings say; no probe is left that speaks plain text."""
    settings, (container,) = settings_of(manifests), pod["containers"]
    mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert str(settings.tls_cert) == f"{mounted['tls']}/tls.crt"
    assert str(settings.tls_key) == f"{mounted['tls']}/tls.key"
    assert not settings.plaintext
    assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsGroup"]
    for name in ("startupProbe", "readinessProbe", "livenessProbe"):
        probe = container[name]
        assert probe["exec"]["command"][1:3] == ["-m", "augment_server.probe"]
        assert "grpc" not in probe
        assert float(probe["exec"]["command"][-1]) < probe["timeoutSeconds"] <= probe["periodSeconds"]


def test_without_components_there_are_neither_metrics_nor_tls() -> None:
    """A cluster without the operator or a secret takes the overlay as it is."""
    if renderer() is None:
        pytest.skip("neither kustomize nor kubectl is here")
    manifests = rendered(EXAMPLE)
    assert MONITOR not in {manifest["kind"] for manifest in manifests}
    settings = settings_of(manifests)
    assert (settings.metrics_port, settings.tls_cert) == (None, None)
