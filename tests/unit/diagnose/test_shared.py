"""What all sessions share and that grows with the visits: who, and when it is evidence of its own."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from .courses import Course, on_server

pytestmark = pytest.mark.once


def course(holders: Mapping[str, float], blocks: float = 0.0) -> Course:
    """A visit a minute that leaves so many entries in each place, and so many blocks."""
    return lambda step: {
        "created": step + 1.0, "destroyed": float(step), "blocks": 1e6 + blocks * step,
        "holders": {name: 10.0 + each * step for name, each in holders.items()},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("holder", "text"),
    [
        ("watchers of app.SETTINGS", "watchers on a shared object pile up: each of 47 visits left 2 watchers of app.S"),
        ("Button._stylesheets", "pages get larger with each visit: each of 47 visits left 2 entries of Button._styl"),
        (
            "matplotlib._pylab_helpers.Gcf.figs",
            "figures are never closed: each of 47 visits left 2 entries of matplotl",
        ),
    ],
)
def test_what_is_of_no_use_to_anybody_is_evidence_of_its_own(holder: str, text: str) -> None:
    found = on_server(course({holder: 2.0}), 51)
    assert (found.name, found.process_growth_of) == ("process_growth", "objects")
    assert found.evidence[0].text.startswith(text), found.evidence[0].text


def test_large_numbers_have_no_exponent() -> None:
    found = on_server(course({"Button._stylesheets": 2200.0}), 51)
    assert "each of 47 visits left 2,200 entries of Button._stylesheets behind" in found.evidence[0].text


def test_a_container_of_the_apps_is_named_where_the_process_grows_and_no_evidence_alone() -> None:
    assert on_server(course({"shared.cache": 1.0}), 51).name == "healthy", "it may be a cache that fills"
    found = on_server(course({"shared.cache": 1.0, "panel.state._views": 3.0}, blocks=2000.0), 51)
    texts = [one.text for one in found.evidence]
    assert "2000 blocks" in texts[0]
    assert texts[1:] == [
        "each of 47 visits left 3 entries of panel.state._views behind",
        "each of 47 visits left 1 entry of shared.cache behind",
    ]


def test_what_has_grown_and_stands_still_is_none() -> None:
    still: Course = lambda step: {  # noqa: E731
        **course({})(step), "holders": {"watchers of app.SETTINGS": float(min(step, 20))},
    }  # fmt: skip
    assert on_server(still, 56).name == "healthy"
