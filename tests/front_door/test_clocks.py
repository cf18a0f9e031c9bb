"""A server whose wall clock is set back by two days goes on with its samples, and says so."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ..support.servers import ServerProcess, python_script
from ..support.waiting import wait_until

Serve = Callable[[ServerProcess], ServerProcess]


@pytest.mark.front_door
def test_samples_go_on_when_the_wall_clock_is_set_back(serve: Serve) -> None:
    server = serve(python_script("clock_set_back.py"))
    server.wait_log("set back by 172800 s")
    server.get("/app")
    page = "bokeh_sessions"
    wait_until(lambda: server.scrape().value(page, app="/app", state="unused") == 1, 10)
