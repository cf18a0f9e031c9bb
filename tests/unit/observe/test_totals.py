"""Many sessions that change at once are read in parts: what a sample then says is exact."""

from __future__ import annotations

import pytest
from bokeh.document import Document
from bokeh.models import Slider
from bokeh.server.session import ServerSession

from bokeh_exporter.observe.apps import App
from bokeh_exporter.observe.sessions.totals import TURN, SessionRecord, SessionTotals
from bokeh_exporter.state import State

pytestmark = pytest.mark.once


def test_a_part_is_read_at_a_time_and_the_sums_are_exact_at_the_end() -> None:
    app, totals = App(State(), "/app"), SessionTotals()
    sessions = []
    for number in range(2 * TURN):
        document = Document()
        for _ in range(1 + (number == 0)):
            document.add_root(Slider())
        session = ServerSession(f"session-{number}", document)
        sessions.append(session)
        totals.add(SessionRecord(app, totals, session, 0.0, False))

    assert totals.read(TURN) == TURN
    assert len(totals.changed) == TURN
    assert totals.read(2 * TURN) == TURN

    one = len(list(sessions[1].document.models))
    assert totals.refresh().models > one * 2 * TURN
    assert totals.largest == len(list(sessions[0].document.models)) > one
    assert totals.unused_since is not None
