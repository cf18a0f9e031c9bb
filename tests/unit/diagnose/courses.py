"""Courses of a process, minute by minute or second by second, as a server or soak would sample them.

A course is a function of the step; what it leaves out is missing, as on a platform that does not give it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bokeh_exporter.diagnose import AppSample, History, Judgement, Process, Sample, judge
from bokeh_exporter.thresholds import Thresholds

#: Some Tuesday.
START = 1_700_000_000.0
MB = 1e6

Course = Callable[[int], Mapping[str, Any]]

_SAMPLE = ("switches", "callbacks", "built", "orphans", "holders")


def sample(step: int, now: float, numbers: Mapping[str, Any]) -> Sample:
    """Build one sample: what is no field of the process belongs to the app ``/app``, or to those in ``apps``."""
    process = {"ticked": now, "lifetime": 15.0, "check": 17.0, "swept": now, "gc_full": now}
    apps: dict[str, AppSample] = {}
    own: dict[str, Any] = {}
    beside: dict[str, Any] = {}
    for name, value in numbers.items():
        if name == "apps":
            apps.update({path: AppSample(**fields) for path, fields in value.items()})
        elif name in _SAMPLE:
            beside[name] = value
        elif name in Process._fields:
            process[name] = value
        else:
            own[name] = value
    if not apps:
        apps["/app"] = AppSample(**own)
    return Sample(Process(now, **process), apps, **beside)


def history(course: Course, steps: int, period: float, *, whole: bool = False) -> History:
    """Sample a course."""
    built = History(whole=whole)
    for step in range(steps):
        now = START + step * period
        built.add(sample(step, now, course(step)))
    return built


def on_server(course: Course, minutes: int = 300, **judged: Any) -> Judgement:
    """Judge a course as a server does: a sample a minute, of which the older are folded."""
    return judge(history(course, minutes, 60.0).points(), Thresholds(), **judged)


def in_soak(course: Course, seconds: int = 90, **judged: Any) -> Judgement:
    """Judge a course as soak does: a sample a second, all of them, with short lifetimes and grace."""

    def short(step: int) -> Mapping[str, Any]:
        return {"lifetime": 0.5, "check": 0.2, **course(step)}

    return judge(history(short, seconds, 1.0, whole=True).points(), Thresholds(), **{"grace": 10.0, **judged})
