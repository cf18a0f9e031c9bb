"""The rows of ``observe/hosts/`` against the installed versions: each function is there, each attribute is in use.

It runs on every line of versions, so a row that a new Bokeh, Panel or tornado has left behind fails here by name.
"""

from __future__ import annotations

import importlib
import inspect
import re
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import pytest

from bokeh_exporter.observe.hosts import Hosts, Subscriptions
from bokeh_exporter.observe.hosts.seams import Attribute, Seam, version_of
from bokeh_exporter.observe.table import HOSTS
from bokeh_exporter.state import State

#: Panel 1.4 has param warn of an old name while it is imported.
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")

#: Importing it asks Django for settings that only a site has.
NEEDS_A_SITE = "bokeh_django"


def seams() -> list[Seam]:
    return [seam for file in HOSTS for seam in (*file.SEAMS, *getattr(file, "FURTHER", ()))]


def attributes() -> list[Attribute]:
    return [each for file in HOSTS for each in file.ATTRIBUTES]


def module_of(row: Seam | Attribute) -> ModuleType | None:
    """Import the module of a row; None where this line of versions has not got its package."""
    name = row.target.partition(":")[0]
    if find_spec(name.partition(".")[0]) is None or name.startswith(NEEDS_A_SITE):
        return None
    return importlib.import_module(name)


def owner_of(row: Seam | Attribute, module: ModuleType) -> Any:
    owner: Any = module
    for part in row.target.partition(":")[2].split(".")[:-1]:
        owner = getattr(owner, part, None)
    return owner


def test_every_function_is_there_and_has_its_parameters() -> None:
    wrong = []
    for seam in seams():
        if not seam.applies() or (module := module_of(seam)) is None:
            continue
        owner = owner_of(seam, module)
        if owner is None and seam in [each for file in HOSTS for each in getattr(file, "FURTHER", ())]:
            continue  # of an instance that is made at run time
        function = getattr(owner, seam.name, None)
        if not callable(function):
            if seam.name != "_func":  # of an instance
                wrong.append(f"{seam.target} is not there")
        elif list(inspect.signature(function).parameters)[: len(seam.parameters)] != list(seam.parameters):
            wrong.append(f"{seam.target} has other parameters: {inspect.signature(function)}")
    assert wrong == []


def test_what_a_version_has_not_is_said_by_no_row() -> None:
    """A row that does not apply is not there: else its bounds are wrong, and a hook is left out for nothing."""
    there = []
    for seam in seams():
        if seam.applies() or find_spec(seam.target.partition(".")[0]) is None:
            continue
        try:
            owner = owner_of(seam, importlib.import_module(seam.target.partition(":")[0]))
        except ImportError:
            continue
        function = getattr(owner, seam.name, None)
        if callable(function) and list(inspect.signature(function).parameters)[: len(seam.parameters)] == list(
            seam.parameters
        ):
            there.append(seam.target)
    # Both lines have these; which of the two is the seam is decided by the version.
    both = {
        "bokeh.server.contexts:ApplicationContext.create_session_if_needed",
        "bokeh.server.views.ws:WSHandler.send_message",
        "bokeh.server.views.session_handler:SessionHandler.get_session",
        "bokeh.protocol.message:Message.send",
        "bokeh.server.connection:ServerConnection.send_patch_document",
        "bokeh.server.session:_serialize_patches",
        "panel.io.document:schedule_write_events",
    }
    assert set(there) <= both


def test_every_attribute_is_in_use_where_it_is_looked_for() -> None:
    missing = []
    for row in attributes():
        if not row.applies() or (module := module_of(row)) is None:
            continue
        owner, name = owner_of(row, module), row.target.rpartition(".")[2].rpartition(":")[2]
        if owner is None:
            missing.append(f"{row.target}: no such class")
            continue
        homes = [inspect.getmodule(each) for each in inspect.getmro(owner)] if isinstance(owner, type) else [module]
        texts = [inspect.getsource(home) for home in homes if home is not None and getattr(home, "__file__", None)]
        if not hasattr(owner, name) and not any(re.search(rf"\b{name}\b", text) for text in texts):
            missing.append(row.target)
    assert missing == []


def test_rows_say_what_is_lost_and_labels_are_unique_for_a_version() -> None:
    rows: list[Seam | Attribute] = [*seams(), *attributes()]
    assert [row.target for row in rows if not row.lost] == []
    targets = [(seam.target, seam.label) for seam in seams() if seam.applies()]
    assert len(targets) == len(set(targets))


@pytest.mark.parametrize("version", ["has", "has not"])
def test_a_row_of_another_version_is_no_missing_hook(version: str) -> None:
    hosts = Hosts(State(), ())
    Subscriptions(hosts, "test", 0).before("event", print)
    seam = Seam("bokeh.document:Document.no_such_function", "event", (), "nothing", since="99.0")
    if version == "has":
        seam = Seam("bokeh.document:Document.no_such_function", "event", (), "nothing")
    hosts._files = (type("File", (), {"SEAMS": (seam,), "__name__": "file"}),)  # type: ignore[assignment]
    hosts.start()
    assert hosts.patches.enabled == ({"Document.no_such_function": False} if version == "has" else {})


def test_the_version_of_a_package_is_read_once_however_many_apps_are_registered() -> None:
    assert [seam.applies() for seam in seams()] == [seam.applies() for seam in seams()]
    version_of.cache_clear()
    for _ in range(10):
        for seam in seams():
            seam.applies()
    reads = version_of.cache_info()
    assert reads.misses <= 12 < reads.hits
