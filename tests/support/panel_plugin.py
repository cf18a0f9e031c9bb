"""A pytest plugin that installs the exporter into the process that runs somebody else's tests.

``python -m pytest -p panel_plugin --pyargs panel.tests.test_server`` with this folder on ``PYTHONPATH``. At the
end of each process in which a server ran, what a scrape says is written into the folder ``EXPOSITIONS``.
"""

from __future__ import annotations

import os
import urllib.request
from pathlib import Path

import pytest

import bokeh_exporter

EXPORTER = pytest.StashKey[bokeh_exporter.Exporter]()


def pytest_configure(config: pytest.Config) -> None:
    """As a user's conftest.py would."""
    config.stash[EXPORTER] = bokeh_exporter.install(port=0)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Scrape, after hundreds of servers and loops have come and gone."""
    url = session.config.stash[EXPORTER].url
    if url is None:
        return  # the process that hands out the tests
    request = urllib.request.Request(f"{url}/metrics", headers={"Accept": "application/openmetrics-text"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=30) as answer:
        Path(os.environ["EXPOSITIONS"], f"{os.getpid()}.txt").write_bytes(answer.read())


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave the process as it was."""
    bokeh_exporter.uninstall()
