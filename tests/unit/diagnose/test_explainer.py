"""Searches for who holds what is retained, and what becomes of one that comes while another runs."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator

import pytest

from bokeh_exporter.diagnose.heap.explainer import Explainer
from bokeh_exporter.diagnose.heap.holders import Target


class Session:
    pass


HELD = [Session()]


@pytest.fixture
def errors() -> list[BaseException]:
    return []


def explainer_of(targets: list[Target], errors: list[BaseException], wait: threading.Event) -> Explainer:
    def listed(live: bool) -> Iterator[Target]:
        assert wait.wait(30)
        yield from targets

    return Explainer(
        targets=listed, hosts=list, collect=lambda: None, room=lambda: None, on_error=errors.append, clock=lambda: 0.0
    )  # fmt: skip


def test_one_that_nobody_asked_for_hears_that_another_runs(errors: list[BaseException]) -> None:
    release, busy, done = threading.Event(), threading.Event(), threading.Event()
    explainer = explainer_of([], errors, release)
    asked = threading.Thread(target=explainer.run)
    asked.start()
    explainer.start(lambda: explainer.report({"/app"}), busy.set)
    assert busy.wait(30), "its turn is given back"
    release.set()
    asked.join(30)
    busy.clear()

    def report() -> None:
        explainer.report({"/app"})
        done.set()

    explainer.start(report, busy.set)
    assert done.wait(30)
    assert not busy.is_set()
    assert errors == []


def test_a_search_that_somebody_asked_for_names_the_holder_of_each_app(errors: list[BaseException]) -> None:
    release = threading.Event()
    release.set()
    targets = [Target("/app", "session", weakref.ref(HELD[0]), 0.0, "Session", "")]
    explainer = explainer_of(targets, errors, release)
    found: dict[str, str] = {}
    explainer.on_found = found.__setitem__
    explainer.study({"live": ["1"]})
    assert found == {}, "a live session is held by nobody who should not"
    explainer.study({})
    assert list(found) == ["/app"]
    assert "HELD" in found["/app"]
