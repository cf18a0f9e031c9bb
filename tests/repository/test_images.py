"""The Dockerfiles without Docker: what they COPY is laid out, what they RUN is run, what they start is scraped.

No container engine is needed: each path of the image becomes the same path below a scratch folder. What this cannot
see is the base image. The address and the two ports are changed, so that a test needs no port of its own.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

pytestmark = [pytest.mark.once, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
#: Paths of the image that are moved below the scratch folder.
PLACES = ("/src", "/ours", "/venv", "/app", "/etc/bokeh-exporter")


def instructions(path: Path) -> Iterator[tuple[str, str]]:
    """Yield each instruction of a Dockerfile and its text, continued lines joined."""
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            word, _, rest = line.partition(" ")
            yield word, rest.strip()


def moved(text: str, image: Path) -> str:
    """Return the text with the image's paths below the scratch folder."""
    for place in PLACES:
        text = text.replace(place, f"{image}{place}")
    return text


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def copy(arguments: str, context: Path, image: Path) -> None:
    """COPY, as Docker does it: a folder's content goes into the target, files below a target that ends in a slash."""
    words = arguments.split()
    if words[0].startswith("--from="):
        return  # the other stage is the same scratch folder
    *sources, target = words
    for name in sources:
        source, goal = context / name, Path(f"{image}{target}")
        assert source.exists(), f"COPY {name}: there is no such path"
        if source.is_dir():
            shutil.copytree(source, goal, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
            continue
        goal = goal / source.name if target.endswith("/") else goal
        goal.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, goal)


def environment(image: Path) -> dict[str, str]:
    path = f"{image}/venv/bin:{Path(sys.executable).parent}:{os.environ['PATH']}"
    left = {name: value for name, value in os.environ.items() if not name.startswith(("BOKEH", "PYTHON", "PYTEST"))}
    return {**left, "PATH": path}


def wait_for(url: str, process: subprocess.Popen[bytes]) -> str:
    """Ask until it answers 200."""
    deadline = time.monotonic() + 60
    while True:
        assert process.poll() is None, f"ended with {process.returncode}"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return str(answer.read().decode())
        except (urllib.error.URLError, ConnectionError):
            assert time.monotonic() < deadline, url
            process_pause(process)


def process_pause(process: subprocess.Popen[bytes]) -> None:
    """Wait a moment for the process to end, which it should not."""
    try:
        process.wait(0.1)
    except subprocess.TimeoutExpired:
        return


