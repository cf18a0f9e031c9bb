"""Samples go on whatever the wall clock does: set back by two days, which is logged, or raising, which harms nobody."""

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


@pytest.mark.front_door
def test_samples_go_on_after_the_wall_clock_has_raised(serve: Serve) -> None:
    server = serve(python_script("clock_raising.py"))
    server.wait_log("^repaired$")
    server.get("/app")
    wait_until(lambda: server.scrape().value("bokeh_sessions", app="/app", state="unused") == 1, 10)
    ticked = server.scrape().value("bokeh_event_loop_last_tick_timestamp_seconds")
    wait_until(lambda: server.scrape().value("bokeh_event_loop_last_tick_timestamp_seconds") != ticked, 10)
