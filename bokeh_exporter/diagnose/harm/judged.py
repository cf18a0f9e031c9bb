"""What harms users and is not memory: what raises, what is refused, what is slow, and what to do about each.

A server whose memory is healthy may serve nobody. Each rule looks at what came in the last hour, or since the start
where that is less, so that what was fixed goes away by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ..verdicts.series import duration, size
from .remedies import WHY, remedy
from .trouble import AppTrouble, Trouble

if TYPE_CHECKING:  # what judges imports this
    from ..verdicts.history import Point

#: Seconds that are looked at.
_SPAN = 3600.0
#: Calls of a callback that must have raised, and their share of its calls: one odd value among thousands is no trouble.
_RAISED, _RAISED_SHARE = 3, 0.01
#: Websockets that must have been refused, and their share of all: a laptop that woke up has one.
_REFUSED, _REFUSED_SHARE = 3, 0.05
#: Sessions that websockets must have made, and their share of all: two servers without stickiness give a third. The
#: first minutes are left out, in which tabs come back after a restart.
_LANDED, _LANDED_SHARE, _BACK = 5, 0.2, 300.0
#: Pages whose token must have been refused: robots follow old links.
_TOKENS = 5
#: Seconds that a page takes on average to be called slow, over so many pages. People leave after ten.
_SLOW, _SLOW_PAGES = 5.0, 3
#: Bytes that browsers have not taken for so many seconds. A page on a slow line is done in less.
_UNSENT, _UNREAD = 100_000, 120.0
#: Things of a kind that are named.
_LISTED = 3


@dataclass(frozen=True)
class Harm:
    """One thing that harms users.

    Attributes:
        what: its kind, in a word.
        text: what happens, in numbers.
        advice: what to do about it.
    """

    what: str
    text: str
    advice: str


class _Seen(NamedTuple):
    """What is judged: the newest numbers, those that they are compared with, and the points between."""

    now: Trouble
    before: Trouble
    points: Sequence[Point]
    #: As it ends a sentence.
    span: str

    def rise(self, app: str, field: str) -> float:
        """Return by how much a counter of an app rose."""
        now, before = self.now.apps.get(app, _NONE), self.before.apps.get(app, _NONE)
        return max(0.0, float(getattr(now, field)) - float(getattr(before, field)))

    def rises(self, field: str) -> Mapping[str, float]:
        """Return by how much it rose, of the apps where it did, those with most first."""
        found = {app: self.rise(app, field) for app in self.now.apps}
        return {app: found[app] for app in sorted(found, key=lambda app: -found[app]) if found[app]}


_NONE = AppTrouble()


def harm(points: Sequence[Point]) -> tuple[Harm, ...]:
    """Return what harms users, what most of them notice first.

    Args:
        points: ``History.points()`` of one process.
    """
    seen = _seen(points)
    return tuple(found for rule in _RULES for found in rule(seen)) if seen is not None else ()


def _seen(points: Sequence[Point]) -> _Seen | None:
    if not points or points[-1].last.trouble is None:
        return None
    end = points[-1].time
    known = [point for point in points if point.last.trouble is not None and end - point.time <= _SPAN]
    if known[0] is points[0]:  # all of its life: what was counted before the first sample is in it
        return _Seen(points[-1].last.trouble, Trouble(), known, "since the start")
    before = known[0].last.trouble or Trouble()
    return _Seen(points[-1].last.trouble, before, known, f"in the last {duration(end - known[0].time)}")


# --- what raises -------------------------------------------------------------------------------------


def _scripts(seen: _Seen) -> Iterator[Harm]:
    texts = [
        f"{count:.0f} of {seen.rise(app, 'created'):.0f} runs of the script of {app} failed"
        for app, count in seen.rises("script").items()
    ]
    if texts:
        advice = "Read the traceback in the server's log: those visitors saw an empty page or an error."
        yield Harm("script_errors", _joined(texts, seen), advice)


def _creations(seen: _Seen) -> Iterator[Harm]:
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


def _callbacks(seen: _Seen) -> Iterator[Harm]:
    found: list[tuple[float, str]] = []
    for key, (calls, errors) in seen.now.raised.items():
        calls_before, errors_before = seen.before.raised.get(key, (0.0, 0.0))
        raised, called = errors - errors_before, max(calls - calls_before, errors - errors_before)
        if raised >= _RAISED and raised >= _RAISED_SHARE * called:
            found.append((-raised, f"{raised:.0f} of {called:.0f} calls of {key[1]} raised"))
    if found:
        advice = "Read the traceback in the server's log: the visitor's action had no effect, or only half of it."
        yield Harm("callback_errors", _joined([text for _, text in sorted(found)], seen), advice)


# --- who is refused or cut off -----------------------------------------------------------------------


def _refused(seen: _Seen) -> Iterator[Harm]:
    rose = {reason: count - seen.before.refused.get(reason, 0.0) for reason, count in seen.now.refused.items()}
    # Those that were let in: what has ended since, and what is open more than before.
    opened = sum(seen.rise(app, "closed") for app in seen.now.apps)
    opened += sum(one.connections for one in seen.now.apps.values())
    opened -= sum(one.connections for one in seen.before.apps.values())
    tried = max(opened, 0.0) + sum(rose.values())
    for reason, count in sorted(rose.items(), key=lambda one: -one[1]):
        if count >= _REFUSED and count >= _REFUSED_SHARE * tried:
            text = f"{count:.0f} of {tried:.0f} websockets were refused {seen.span}: {WHY.get(reason, reason)}"
            yield Harm("websockets_refused", text, remedy(reason, seen.now.token_lifetime))


def _landed(seen: _Seen) -> Iterator[Harm]:
    later = [point.last.trouble or seen.now for point in seen.points if point.time - seen.points[0].time >= _BACK]
    since = seen._replace(before=later[0] if later else seen.now)
    for app, count in since.rises("landed").items():
        made = since.rise(app, "created")
        if count >= _LANDED and count >= _LANDED_SHARE * made:
            text = (
                f"{count:.0f} of {made:.0f} sessions of {app} were made by a websocket whose page came from elsewhere"
            )
            advice = (
                "Let the load balancer keep a visitor on one process (a sticky cookie; nginx: ip_hash): each visit "
                "makes two sessions, and what the page was given is lost."
            )
            yield Harm("websockets_elsewhere", text, advice)


def _cut(seen: _Seen) -> Iterator[Harm]:
    for app, one in seen.now.apps.items():
        if one.cut_age:
            alive = seen.now.keep_alive
            now = f" (now {duration(alive)})" if alive else " (pings are off)" if alive == 0 else ""
            yield Harm(
                "websockets_cut",
                f"websockets of {app} are cut off at the same age, {duration(one.cut_age)}",
                f"That is the time-out of a proxy or load balancer in between: raise it (nginx: proxy_read_timeout), "
                f"and set --keep-alive below it{now}, so that no connection is silent for that long.",
            )


def _unread(seen: _Seen) -> Iterator[Harm]:
    end = seen.points[-1].time
    for app, one in seen.now.apps.items():
        since = end
        for point in reversed(seen.points):
            trouble = point.last.trouble
            if trouble is None or trouble.apps.get(app, _NONE).unsent < _UNSENT:
                break
            since = point.time
        if end - since >= _UNREAD:
            text = f"browsers of {app} have not read for {duration(end - since)}: {size(one.unsent)} wait for them"
            advice = (
                "Send less: a stream with a rollover, an update only where something changed, a slower timer. What "
                "waits is the server's memory."
            )
            yield Harm("browsers_not_reading", text, advice)


# --- what is slow ------------------------------------------------------------------------------------


def _slow(seen: _Seen) -> Iterator[Harm]:
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


def _joined(texts: Sequence[str], seen: _Seen) -> str:
    more = [f"{len(texts) - _LISTED} more"] if len(texts) > _LISTED else []
    return f"{'; '.join([*texts[:_LISTED], *more])} {seen.span}"


_RULES: tuple[Callable[[_Seen], Iterator[Harm]], ...] = (
    _scripts, _refused, _landed, _callbacks, _creations, _cut, _unread, _slow,
)  # fmt: skip
