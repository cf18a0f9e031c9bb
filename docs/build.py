"""Write metrics.md, options.md, semconv/, and what is marked in verdicts.md and semantic-conventions.md.

Usage: python docs/build.py [--check]

Nothing but the standard library is needed, and no installed bokeh_exporter: what is read is the tree
that this file is in. ``--check`` writes nothing, names what is out of date and then exits 1.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import registry  # noqa: E402  (beside this file)

from bokeh_exporter import catalogue, config  # noqa: E402  (only now it can be found)
from bokeh_exporter.catalogue import Label, Metric  # noqa: E402
from bokeh_exporter.observe import table as table_of_observers  # noqa: E402

COMMAND = "python docs/build.py"
NOTICE = f"<!-- Generated from bokeh_exporter/{{source}} by `{COMMAND}` (`make docs`). Do not edit. -->"


class Standard(NamedTuple):
    """A family that prometheus_client measures; a test compares these with what it really gives."""

    name: str
    kind: str
    labels: str
    help: str


PROCESS = "Linux only; from /proc"
STANDARD = (
    Standard("process_virtual_memory_bytes", "gauge", "", f"Virtual memory. {PROCESS}"),
    Standard("process_resident_memory_bytes", "gauge", "", f"Resident memory. {PROCESS}"),
    Standard("process_start_time_seconds", "gauge", "", f"Unix time the process started. {PROCESS}"),
    Standard("process_cpu_seconds_total", "counter", "", f"CPU time spent, user and system. {PROCESS}"),
    Standard("process_open_fds", "gauge", "", f"Open file descriptors. {PROCESS}"),
    Standard("process_max_fds", "gauge", "", f"Limit of open file descriptors. {PROCESS}"),
    Standard("python_gc_objects_collected_total", "counter", "generation", "Objects that the collector freed"),
    Standard("python_gc_objects_uncollectable_total", "counter", "generation", "Objects that it could not free"),
    Standard("python_gc_collections_total", "counter", "generation", "Runs of the collector"),
    Standard("python_info", "gauge", "version, implementation, major, minor, patchlevel", "The Python that runs"),
)


def table(titles: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table."""
    titles = list(titles)
    lines = [titles, ["---"] * len(titles), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def code(text: str) -> str:
    """Return text set as code, nothing for nothing."""
    return f"`{text}`" if text else ""


# --- metrics -------------------------------------------------------------------------------------


def described(label: Label) -> str:
    """Return a label with its closed values, or the cap of an open one."""
    if label.values:
        return f"`{label.name}`: {', '.join(label.values)}"
    return f"`{label.name}`" + (f" (up to {label.cap})" if label.cap else "")


def meaning(metric: Metric) -> str:
    """Return what a row means, and whether it may be missing."""
    return metric.help + (". Absent where the platform or the app does not give it" if metric.optional else "")


def seconds(buckets: Iterable[float]) -> str:
    """Return bucket bounds as text."""
    return " ".join(f"{bound:g}" if bound < 1e5 else f"{bound:.0f}" for bound in buckets)


def metrics_page() -> str:
    """Return docs/metrics.md."""
    parts = [
        NOTICE.format(source="catalogue.py"),
        "# Metrics\n",
        "Names, types and labels are covered by semantic versioning. `app` is the path that an application is\n"
        "registered under, never a URL. Every family is announced from the first scrape; known apps and closed label\n"
        "values start at zero. Values beyond a cap become `other` and are counted in `bokeh_exporter_overflow_total`;\n"
        f"all in all a process has at most {catalogue.SERIES_CAP:,} series.\n",
        "The last three columns say what a host gives: **full**, **estimated** or **absent** on Bokeh's tornado\n"
        "server up to Bokeh 3.9, on the same server in Bokeh 3.10, and on the ASGI host that Bokeh 3.10 added. Source\n"
        "names what the tornado server is asked; the ASGI host is asked for the same in its own place.\n",
    ]
    for title, metrics in catalogue.groups():
        rows = (
            (
                code(metric.name),
                metric.kind,
                "; ".join(map(described, metric.labels)),
                meaning(metric),
                f"`{metric.otel_name}`, `{metric.unit}`",
                metric.source,
                metric.tornado,
                metric.tornado_310,
                metric.asgi,
            )
            for metric in metrics
        )
        parts += [
            f"## {title}\n",
            table(
                ("Metric", "Type", "Labels", "Meaning", "OpenTelemetry name, unit", "Source",
                 "tornado, Bokeh to 3.9", "tornado, Bokeh 3.10", "ASGI"), rows,
            ),
        ]  # fmt: skip
    families = ((code(one.name), one.kind, one.labels, one.help) for one in STANDARD)
    parts += [
        "## The process and Python\n",
        "From prometheus_client, as it is.\n",
        table(("Metric", "Type", "Labels", "Meaning"), families),
        "## Buckets\n",
        "Upper bounds in seconds; `+Inf` follows.\n",
        table(("Histogram", "Bounds"), ((code(m.name), seconds(m.buckets)) for m in catalogue.CATALOGUE if m.buckets)),
    ]
    return "\n".join(parts)


# --- options -------------------------------------------------------------------------------------


def shown(default: Any) -> str:
    """Return a default as it would be written in the environment."""
    if default is None:
        return "none"
    if isinstance(default, bool):
        return code(str(int(default)))
    return code(f"{default:g}" if isinstance(default, float) else str(default))


def options_table() -> str:
    """Return the table of docs/options.md."""
    rows = (
        (code(name), code(config.flag(name)), code(config.variable(name)), shown(field.default), field.metadata["help"])
        for name, field in config.OPTIONS.items()
    )
    return table(("Keyword of `install()`", "Flag of `run`", "Variable", "Default", "Meaning"), rows)


def options_page() -> str:
    """Return docs/options.md."""
    wanted = ((code(name), field.metadata["wants"]) for name, field in config.OPTIONS.items())
    return "\n".join(
        [
            NOTICE.format(source="config.py"),
            "# Options\n",
            "A keyword or flag wins over the variable, the variable over the default; an empty variable is an unset\n"
            "one. Durations are in seconds, switches are 0 or 1.\n",
            options_table(),
            "## What each takes\n",
            "Anything else is refused before the server listens: `install()` raises `ConfigError`, a `ValueError`;\n"
            "`bokeh-exporter run`, `panel serve --setup` and `bokeh_exporter.lifecycle` print its one line and exit\n"
            "with status 64. A variable that begins with `BOKEH_EXPORTER_` but names no option is logged and\n"
            "ignored.\n",
            table(("Option", "Must be"), wanted),
        ]
    )


def thresholds_table() -> str:
    """Return the table in docs/verdicts.md."""
    rows = (
        (code(config.variable(name)), shown(field.default), field.metadata["help"], field.metadata["reason"])
        for name, field in config.OPTIONS.items()
        if "reason" in field.metadata
    )
    return table(("Variable", "Default", "Meaning", "Why this value"), rows)


# --- OpenTelemetry -------------------------------------------------------------------------------

#: What each attribute of a metric says, and an example where its values are not closed.
ATTRIBUTES: dict[str, tuple[str, str]] = {
    "activity": ("What ran while the memory changed", ""),
    "admin": ("Whether `panel serve --admin` is on", ""),
    "app": ("The registered path of the application, never a URL; `bokeh.app` in spans and events", "/slider"),
    "autoreload": ("Whether the server reloads changed files", ""),
    "bokeh": ("Version of Bokeh", "3.9.2"),
    "cache": ("The function under `pn.cache`", "app.py:load"),
    "per": ("What growth is counted by", ""),
    "holder": (
        "What all sessions share: a registry, a class's list, a shared object, a container of the app's",
        "shared.cache",
    ),
    "callback": ("The user's function: its file or module, and its qualified name", "app.py:view"),
    "code": ("Close code of the WebSocket", ""),
    "collector": ("What reads numbers for a scrape", "memory"),
    "component": ("A class of Panel, or a part of the exporter", "Column"),
    "element": ("A class of HoloViews", "Curve"),
    "event": ("A class of change events, or what the kernel counts", "ModelChangedEvent"),
    "generation": ("The oldest generation that was collected", ""),
    "hook": ("A function of the host that the exporter wraps", "ServerSession.destroy"),
    "http_request_method": ("As in OpenTelemetry's conventions", "GET"),
    "http_response_status_code": ("As in OpenTelemetry's conventions", "200"),
    "http_route": ("The application's path, or one of a few that all share", "/slider"),
    "kind": ("What set the callback off, or what the memory is", ""),
    "level": ("Whether some or all tasks waited", ""),
    "message": ("Type of the message in Bokeh's protocol", ""),
    "metric": ("The metric whose values were folded", "bokeh_callback_calls_total"),
    "mode": ("Whether it was kept or replaced", ""),
    "model": ("A class of Bokeh models", "Slider"),
    "panel": ("Version of Panel, empty without", "1.9.4"),
    "phase": ("While a session was built, or later", ""),
    "profiler": ("Whether `panel serve --profiler` is on", ""),
    "reason": ("Why it ended, began or was refused", ""),
    "reuse_sessions": ("Whether `panel serve --reuse-sessions` is on", ""),
    "signal": ("What was dropped", ""),
    "state": ("What is counted apart", ""),
    "step": ("Where the creation failed", ""),
    "tornado": ("Version of tornado", "6.6"),
    "verdict": ("One of seven", ""),
    "version": ("Version of bokeh_exporter", "1.0.0"),
    "why": ("Why a WebSocket had to make its session", ""),
    "warm": ("Whether `panel serve --warm` is on", ""),
}


def stability(metric: Metric) -> str:
    """Return how firm the names of a row are."""
    return "Development" if metric.group == catalogue.EXPORTER else "Stable"


def instruments() -> str:
    """Return the metrics as OpenTelemetry's conventions have them, a table for each group."""
    kinds = {"counter": "Counter (asynchronous)", "histogram": "Histogram"}
    parts = []
    for title, metrics in catalogue.groups():
        rows = (
            (
                code(metric.otel_name),
                kinds.get(metric.kind, "Gauge (asynchronous)"),
                code(metric.unit),
                requirement(metric),
                ", ".join(code(catalogue.attribute(label)) for label in metric.label_names),
                metric.help,
                stability(metric),
            )
            for metric in metrics
        )
        titles = (
            "Name", "Instrument Type", "Unit (UCUM)", "Requirement Level", "Attributes", "Description", "Stability",
        )  # fmt: skip
        parts.append(f"### Metrics: {title}\n\n{table(titles, rows)}")
    return "\n".join(parts)


def requirement(metric: Metric) -> str:
    """Return when a metric is there."""
    if "(opt-in)" in metric.help:
        return "Opt-In: level `all`"
    return "Conditionally Required: where the platform or the app gives it" if metric.optional else "Required"


def attributes() -> str:
    """Return the attributes of metrics; one name with several sets of values has a row for each."""
    used: dict[Label, list[Metric]] = {}
    for metric in catalogue.CATALOGUE:
        for label in metric.labels:
            used.setdefault(label, []).append(metric)
    names = [label.name for label in used]
    rows = []
    for label, metrics in sorted(used.items(), key=lambda item: catalogue.attribute(item[0].name)):
        text, example = ATTRIBUTES[label.name]
        if names.count(label.name) > 1:
            text = f"{text}; of " + ", ".join(code(metric.otel_name) for metric in metrics)
        values = ", ".join(map(code, label.values)) or code(example) + (f"; up to {label.cap}" if label.cap else "")
        kind = "int" if label.name == "http_response_status_code" else "string"
        firm = "Stable" if any(stability(metric) == "Stable" for metric in metrics) else "Development"
        rows.append((code(catalogue.attribute(label.name)), firm, "Required", kind, text, values))
    titles = ("Key", "Stability", "Requirement Level", "Value Type", "Description", "Values or an example")
    return table(titles, rows)


# --- files ---------------------------------------------------------------------------------------


def between_markers(text: str, name: str, content: str) -> str:
    """Return a text with new content between its markers.

    Raises:
        ValueError: the text does not have the markers exactly once.
    """
    pattern = re.compile(rf"(<!-- generated: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    replaced, times = pattern.subn(lambda found: f"{found[1]}\n{content}\n{found[2]}", text)
    if times != 1:
        raise ValueError(f"there must be one pair of markers of {name!r}, there are {times}")
    return replaced


def seams_page() -> str:
    """Return the page of what is relied on in each host, from the rows of ``observe/hosts/``."""
    parts = [
        f"<!-- Generated from bokeh_exporter/observe/hosts/ by `{COMMAND}` (`make docs`). Do not edit. -->",
        "# What is relied on in each host",
        "The exporter wraps a function of the host once, after it has checked its parameters, and reads a few of its "
        "attributes. Each is a row here, with the versions that have it (all that are supported, unless a version is "
        "given) and what is lost without it: a function that is missing or has other parameters costs just that, and "
        'is `bokeh_exporter_hook_enabled{hook="..."} 0`. A test tries every row against each tested line of versions.',
    ]
    for file in sorted(table_of_observers.HOSTS, key=lambda file: file.__name__):
        rows = [
            ("wrapped", code(seam.target), versions(seam.since, seam.until), code(seam.label), seam.lost)
            for seam in (*file.SEAMS, *getattr(file, "FURTHER", ()))
        ]
        rows += [
            ("read", code(each.target), versions(each.since, each.until), "", each.lost) for each in file.ATTRIBUTES
        ]
        if rows:
            name = file.__name__.rpartition(".")[2]
            parts += [f"## `{name}`", (file.__doc__ or "").partition("\n")[0]]
            parts.append(table(("", "Function or attribute", "Versions", "Hook", "Lost without it"), rows).rstrip())
    return "\n\n".join(parts) + "\n"


def versions(since: str, until: str) -> str:
    """Return a range of versions in words."""
    if since and until:
        return f"{since} to {until}"
    return f"{since} and newer" if since else f"up to {until}" if until else ""


def generated() -> dict[Path, str]:
    """Return what each file must hold."""
    conventions = ROOT / "docs" / "semantic-conventions.md"
    verdicts = ROOT / "docs" / "verdicts.md"
    conventions_as_data = registry.files(ATTRIBUTES, stability, requirement)
    return {
        **{ROOT / "semconv" / name: text for name, text in conventions_as_data.items()},
        ROOT / "docs" / "metrics.md": metrics_page(),
        ROOT / "docs" / "options.md": options_page(),
        ROOT / "docs" / "hosts" / "seams.md": seams_page(),
        verdicts: between_markers(verdicts.read_text(encoding="utf-8"), "thresholds", thresholds_table()),
        conventions: between_markers(
            between_markers(conventions.read_text(encoding="utf-8"), "metrics", instruments()),
            "attributes",
            attributes(),
        ),
    }


def main(arguments: list[str]) -> int:
    """Write the files, or check them."""
    if arguments not in ([], ["--check"]):
        print(f"usage: {COMMAND} [--check]", file=sys.stderr)
        return 64
    status = 0
    for path, text in generated().items():
        name = path.relative_to(ROOT).as_posix()
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        if arguments:
            print(f"{name} is out of date: run `{COMMAND}` and commit the result", file=sys.stderr)
            status = 1
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"wrote {name}")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
