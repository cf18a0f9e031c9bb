"""Which versions of Python, Bokeh and Panel are tested together: the one place that says so.

``.ci/lines.py`` makes an environment for each, the start line and ``doctor`` say when what runs is outside of them, and
a test holds the documents to them. Other versions are not refused: a hook that does not fit is left out by itself,
so a cap on a dependency would keep users from what mostly works.
"""

from __future__ import annotations

import re
import sys
from importlib import metadata
from typing import NamedTuple


class Line(NamedTuple):
    """Versions that are tested together; of Bokeh and Panel the minor release, or a pre-release as a whole."""

    python: str
    bokeh: str
    #: None where no Panel can be installed beside that Bokeh.
    panel: str | None


#: The oldest pair, the newest pair that each Python takes, and what comes next.
LINES = (
    Line("3.10", "3.4", "1.4"),
    Line("3.11", "3.9", "1.9"),
    Line("3.12", "3.10", "1.10"),
    Line("3.12", "4.0.0.dev8", None),
)

#: Newer Pythons, on which the front door is tested beside: `make test-pythons`, which makes what is not there.
PYTHONS = (Line("3.13", "3.10", "1.10"), Line("3.14", "3.10", "1.10"), Line("3.15", "3.10", "1.10"))


def pin(package: str, version: str) -> str:
    """Return what pip installs for a version of a line: the newest patch of a minor release, or exactly that one."""
    return f"{package}=={version}" if version.count(".") > 1 else f"{package}=={version}.*"


def note(bokeh: str, panel: str = "") -> str | None:
    """Say that a Bokeh or Panel is outside of what is tested, None if it is not.

    Args:
        bokeh: the version that runs.
        panel: the same, empty without Panel.
    """
    found = []
    for name, version, tested in (
        ("Bokeh", bokeh, [line.bokeh for line in LINES]),
        ("Panel", panel, [line.panel for line in LINES if line.panel is not None]),
    ):
        if version and not _is_within(version, tested):
            found.append(f"{name} {version} is outside the tested versions, {_range(tested)}")
    return "; ".join(found) or None


def note_on_running() -> str | None:
    """Say the same of what this process has loaded."""
    return note(_version("bokeh"), _version("panel") if "panel" in sys.modules else "")


def _is_within(version: str, tested: list[str]) -> bool:
    number = _minor(version)
    if version in tested or number is None:  # a version that says nothing, such as that of a working copy
        return True
    minors = [minor for one in tested if one.count(".") == 1 and (minor := _minor(one)) is not None]
    return min(minors) <= number <= max(minors)


def _minor(version: str) -> tuple[int, int] | None:
    found = re.match(r"(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2])) if found else None


def _range(tested: list[str]) -> str:
    minors = sorted((one for one in tested if one.count(".") == 1), key=lambda one: _minor(one) or (0, 0))
    return " and ".join([f"{minors[0]} to {minors[-1]}", *(one for one in tested if one.count(".") > 1)])


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
