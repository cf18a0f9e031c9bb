"""What others build on, of any tree of the package: names, types, labels, options, commands, endpoints, JSON keys.

Usage: python -m tests.support.surface TREE > tests/data/surface-VERSION.json

One half is read from the tree's own tables, the other from a server that runs it, with a session that is kept after its
end, so that every part of the answers has something in it. The other helpers of the tests start servers of the package
that they belong to, so only the browser's half is used of them. ``git archive COMMIT | tar x -C TREE`` lays a TREE out.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .ports import free_port
from .tabs import open_tab

#: Seconds for what a busy machine does.
PATIENCE = 60.0

#: Printed by a Python that imports the tree's package.
TABLES = """
import json, click, bokeh_exporter, bokeh_exporter.instrumentor, bokeh_exporter.pytest_plugin
from bokeh_exporter import catalogue, cli, config
root = next(each for each in vars(cli).values() if isinstance(each, click.Group))
print(json.dumps({
    "metrics": {
        metric.name: {
            "type": metric.kind, "labels": {label.name: list(label.values) for label in metric.labels},
            "buckets": list(metric.buckets), "otel": [metric.otel_name, metric.unit],
        }
        for metric in catalogue.CATALOGUE
    },
    "verdicts": list(catalogue.VERDICTS),
    "options": {name: {"flag": config.flag(name), "variable": config.variable(name)} for name in config.OPTIONS},
    "commands": {
        name: sorted(word for parameter in command.params for word in parameter.opts if word.startswith("-"))
        for name, command in root.commands.items()
    },
    "names": {
        "bokeh_exporter": sorted(bokeh_exporter.__all__),
        "bokeh_exporter.instrumentor": [
            name for name in ("BokehInstrumentor", "WithoutQueries") if hasattr(bokeh_exporter.instrumentor, name)
        ],
        "bokeh_exporter.pytest_plugin": [
            name for name in ("assert_no_session_leak",) if hasattr(bokeh_exporter.pytest_plugin, name)
        ],
    },
}))
"""

#: Each session is kept by a list in a module beside the app, and has a callback that a browser sets off.
APP = """
import held
from bokeh.io import curdoc
from bokeh.models import Slider
def moved(attr, old, new):
    shown.title = "moved"
slider, shown = Slider(start=0, end=9, value=1, name="n"), Slider(start=0, end=9, value=1, name="s")
slider.on_change("value", moved)
curdoc().add_root(slider)
curdoc().add_root(shown)
held.kept.append(curdoc())
"""

#: Below these keys the names are data: classes, hooks.
DATA = re.compile(r"\.(types|hooks|created)$")
#: Not always there: what the platform gives, and what was measured too roughly to be shown.
AT_TIMES = re.compile(r"^\.memory\.(cgroup|malloc)|attributed_bytes\.")

#: What is asked of the endpoint, in this order.
STATUS = "GET /api/v1/status"
ASKED = ("POST /debug/collect", "POST /debug/explain", "POST /debug/census", "POST /debug/trim", STATUS)
OPEN = ("GET /", "GET /healthz", "GET /readyz", "POST /debug/stacks")


def surface(tree: Path) -> dict[str, Any]:
    """Return what a tree of the package offers, as plain JSON."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("BOKEH", "PYTEST", "OTEL"))
    }
    environment |= {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    with tempfile.TemporaryDirectory() as name:
        said = subprocess.run(
            [sys.executable, "-c", TABLES], env=environment, cwd=name, check=True, capture_output=True, text=True
        )
        found: dict[str, Any] = json.loads(said.stdout)
        return found | observed(environment, Path(name))


def observed(environment: dict[str, str], folder: Path) -> dict[str, Any]:
    """Return what a server with the exporter answers, after one visit."""
    (folder / "app.py").write_text(APP, encoding="utf-8")
    (folder / "held.py").write_text("kept = []\n", encoding="utf-8")
    port, metrics = free_port(), free_port()
    settings = {"PORT": metrics, "DEBUG": 1, "COLLECT": "all", "SAMPLE_PERIOD": 0.1, "GRACE": 0.1}
    environment = environment | {f"BOKEH_EXPORTER_{name}": str(value) for name, value in settings.items()}
    command = [sys.executable, "-m", "bokeh_exporter", "run", sys.executable, "-m", "bokeh", "serve", "app.py"]
    command += ["--port", str(port), "--unused-session-lifetime", "500", "--check-unused-sessions", "200"]
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            url = f"http://127.0.0.1:{metrics}"
            until(lambda: ask(url, "GET /readyz"))
            visit(f"http://localhost:{port}")
            until(lambda: 'bokeh_sessions_destroyed_total{app="/app",reason="expired"} 1' in ask(url, "GET /metrics"))
            answers: dict[str, set[str]] = {}
            for request in ASKED:
                answers[request] = set(keys(json.loads(until(lambda each=request: ask(url, each)))))
            for request in OPEN:
                until(lambda each=request: ask(url, each))
            families = dict(re.findall(r"^# TYPE (\S+) (\S+)", ask(url, "GET /metrics"), re.MULTILINE))
        finally:
            server.terminate()
            server.wait(PATIENCE)
    return {
        "families": {name: kind for name, kind in sorted(families.items()) if not name.endswith("_created")},
        "endpoints": sorted((*ASKED, *OPEN, "GET /metrics")),
        "answers": {request: sorted(found) for request, found in answers.items()},
    }


def visit(url: str) -> None:
    """Open the app, move its slider, wait until the callback has run, and leave."""
    with open_tab(url, "/app") as tab:
        tab.set("n", value=5)
        until(lambda: tab.value("s", "title") == "moved")


def ask(url: str, request: str) -> str:
    """Ask the endpoint and return its text."""
    method, _, path = request.partition(" ")
    with urllib.request.urlopen(urllib.request.Request(url + path, method=method), timeout=PATIENCE) as answer:
        return str(answer.read().decode())


def until(condition: Any) -> Any:
    """Wait for something true and return it; an endpoint that does not answer, or is asked too often, is asked again.

    Raises:
        AssertionError: it took too long.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            result = condition()
        except (urllib.error.URLError, ConnectionError):
            result = None
        if result:
            return result
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.2)


def keys(value: Any, path: str = "") -> Iterator[str]:
    """Yield the path of each key in an answer; names that are data, such as those of classes and hooks, are ``*``."""
    if isinstance(value, dict):
        for key, inner in value.items():
            here = f"{path}.*" if DATA.search(path) else f"{path}.{key}"
            if not AT_TIMES.search(here):
                yield here
                yield from keys(inner, here)
    elif isinstance(value, list):
        for inner in value:
            yield from keys(inner, f"{path}[]")


def gone(old: Any, new: Any, path: str = "") -> Iterator[str]:
    """Yield what an older surface has and a newer one has not, or has otherwise. What is new is no change."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key, inner in old.items():
            if key in new:
                yield from gone(inner, new[key], f"{path}/{key}")
            else:
                yield f"{path}/{key}"
    elif isinstance(old, list) and isinstance(new, list):
        yield from (f"{path}: {each}" for each in old if each not in new)
    elif old != new:
        yield f"{path}: {old} is now {new}"


if __name__ == "__main__":
    print(json.dumps(surface(Path(sys.argv[1]).resolve()), indent=1, sort_keys=True))
