"""The semantic conventions as data: semconv/ in the format of OpenTelemetry's weaver, from the catalogue.

``docs/build.py`` writes it. A registry defines an attribute once, and some of ours (``state``, ``kind``) have other
values in each metric: the definition has all of them, and each metric says which are its own. Spans and events are not
in the catalogue; semconv/spans.yaml and semconv/events.yaml are written by hand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bokeh_exporter import __version__, catalogue
from bokeh_exporter.catalogue import Label, Metric

ROOT = Path(__file__).resolve().parent.parent
#: Where OpenTelemetry's own conventions are, of the version that our scope names.
UPSTREAM = "https://github.com/open-telemetry/semantic-conventions@v{}[model]"
#: Until the repository has an address: a name that nobody can have (RFC 2606).
NOWHERE = "https://bokeh-exporter.invalid"
#: Of OpenTelemetry: referred to, not defined.
THEIRS = ("http.",)
INSTRUMENTS = {"counter": "counter", "histogram": "histogram", "gauge": "gauge", "info": "gauge"}

Texts = Mapping[str, tuple[str, str]]


def files(texts: Texts, stability: Callable[[Metric], str], requirement: Callable[[Metric], str]) -> dict[str, str]:
    """Return the generated files of the registry by name.

    Args:
        texts: what each label says, and an example where its values are not closed.
        stability: how firm the names of a metric are.
        requirement: when a metric is there.
    """
    ours = [metric for metric in catalogue.CATALOGUE if not metric.otel_name.startswith(THEIRS)]
    return {
        "manifest.yaml": written(manifest()),
        "attributes.yaml": written({"groups": [attributes(ours, texts, stability)]}),
        "metrics.yaml": written({"groups": [group(metric, stability, requirement) for metric in ours]}),
    }


def manifest() -> dict[str, Any]:
    """Return who we are, and whose attributes we refer to."""
    version = catalogue.SCHEMA_URL.rpartition("/")[2]
    return {
        "name": "bokeh_exporter",
        "description": "What bokeh_exporter says of a Bokeh or Panel server.",
        "schema_url": f"{address()}/schemas/{__version__}",
        "dependencies": [{"schema_url": catalogue.SCHEMA_URL, "registry_path": UPSTREAM.format(version)}],
    }


def address() -> str:
    """Return the repository's address, which stands in pyproject.toml."""
    project = ROOT / "pyproject.toml"
    text = project.read_text(encoding="utf-8") if project.exists() else ""
    found = re.search(r'^Repository = "([^"]+)"', text, re.MULTILINE)
    return found[1].rstrip("/") if found else NOWHERE


def used(metrics: list[Metric]) -> dict[str, list[tuple[Label, Metric]]]:
    """Return where each attribute of ours is used, by its name."""
    places: dict[str, list[tuple[Label, Metric]]] = {}
    for metric in metrics:
        for label in metric.labels:
            places.setdefault(catalogue.attribute(label.name), []).append((label, metric))
    return {name: places[name] for name in sorted(places) if not name.startswith(THEIRS)}


def attributes(metrics: list[Metric], texts: Texts, stability: Callable[[Metric], str]) -> dict[str, Any]:
    """Return the group that defines the attributes of metrics."""
    rows = []
    for name, places in used(metrics).items():
        text, example = texts[places[0][0].name]
        firm = "stable" if any(stability(metric) == "Stable" for _, metric in places) else "development"
        values = list(dict.fromkeys(value for label, _ in places for value in label.values))
        row: dict[str, Any] = {"id": name, "stability": firm, "brief": f"{text}."}
        if all(label.values for label, _ in places):
            row["type"] = {
                "members": [{"id": identifier(v), "value": v, "stability": firm, "brief": v} for v in values]
            }
        else:
            row["type"] = "string"
            row["examples"] = [*([example] if example else []), *values]
        rows.append(row)
    return {
        "id": "registry.bokeh_exporter",
        "type": "attribute_group",
        "display_name": "Attributes of metrics",
        "brief": "What tells the points of a metric apart. They are named as the labels are.",
        "attributes": rows,
    }


def group(metric: Metric, stability: Callable[[Metric], str], requirement: Callable[[Metric], str]) -> dict[str, Any]:
    """Return a metric."""
    found: dict[str, Any] = {
        "id": f"metric.{metric.otel_name}",
        "type": "metric",
        "metric_name": metric.otel_name,
        "instrument": INSTRUMENTS[metric.kind],
        "unit": metric.unit,
        "stability": stability(metric).lower(),
        "brief": f"{metric.help}.",
        "annotations": {"bokeh_exporter": {"prometheus": metric.name, "requirement_level": requirement(metric)}},
    }
    if metric.buckets:
        found["annotations"]["bokeh_exporter"]["buckets"] = list(metric.buckets)
    rows = [reference(label) for label in metric.labels]
    return found | ({"attributes": rows} if rows else {})


def reference(label: Label) -> dict[str, Any]:
    """Return what one metric says of an attribute."""
    row: dict[str, Any] = {"ref": catalogue.attribute(label.name), "requirement_level": "required"}
    if label.values:
        row["note"] = f"Here: {', '.join(label.values)}."
    elif label.cap:
        row["note"] = f"Up to {label.cap} values; what is beyond is {catalogue.OTHER}."
    return row


def identifier(value: str) -> str:
    """Return a value as the name of an enum's member."""
    name = re.sub(r"[^a-z0-9]+", "_", value.lower())
    return name if name[0].isalpha() else f"n{name}"


# --- YAML ----------------------------------------------------------------------------------------


def written(document: dict[str, Any]) -> str:
    """Return a document as YAML: indented, with each text as JSON writes it, which YAML reads."""
    notice = "# Generated from bokeh_exporter/catalogue.py by `python docs/build.py` (`make docs`). Do not edit."
    return "\n".join([notice, *lines(document)]) + "\n"


def lines(value: Any, indent: str = "") -> Iterator[str]:
    """Yield the lines of a mapping or a list of mappings."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if is_block(inner):
                yield f"{indent}{key}:"
                yield from lines(inner, indent + "  ")
            else:
                yield f"{indent}{key}: {json.dumps(inner, ensure_ascii=False)}"
    else:
        for item in value:
            first, *rest = lines(item, indent + "  ")
            yield f"{indent}- {first.lstrip()}"
            yield from rest


def is_block(value: Any) -> bool:
    """Whether a value takes lines of its own: a mapping, or a list of them."""
    return isinstance(value, dict) or (isinstance(value, list) and bool(value) and isinstance(value[0], dict))
