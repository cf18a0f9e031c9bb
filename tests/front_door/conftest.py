"""What of the front door runs on Bokeh's next release too: plain Bokeh on the tornado host."""

from __future__ import annotations

from pathlib import Path

import pytest

FILES = {"test_interactions.py", "test_odd_objects.py", "test_sessions.py", "test_sockets_that_lie.py"}
#: Other hosts, which cannot be installed beside Bokeh 4, by a word in the name of a test.
OTHERS = ("panel", "asgi", "holoviews")
#: Name -> why it is not the same on Bokeh 4.
NOT_ON_BOKEH_4 = {
    "test_a_session_whose_lock_is_never_released": "its app waits in a way of Bokeh 3 that does not hold the lock on 4"
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them: pytest hands this function the tests of every folder."""
    for item in items:
        here = item.path.parent == Path(__file__).parent and item.path.name in FILES
        if here and not any(word in item.name for word in OTHERS) and item.name not in NOT_ON_BOKEH_4:
            item.add_marker(pytest.mark.bokeh4)
