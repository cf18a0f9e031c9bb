"""Who is refused or cut off, who does not read, and whose websocket comes from nowhere."""

from __future__ import annotations

from collections.abc import Iterator

from ..verdicts.series import duration, size
from .remedies import WHY, remedy
from .seen import Harm, Seen

#: Websockets that must have been refused, and their share of all: a laptop that woke up has one.
_REFUSED, _REFUSED_SHARE = 3, 0.05
#: Sessions that websockets must have made, and their share of all: two servers without stickiness give a third. The
#: first minutes are left out, in which tabs come back after a restart.
_LANDED, _LANDED_SHARE, _BACK = 5, 0.2, 300.0
#: Sessions of programs that are in no page, at every look for so many seconds: one or two may be at work.
_PROGRAMS, _JOINING = 5, 60.0
#: Bytes that browsers have not taken for so many seconds. A page on a slow line is done in less.
_UNSENT, _UNREAD = 100_000, 120.0
#: Pings in a row without an answer, and the seconds between two where nobody says (Bokeh's default).
_UNANSWERED, _PING = 4, 37.0


def refused(seen: Seen) -> Iterator[Harm]:
    """Say how many websockets were refused, for which reason."""
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


def landed(seen: Seen) -> Iterator[Harm]:
    """Say how many sessions websockets made whose page is another process's."""
    later = [point.last.trouble or seen.now for point in seen.points if point.time - seen.points[0].time >= _BACK]
    since = seen._replace(before=later[0] if later else seen.now)
    for app, count in since.rises("landed").items():
        made = since.rise(app, "created")
        count -= since.rise(app, "by_client")  # a program has no page, here or elsewhere
        if count >= _LANDED and count >= _LANDED_SHARE * made:
            text = (
                f"{count:.0f} of {made:.0f} sessions of {app} were made by a websocket whose page came from elsewhere"
            )
            advice = (
                "Let the load balancer keep a visitor on one process (a sticky cookie; nginx: ip_hash): each visit "
                "makes two sessions, and what the page was given is lost."
            )
            yield Harm("websockets_elsewhere", text, advice)


def cut(seen: Seen) -> Iterator[Harm]:
    """Say at what age websockets are cut off."""
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


def unread(seen: Seen) -> Iterator[Harm]:
    """Say whether browsers do not take what they are sent."""
    for app, one in seen.now.apps.items():
        if (seconds := seen.held(app, "unsent", _UNSENT)) >= _UNREAD:
            text = f"browsers of {app} have not read for {duration(seconds)}: {size(one.unsent)} wait for them"
            advice = (
                "Send less: a stream with a rollover, an update only where something changed, a slower timer. What "
                "waits is the server's memory."
            )
            yield Harm("browsers_not_reading", text, advice)


def silent(seen: Seen) -> Iterator[Harm]:
    """Say whether a browser has gone and nobody noticed."""
    limit = max(_UNREAD, _UNANSWERED * (seen.now.keep_alive or _PING))
    for app, one in seen.now.apps.items():
        if one.silent >= limit:
            text = f"a browser of {app} has not answered for {duration(one.silent)} and still counts as connected"
            advice = (
                "It sleeps, or the network lost it and nobody noticed: its session stays. Let the proxy notice that a "
                "browser has gone: TCP keep-alive towards it (nginx: listen ... so_keepalive=on) or an idle timeout."
            )
            yield Harm("browsers_silent", text, advice)


def programs(seen: Seen) -> Iterator[Harm]:
    """Say how many sessions programs opened that no page has joined."""
    for app, one in seen.now.apps.items():
        if (seconds := seen.held(app, "without_page", _PROGRAMS)) >= _JOINING:
            yield Harm(
                "sessions_without_page",
                f"{one.without_page:.0f} sessions of {app} were opened by a program (pull_session) and are in no page, "
                f"five or more of them for {duration(seconds)}",
                "Close each when the program is done (with pull_session(...) as session), or give its id to a page "
                "(server_session): a session stays while its program is connected.",
            )
