"""Where we keep what is known of an object of the host: an attribute of its own, so that it dies with it.

One slot, one type. Set and read as attributes: after a look at ``__dict__`` CPython keeps a dictionary for the
object, and all its attributes are slower. All names begin alike, so that a test finds what ``uninstall()`` left.
Rejected: a ``WeakKeyDictionary``, whose look-up takes ten times the 60 ns and whose entries need a callback.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from ..state.ledger.changes import Change, Share
    from .apps import App
    from .rebuilds.source_lines import SourceLine
    from .sessions.totals import SessionRecord, SessionTotals
    from .traffic.payloads import ConnectionBytes

#: What the names of our attributes begin with.
PREFIX = "_bokeh_exporter"

Kept = TypeVar("Kept")


class Slot(Generic[Kept]):
    """An attribute of ours on objects of the host."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = f"{PREFIX}_{name}"

    def get(self, owner: Any) -> Kept | None:
        """Return what is kept on an object; None where nothing is."""
        found: Kept | None = getattr(owner, self.name, None)
        return found

    def put(self, owner: Any, kept: Kept) -> None:
        """Keep something on an object."""
        setattr(owner, self.name, kept)

    def take(self, owner: Any) -> Kept | None:
        """Take it off again, and return it. An object that has no attributes of its own has nothing to take."""
        try:
            found: Kept | None = owner.__dict__.pop(self.name, None)
        except AttributeError:
            return None
        return found


#: On an application context and on a document: the app that it belongs to.
app: Slot[App] = Slot("app")
#: On a session, and on its document: what is known of the session.
record: Slot[SessionRecord] = Slot("record")
#: On an application context: the sums over its sessions.
totals: Slot[SessionTotals] = Slot("totals")
#: On a server's connection: what is known of its bytes.
connection: Slot[ConnectionBytes] = Slot("connection")
#: On a websocket's handler: it has been refused, and counted.
refused: Slot[bool] = Slot("refused")
#: On a websocket's handler: ``monotonic`` at which it was opened.
opened: Slot[float] = Slot("opened")
#: On a websocket's handler: the code with which the server closed it.
closed_with: Slot[int] = Slot("closed_with")
#: On a server's connection: bytes on the wire so far, and ``time.monotonic()`` at which they were seen to change.
heard: Slot[tuple[int, float]] = Slot("heard")
#: On a document: ``perf_counter`` at which its build began.
launched: Slot[float] = Slot("launched")
#: On a change of a document that has been counted: its interaction. One that is held comes again when it is let go.
reported: Slot[int] = Slot("reported")
#: On a message that Panel has put off: the interactions of its changes.
put_off: Slot[list[int]] = Slot("put_off")
#: On a change of a document: what is known of it. On a message: the changes in it, with the weight of each.
change: Slot[Change] = Slot("change")
shares: Slot[list[Share]] = Slot("shares")
#: On a model or Panel component: the line of the user's that made it. Kept in its ``__dict__``: they have setters.
site: Slot[SourceLine] = Slot("site")
#: On an output of Panel's that has been filled: what comes next is a replacement.
filled: Slot[bool] = Slot("filled")
#: On a plot of HoloViews': the interaction that has rendered it. It is updated in the same breath, to no effect.
rendered: Slot[int] = Slot("rendered")
#: On a callback of HoloViews': the interaction that has queued the last event for its streams.
queued: Slot[int] = Slot("queued")
#: On a plot while one of its methods runs, so that its parents' are not counted as well.
drawing: Slot[bool] = Slot("drawing")
#: On a model: which of its labels a browser has set.
relabelled: Slot[set[str]] = Slot("relabelled")
