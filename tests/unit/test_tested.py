"""What is outside of the tested versions is said, and nothing else."""

from __future__ import annotations

import pytest

from bokeh_exporter import tested


@pytest.mark.parametrize("line", tested.LINES)
def test_nothing_is_said_of_a_tested_line(line: tested.Line) -> None:
    patch = "" if line.bokeh.count(".") > 1 else ".7"
    assert tested.note(f"{line.bokeh}{patch}", f"{line.panel}.2" if line.panel else "") is None


@pytest.mark.parametrize(
    ("bokeh", "panel", "said"),
    [
        ("3.3.4", "", "Bokeh 3.3.4 is outside the tested versions, 3.4 to 3.10 and 4.0.0.dev8"),
        ("4.0.0.dev9", "", "Bokeh 4.0.0.dev9 is outside the tested versions, 3.4 to 3.10 and 4.0.0.dev8"),
        ("3.7.0", "2.0.0", "Panel 2.0.0 is outside the tested versions, 1.4 to 1.10"),
    ],
)
def test_what_is_outside_is_named_with_the_range(bokeh: str, panel: str, said: str) -> None:
    assert tested.note(bokeh, panel) == said


def test_a_version_between_two_lines_counts_as_tested() -> None:
    assert tested.note("3.6.1", "1.5.0") is None


def test_pip_gets_the_newest_patch_or_the_very_pre_release() -> None:
    assert tested.pin("bokeh", "3.9") == "bokeh==3.9.*"
    assert tested.pin("bokeh", "4.0.0.dev8") == "bokeh==4.0.0.dev8"
