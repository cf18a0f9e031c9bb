"""An alert links to the server that it is about: the runbooks come from the exporter, without its token."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ..support.servers import ServerProcess, bokeh_serve
from ..support.web import get

pytestmark = [pytest.mark.front_door, pytest.mark.once]

RUNBOOKS = Path(__file__).parents[2] / "docs" / "runbooks"
Serve = Callable[[ServerProcess], ServerProcess]


def test_every_runbook_is_served_without_a_token_and_nothing_else_is(serve: Serve) -> None:
    server = serve(bokeh_serve("slider_bokeh.py", env={"BOKEH_EXPORTER_TOKEN": "secret"}))
    url = server.exporter_url
    assert get(f"{url}/metrics").status == 401
    for page in RUNBOOKS.glob("Bokeh*.md"):
        for name in (page.stem, page.name):
            answer = get(f"{url}/runbooks/{name}")
            assert (answer.status, answer.text) == (200, page.read_text(encoding="utf-8")), name
    assert "BokehSessionsRetained" in get(f"{url}/runbooks/").text
    for wrong in ("None", "../pyproject.toml", "..%2f..%2fpyproject.toml"):
        assert get(f"{url}/runbooks/{wrong}").status in (401, 404), wrong
