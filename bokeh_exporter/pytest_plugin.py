"""The pytest plugin: fixtures that fail a test when an app leaks, or when a move of a widget costs too much.

::

    def test_my_app_does_not_leak(assert_no_session_leak):
        assert_no_session_leak("app.py", interact=True)

    def test_the_rows_are_changed_in_place(assert_interaction):
        assert_interaction("app.py", "Rows", rebuilds=0, models=5, milliseconds=200, bytes=20_000)

The first soaks the app, which takes about a minute, the second inspects it once for all tests of a process. Found by
pytest through its entry point; imports nothing until it is used.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from .inspecting.budgets import Costs
    from .soak import Report

_COSTS = "bokeh_exporter_costs"


class AssertNoSessionLeak(Protocol):
    """The type of the fixture."""

    def __call__(
        self, app: str | Path, *, host: str | None = None, sessions: int = 20, interact: bool = False
    ) -> Report:
        """Soak an app and return the report.

        Args:
            app: a script, notebook or directory; a relative path counts from pytest's root.
            host: ``panel`` or ``bokeh``; by default ``panel`` if the app imports Panel.
            sessions: visits, at least; more follow while it is undecided whether the app leaks, for 240 s in all.
                The report's ``content["undecided"]`` is true if it still is then.
            interact: whether visitors move widgets and click buttons.

        Raises:
            AssertionError: the verdict is not ``healthy``.
            pytest.UsageError: there is no such app, or it cannot be soaked like that.
            SoakError: the app or its server failed.
        """


@pytest.fixture
def assert_no_session_leak(pytestconfig: pytest.Config) -> AssertNoSessionLeak:
    """Soak an app and fail unless its memory is healthy: ``(app, *, host=None, sessions=20, interact=False)``."""

    def check(app: str | Path, *, host: str | None = None, sessions: int = 20, interact: bool = False) -> Report:
        __tracebackhide__ = True
        from .soak import Plan, SoakError, UsageError, soak

        try:
            plan = Plan.of(_found(pytestconfig, app), host=host, sessions=sessions, interact=interact)
        except UsageError as error:
            raise pytest.UsageError(str(error)) from None
        try:
            report = soak(plan, _say(pytestconfig))
        except SoakError as error:
            raise error.with_traceback(None) from None  # where in soak says nothing of the app
        if not report.healthy:
            raise AssertionError(f"{app}: {report.text()}")
        return report

    return check


class AssertInteraction(Protocol):
    """The type of the fixture."""

    def __call__(
        self,
        app: str | Path,
        widget: str,
        *,
        rebuilds: int | None = None,
        models: int | None = None,
        milliseconds: float | None = None,
        bytes: int | None = None,
        host: str | None = None,
        query: str = "",
    ) -> dict[str, Any]:
        """Inspect an app and return what a move of a widget did; see docs/inspect.md for its keys.

        Args:
            app: a script, notebook or directory; a relative path counts from pytest's root.
            widget: its label or its variable.
            rebuilds: elements that the move may rebuild.
            models: models of Bokeh's that it may create, there or back.
            milliseconds: that it may take, there or back; one move on a machine that may be busy.
            bytes: that the server may send, there or back.
            host: ``panel`` or ``bokeh``; the former where the app imports Panel.
            query: of the page's URL.

        Raises:
            AssertionError: it costs more, its callback raised, or there is no such widget.
            pytest.UsageError: there is no such app, or it cannot be inspected like that.
            SoakError: the app or its server failed.
        """


class _Inspections:
    """The apps that were inspected in a process, and what their moves cost, other workers' too."""

    def __init__(self) -> None:
        self._contents: dict[tuple[str, str | None, str], dict[str, Any]] = {}
        self.costs: Costs = {}

    def content(self, config: pytest.Config, app: str | Path, host: str | None, query: str) -> dict[str, Any]:
        """Inspect an app, once."""
        from .inspecting import inspect, with_lifetime
        from .inspecting.budgets import costs
        from .soak import Plan, SoakError, UsageError

        key = (str(app), host, query)
        if key not in self._contents:
            try:
                plan = Plan.of(_found(config, app), host=host, query=query, server_args=with_lifetime(()))
            except UsageError as error:
                raise pytest.UsageError(str(error)) from None
            try:
                self._contents[key] = inspect(plan, _say(config)).content
            except SoakError as error:
                raise error.with_traceback(None) from None  # where in inspect says nothing of the app
            self.costs[f"{app}?{query}" if query else str(app)] = costs(self._contents[key])
        return self._contents[key]


