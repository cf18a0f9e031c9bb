"""What starts no server runs on Bokeh's next release too."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..support.versions import BOKEH_VERSION

#: It is about generic classes of param and the names that pandas prints, neither of which is there with Bokeh 4.
collect_ignore = ["diagnose/test_census.py"] if BOKEH_VERSION >= (4,) else []
#: It speaks the wire protocol of Bokeh 3 to a server.
NOT_ON_BOKEH_4 = {"test_a_tab_is_a_browser"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder: pytest hands this function those of every folder."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent) and item.name not in NOT_ON_BOKEH_4:
            item.add_marker(pytest.mark.bokeh4)
