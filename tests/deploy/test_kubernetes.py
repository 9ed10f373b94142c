"""The Kubernetes manifests: valid against the schemas of Kubernetes, in agreement with each other and with the settings."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
from ruamel.yaml import YAML

from tests.deploy.test_containers import dockerfile
from ticketing.entry.config import BY_NAME, survey
from ticketing.entry.server import STOP_SECONDS_MAX

FOLDER: Final = Path(__file__).parents[2] / "deploy" / "kubernetes"
MANIFESTS: Final = tuple(sorted(path.name for path in FOLDER.glob("*.yaml") if path.name != "kustomization.yaml"))
OLDEST: Final = "1.31"
"""The oldest Kubernetes that the manifests are for: there the pause before a stop (`preStop.sleep`) is on by default."""


def manifest(name: str) -> Any:
    return YAML(typ="safe").load(FOLDER / name)


def pod() -> Any:
    return manifest("deployment.yaml")["spec"]["template"]["spec"]


def containers() -> list[Any]:
    return [*pod()["initContainers"], *pod()["containers"]]


@pytest.mark.parametrize("version", [OLDEST, kubernetes_validate.latest_version()])
@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_is_what_kubernetes_takes(name: str, version: str) -> None:
    kubernetes_validate.validate(manifest(name), version, strict=True)


def test_the_kustomization_names_every_manifest_but_the_secret() -> None:
    assert sorted([*manifest("kustomization.yaml")["resources"], "secret.example.yaml"]) == list(MANIFESTS)


def test_kustomize_puts_them_together() -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("KUBECTL IS NOT INSTALLED: the kustomization was read, and not built")

    built = subprocess.run([kubectl, "kustomize", str(FOLDER)], capture_output=True, text=True, check=False)

    assert built.returncode == 0, built.stderr
    documents = list(YAML(typ="safe").load_all(built.stdout))
    assert {document["metadata"]["namespace"] for document in documents} == {"ticket"}
    assert built.stdout.count("image: registry.example/ticket:") == 2


def test_everything_finds_the_pods_by_the_same_label() -> None:
    labels = manifest("deployment.yaml")["spec"]["template"]["metadata"]["labels"]

    assert manifest("deployment.yaml")["spec"]["selector"]["matchLabels"] == labels
    assert manifest("service.yaml")["spec"]["selector"] == labels
    assert manifest("poddisruptionbudget.yaml")["spec"]["selector"]["matchLabels"] == labels
    assert manifest("networkpolicy.yaml")["spec"]["podSelector"]["matchLabels"] == labels
    assert pod()["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"] == labels


def test_several_pods_serve_and_one_at_a_time_is_taken_away() -> None:
    assert manifest("deployment.yaml")["spec"]["replicas"] >= 2
    assert manifest("poddisruptionbudget.yaml")["spec"]["maxUnavailable"] == 1
    assert manifest("deployment.yaml")["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_no_container_may_do_more_than_serve() -> None:
    (user,) = re.findall(r"(?m)^USER (\d+):", dockerfile())

    assert (pod()["securityContext"]["runAsUser"], pod()["securityContext"]["runAsNonRoot"]) == (int(user), True)
    assert pod()["automountServiceAccountToken"] is False
    for container in containers():
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_every_container_says_what_it_needs_and_has_a_bound_of_memory() -> None:
    for container in containers():
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}
        assert container["resources"]["limits"].keys() == {"memory"}


def test_a_pod_is_asked_whether_it_lives_and_apart_from_that_whether_it_can_sell() -> None:
    (server,) = pod()["containers"]

    asked = {probe: server[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}

    assert asked == {
        "startupProbe": "/health/live",
        "livenessProbe": "/health/live",
        "readinessProbe": "/health/ready",
    }


def test_a_pod_has_the_time_to_stop_that_the_server_takes() -> None:
    pause = pod()["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]

    assert pod()["terminationGracePeriodSeconds"] > pause + STOP_SECONDS_MAX


def test_the_service_named_ticket_is_not_taken_for_settings() -> None:
    assert manifest("service.yaml")["metadata"]["name"] == "ticket"
    assert pod()["enableServiceLinks"] is False


def test_the_configuration_holds_settings_that_can_be_and_no_secret() -> None:
    given = manifest("configmap.yaml")["data"]

    found = survey(given, folder=FOLDER)

    assert (found.problems, found.config.notes) == ((), ())
    assert not any(BY_NAME[name.removeprefix("TICKET_").lower()].is_secret for name in given)


def test_the_address_is_that_of_the_ingress() -> None:
    (host,) = manifest("ingress.yaml")["spec"]["tls"][0]["hosts"]

    assert manifest("configmap.yaml")["data"]["TICKET_BASE_URL"] == f"https://{host}"
    assert manifest("ingress.yaml")["spec"]["rules"][0]["host"] == host


def test_the_example_of_the_secret_names_settings_without_values() -> None:
    given = manifest("secret.example.yaml")["stringData"]

    assert set(given.values()) == {""}
    assert given.keys() <= {setting.variable for setting in BY_NAME.values()}
    assert {setting.variable for setting in BY_NAME.values() if setting.is_secret} <= given.keys()
