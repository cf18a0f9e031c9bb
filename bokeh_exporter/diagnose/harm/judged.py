"""What harms users and is not memory: what raises, what is refused, what is slow, and what to do about each.

A server whose memory is healthy may serve nobody. Each rule looks at what came in the last hour, or since the start
where that is less, so that what was fixed goes away by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from ..verdicts.series import duration
from .connections import cut, landed, programs, refused, silent, unread
from .seen import Harm, Seen
from .trouble import Trouble

if TYPE_CHECKING:  # what judges imports this
    from ..verdicts.history import Point

#: Seconds that are looked at.
_SPAN = 3600.0
#: Calls of a callback that must have raised, and their share of its calls: one odd value among thousands is no trouble.
_RAISED, _RAISED_SHARE = 3, 0.01
#: Pages whose token must have been refused: robots follow old links.
_TOKENS = 5
#: Seconds that a page takes on average to be called slow, over so many pages. People leave after ten.
_SLOW, _SLOW_PAGES = 5.0, 3
#: Things of a kind that are named.
_LISTED = 3


def harm(points: Sequence[Point]) -> tuple[Harm, ...]:
    """Return what harms users, what most of them notice first.

    Args:
        points: ``History.points()`` of one process.
    """
    seen = _seen(points)
    return tuple(found for rule in _RULES for found in rule(seen)) if seen is not None else ()


def _seen(points: Sequence[Point]) -> Seen | None:
    if not points or points[-1].last.trouble is None:
        return None
    end = points[-1].time
    known = [point for point in points if point.last.trouble is not None and end - point.time <= _SPAN]
    if known[0] is points[0]:  # all of its life: what was counted before the first sample is in it
        return Seen(points[-1].last.trouble, Trouble(), known, "since the start")
    before = known[0].last.trouble or Trouble()
    return Seen(points[-1].last.trouble, before, known, f"in the last {duration(end - known[0].time)}")


# --- what raises -------------------------------------------------------------------------------------


def _scripts(seen: Seen) -> Iterator[Harm]:
    texts = [
        f"{count:.0f} of {seen.rise(app, 'created'):.0f} runs of the script of {app} failed"
        for app, count in seen.rises("script").items()
    ]
    if texts:
        advice = "Read the traceback in the server's log: those visitors saw an empty page or an error."
        yield Harm("script_errors", _joined(texts, seen), advice)


def _creations(seen: Seen) -> Iterator[Harm]:
    hooks = [f"{count:.0f} session-created hooks of {app} raised" for app, count in seen.rises("hook").items()]
    if hooks:
        advice = "Read the traceback in the server's log: what the hook prepares is missing in those sessions."
        yield Harm("creation_errors", _joined(hooks, seen), advice)
    tokens = [
        f"{count:.0f} requests of the page {app} were refused for their token"
        for app, count in seen.rises("token").items()
        if count >= _TOKENS
    ]
    if tokens:
        advice = (
            "Give all processes the same BOKEH_SECRET_KEY where BOKEH_SIGN_SESSIONS is on; links must not keep a "
            "session id or token."
        )
        yield Harm("page_refused", _joined(tokens, seen), advice)


def _callbacks(seen: Seen) -> Iterator[Harm]:
    found: list[tuple[float, str]] = []
    for key, (calls, errors) in seen.now.raised.items():
        calls_before, errors_before = seen.before.raised.get(key, (0.0, 0.0))
        raised, called = errors - errors_before, max(calls - calls_before, errors - errors_before)
        if raised >= _RAISED and raised >= _RAISED_SHARE * called:
            found.append((-raised, f"{raised:.0f} of {called:.0f} calls of {key[1]} raised"))
    if found:
        advice = "Read the traceback in the server's log: the visitor's action had no effect, or only half of it."
        yield Harm("callback_errors", _joined([text for _, text in sorted(found)], seen), advice)


# --- what is slow ------------------------------------------------------------------------------------


def _slow(seen: Seen) -> Iterator[Harm]:
    texts = []
    for app in seen.now.apps:
        pages = max(seen.rise(app, "ready_count"), seen.rise(app, "build_count"))
        means = [
            seen.rise(app, f"{part}_sum") / seen.rise(app, f"{part}_count")
            for part in ("ready", "build")
            if seen.rise(app, f"{part}_count")
        ]
        if pages >= _SLOW_PAGES and means and max(means) >= _SLOW:
            texts.append(f"the page of {app} took {max(means):.1f} s on average, over {pages:.0f} visits")
    if texts:
        advice = (
            "Load data once for all sessions (pn.cache, a module, server start), build what is hidden when it is "
            "opened, and start the server with --warm."
        )
        yield Harm("slow_pages", _joined(texts, seen), advice)


def _joined(texts: Sequence[str], seen: Seen) -> str:
    more = [f"{len(texts) - _LISTED} more"] if len(texts) > _LISTED else []
    return f"{'; '.join([*texts[:_LISTED], *more])} {seen.span}"


_RULES: tuple[Callable[[Seen], Iterator[Harm]], ...] = (
    _scripts, refused, landed, _callbacks, _creations, cut, unread, _slow, silent, programs,
)  # fmt: skip
