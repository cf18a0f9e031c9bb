"""What the files of the package import, read and name, for the rules in layout.py.

Sources are parsed, not imported: a rule then holds for what is imported in a function or for type checking only, and
for hosts that are not installed here.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "bokeh_exporter"
FILES = sorted(PACKAGE.rglob("*.py"))

#: What runs us or is run beside us, as a distribution of its own. asyncio is Python's, OpenTelemetry is an output's.
HOST_MODULES = frozenset({
    "bokeh", "panel", "param", "holoviews", "hvplot", "uvicorn", "tornado", "bokeh_fastapi", "bokeh_django",
})  # fmt: skip
#: The first part below a host, where its name is text: ``bokeh.sessions`` is a metric, ``bokeh.server`` is a module.
HOST_SUBMODULES = frozenset({
    "application", "asgi", "callbacks", "chat", "consumers", "core", "document", "embed", "events", "handler", "io",
    "layout", "model", "models", "pane", "parameterized", "plotting", "protocol", "reactive", "resources", "server",
    "streams", "template", "util", "viewable", "widgets",
})  # fmt: skip
#: Names with an underscore that Python documents.
PYTHONS = frozenset({"_asdict", "_current_frames", "_fields", "_getframe", "_make", "_replace"})
#: How the samples of a Prometheus family end.
SUFFIXES = frozenset({"_bucket", "_count", "_created", "_info", "_sum", "_total"})
#: Methods of text, whose arguments are parts of a name and not a name.
OF_TEXT = frozenset({
    "count", "endswith", "find", "join", "partition", "removeprefix", "removesuffix", "replace", "rpartition", "rsplit",
    "rstrip", "split", "startswith", "strip", "TypeVar",
})  # fmt: skip


def name_of(path: Path) -> str:
    """Return how a file is called here: its path below the package."""
    return path.relative_to(PACKAGE).as_posix()


def module_of(path: Path) -> str:
    """Return the dotted name of a file's module; a package's is that of its ``__init__``."""
    parts = ("bokeh_exporter", *path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def layer_of(module: str) -> str:
    """Return what a module of the package belongs to: the folder, or the file at the top."""
    return module.split(".")[1] if "." in module else ""


@functools.cache
def parse(path: Path, source: str | None = None) -> ast.Module:
    """Parse a file, or a source in its place."""
    return ast.parse(path.read_text(encoding="utf-8") if source is None else source)


@functools.cache
def imports(path: Path, source: str | None = None) -> frozenset[str]:
    """Return every module that a file imports, anywhere in it, also for type checking only."""
    return frozenset(_imports(path, source))


def _imports(path: Path, source: str | None) -> Iterator[str]:
    package = module_of(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(parse(path, source)):
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
    """Whether a file imports a module or something below it."""
    return any(module == name or module.startswith(name + ".") for module in imports(path, source))


# --- hosts ---------------------------------------------------------------------------------------


def hosts_imported(path: Path, source: str | None = None) -> set[str]:
    """Return the modules of hosts that a file imports, or looks up by their dotted name."""
    own = {node.module for node in ast.walk(parse(path, source)) if isinstance(node, ast.ImportFrom) and not node.level}
    direct = {
        alias.name for node in ast.walk(parse(path, source)) if isinstance(node, ast.Import) for alias in node.names
    }
    found = {module for module in own | direct if module and module.split(".")[0] in HOST_MODULES}
    return found | {f"{text!r}" for text in _arguments(parse(path, source)) if _is_host_module(text)}


def _is_host_module(text: str) -> bool:
    first, _, rest = text.partition(".")
    return first in HOST_MODULES and rest.split(".")[0] in HOST_SUBMODULES and text.replace(".", "").isidentifier()


def _arguments(tree: ast.Module) -> Iterator[str]:
    """Yield each text that is handed to a function, looked up with ``[]``, or stands in a tuple or list of such."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            function = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            values = [] if function in OF_TEXT else [*node.args, *(keyword.value for keyword in node.keywords)]
        elif isinstance(node, ast.Subscript):
            values = [node.slice]
        elif isinstance(node, (ast.Tuple, ast.List)):
            values = list(node.elts)
        else:
            continue
        for value in values:
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield value.value


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name.isidentifier() and name != "_"


def _own_names(tree: ast.Module) -> set[str]:
    """Return the names with an underscore that a file itself defines."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and _is_self(node.value):
            names.add(node.attr)
        elif isinstance(node, ast.Assign):
            names |= _slots(node)
    return {name for name in names if _is_private(name)}


def _slots(node: ast.Assign) -> set[str]:
    targets = {target.id for target in node.targets if isinstance(target, ast.Name)}
    if "__slots__" not in targets or not isinstance(node.value, (ast.Tuple, ast.List)):
        return set()
    return {one.value for one in node.value.elts if isinstance(one, ast.Constant) and isinstance(one.value, str)}


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def private_names_read(path: Path, source: str | None = None) -> set[str]:
    """Return the private names of other objects that a file reads, as attributes or by text."""
    tree = parse(path, source)
    read = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and not _is_self(node.value)}
    read |= {text for text in _arguments(tree) if _is_private(text)}
    return {name for name in read if _is_private(name)} - _own_names(tree) - PYTHONS - SUFFIXES


def attributes_named(path: Path, source: str | None = None) -> set[str]:
    """Return the private attributes and methods that a file's own classes have."""
    names = set()
    for node in ast.walk(parse(path, source)):
        if isinstance(node, ast.ClassDef):
            for one in node.body:
                if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    names.add(one.name)
                elif isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name):
                    names.add(one.target.id)
                elif isinstance(one, ast.Assign):
                    names |= {target.id for target in one.targets if isinstance(target, ast.Name)} | _slots(one)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and _is_self(node.value):
            names.add(node.attr)
    return {name for name in names if _is_private(name)}
