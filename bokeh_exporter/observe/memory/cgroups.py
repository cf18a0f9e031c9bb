"""Memory of the container: usage, limit, reclaimable cache, events and stalls of the process's cgroup.

Read from ``/sys/fs/cgroup`` when somebody scrapes: cgroup v2, or v1 where the memory controller is
still there (hybrid hosts too). ``/proc/self/cgroup`` is read again each time, for a process can be
moved. Its path is the host's, so in a container without a cgroup namespace it does not exist below
the mount, and the mount itself is the container's cgroup. Rejected: ``mountinfo``, which says the same
at ten times the length, and the pressure of a v1 host's v2 tree, where containers often sit in the root.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar, NamedTuple

from ...state import Level
from ..frame import Frame, Observer

PROC, ROOT = Path("/proc"), Path("/sys/fs/cgroup")

#: v1 prints the largest multiple of the page size below 2**63 for "no limit", and pages differ in size.
NO_LIMIT = 2**60

EVENTS = ("high", "max", "oom", "oom_kill")
PRESSURES = ("some", "full")


class Files(NamedTuple):
    """What the two versions call the same things."""

    usage: str
    limit: str
    inactive_file: str


V1 = Files("memory.usage_in_bytes", "memory.limit_in_bytes", "total_inactive_file")
V2 = Files("memory.current", "memory.max", "inactive_file")


class Cgroup(NamedTuple):
    """The cgroup that the process's memory is charged to, then its ancestors up to the mount."""

    files: Files
    places: tuple[Path, ...]


class Cgroups(Observer):
    """Memory of the container."""

    name: ClassVar[str] = "cgroups"

    def __init__(self, frame: Frame, proc: Path = PROC, root: Path = ROOT) -> None:
        super().__init__(frame)
        self._proc, self._root = proc, root

    def collect(self) -> Iterable[Level]:
        """Read the cgroup, in the thread that answers the scrape."""
        cgroup = locate(self._proc, self._root)
        return () if cgroup is None else levels(cgroup)

    def share(self) -> float | None:
        """Return the memory in use as a share of the limit, without reclaimable page cache.

        Where the container has no limit, resident memory as a share of the machine's. None if neither is known.
        """
        numbers = {level.name: level.value for level in self.collect() if not level.labels}
        limit = numbers.get("bokeh_cgroup_memory_limit_bytes")
        if limit:
            used = numbers["bokeh_cgroup_memory_usage_bytes"]
            return (used - numbers.get("bokeh_cgroup_memory_inactive_file_bytes", 0.0)) / limit
        try:
            import psutil  # here and not above: it takes 20 ms to import, and most have a limit

            return float(psutil.Process().memory_info().rss / psutil.virtual_memory().total)
        except Exception:  # psutil's own errors, the platform's, no psutil
            return None

    def room(self) -> float | None:
        """Return the bytes that the container, or else the machine, has left. None if neither is known."""
        numbers = {level.name: level.value for level in self.collect() if not level.labels}
        limit = numbers.get("bokeh_cgroup_memory_limit_bytes")
        used = numbers.get("bokeh_cgroup_memory_usage_bytes", 0.0)
        left = [] if not limit else [limit - used + numbers.get("bokeh_cgroup_memory_inactive_file_bytes", 0.0)]
        try:
            import psutil

            left.append(float(psutil.virtual_memory().available))
        except Exception:  # as above
            return min(left, default=None)
        return min(left)


def locate(proc: Path = PROC, root: Path = ROOT) -> Cgroup | None:
    """Find the cgroup of this process, None where there are no cgroups."""
    paths: dict[str, str] = {}
    for line in (read(proc / "self" / "cgroup") or "").split("\n"):
        match line.split(":", 2):
            case [_, controllers, path]:
                paths.update(dict.fromkeys(controllers.split(","), path))
    # A controller lives in one hierarchy only, so a v1 memory line means that v2 does not have it.
    if "memory" in paths:
        return Cgroup(V1, upwards(root / "memory", paths["memory"], V1.usage))
    if "" not in paths:
        return None
    # systemd's hybrid layout keeps v2 beside the v1 controllers.
    beside = is_there(root / "unified" / "cgroup.controllers") and not is_there(root / "cgroup.controllers")
    return Cgroup(V2, upwards(root / "unified" if beside else root, paths[""], V2.usage))


def upwards(mount: Path, path: str, usage: str) -> tuple[Path, ...]:
    """List the directories from the one that is charged up to the mount."""
    parts = [part for part in path.split("/") if part]
    if ".." in parts or not is_there(mount.joinpath(*parts)):
        parts = []  # the host's path, or one outside our namespace: what is mounted is what we have
    places = [mount.joinpath(*parts[:depth]) for depth in range(len(parts), -1, -1)]
    # Below a cgroup that does not hand the controller down, memory is charged to that cgroup.
    charged = next((index for index, place in enumerate(places) if is_there(place / usage)), 0)
    return tuple(places[charged:])


def levels(cgroup: Cgroup) -> Iterator[Level]:
    """Yield every available number."""
    files, (own, *_) = cgroup.files, cgroup.places
    usage = number(read(own / files.usage))
    if usage is not None:
        yield Level("bokeh_cgroup_memory_usage_bytes", usage)
    stat = table(own / "memory.stat")
    limits = [number(read(place / files.limit)) for place in cgroup.places]
    # Only v1 reports the lowest limit of ancestors that a container cannot see, such as its pod.
    limits.append(stat.get("hierarchical_memory_limit"))
    real = [limit for limit in limits if limit is not None and limit < NO_LIMIT]
    if real:
        yield Level("bokeh_cgroup_memory_limit_bytes", min(real))
    if files.inactive_file in stat:
        yield Level("bokeh_cgroup_memory_inactive_file_bytes", stat[files.inactive_file])
    events = events_v1(own) if files is V1 else table(own / "memory.events")
    for event in EVENTS:
        if event in events:
            yield Level("bokeh_cgroup_memory_events_total", events[event], (event,))
    for line in (read(own / "memory.pressure") or "").split("\n"):
        pressure, *fields = line.split() or [""]
        total = next((number(field[6:]) for field in fields if field.startswith("total=")), None)
        if pressure in PRESSURES and total is not None:
            yield Level("bokeh_cgroup_memory_stall_seconds_total", total / 1e6, (pressure,))  # microseconds


def events_v1(own: Path) -> dict[str, int]:
    """Return those of v2's events that v1 counts: the limit was hit, a process was killed (Linux 4.13)."""
    killed = table(own / "memory.oom_control").get("oom_kill")
    events = {"max": number(read(own / "memory.failcnt")), "oom_kill": killed}
    return {event: count for event, count in events.items() if count is not None}


def read(path: Path) -> str | None:
    """Return a file's text, None where it is gone, forbidden or not supported (EOPNOTSUPP: no PSI)."""
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")  # cgroups are named in any bytes
    except OSError:
        return None


def is_there(path: Path) -> bool:
    """Whether there is such a file; unlike ``Path.exists``, also no where we may not look."""
    try:
        path.stat()
    except OSError:
        return False
    return True


def number(text: str | None) -> int | None:
    """Return a whole number, None for anything else (``max``, half a line)."""
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdigit() else None


def table(path: Path) -> dict[str, int]:
    """Read lines of a name and a number; other lines are skipped."""
    rows = (line.split() for line in (read(path) or "").split("\n"))
    parsed = ((row[0], number(row[1])) for row in rows if len(row) == 2)
    return {name: value for name, value in parsed if value is not None}