@pytest.mark.long
def test_the_image_builds_from_what_it_copies_and_answers_a_scrape(tmp_path: Path) -> None:
    image, ports = tmp_path / "image", {"5006": str(free_port()), "10506": str(free_port())}
    image.mkdir()
    ran, health, workdir = 0, "", image
    started: list[str] = []
    for word, text in instructions(ROOT / "deploy" / "Dockerfile"):
        if word == "COPY":
            copy(text, ROOT, image)
        elif word == "RUN":
            done = subprocess.run(
                moved(text, image), shell=True, env=environment(image), capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
            ran += 1
        elif word == "WORKDIR":
            workdir = Path(moved(text, image))
        elif word == "HEALTHCHECK":
            health = text.partition("CMD ")[2]
        elif word == "CMD":
            started = json.loads(moved(text, image))
    assert ran == 1
    command = [ports.get(each, each).replace("0.0.0.0", "127.0.0.1") for each in started]
    settings = {**environment(image), "BOKEH_EXPORTER_PORT": ports["10506"]}
    with subprocess.Popen(command, cwd=workdir, env=settings, stdout=subprocess.DEVNULL) as process:
        try:
            metrics = wait_for(f"http://127.0.0.1:{ports['10506']}/metrics", process)
            assert "bokeh_sessions" in {family.name for family in text_string_to_metric_families(metrics)}
            wait_for(f"http://127.0.0.1:{ports['10506']}/readyz", process)
            wait_for(f"http://127.0.0.1:{ports['5006']}/app", process)
            probe = json.loads(health.replace("10506", ports["10506"]))
            assert subprocess.run(probe, env=settings, check=False).returncode == 0
        finally:
            process.terminate()
            process.wait(30)


def test_the_two_lines_for_an_image_of_your_own_work(tmp_path: Path) -> None:
    lines = dict(instructions(ROOT / "deploy" / "Dockerfile.app"))
    assert shlex.split(lines["RUN"])[-1].startswith("bokeh-exporter[")
    shutil.copy(ROOT / "examples" / "app.py", tmp_path / "app.py")
    ports = {"5006": str(free_port()), "0.0.0.0": "127.0.0.1"}
    metrics = str(free_port())
    command = [ports.get(each, each) for each in json.loads(lines["CMD"])]
    settings = {**environment(tmp_path), "BOKEH_EXPORTER_PORT": metrics}
    with subprocess.Popen(command, cwd=tmp_path, env=settings, stdout=subprocess.DEVNULL) as process:
        try:
            assert "bokeh_sessions{" in wait_for(f"http://127.0.0.1:{metrics}/metrics", process)
        finally:
            process.terminate()
            process.wait(30)


def test_what_the_operator_injects_leaves_the_apps_own_packages_alone(tmp_path: Path) -> None:
    """As the operator does it: a folder before the app's packages, and OpenTelemetry's ``sitecustomize`` in it."""
    image = tmp_path / "image"
    image.mkdir()
    for word, text in instructions(ROOT / "deploy" / "Dockerfile.operator"):
        if word == "COPY":
            copy(text, ROOT, image)
        elif word == "RUN":
            done = subprocess.run(
                moved(text, image), shell=True, env=environment(image), capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    injected = image / "ours"
    packages = {path.name for path in injected.iterdir() if path.is_dir() and not path.name.endswith(".dist-info")}
    assert packages == {"bokeh_exporter", "prometheus_client", "psutil", "bin"}
    opentelemetry = find_spec("opentelemetry.instrumentation.auto_instrumentation")
    assert opentelemetry is not None
    assert opentelemetry.origin is not None
    shutil.copy(ROOT / "examples" / "app.py", tmp_path / "app.py")
    port, metrics = str(free_port()), str(free_port())
    settings = {
        **environment(tmp_path), "BOKEH_EXPORTER_PORT": metrics,
        "PYTHONPATH": f"{Path(opentelemetry.origin).parent}:{injected}",
        **{f"OTEL_{signal}_EXPORTER": "none" for signal in ("TRACES", "METRICS", "LOGS")},
    }  # fmt: skip
    command = [sys.executable, "-m", "panel", "serve", "app.py", "--port", port]
    with subprocess.Popen(command, cwd=tmp_path, env=settings, stdout=subprocess.DEVNULL) as process:
        try:
            assert "bokeh_sessions{" in wait_for(f"http://127.0.0.1:{metrics}/metrics", process)
        finally:
            process.terminate()
            process.wait(30)


def test_what_the_manifests_start_runs_and_its_probes_answer(tmp_path: Path) -> None:
    """Command, arguments, variables and probes of the Deployment; the volumes are folders, the secret a file."""
    base = ROOT / "deploy" / "kubernetes" / "base"
    pod = yaml.safe_load((base / "deployment.yaml").read_text(encoding="utf-8"))["spec"]["template"]["spec"]
    container = pod["containers"][0]
    files = yaml.safe_load((base / "kustomization.yaml").read_text(encoding="utf-8"))["configMapGenerator"][0]["files"]
    mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    for place in mounts.values():
        Path(f"{tmp_path}{place}").mkdir(parents=True)
    setup = next(arg.partition("=")[2] for arg in container["args"] if arg.startswith("--setup="))
    assert setup == f"{mounts['exporter']}/{files[0]}"
    shutil.copy(base / files[0], f"{tmp_path}{setup}")
    ports = {str(each["containerPort"]): str(free_port()) for each in container["ports"]}
    names = {each["name"]: ports[str(each["containerPort"])] for each in container["ports"]}
    variables = {each["name"]: each["value"] for each in container["env"] if "value" in each}
    token = variables["BOKEH_EXPORTER_TOKEN_FILE"]
    assert token.startswith(f"{mounts['token']}/")
    Path(f"{tmp_path}{token}").write_text("secret")
    shutil.copy(ROOT / "examples" / "app.py", tmp_path / "app.py")

    def here(text: str) -> str:
        for port, free in ports.items():
            text = text.replace(port, free)
        for place in mounts.values():
            text = text.replace(place, f"{tmp_path}{place}")
        return text.replace("0.0.0.0", "127.0.0.1")

    command = [here(each) for each in (*container["command"], *container["args"])]
    settings = {**environment(tmp_path), **{name: here(value) for name, value in variables.items()}}
    settings["BOKEH_EXPORTER_PORT"] = names["metrics"]
    with subprocess.Popen(command, cwd=tmp_path, env=settings, stdout=subprocess.DEVNULL) as process:
        try:
            for probe in "startupProbe", "readinessProbe", "livenessProbe":
                asked = container[probe]["httpGet"]
                wait_for(f"http://127.0.0.1:{names[asked['port']]}{asked['path']}", process)
            wait_for(f"http://127.0.0.1:{names['http']}/app", process)
            with pytest.raises(urllib.error.HTTPError, match="401"):
                urllib.request.urlopen(f"http://127.0.0.1:{names['metrics']}/metrics", timeout=5)
        finally:
            process.kill()  # asked to end it drains for minutes
            process.wait(30)


def test_the_paths_in_commands_for_kubernetes_are_there() -> None:
    pages = [*sorted((ROOT / "deploy").rglob("*.md")), ROOT / "docs" / "kubernetes.md"]
    found = {
        path for page in pages for path in re.findall(r"(?<![/\w.])deploy/[\w./-]+\w", page.read_text(encoding="utf-8"))
    }
    assert {
        "deploy/helm/bokeh-server",
        "deploy/compose.yaml",
        "deploy/kubernetes/overlays/prometheus-operator",
    } <= found
    assert [path for path in sorted(found) if not (ROOT / path).exists()] == []


def test_the_paths_that_compose_mounts_are_there() -> None:
    services = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8"))["services"]
    build = services["app"]["build"]
    assert (ROOT / "deploy" / build["context"] / build["dockerfile"]).resolve() == ROOT / "deploy" / "Dockerfile"
    mounts = [each for service in services.values() for each in service.get("volumes", ()) if each.startswith(".")]
    assert mounts
    for mount in mounts:
        assert (ROOT / "deploy" / mount.split(":")[0]).exists(), mount
