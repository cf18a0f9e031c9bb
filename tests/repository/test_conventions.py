"""semconv/, the conventions as data: valid, complete, and the same as the page and the code."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from bokeh_exporter import __version__, catalogue
from bokeh_exporter.state import notices

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "semconv"
FILES = {
    path.name: yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in sorted(FOLDER.glob("*.yaml"))
    if path.name != "manifest.yaml"
}
GROUPS: list[dict[str, Any]] = [group for file in FILES.values() for group in file["groups"]]
DEFINED = {row["id"]: row for group in GROUPS for row in group.get("attributes", ()) if "id" in row}
PAGE = (ROOT / "docs" / "semantic-conventions.md").read_text(encoding="utf-8")


def of(kind: str) -> list[dict[str, Any]]:
    return [group for group in GROUPS if group["type"] == kind]


def references(group: dict[str, Any]) -> dict[str, Any]:
    return {row["ref"]: row for row in group.get("attributes", ()) if "ref" in row}


@pytest.mark.parametrize("name", FILES)
def test_each_file_is_in_the_form_of_a_registry(name: str) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="pip install --group release")
    schema = json.loads((ROOT / "tests" / "data" / "registry.schema.json").read_text())
    assert [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(FILES[name])] == []


def test_ids_are_there_once_and_each_reference_is_defined_by_us_or_by_opentelemetry() -> None:
    ids = Counter(
        [group["id"] for group in GROUPS] + [row["id"] for g in of("attribute_group") for row in g["attributes"]]
    )
    assert [name for name, times in ids.items() if times > 1] == []
    theirs = opentelemetry_attributes()
    used = {ref for group in GROUPS for ref in references(group)}
    assert sorted(used - set(DEFINED) - theirs) == []
    assert sorted(set(DEFINED) & theirs) == [], "OpenTelemetry defines these"
    assert sorted(set(DEFINED) - used) == [], "defined, and used nowhere"


def opentelemetry_attributes() -> set[str]:
    """The stable attributes of OpenTelemetry, as its Python package has them."""
    package = pytest.importorskip("opentelemetry.semconv.attributes")
    modules = [
        importlib.import_module(f"{package.__name__}.{each.name}") for each in pkgutil.iter_modules(package.__path__)
    ]
    return {value for module in modules for value in vars(module).values() if isinstance(value, str) and "." in value}


def test_every_metric_of_the_catalogue_is_a_metric_of_the_registry() -> None:
    metrics = {group["metric_name"]: group for group in of("metric")}
    rows = {row.otel_name: row for row in catalogue.CATALOGUE if not row.otel_name.startswith("http.")}
    assert set(metrics) == set(rows)
    for name, row in rows.items():
        found = metrics[name]
        assert (found["unit"], found["brief"]) == (row.unit, f"{row.help}.")
        assert found["instrument"] == {"info": "gauge"}.get(row.kind, row.kind)
        assert found["annotations"]["bokeh_exporter"]["prometheus"] == row.name
        attributes = references(found)
        assert list(attributes) == [catalogue.attribute(label.name) for label in row.labels]
        for label in row.labels:
            kind = DEFINED.get(catalogue.attribute(label.name), {}).get("type")
            if isinstance(kind, dict):
                assert set(label.values) <= {member["value"] for member in kind["members"]}
            if label.values:
                assert attributes[catalogue.attribute(label.name)]["note"] == f"Here: {', '.join(label.values)}."


def table(title: str, *columns: str) -> list[dict[str, str]]:
    """The rows of the table on the page below a title that has these columns first."""
    section = PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]
    for block in re.findall(r"(?:^\|.*\|\n)+", section, re.MULTILINE):
        head, _, *rows = [[cell.strip() for cell in line.strip("|\n").split(" |")] for line in block.splitlines()]
        if tuple(head[: len(columns)]) == columns:
            return [dict(zip(head, row, strict=True)) for row in rows]
    raise AssertionError(f"no table {columns} below {title}")


def test_events_are_those_of_the_page() -> None:
    said: dict[str, set[str]] = {}
    name = ""
    for row in table("Events", "Event name", "Severity", "Key"):
        name = row["Event name"].strip("`") or name
        said.setdefault(name, set()).update(re.findall(r"`([^`]+)`", row["Key"]))
    assert {group["name"]: set(references(group)) for group in of("event")} == said


def test_events_are_those_of_the_code() -> None:
    names = {value for name, value in vars(notices).items() if name.isupper() and str(value).startswith("bokeh.")}
    assert {group["name"] for group in of("event")} == names


def test_spans_are_those_of_the_page() -> None:
    names = {row["Span name"].strip("`") for row in table("Spans", "Span name", "Span kind")}
    assert {group["brief"].partition(": ")[0] for group in of("span")} == names
    written = {key for row in table("Spans", "Span", "Key") for key in re.findall(r"`([^`]+)`", row["Key"])}
    written -= {"exception.type", "exception.stacktrace", "exception.message"}  # of an event of the span
    assert {ref for group in of("span") for ref in references(group)} == written


def test_attributes_of_spans_and_events_are_described_on_the_page() -> None:
    rows = table("Attributes of spans and events", "Key", "Stability")
    keys = {key for row in rows for key in re.findall(r"`([^`]+)`", row["Key"])}
    used = {ref for kind in ("span", "event") for group in of(kind) for ref in references(group)}
    assert keys == used


def test_the_manifest_names_this_version_and_the_conventions_of_our_scope() -> None:
    manifest = yaml.safe_load((FOLDER / "manifest.yaml").read_text(encoding="utf-8"))
    assert manifest["schema_url"].endswith(f"/schemas/{__version__}")
    (dependency,) = manifest["dependencies"]
    assert dependency["schema_url"] == catalogue.SCHEMA_URL
    assert f"@v{catalogue.SCHEMA_URL.rpartition('/')[2]}[" in dependency["registry_path"]
    schemas = pytest.importorskip("opentelemetry.semconv.schemas").Schemas
    assert catalogue.SCHEMA_URL in {each.value for each in schemas}


def test_the_page_says_what_prometheus_makes_of_a_name() -> None:
    page = (ROOT / "docs" / "opentelemetry.md").read_text(encoding="utf-8")
    (name,) = re.findall(r"^\| `translation_strategy` \| `([^`]+)` becomes \|$", page, re.MULTILINE)
    said = dict(re.findall(r"^\| `(\w+)` \| `(bokeh[\w.]+)` \|$", page, re.MULTILINE))
    (row,) = [row for row in catalogue.CATALOGUE if row.otel_name == name]
    assert row.unit == "s"
    assert said == {
        "UnderscoreEscapingWithSuffixes": row.name,
        "UnderscoreEscapingWithoutSuffixes": name.replace(".", "_"),
        "NoUTF8EscapingWithSuffixes": f"{name}_seconds",
        "NoTranslation": name,
    }
    assert catalogue.SCHEMA_URL.rpartition("/")[2] in PAGE.split("\n## ")[0]
