"""A short part of the attacks, always the same."""

from __future__ import annotations

import time

import pytest

from ..conftest import Serve
from ..support import bokeh_serve
from .attacks import ATTACKS, rounds

#: Rounds of each attack; a few seconds.
ROUNDS = {"http": 20, "names": 60, "objects": 300, "cycles": 8, "secrets": 4}
#: Seconds after which a slow machine tries no more.
_LONGEST = 3.0


@pytest.mark.front_door
def test_a_short_attack_breaks_nothing(serve: Serve) -> None:
    server = serve(bokeh_serve("slider_bokeh.py", env={"BOKEH_EXPORTER_DEBUG": "1"}))
    assert ROUNDS.keys() == ATTACKS.keys()
    faults = [
        fault for kind, count in ROUNDS.items()
        for fault in rounds(kind, 1, count, time.monotonic() + _LONGEST, server.exporter_url, [0])
    ]  # fmt: skip
    assert not faults
    assert server.get("/slider_bokeh").status == 200
    assert "Traceback" not in server.log()
