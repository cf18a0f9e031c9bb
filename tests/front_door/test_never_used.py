"""What a build makes and nobody uses is named, of whatever class; what somebody listens to is not."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ..conftest import Serve
from ..support import panel_serve
from ..support.versions import BOKEH_VERSION
from ..support.waiting import wait_until
from .test_elements import ELEMENT, Ledger, line_of
from .test_sessions import LONG_MS

pytestmark = pytest.mark.front_door

#: Classes of which one at least must be made here: they watch themselves, and so were taken for used.
WATCH_THEMSELVES = {
    "Tabulator", "Tabs", "Accordion", "Card", "Vega", "DiscreteSlider", "Feed", "ChatFeed", "ChatInterface",
    "ChatMessage", "FileSelector", "NestedSelect",
}  # fmt: skip


def test_one_of_every_class_that_nobody_uses_is_named(serve: Serve, tmp_path: Path) -> None:
    counts = tmp_path / "counts.json"
    env = {**ELEMENT, "COUNTS": str(counts)}
    ledger = Ledger(serve(panel_serve("every_class.py", env=env, lifetime_ms=LONG_MS)), counts)
    tab = ledger.server.open_tab("/every_class")
    told = json.loads(counts.read_text())

    def build() -> list[dict[str, Any]] | None:
        found = [one for one in ledger.status()["interactions"] if one["kind"] == "build" and one["finished"]]
        return found[0]["never_used"] if found else None

    named = wait_until(build, 20, "the build is over")
    for library in ("panel", "bokeh"):
        made = Counter(told["made"][library])
        unused = Counter(one["element"] for one in named if one["library"] == library)
        assert made - unused == Counter(), f"of {sum(made.values())} of {library} these are taken for used"
        if library == "panel":
            assert made.keys() >= WATCH_THEMSELVES, told["failed"]
    named_lines = {one["line"] for one in named if one["file"] == "every_class.py"}
    assert line_of("every_class.py", "listened = ") not in named_lines, "somebody listens to these"
    assert line_of("every_class.py", "body, go = ") not in named_lines

    if BOKEH_VERSION >= (3, 10):
        return tab.close()  # there something keeps this click open for a minute, and results are told at its end
    with tab:
        tab.click("go")
        ledger.server.wait_log(r"; 3 of 5 results are not in the page: 3 Str \(every_class\.py:\d+\)")
    row = ledger.settled(label="go")
    assert row["results"] == 5
    assert [one["element"] for one in row["not_in_page"]] == ["Str"] * 3
    return None
