"""The package's own order: imports go one way, one folder knows the hosts, files stay short.

Each rule is one test that lists its offenders; layout.py has the rules, sources.py reads the files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from . import layout, sources
from .sources import FILES, PACKAGE, layer_of, layers_imported, loads, module_of, name_of

pytestmark = pytest.mark.once


@pytest.fixture(scope="module", autouse=True)
def forgotten() -> Iterator[None]:
    """Drop the trees: a million objects would slow every collection of later tests, and be in their counts."""
    yield
    sources.parse.cache_clear()


@pytest.mark.parametrize("rule", layout.RULES)
def test_nobody_breaks_the_rule(rule: str) -> None:
    new = layout.offenders(rule) - set(layout.allowed())
    assert sorted(new) == [], "move it to where the rule wants it; layout_allowed.txt takes no new line"


@pytest.mark.parametrize("rule", layout.RULES)
def test_no_offender_is_allowed_that_is_gone(rule: str) -> None:
    listed = {line for line in layout.allowed() if line.startswith(f"{rule} ")}
    assert sorted(listed - layout.offenders(rule)) == [], "run `python -m tests.repository.layout`"


def test_the_list_of_the_allowed_names_rules_and_no_line_twice() -> None:
    lines = layout.allowed()
    assert {line.split()[0] for line in lines} <= set(layout.RULES)
    assert [line for line, times in Counter(lines).items() if times > 1] == []


def test_what_the_rules_name_exists() -> None:
    there = {layer_of(module_of(path)) for path in FILES}
    assert set(layout.MAY_IMPORT) <= there
    assert there >= layout.COMPOSITION
    assert [name for name in layout.OTHERS_PRIVATE if not (PACKAGE / name).exists()] == []
    assert [name for name in layout.OTHERS_PRIVATE if not sources.private_names_read(PACKAGE / name)] == []


def test_files_are_short() -> None:
    lengths = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert {name for name, length in lengths.items() if length > layout.LINES} == set(layout.LONGER)


def test_folders_are_small() -> None:
    folders = Counter(path.parent.relative_to(PACKAGE).as_posix() for path in FILES)
    most = {folder: layout.IN_OBSERVE if folder == "observe" else layout.IN_A_FOLDER for folder in folders}
    assert {folder: number for folder, number in folders.items() if number > most[folder]} == {}


def test_the_reader_of_imports_sees_every_form() -> None:
    cases: list[tuple[str, str, set[str]]] = [
        ("observe/memory.py", "from ..expose.http import Endpoint", {"expose"}),
        ("observe/memory.py", "from .. import config as options\nfrom ..state import Level", {"config", "state"}),
        ("observe/memory.py", "from .frame import Observer", set()),
        ("observe/memory.py", "def f():\n    import bokeh_exporter.expose.pages", {"expose"}),
        ("state/levels.py", "from ..catalogue import Metric", {"catalogue"}),
        ("state/__init__.py", "from ..observe import apps", {"observe"}),
        ("exporter.py", "from .observe.table import OBSERVERS", {"observe"}),
        ("lifecycle.py", "from . import cli", {"cli"}),
    ]
    assert [case for case in cases if layers_imported(PACKAGE / case[0], case[1]) != case[2]] == []
    assert loads(PACKAGE / "exporter.py", "bokeh_exporter.cli", "def f():\n    from . import cli")
    assert loads(PACKAGE / "exporter.py", "opentelemetry", "from opentelemetry.metrics import Meter")
    assert not loads(PACKAGE / "exporter.py", "click", "import clickhouse")


def test_the_reader_of_hosts_sees_every_form() -> None:
    path = PACKAGE / "exporter.py"
    modules: list[tuple[str, set[str]]] = [
        ("if TYPE_CHECKING:\n    from bokeh.server.session import ServerSession", {"bokeh.server.session"}),
        ("def f():\n    import panel as pn", {"panel"}),
        ("sys.modules.get('bokeh.server.asgi')", {"'bokeh.server.asgi'"}),
        ("sys.modules['panel.io.state']", {"'panel.io.state'"}),
        ("span('bokeh.session.duration', 'bokeh.sessions')", set()),
        ("from .observe.hosts.bokeh import Bokeh", set()),
    ]
    assert [case for case in modules if sources.hosts_imported(path, case[0]) != case[1]] == []
    names: list[tuple[str, set[str]]] = [
        ("len(context._sessions)", {"_sessions"}),
        ("getattr(session, '_pending_sessions', None)", {"_pending_sessions"}),
        ("NAMES = ('_document', 'roots')", {"_document"}),
        ("vars(model)['_temp_document']", {"_temp_document"}),
        ("class A:\n    def f(self): self._own = 1; other._own", set()),
        ("class A:\n    __slots__ = ('_own',)\nother._own", set()),
        ("sys._getframe(1); name.removesuffix('_total')", set()),
    ]
    assert [case for case in names if sources.private_names_read(path, case[0]) != case[1]] == []
    assert sources.attributes_named(path, "class A:\n    _a: int\n    def _b(self): self._c = 1") == {"_a", "_b", "_c"}
