"""The pytest plugin: a fixture that fails a test when an app leaks.

::

    def test_my_app_does_not_leak(assert_no_session_leak):
        assert_no_session_leak("app.py", interact=True)

It soaks the app, which takes about a minute. Unless the verdict is ``healthy`` it shows the verdict with evidence,
advice and holders. pytest finds it through its entry point; it imports nothing until it is used.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from .soak import Report


class AssertNoSessionLeak(Protocol):
    """The type of the fixture."""

    def __call__(
        self, app: str | Path, *, host: str | None = None, sessions: int = 20, interact: bool = False
    ) -> Report:
        """Soak an app and return the report.

        Args:
            app: a script, notebook or directory; a relative path counts from pytest's root.
            host: ``panel`` or ``bokeh``; by default ``panel`` if the app imports Panel.
            sessions: visits; at least ten are needed to judge growth.
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
