"""Entries of what all sessions share, counted on a real server."""

from __future__ import annotations

import pytest

from ..conftest import Serve
from ..support.servers import ROOT, panel_serve
from ..support.waiting import wait_until

pytestmark = pytest.mark.front_door

LEAKS = ROOT / "tests" / "leaks"


def test_style_sheets_and_watchers_that_each_visit_leaves_behind(serve: Serve) -> None:
    server = serve(panel_serve(LEAKS / "102_shared_watchers_and_sheets.py", env={"PYTHONPATH": str(LEAKS)}))
    page = "/102_shared_watchers_and_sheets"

    def entries() -> dict[str, float]:
        return server.scrape().by("bokeh_shared_entries", "holder")

    watchers = "watchers of acme.settings.GLOBAL"
    server.get(page)
    # A look of the watcher may come before the first visit, or in its midst: then that has made these grow.
    others = {name for name in entries() if name != watchers and not name.endswith("._stylesheets")}
    assert not others, "what has not grown since it was first seen is not reported"
    for _ in range(3):
        server.get(page)
    found = wait_until(lambda: each if (each := entries()).get(watchers) == 8 else None, 20, "eight watchers")
    (sheets,) = [name for name in found if name.endswith("._stylesheets")]
    assert found[sheets] >= 4
    assert not any("bokeh_app_" in name for name in found), "a session's own is not shared"