_INSPECTIONS = pytest.StashKey[_Inspections]()


@pytest.fixture
def assert_interaction(pytestconfig: pytest.Config) -> AssertInteraction:
    """Hold a move to a budget: ``(app, widget, *, rebuilds, models, milliseconds, bytes, host=None, query="")``."""

    def check(
        app: str | Path, widget: str, *, host: str | None = None, query: str = "", **budget: float | None
    ) -> dict[str, Any]:
        __tracebackhide__ = True
        from .inspecting.budgets import exceeded, find

        wrong = sorted(budget.keys() - {"rebuilds", "models", "milliseconds", "bytes"})
        if wrong:
            raise TypeError(f"assert_interaction() has no budget {wrong[0]!r}: rebuilds, models, milliseconds, bytes")
        content = pytestconfig.stash[_INSPECTIONS].content(pytestconfig, app, host, query)
        try:
            move = find(content, widget)
        except LookupError as error:
            raise AssertionError(f"{app}: {error.args[0]}") from None
        over = exceeded(move, budget)
        if over:
            raise AssertionError("\n  ".join([f"{app}: a move of {widget!r} costs more than its budget", *over]))
        return move

    return check


# --- the report against a baseline ------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the report."""
    group = parser.getgroup("bokeh-exporter", "what moves of widgets cost (bokeh-exporter)")
    group.addoption("--bokeh-baseline", metavar="FILE", help="JSON with what each move cost before")
    group.addoption("--bokeh-report", metavar="FILE", help="write what each move costs against it, as Markdown")
    group.addoption("--bokeh-update-baseline", action="store_true", help="store what each move costs now in it")


def pytest_configure(config: pytest.Config) -> None:
    """Check the options before anything runs."""
    config.stash[_INSPECTIONS] = _Inspections()
    baseline = config.getoption("--bokeh-baseline")
    if config.getoption("--bokeh-update-baseline") and not baseline:
        raise pytest.UsageError("--bokeh-update-baseline needs --bokeh-baseline FILE")
    if baseline:
        from .inspecting.budgets import read

        try:
            read(config.rootpath / baseline)
        except (OSError, ValueError) as error:
            raise pytest.UsageError(f"--bokeh-baseline: {error}") from None


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Take what a worker of pytest-xdist has inspected."""
    found = getattr(node, "workeroutput", {}).get(_COSTS)
    if found is not None:
        node.config.stash[_INSPECTIONS].costs.update(json.loads(found))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the report and the baseline; in a worker of pytest-xdist hand over what they are made of."""
    config, costs = session.config, session.config.stash[_INSPECTIONS].costs
    if hasattr(config, "workeroutput"):
        config.workeroutput[_COSTS] = json.dumps(costs)
        return
    baseline, report = config.getoption("--bokeh-baseline"), config.getoption("--bokeh-report")
    if not (baseline or report):
        return
    from .inspecting.budgets import markdown, read, write

    before = read(config.rootpath / baseline) if baseline else {}
    if report:
        (config.rootpath / report).write_text(markdown(costs, before), encoding="utf-8")
    if config.getoption("--bokeh-update-baseline"):
        write(config.rootpath / baseline, costs)


# --- what the fixtures share --------------------------------------------------------------------------------


def _found(config: pytest.Config, app: str | Path) -> Path:
    """Return an app's path: from pytest's root, or else from where pytest was started."""
    path = config.rootpath / app
    return path if path.exists() else Path(app)


def _say(config: pytest.Config) -> Callable[[str, str], None]:
    """Return what hears of the progress: nobody, unless pytest is verbose and does not capture."""
    if config.get_verbosity() < 1 or config.getoption("capture", "no") != "no":
        return lambda step, detail: None
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    last = [""]

    def say(step: str, detail: str) -> None:
        if reporter is not None and step != last[0]:
            reporter.write_line(step)
        last[0] = step

    return say
