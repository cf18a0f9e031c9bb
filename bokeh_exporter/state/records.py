"""The record of one interaction: what it ran, built, rebuilt and left unused, as text and numbers."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from time import perf_counter, time
from typing import Any

from .interactions import Interaction, ordinal
from .ledger.changes import Change
from .ledger.runs import Trigger
from .ledger.source_names import labelled
from .ledger.timeline import Span, SpanList, parts_of, thinned
from .ledger.tree import Site, Tree, by_class, bytes_of, named

#: Seconds without anything happening after which an interaction is taken to be over.
QUIET = 0.5
#: Seconds after which it is reported although something that it started still runs.
LONG = 60.0
#: What a record takes between two looks; a build of more models loses the first of them.
_ENTRIES = 20_000
_FUNCTIONS = 50
_BUILT = 200
#: Spans that are kept while it goes on; of more, neighbours are joined.
_SPANS = 4000

#: Library, class, file and line of what was constructed.
Built = tuple[str, str, "str | None", "int | None"]
#: The id and class of models.
Models = Sequence[tuple[str, str]]


class Record:
    """What is known of one interaction."""

    # Most are of messages that do nothing: they share what is empty until ``fold`` has something for it.
    entries: deque[tuple[Any, ...]] | None = None
    functions: dict[str, list[float]] = {}
    counts: dict[tuple[str, str], Counter[str]] = {}
    built: dict[Built, int] = {}
    spans: list[Span] = []
    #: Components that lines of the user's constructed in an update, and those of them that the page does not have.
    results = 0
    not_in_page: Sequence[Built] = ()
    change: Change | None = None  # the last one
    tree = Tree()
    _constructed: dict[str, str] = {}
    _created: dict[str, str] = {}
    _added: dict[str, str] = {}
    _removed: dict[str, str] = {}
    _reused: dict[str, str] = {}

    def __init__(self, interaction: Interaction, phase: str) -> None:
        self.interaction = interaction
        self.phase = phase
        #: The cause, the path of the file in which it was made, and what stands for the session.
        self.cause: dict[str, Any] | None = None
        self.path: str | None = None
        self.session: str | None = None
        self.touched = now = perf_counter()
        #: ``perf_counter`` of its begin, which may have been a wait ago: this is made with the first that is seen.
        self.started = now - min(max(time() - interaction.time, 0.0), LONG)
        self.open, self.reported = 0, False  # how many functions are under way
        #: What the build constructed and does not use: set when it is over.
        self.unused: dict[int | str, Built] = {}
        #: Id and class of the models in parts of the document that were replaced, until it is reported.
        self.replaced: dict[str, str] = {}

    # --- what hooks append, by any thread ------------------------------------------------------

    def add(self, apply: Any, *values: Any) -> None:
        """Append an entry: one of the methods below, and what it is to be called with."""
        if (entries := self.entries) is None:  # one step, whoever else comes first
            entries = self.__dict__.setdefault("entries", deque(maxlen=_ENTRIES))
        entries.append((apply, self, *values))
        self.touched = perf_counter()

    def constructed(
        self, model: str, cls: str, begin: float, end: float, thread: int, function: str | None, site: Site
    ) -> None:  # fmt: skip
        """Note a model's constructor, in a function of the user's."""
        self._constructed[model] = cls
        self.went_on("models", cls, begin, end, thread)
        self.tree.model(function, model, cls, site, begin, end)

    def recomputed(self, function: str | None, begin: float, end: float, thread: int) -> None:
        """Note that Bokeh has recomputed which models the document holds, in a function of the user's."""
        self.went_on("recompute", "DocumentModelManager.recompute", begin, end, thread)
        self.tree.recomputes.add(function, end - begin)

    def element(self, apply: Any, *what: Any) -> None:
        """Note something of an element: a method of :class:`.Tree`, and what it is to be called with."""
        apply(self.tree, *what)

    def went_on(self, part: str, name: str, begin: float, end: float, thread: int) -> None:
        """Note what went on from when to when."""
        self.spans.append(Span(part, name, begin, end, thread))
        if len(self.spans) > _SPANS:
            self.spans = thinned(self.spans)
            self.tree.settle()

    def attached(self, models: Models) -> None:
        """Note models that a document has taken up."""
        for model, cls in models:
            if self._removed.pop(model, None) is None:
                (self._created if model in self._constructed else self._added)[model] = cls

    def detached(self, models: Models) -> None:
        """Note models that a document has let go."""
        for model, cls in models:
            if self._created.pop(model, None) is None and self._added.pop(model, None) is None:
                self._removed[model] = cls

    def kept(self, models: Models) -> None:
        """Note models that are in the new value of a property and were in a replaced part."""
        self._reused.update(models)

    def counted(self, library: str, what: str, cls: str) -> None:
        """Count one thing of a library."""
        self.counts.setdefault((library, what), Counter())[cls] += 1

    def made(self, built: Built) -> None:
        """Count what a line of the user's constructed."""
        if built in self.built or len(self.built) < _BUILT:
            self.built[built] = self.built.get(built, 0) + 1

    def ran(
        self, name: str, begin: float, seconds: float, busy: float, failed: bool, calls: int, thread: int,
        caller: str | None, trigger: Trigger = (),
    ) -> None:  # fmt: skip
        """Count a call of a user's function, or none and the time of one step of a generator."""
        self.went_on("functions", f"{name.rpartition(':')[2]}()", begin, begin + seconds, thread)
        self.tree.ran(caller, name, calls, seconds, busy, failed)
        self.tree.runs.add(name, caller, trigger, calls)
        row = self.functions.get(name)
        if row is None:
            if len(self.functions) >= _FUNCTIONS:
                return
            row = self.functions[name] = [0, 0.0, 0.0, 0]
        row[0] += calls
        row[1] += seconds
        row[2] += busy
        row[3] += failed

    # --- what readers ask ----------------------------------------------------------------------

    def fold(self) -> None:
        """Apply the entries. Not by two threads at once."""
        if (entries := self.entries) is None:
            return
        if "functions" not in self.__dict__:
            self.functions, self.counts, self.built, self.spans, self.tree = {}, {}, {}, SpanList(), Tree()
            self._constructed, self._created, self._added, self._removed, self._reused = {}, {}, {}, {}, {}
        for _ in range(len(entries)):
            apply, *values = entries.popleft()
            apply(*values)

    def over(self, now: float) -> bool:
        """Whether nothing goes on any more, as far as is known."""
        if now - self.started > LONG:
            return True
        waits = self.open or (self.interaction.kind in ("build", "property", "event") and not self.interaction.seconds)
        return not waits and now - self.touched > QUIET

    @property
    def seconds(self) -> float:
        """From its begin to the last thing that happened, in a callback scheduled later perhaps."""
        return max(self.interaction.seconds, self.touched - self.started)

    @property
    def quiet(self) -> bool:
        """Whether it ran nothing of the user's and built nothing, as an echo of the browser does."""
        nothing = not (self.functions or self.counts or self._constructed or self._added or self._removed)
        return nothing and self.phase != "init"

    def settle(self) -> None:
        """Keep less of it, now that it is over."""
        if "spans" in self.__dict__:
            self.spans = thinned(self.spans)

    def models(self) -> dict[str, dict[str, int]]:
        """Count models by class.

        ``created``: constructed, and taken up by the document; ``removed``: let go by it; ``reused``: in a part that
        was replaced, before and after. Two more are the rest: ``added``, constructed earlier and taken up now,
        and ``discarded``, constructed and not taken up.
        """
        created, removed, added = self._created, self._removed, self._added
        discarded = [cls for model, cls in self._constructed.items() if model not in created]
        come_or_gone = {*created, *removed, *added}
        reused = [cls for model, cls in self._reused.items() if model not in come_or_gone]
        return {
            "created": by_class(created.values()),
            "removed": by_class(removed.values()),
            "reused": by_class(reused),
            "added": by_class(added.values()),
            "discarded": by_class(discarded),
        }

    def exempt(self, models: Iterable[str]) -> None:
        """Forget models that are Bokeh's own, made for each document: Bokeh 4's documents hold theirs."""
        for model in models:
            for known in (self._constructed, self._created, self._added):
                known.pop(model, None)

    def told_cause(self) -> dict[str, Any]:
        """Return the cause; a widget without a label is called by its variable."""
        return labelled(self.cause, self.path)

    def library(self, library: str) -> dict[str, dict[str, int]] | None:
        """Return the counts of a library, None if it had no part."""
        return {what: dict(counts) for (each, what), counts in self.counts.items() if each == library} or None

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        one = self.interaction
        parts = parts_of(self.spans, self.started, self.started + self.seconds)
        tree, sent = self.tree.as_json(), one.bytes_sent
        recomputes = self.tree.recomputes.as_json(parts)
        if self.phase != "init":  # what a build runs several times may be shown several times
            recomputes["advice"] += self.tree.runs.advice(self.functions)
        return {
            "number": ordinal(one.number),
            "time": one.time,
            "app": one.app,
            "session": self.session,
            "kind": one.kind,
            "cause": self.told_cause(),
            "functions": [
                {"name": name, "seconds": seconds, "calls": int(calls), "busy_seconds": busy, "errors": int(errors)}
                for name, (calls, seconds, busy, errors) in self.functions.items()
            ],
            "models": self.models(),
            "panel": self.library("panel"),
            "holoviews": self.library("holoviews"),
            "never_used": [named(built) for built in self.unused.values()] if self.phase == "init" else None,
            "results": self.results,
            "not_in_page": [named(built) for built in self.not_in_page],
            "patches": one.patches,
            "bytes_sent": sent,
            "unattributed_bytes": max(0, sent - bytes_of(tree)),  # of no element, no function: a busy indicator
            "seconds": self.seconds,
            "parts": parts,
            **recomputes,
            "tree": tree,
            "quiet": self.quiet,
            "finished": self.over(perf_counter()),
            "rss_change": one.rss_change if one.rss_known else None,
        }
