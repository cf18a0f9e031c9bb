"""Leaks of the host's own that are known, by version: what to upgrade to, and where it is written.

Data, one row each. Read before they were written down: panel#8605 and #8607, panel#8580 with holoviews#6875,
holoviews#6934 with #6941, holoviews#6990, param#963, #1156 and #1174 (the last fixes what #1156 broke, and both
came with 2.4.2, so no release has it and it has no row); that CPython 3.14.5 restored the former collector is
in its "What's new" and in cpython#148726. Not read, as they could not be reached: panel#8621, cpython#149398.
"""

from __future__ import annotations

import functools
import re
import sys
from dataclasses import dataclass
from importlib import metadata

Version = tuple[int, ...]
_PYTHON = "CPython"


@dataclass(frozen=True)
class KnownLeak:
    """A leak of a library's.

    Attributes:
        package: as the package index calls it, or ``CPython``.
        since: the first version that has it.
        fixed: the first version that has not; None if there is none yet.
        source: the issue or pull request.
        what: what leaks, in some words.
        pattern: what its path looks like, None if no path shows it.
        alarms: whether having such a version is worth a line at start; one without a fix, that few meet, is not.
    """

    package: str
    since: Version
    fixed: Version | None
    source: str
    what: str
    pattern: str | None = None
    alarms: bool = True

    def concerns(self, version: Version) -> bool:
        """Whether a version has it."""
        return self.since <= version and (self.fixed is None or version < self.fixed)

    def text(self, version: str) -> str:
        """Say it of a version in use."""
        name = _NAMES.get(self.package, self.package)
        fixed = f"fixed in {'.'.join(map(str, self.fixed))}" if self.fixed is not None else "not fixed yet"
        return f"{name} {version}: known, {fixed} ({self.source})"


_NAMES = {"panel": "Panel", "holoviews": "HoloViews", "param": "Param"}

KNOWN: tuple[KnownLeak, ...] = (
    KnownLeak("panel", (1, 4), (1, 9, 2), "holoviz/panel#8605", "views of destroyed sessions stay in state._views",
              r"panel\.state\._views|state\._views"),
    KnownLeak("holoviews", (1, 0), (1, 23), "holoviz/holoviews#6875",
              "methods that subscribe to a stream keep their session", r"[Ss]tream.*_subscribers"),
    KnownLeak("holoviews", (1, 0), (1, 23, 1), "holoviz/holoviews#6934",
              "partials of methods that subscribe to a stream keep their session", r"_subscribers.*partial of"),
    KnownLeak("holoviews", (1, 0), (1, 23, 2), "holoviz/holoviews#6990",
              "streams stay in the registry of streams", r"holoviews\.streams.*registry"),
    KnownLeak("param", (2, 0), (2, 4, 2), "holoviz/param#1156", "nodes of reactive pipelines stay with their source",
              r"rx\._invalidate"),
    KnownLeak("param", (2, 0), None, "holoviz/param#963", "references to a parameter of a longer-lived object stay",
              r"_sync_refs|ref_watchers", alarms=False),
    KnownLeak("CPython", (3, 14), (3, 14, 5), "python/cpython#148726",
              "its incremental garbage collector frees cycles late, so that memory grows"),
)  # fmt: skip


def parsed(version: str) -> Version:
    """Return the numbers of a version."""
    return tuple(int(part) for part in re.findall(r"\d+", version.split("+")[0])[:3])


@functools.cache
def _version(package: str) -> str | None:
    if package == _PYTHON:
        return ".".join(map(str, sys.version_info[:3])) if sys.implementation.name == "cpython" else None
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def versions() -> dict[str, str]:
    """Return the versions in use of what known leaks are listed of."""
    packages = {leak.package for leak in KNOWN}
    return {package: version for package in packages if (version := _version(package)) is not None}


def known() -> list[str]:
    """Say which leaks are known of the versions that are loaded, and what to upgrade to; a line each."""
    loaded = {leak.package for leak in KNOWN if leak.package == _PYTHON or leak.package in sys.modules}
    return of_versions({package: version for package in loaded if (version := _version(package)) is not None})


def of_path(path: str, versions: dict[str, str]) -> KnownLeak | None:
    """Return the known leak that a path shows, of a version in use."""
    for leak in reversed(KNOWN):  # of two that fit, the one that was fixed later
        version = versions.get(leak.package)
        if leak.pattern and version and leak.concerns(parsed(version)) and re.search(leak.pattern, path):
            return leak
    return None


def of_versions(versions: dict[str, str]) -> list[str]:
    """Say of which versions in use leaks are known, and what to upgrade to; a line each."""
    lines = []
    for leak in KNOWN:
        version = versions.get(leak.package)
        if version and leak.alarms and leak.concerns(parsed(version)):
            lines.append(f"{leak.text(version)}: {leak.what}; upgrade {leak.package}")
    return lines
