"""The package's own order: imports go one way, the server never loads the command line, files stay short."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "bokeh_exporter"
FILES = sorted(PACKAGE.rglob("*.py"))

#: Layer -> what of the package it may import besides itself. observe -> state <- expose, diagnose.
MAY_IMPORT = {
    "state": {"catalogue"},
    "observe": {"state", "catalogue", "config", "_version"},
    "expose": {"state", "catalogue", "config", "_version"},
    "diagnose": {"state", "catalogue", "config", "thresholds", "_version"},
    "catalogue": set(),
    "thresholds": set(),
    "config": {"thresholds"},
    "_version": set(),
    "startup": {"installation", "config"},
    # It is handed OpenTelemetry's providers, and hands out what goes into them.
    "instrumentor": {"installation", "startup", "config", "expose"},
    # Soak drives a server from outside and judges it as the server does.
    "soak": {"startup", "state", "diagnose", "catalogue", "config", "thresholds", "_version"},
    # The command judges what it has driven with the same functions as the server.
    "demo": {"soak", "startup", "config"},
    "cli": {"demo", "soak", "startup", "state", "diagnose", "catalogue", "config", "thresholds", "_version"},
}
#: The composition: the only files that know observers and outputs.
COMPOSITION = {"exporter", "explaining", "telemetry"}
LAYERS_OF_COMPOSITION = {"observe", "expose", "diagnose"}

#: Not a part of the server process: what the command line is made of.
COMMAND = {"cli", "demo", "soak", "pytest_plugin", "__main__"}
#: What speaks OpenTelemetry; imported by nobody at import time, and so by no server that was not told to.
OTEL = ("expose/otel/", "instrumentor.py")
#: Modules that no server process may load for our sake.
NOT_IN_SERVERS = {
    "click", "opentelemetry", "pytest", "bokeh_exporter.cli", "bokeh_exporter.demo", "bokeh_exporter.soak",
    "bokeh_exporter.pytest_plugin", "bokeh_exporter.__main__",
}  # fmt: skip

LINES = 250
#: File -> why it may be longer.
LONGER: dict[str, str] = {
    "catalogue.py": "data: each metric is a row of it, and a second file would be a second place to look",
    "config.py": "data: each option is a field of it, and documents, flags and variables come from it",
}


def module_of(path: Path) -> str:
    """Return the dotted name of a file's module; a package's is that of its ``__init__``."""
    parts = ("bokeh_exporter", *path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def layer_of(module: str) -> str:
    """Return what a module of the package belongs to: the folder, or the file at the top."""
    return module.split(".")[1] if "." in module else ""


def imports(path: Path, source: str | None = None) -> Iterator[str]:
    """Yield every module that a file imports, anywhere in it, also for type checking only."""
    package = module_of(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8") if source is None else source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            target = ".".join([*base, *([node.module] if node.module else [])])
            yield target
            # "from . import config" names modules, "from .config import Config" does not: both are looked at.
            yield from (f"{target}.{alias.name}" for alias in node.names)


def layers_imported(path: Path, source: str | None = None) -> set[str]:
    """Return the layers of the package that a file imports, its own left out."""
    own = layer_of(module_of(path))
    known = {layer_of(module_of(file)) for file in FILES}
    modules = {module for module in imports(path, source) if module.startswith("bokeh_exporter.")}
    return ({layer_of(module) for module in modules} & known) - {own, ""}


def loads(path: Path, name: str, source: str | None = None) -> bool:
    return any(module == name or module.startswith(name + ".") for module in imports(path, source))


def ids(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


@pytest.mark.parametrize("path", FILES, ids=ids)
def test_imports_go_one_way(path: Path) -> None:
    layer = layer_of(module_of(path))
    if layer in MAY_IMPORT:
        assert layers_imported(path) <= MAY_IMPORT[layer]


@pytest.mark.parametrize("path", FILES, ids=ids)
def test_only_the_composition_knows_observers_and_outputs(path: Path) -> None:
    layer = layer_of(module_of(path))
    if layer not in COMPOSITION:
        allowed = MAY_IMPORT[layer] if layer in ("cli", "soak", "instrumentor") else set()
        assert not layers_imported(path) & LAYERS_OF_COMPOSITION - allowed


@pytest.mark.parametrize("path", [path for path in FILES if layer_of(module_of(path)) not in COMMAND], ids=ids)
def test_no_server_loads_the_command_line_or_opentelemetry(path: Path) -> None:
    allowed = {"opentelemetry"} if ids(path).startswith(OTEL) else set()
    assert [name for name in NOT_IN_SERVERS - allowed if loads(path, name)] == []


@pytest.mark.parametrize("path", [path for path in FILES if not ids(path).startswith(OTEL)], ids=ids)
def test_opentelemetry_is_imported_at_use_only(path: Path) -> None:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        assert not loads(path, "bokeh_exporter.expose.otel", ast.unparse(node)) or isinstance(
            node, (ast.FunctionDef, ast.ClassDef)
        )


def test_every_layer_with_a_rule_exists() -> None:
    there = {layer_of(module_of(path)) for path in FILES}
    assert set(MAY_IMPORT) <= there
    assert there >= COMPOSITION


def test_files_are_short() -> None:
    lengths = {ids(path): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert {name: length for name, length in lengths.items() if length > LINES and name not in LONGER} == {}


def test_no_exception_is_left_over() -> None:
    for name in LONGER:
        assert len((PACKAGE / name).read_text(encoding="utf-8").splitlines()) > LINES, f"{name} is short again"


@pytest.mark.parametrize(
    ("file", "source", "layers"),
    [
        ("observe/memory.py", "from ..expose.http import Endpoint", {"expose"}),
        ("observe/memory.py", "from .. import config as options\nfrom ..state import Level", {"config", "state"}),
        ("observe/memory.py", "from .frame import Observer", set()),
        ("observe/memory.py", "def f():\n    import bokeh_exporter.expose.pages", {"expose"}),
        ("state/levels.py", "from ..catalogue import Metric", {"catalogue"}),
        ("state/__init__.py", "from ..observe import apps", {"observe"}),
        ("exporter.py", "from .observe.table import OBSERVERS", {"observe"}),
        ("lifecycle.py", "from . import cli", {"cli"}),
    ],
)
def test_the_reader_of_imports_sees_every_form(file: str, source: str, layers: set[str]) -> None:
    assert layers_imported(PACKAGE / file, source) == layers


def test_the_reader_of_imports_sees_the_command_line() -> None:
    assert loads(PACKAGE / "exporter.py", "bokeh_exporter.cli", "def f():\n    from . import cli")
    assert loads(PACKAGE / "exporter.py", "opentelemetry", "from opentelemetry.metrics import Meter")
    assert not loads(PACKAGE / "exporter.py", "click", "import clickhouse")
