"""prometheus_client's counter and histogram, with what a busy server needs of them in addition.

A histogram takes many observations at once. And a family can return its bare numbers, child by child, so
that an encoder which knows the text around them need not build a ``Sample`` with a dictionary for every
line: at 20 apps that is 4,700 of them and nine tenths of a scrape. Whoever asks for ``samples`` gets
prometheus_client's own. All that is used of it beyond its public API is in this file.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter as Counted
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate, repeat
from typing import Any

from prometheus_client import Counter, Histogram
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.samples import Exemplar, Sample

#: Called with a histogram's child and the values that it has just observed, in whatever thread that was.
Listener = Callable[["EventHistogram", Sequence[float]], None]


class EventCounter(Counter):
    """A counter."""

    @property
    def changes(self) -> object:
        """What is another where the number is: of a counter, the number itself."""
        value = self._value
        # Past its lock: reading one float is atomic.
        return value._value, value.get_exemplar()

    def numbers(self) -> list[float]:
        """Return the values of this child's samples, in their order."""
        return [self._value.get()]

    def has_exemplar(self) -> bool:
        """Whether a sample of this child has an exemplar."""
        return self._value.get_exemplar() is not None

    def collect(self) -> Iterable[Family]:
        """Return the family, which builds its samples when it is asked for them."""
        return [EventFamily(self)]


class EventHistogram(Histogram):
    """A histogram that takes many observations with one lock for each bucket that they fall into."""

    #: Announced, but without a number: what it would count does not exist here.
    silent = False
    #: Grows after each observation and exemplar: who has read the numbers since need not read them again. Two threads
    #: at once may add one between them, but both have observed by then.
    changes = 0
    #: Called with a child and what it has observed. One list for all of a state's, empty while nobody listens.
    listeners: list[Listener] = []

    def labels(self, *values: Any, **named: Any) -> Any:
        """Return the child of some label values."""
        child = super().labels(*values, **named)
        child.listeners = self.listeners
        return child

    def observe(self, amount: float, exemplar: dict[str, str] | None = None) -> None:
        """Observe one value."""
        super().observe(amount, exemplar)
        self.changes += 1
        for listen in self.listeners:
            listen(self, (amount,))

    def observe_all(self, values: Sequence[float]) -> None:
        """Observe each of the values."""
        self._sum.inc(sum(values))
        # No line of Python runs for a value.
        for bucket, count in Counted(map(bisect_left, repeat(self._upper_bounds), values)).items():
            self._buckets[bucket].inc(count)
        self.changes += 1
        for listen in self.listeners:
            listen(self, values)

    def observe_zeros(self, count: int) -> None:
        """Observe 0 so many times."""
        self.observe_all([0.0] * count)

    def exemplify(self, value: float, labels: dict[str, str]) -> None:
        """Attach to the bucket of an observed value where it came from."""
        bucket = self._buckets[bisect_left(self._upper_bounds, value)]
        bucket.set_exemplar(Exemplar(labels, value, time.time()))
        self.changes += 1

    def identity(self) -> tuple[str, tuple[str, ...]]:
        """Return the row's name and the label values of this child."""
        return self._name, self._labelvalues if self._labelnames else ()

    def numbers(self) -> list[float]:
        """Return the values of this child's samples, in their order: cumulative buckets, count, sum."""
        if self.silent:
            return []
        buckets = list(accumulate([bucket.get() for bucket in self._buckets]))
        return [*buckets, buckets[-1], self._sum.get()]

    def count(self) -> float:
        """Return how many values this child has observed."""
        # Past each bucket's lock: reading one float is atomic, and with twenty apps that is 2,000 locks a reading.
        return float(sum([bucket._value for bucket in self._buckets]))

    def has_exemplar(self) -> bool:
        """Whether a bucket of this child has an exemplar."""
        return any(bucket.get_exemplar() is not None for bucket in self._buckets)

    def _child_samples(self) -> Iterable[Sample]:
        return () if self.silent else super()._child_samples()

    def collect(self) -> Iterable[Family]:
        """Return the family, which builds its samples when it is asked for them."""
        return [EventFamily(self)]


class EventFamily(Family):
    """The family of a counter or histogram, without ``_created``, which would be one more line for each child."""

    def __init__(self, source: EventCounter | EventHistogram) -> None:
        self._source = source
        self._samples: list[Sample] | None = None
        super().__init__(source._name, source._documentation, source._type, source._unit)

    @property
    def samples(self) -> list[Sample]:
        """The samples, as prometheus_client builds them."""
        if self._samples is None:
            self._samples = [sample for child in self.children() for sample in samples_of(self._source, child)]
        return self._samples

    @samples.setter
    def samples(self, samples: list[Sample]) -> None:
        self._samples = samples or None

    def children(self) -> list[Any]:
        """Return the children that there are now."""
        if not self._source._labelnames:
            return [self._source]
        with self._source._lock:
            return list(self._source._metrics.values())

    def totals(self) -> Iterable[tuple[str, tuple[str, ...], float]]:
        """Yield name, label values and number of each sample but the buckets."""
        name, counts, named = self._source._name, isinstance(self._source, EventCounter), self._source._labelnames
        names = (f"{name}_total", f"{name}_sum", f"{name}_count")
        for child in self.children():
            labels = child._labelvalues if named else ()
            if counts:
                yield names[0], labels, child._value.get()
            elif not child.silent:
                yield names[1], labels, child._sum.get()
                yield names[2], labels, child.count()

    def of(self, child: Any) -> Family:
        """Return the family with the samples of one child only."""
        family = Family(self.name, self.documentation, self.type, self.unit)
        family.samples = samples_of(self._source, child)
        return family


def samples_of(source: Any, child: Any) -> list[Sample]:
    """Return the samples of one child, with the names and labels that they have in the family."""
    labels = dict(zip(source._labelnames, child._labelvalues, strict=True)) if source._labelnames else {}
    return [
        sample._replace(name=source._name + sample.name, labels={**labels, **sample.labels})
        for sample in child._child_samples()
        if sample.name != "_created"
    ]
