"""``lazy import`` of Python 3.15: the module is executed at its first use, and that is when the hook hears of it."""

from __future__ import annotations

import sys

import pytest

from bokeh_exporter.observe.hosts.imports import Finder


@pytest.mark.skipif(sys.version_info < (3, 15), reason="the statement is of Python 3.15")
def test_a_lazy_import_is_heard_of_at_its_first_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    heard: list[str] = []
    finder = Finder(lambda: heard.append("colorsys"), frozenset({"colorsys"}))
    finder.start()
    try:
        namespace: dict[str, object] = {"__name__": "lazily"}
        exec("lazy import colorsys", namespace)
        assert heard == []
        exec("colorsys.rgb_to_hsv(0, 0, 0)", namespace)
        assert heard == ["colorsys"]
    finally:
        finder.stop()
