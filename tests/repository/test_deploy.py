"""deploy/: hardened everywhere, names that exist, times that add up. ``make deploy-check`` renders it for real."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bokeh_exporter.config import OPTIONS, variable

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
#: Our own listener's paths; any other one is a page, which would build a session.
HEALTH = {"/healthz", "/readyz"}


def manifests() -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in sorted(DEPLOY.glob("kubernetes/**/*.yaml")):
        if "config" in path.stem or path.stem in ("scrape", "adapter-rule"):
            continue
        for thing in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            if thing and thing.get("kind"):
                yield path, thing


def deployments() -> list[Any]:
    found = [
        pytest.param(thing, id=thing["metadata"]["name"])
        for _, thing in manifests()
        if thing["kind"] == "Deployment" and {"selector", "strategy"} & thing["spec"].keys()
    ]
    assert len(found) == 2
    return found


@pytest.mark.parametrize("deployment", deployments())
def test_every_pod_is_hardened(deployment: dict[str, Any]) -> None:
    pod = deployment["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        security = container["securityContext"]
        assert security["readOnlyRootFilesystem"] is True
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"].keys() == {"requests", "limits"}
        assert not container["image"].endswith(":latest")
        assert ":" in container["image"]


def server() -> tuple[dict[str, Any], dict[str, Any]]:
    pod = next(thing for _, thing in manifests() if thing["metadata"].get("name") == "bokeh-server"
               and thing["kind"] == "Deployment")["spec"]["template"]["spec"]  # fmt: skip
    return pod, pod["containers"][0]


def test_probes_make_no_session_and_spare_a_long_callback() -> None:
    _, container = server()
    probes = [container[name] for name in ("startupProbe", "readinessProbe", "livenessProbe")]
    for probe in probes:
        assert probe["httpGet"]["port"] == "metrics"
        assert probe["httpGet"]["path"] in HEALTH
    liveness = container["livenessProbe"]
    assert liveness["httpGet"]["path"] == "/healthz"
    assert liveness["periodSeconds"] * liveness["failureThreshold"] >= 300
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_a_pod_has_time_to_drain() -> None:
    pod, container = server()
    environment = {each["name"]: each.get("value") for each in container["env"]}
    before = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert environment["MALLOC_ARENA_MAX"] == "2"
    assert pod["terminationGracePeriodSeconds"] >= before + int(environment["BOKEH_EXPORTER_DRAIN_SECONDS"]) + 10


def test_every_variable_is_an_option() -> None:
    names = set()
    for path in sorted(DEPLOY.rglob("*")):
        if path.is_file() and (path.suffix in (".yaml", ".tpl", ".md") or path.name == "Dockerfile"):
            names |= set(re.findall(r"BOKEH_EXPORTER_[A-Z_]+[A-Z]", path.read_text(encoding="utf-8")))
    assert {variable("address"), variable("token_file"), variable("drain_seconds")} <= names
    assert names <= {variable(option) for option in OPTIONS}


def test_selectors_are_never_empty() -> None:
    for path, thing in manifests():
        if thing["kind"] in ("NetworkPolicy", "PodDisruptionBudget"):
            selector = thing["spec"].get("podSelector") or thing["spec"].get("selector")
            assert selector, f"{path}: {thing['kind']} would take every pod of the namespace"
            assert selector.get("matchLabels"), f"{path}: {thing['kind']} would take every pod of the namespace"


CHART = DEPLOY / "helm" / "bokeh-server"


def leaves(values: dict[str, Any], schema: dict[str, Any], before: str = "") -> Iterator[tuple[str, bool]]:
    """Yield the path of each value that is no object of ours, and whether the schema has it."""
    for key, value in values.items():
        known = schema.get("properties", {}).get(key)
        if known is not None and "properties" in known and isinstance(value, dict):
            yield from leaves(value, known, f"{before}{key}.")
        else:
            yield f"{before}{key}", known is not None


def test_every_value_of_the_chart_is_in_its_schema_and_readme() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    readme = (CHART / "README.md").read_text(encoding="utf-8")
    found = dict(leaves(values, schema))
    assert [path for path, known in found.items() if not known] == []
    told = set(re.findall(r"`([A-Za-z.]+)`", "\n".join(re.findall(r"^\| (`.*?) \|", readme, re.MULTILINE))))
    parts = {path for path in found if not path.startswith("resources.")} | {"resources"}
    assert told == parts
    thresholds = schema["properties"]["alerts"]["properties"]["thresholds"]["propertyNames"]["enum"]
    assert thresholds == list(yaml.safe_load((CHART / "files" / "thresholds.yaml").read_text(encoding="utf-8")))


def test_the_charts_alerts_with_its_thresholds_are_those_of_the_rules() -> None:
    text = (CHART / "files" / "rules" / "bokeh-alerts.yaml").read_text(encoding="utf-8")
    for name, value in yaml.safe_load((CHART / "files" / "thresholds.yaml").read_text(encoding="utf-8")).items():
        assert f"@{name}@" in text
        text = text.replace(f"@{name}@", f"{value:.10g}")
    rules = (ROOT / "grafana" / "rules" / "bokeh-alerts.yaml").read_text(encoding="utf-8")
    assert yaml.safe_load(text) == yaml.safe_load(rules)


def test_no_placeholder_host_is_in_a_default_install() -> None:
    files = [*DEPLOY.glob("kubernetes/**/*.yaml"), CHART / "values.yaml", *CHART.glob("templates/**/*.*")]
    for path in files:
        for line in path.read_text(encoding="utf-8").splitlines():
            if not line.lstrip().startswith("#") and "replace " not in line:
                assert not re.search(r"example\.(com|org)|localhost:3000", line), f"{path}: {line}"


def test_copies_are_those_of_their_sources() -> None:
    done = subprocess.run(
        [sys.executable, DEPLOY / "copies.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
