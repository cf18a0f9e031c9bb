"""The rules of the package's order, and the list of what still breaks them.

Usage: python -m tests.repository.layout

An offender is a line ``RULE FILE: WHAT``. Offenders that are still there for a reason stand in ``layout_allowed.txt``.
The command takes out of that file what is no longer needed; it never adds a line.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from .sources import (
    FILES,
    attributes_named,
    hosts_imported,
    layer_of,
    layers_imported,
    loads,
    module_of,
    name_of,
    parse,
    private_names_read,
)  # fmt: skip

ALLOWED = Path(__file__).with_name("layout_allowed.txt")
HOSTS = "observe/hosts/"
#: Clients of a server, and what starts us in one: they speak to Bokeh as anybody does.
CLIENTS = ("clients/", "soak/", "inspecting/", "demo/", "startup/", "setup_script.py", "lifecycle.py")
#: tornado is the library that the endpoint is made with.
ENDPOINT = "expose/"

#: File -> whose private names it may read, which are no host's.
OTHERS_PRIVATE = {
    "state/events.py": "prometheus_client: its Counter and Histogram are subclassed, which pyproject.toml caps it for",
    "diagnose/heap/census.py": "pandas: the blocks of a data frame are behind no public name",
    "diagnose/heap/objects.py": "asyncio, weakref: what describes a task or a finalizer is behind no public name",
    "diagnose/heap/interpreter.py": "sys: whether there is an interpreter lock has no public name",
    "diagnose/heap/roots.py": "asyncio: tasks made in C are of a module that is private",
    "diagnose/heap/timers.py": "asyncio: a loop has no public list of its timers",
    "expose/otel/deferred_spans.py": "OpenTelemetry: the runtime context, which its API uses itself",
    "expose/otel/providers.py": "OpenTelemetry: the configuration that its environment variables set",
    "expose/otel/queries.py": "OpenTelemetry: the attributes of a span that has ended, which nothing public changes",
    "expose/otel/requests.py": "OpenTelemetry: the functions of its tornado package that collect attributes",
    "expose/otel/sdk.py": "OpenTelemetry: names of environment variables",
    "expose/otel/traces.py": "OpenTelemetry: the runtime context, which its API uses itself",
}

#: Layer -> what of the package it may import besides itself. observe -> state <- expose, diagnose.
MAY_IMPORT = {
    "state": {"catalogue"},
    "observe": {"state", "catalogue", "config", "_version"},
    # What acts on the process: everything else is handed in.
    "control": {"state", "config"},
    "expose": {"state", "catalogue", "config", "tested", "local_sockets", "deadlines", "_version"},
    "diagnose": {"state", "catalogue", "config", "thresholds", "_version"},
    "catalogue": set(),
    "thresholds": set(),
    "tested": set(),
    # What a server and the command that looks for it share.
    "local_sockets": set(),
    # What a server and a command that ask an exporter share.
    "deadlines": set(),
    "config": {"thresholds"},
    "_version": set(),
    "startup": {"installation", "config"},
    # It is handed OpenTelemetry's providers, and hands out what goes into them.
    "instrumentor": {"installation", "startup", "config", "expose"},
    # The wire and subprocesses, for all that drive a server from outside.
    "clients": set(),
    # Soak drives a server from outside and judges it as the server does.
    "soak": {"clients", "startup", "state", "diagnose", "catalogue", "config", "thresholds", "_version"},
    # Inspect drives soak's server with soak's visitor.
    "inspecting": {"clients", "soak", "_version"},
    # The command judges what it has driven with the same functions as the server.
    "demo": {"clients", "soak", "startup", "config"},
    "cli": {
        *(
            "clients",
            "demo",
            "soak",
            "inspecting",
            "startup",
            "state",
            "diagnose",
            "catalogue",
            "config",
            "thresholds",
            "local_sockets",
            "deadlines",
        ),
        "_version",
    },
}
#: The composition: the only files that know observers and outputs.
COMPOSITION = {"acting", "attaching", "exporter", "explaining", "gathering", "operating", "telemetry"}
LAYERS_OF_COMPOSITION = {"observe", "control", "expose", "diagnose"}

#: Not a part of the server process: what the command line is made of.
COMMAND = {"cli", "clients", "demo", "soak", "inspecting", "pytest_plugin", "__main__"}
#: What speaks OpenTelemetry; imported by nobody at import time, and so by no server that was not told to.
OTEL = ("expose/otel/", "instrumentor.py")
#: Modules that no server process may load for our sake.
NOT_IN_SERVERS = {
    "click", "opentelemetry", "pytest", "bokeh_exporter.cli", "bokeh_exporter.clients", "bokeh_exporter.demo",
    "bokeh_exporter.soak", "bokeh_exporter.inspecting", "bokeh_exporter.pytest_plugin", "bokeh_exporter.__main__",
}  # fmt: skip

LINES = 250
#: File -> why it may be longer.
LONGER = {
    "catalogue.py": "data: each metric is a row of it, and a second file would be a second place to look",
    "exporter.py": "composition: one place says what is made of what and in which order it starts, ends and forks",
    "config.py": "data: each option is a field of it, and documents, flags and variables come from it",
}
#: Python files in a folder, at most: what a reader takes in at a look. In observe/ itself stands only what all share.
IN_A_FOLDER = 22
IN_OBSERVE = 14


def law(path: Path) -> Iterator[str]:
    """Imports go one way."""
    layer = layer_of(module_of(path))
    imported = layers_imported(path)
    if layer in MAY_IMPORT:
        yield from imported - MAY_IMPORT[layer]
    elif layer not in COMPOSITION:
        yield from imported & LAYERS_OF_COMPOSITION


def server(path: Path) -> Iterator[str]:
    """No server process loads the command line, or OpenTelemetry before it is asked to."""
    name = name_of(path)
    if layer_of(module_of(path)) not in COMMAND:
        allowed = {"opentelemetry"} if name.startswith(OTEL) else set()
        yield from (module for module in NOT_IN_SERVERS - allowed if loads(path, module))
    if not name.startswith(OTEL):
        for node in parse(path).body:
            inside = isinstance(node, (ast.FunctionDef, ast.ClassDef))
            if not inside and loads(path, "bokeh_exporter.expose.otel", ast.unparse(node)):
                yield "bokeh_exporter.expose.otel, at import"


def host(path: Path) -> Iterator[str]:
    """Only observe/hosts/ imports a host's modules, reads its private names or wraps its functions."""
    name = name_of(path)
    if name.startswith((HOSTS, *CLIENTS)) or name == "catalogue.py":
        return
    for module in hosts_imported(path):
        if not (name.startswith(ENDPOINT) and module.strip("'").split(".")[0] == "tornado"):
            yield f"imports {module}"
    if name not in OTHERS_PRIVATE:
        yield from (f"reads {private}" for private in private_names_read(path))
    if loads(path, f"bokeh_exporter.{HOSTS.replace('/', '.')}patches"):
        yield "wraps"


