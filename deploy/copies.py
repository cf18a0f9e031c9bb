"""Copy what grafana/ and the overlays hold to where Kubernetes' tools can read it: they load nothing from outside.

python deploy/copies.py            write the copies
python deploy/copies.py --check    say which differ, and fail if any does
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
GRAFANA = HERE.parent / "grafana"
OVERLAYS = HERE / "kubernetes" / "overlays"
CHART = HERE / "helm" / "bokeh-server" / "files"

#: Written by grafana/build.py.
_OTHERS = (CHART / "rules" / "bokeh-alerts.yaml", CHART / "thresholds.yaml")
_MADE = "# Made by deploy/copies.py from {source}: change that, then run `make deploy`.\n"
_RULE = """apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: bokeh-server
  labels:
    app.kubernetes.io/name: bokeh-server
    app.kubernetes.io/part-of: bokeh-server
spec:
  groups:
"""


def copies() -> Iterator[tuple[Path, str]]:
    """Yield each copy's path and what it must hold."""
    groups = ""
    for rules in sorted(GRAFANA.joinpath("rules").glob("*.yaml")):
        if rules.stem.endswith("_test"):
            continue
        text = rules.read_text(encoding="utf-8")
        made = _MADE.format(source=f"grafana/rules/{rules.name}") + text
        yield OVERLAYS / "plain-prometheus" / "rules" / rules.name, _without_board(made)
        if rules.name != "bokeh-alerts.yaml":  # grafana/build.py writes the chart's: its thresholds are values
            yield CHART / "rules" / rules.name, made
        groups += _without_board(_groups(text, rules))
    yield (
        OVERLAYS / "prometheus-operator" / "prometheusrule.yaml",
        _MADE.format(source="grafana/rules") + _RULE + groups,
    )
    for board in sorted(GRAFANA.joinpath("dashboards").glob("*.json")):
        # On one line: a ConfigMap may hold a megabyte, and nobody reads the copy.
        text = json.dumps(json.loads(board.read_text(encoding="utf-8")), ensure_ascii=False, separators=(",", ":"))
        yield OVERLAYS / "prometheus-operator" / "dashboards" / board.name, text + "\n"
        yield CHART / "dashboards" / board.name, text + "\n"
    for source, target in (
        (OVERLAYS / "plain-prometheus" / "scrape.yaml", CHART / "scrape.yaml"),
        (OVERLAYS / "otel" / "collector-config.yaml", CHART / "collector-config.yaml"),
    ):
        name = source.relative_to(HERE.parent)
        yield target, _MADE.format(source=name) + source.read_text(encoding="utf-8")


def _without_board(text: str) -> str:
    """Leave out the links to Grafana: where a cluster has one, if it has one, only its owner knows."""
    return "".join(line for line in text.splitlines(keepends=True) if not line.lstrip().startswith("dashboard_url:"))


def _groups(text: str, source: Path) -> str:
    """Return the list below ``groups:``, indented as the operator's object wants it. Text: comments stay."""
    _, found, body = text.partition("\ngroups:\n")
    if not found and text.startswith("groups:\n"):
        found, body = "groups:\n", text.removeprefix("groups:\n")
    if not found:
        raise SystemExit(f"{source} has no line 'groups:'")
    indent = "    " if body.lstrip("\n").startswith("-") else "  "
    return "".join(f"{indent}{line}" if line.strip() else line for line in body.splitlines(keepends=True))


def main() -> int:
    """Write or check."""
    wanted = dict(copies())
    folders = [OVERLAYS / "plain-prometheus" / "rules", OVERLAYS / "prometheus-operator" / "dashboards", CHART]
    ours = {*wanted, *_OTHERS}
    stale = [path for folder in folders for path in folder.rglob("*.*") if path.is_file() and path not in ours]
    wrong = [path for path, text in wanted.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    if "--check" in sys.argv[1:]:
        for path in sorted(wrong + stale):
            print(f"{path.relative_to(HERE.parent)} is not what grafana/ says: run make deploy")
        return 1 if wrong or stale else 0
    for path in stale:
        path.unlink()
    for path in wrong:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[path], encoding="utf-8")
        print(f"wrote {path.relative_to(HERE.parent)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
