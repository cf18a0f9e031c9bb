"""Recorded pieces of /proc and /sys/fs/cgroup, as kernels print them, and how to plant them in a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bokeh_exporter.config import Config
from bokeh_exporter.observe.frame import Frame, Observer
from bokeh_exporter.state import State

#: Linux 6.18: a Python process, shortened after the lines that matter.
STATUS = """\
Name:\tpython
Umask:\t0022
State:\tS (sleeping)
Pid:\t6692
VmPeak:\t  912340 kB
VmSize:\t  846804 kB
VmHWM:\t  210876 kB
VmRSS:\t  205116 kB
RssAnon:\t  160004 kB
RssFile:\t   45000 kB
RssShmem:\t     112 kB
VmData:\t  360000 kB
VmSwap:\t       0 kB
HugetlbPages:\t       0 kB
Threads:\t9
"""

STAT_V2 = """\
anon 1568768
file 7479296
kernel 1245184
shmem 0
inactive_anon 1581056
active_anon 12288
inactive_file 3051520
active_file 4427776
unevictable 0
"""

EVENTS_V2 = """\
low 0
high 7
max 42
oom 3
oom_kill 2
oom_group_kill 0
"""

PRESSURE = """\
some avg10=0.00 avg60=0.12 avg300=0.05 total=2500000
full avg10=0.00 avg60=0.00 avg300=0.01 total=750000
"""

STAT_V1 = """\
cache 7479296
rss 1683456
mapped_file 61440
inactive_anon 1568768
active_anon 12288
inactive_file 1000000
active_file 4427776
unevictable 0
hierarchical_memory_limit 9223372036854771712
hierarchical_memsw_limit 9223372036854771712
total_cache 7479296
total_rss 1683456
total_inactive_file 3051520
total_active_file 4427776
"""

OOM_CONTROL = """\
oom_kill_disable 0
under_oom 0
oom_kill 2
"""

#: What v1 prints where there is no limit, on 4 KiB pages and on 64 KiB pages (arm64, ppc64le).
UNLIMITED = "9223372036854771712\n"
UNLIMITED_64K = "9223372036854710272\n"

CGROUP_V1 = """\
9:name=systemd:/
8:pids:{0}
7:blkio:{0}
4:memory:{0}
2:cpu,cpuacct:{0}
"""


def v2(current: int, limit: str = "max") -> dict[str, str]:
    """Return the files of one v2 cgroup that has the memory controller."""
    return {
        "cgroup.controllers": "cpu io memory pids\n",
        "memory.current": f"{current}\n",
        "memory.max": f"{limit}\n",
        "memory.stat": STAT_V2,
        "memory.events": EVENTS_V2,
        "memory.pressure": PRESSURE,
    }


#: The root of a host's v2 tree: it has no usage and no limit, and its pressure is the machine's.
ROOT_V2 = {
    "cgroup.controllers": "cpuset cpu io memory hugetlb pids\n",
    "cgroup.subtree_control": "cpu io memory pids\n",
    "memory.stat": STAT_V2.replace("3051520", "999424000"),
    "memory.pressure": PRESSURE.replace("2500000", "99000000"),
}


def v1(usage: int, limit: str = UNLIMITED) -> dict[str, str]:
    """Return the files of one v1 memory cgroup."""
    return {
        "memory.usage_in_bytes": f"{usage}\n",
        "memory.limit_in_bytes": limit,
        "memory.stat": STAT_V1,
        "memory.failcnt": "42\n",
        "memory.oom_control": OOM_CONTROL,
    }


def plant(folder: Path, files: Mapping[str, str]) -> Path:
    """Write files into a folder, which need not exist, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def frame() -> Frame:
    """Return a frame with the default options."""
    return Frame(Config(), State())


def numbers(observer: Observer) -> dict[tuple[str, ...], float]:
    """Collect once: (short name, *labels) -> value. Fails where a series comes twice."""
    collected = list(observer.collect())
    found = {
        (level.name.removeprefix("bokeh_cgroup_memory_").removeprefix("bokeh_memory_"), *level.labels): level.value
        for level in collected
    }
    assert len(found) == len(collected)
    return found