def hosts_private_names(allowed: Iterable[str] = ()) -> set[str]:
    """Return the private names of hosts that we know: those that hosts/ reads, or that are still read elsewhere."""
    names = {line.partition(": reads ")[2] for line in allowed if line.startswith("host ")} - {""}
    for path in FILES:
        if name_of(path).startswith(HOSTS):
            names |= private_names_read(path)
    return names


def named(path: Path, names: set[str]) -> Iterator[str]:
    """No attribute of ours is named like a host's private one, so that a search finds the host's."""
    name = name_of(path)
    if not name.startswith((*CLIENTS, ENDPOINT)) and name not in OTHERS_PRIVATE:
        yield from attributes_named(path) & names


def allowed() -> list[str]:
    """Return the offenders that are known."""
    lines = ALLOWED.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def offenders(rule: str) -> set[str]:
    """Return what breaks a rule, also what is allowed to."""
    known = hosts_private_names(allowed()) if rule == "named" else set()
    found = set()
    for path in FILES:
        rules = {"law": law, "server": server, "host": host}
        what = named(path, known) if rule == "named" else rules[rule](path)
        found |= {f"{rule} {name_of(path)}: {one}" for one in what}
    return found


RULES = ("law", "server", "host", "named")


def main() -> int:
    """Take out of the list what is no longer needed."""
    needed = {line for rule in RULES for line in offenders(rule)}
    lines = ALLOWED.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if not line or line.startswith("#") or line in needed]
    ALLOWED.write_text("\n".join(kept) + "\n", encoding="utf-8")
    print(f"{len(lines) - len(kept)} lines less, {len(allowed())} left")
    for line in sorted(needed - set(kept)):
        print(f"not allowed: {line}")
    return int(not needed <= set(kept))


if __name__ == "__main__":
    sys.exit(main())
