"""The exposition: the state as Prometheus text or OpenMetrics, by the official encoders.

Events are in the registry already; levels join it through one custom collector, which announces
every row of the catalogue even where there is no number yet, so that a missing series means
something. ``_created`` series are dropped here, family by family: ``disable_created_metrics()``
would switch them off for the host's own metrics too. ``describe()`` is given so that registering
reads nothing; without it the registry would take a whole sample to learn the names.
"""

from __future__ import annotations

import copy
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from ..catalogue import CATALOGUE, Metric
from ..state import Level, State
from ..state.events import EventFamily
from ..state.levels import merge
from ..state.rows import is_event
from ..state.wording import clean_all
from .encoding import Encode, Encoder

log = logging.getLogger("bokeh_exporter")

#: What the samples of a family may be called, so that ``name[]`` understands the family's name as well.
_SUFFIXES = ("", "_total", "_bucket", "_sum", "_count", "_info")

#: Formats that are kept ready: a Prometheus asks for one, a person for another.
_ENCODERS = 4

_Numbers = dict[tuple[str, ...], float]


class LevelCollector(Collector):
    """Every row of the catalogue that is a level, read when it is asked for.

    Args:
        state: holds what the loops' samplers saw, and takes the errors.
        read: gives the levels that are read at scrape time, in the thread of the scrape.
    """

    def __init__(self, state: State, read: Callable[[], list[Level]]) -> None:
        self._state = state
        self._read = read
        self._rows = {metric.name: metric for metric in CATALOGUE if not is_event(metric)}

    def describe(self) -> Iterable[Family]:
        """Yield the families without numbers."""
        for metric in self._rows.values():
            yield _family(metric, {})

    def collect(self) -> Iterable[Family]:
        """Yield every family, with the numbers there are now."""
        numbers = self._numbers()
        for metric in self._rows.values():
            yield _family(metric, numbers.get(metric.name, {}))

    def _numbers(self) -> dict[str, _Numbers]:
        numbers: dict[str, _Numbers] = {}
        # Half an answer says more than none: what fails is counted, the rest is served.
        for source in (self._sampled, self._read):
            try:
                for level in source():
                    self._add(numbers, level)
            except Exception as error:
                self._state.swallow("levels", error)
        # After the numbers and never merged with them: a zero would win over every minimum.
        for name, zero, labels in self._state.zeros(()):
            numbers.setdefault(name, {}).setdefault(labels, zero)
        return numbers

    def _sampled(self) -> Iterator[Level]:
        for name, sampled in self._state.levels.merged().items():
            for labels, value in sampled.items():
                yield Level(name, value, labels)

    def _add(self, numbers: dict[str, _Numbers], level: Level) -> None:
        metric = self._rows.get(level.name)
        if metric is None or len(level.labels) != len(metric.labels):
            # One series with a label too few makes Prometheus refuse the whole scrape.
            self._state.swallow("levels", ValueError(f"{level} fits no level of the catalogue"))
            return
        merge(metric, numbers.setdefault(metric.name, {}), clean_all(level.labels), level.value)


def _family(metric: Metric, numbers: _Numbers) -> Family:
    if metric.kind == "info":
        info = InfoMetricFamily(metric.name.removesuffix("_info"), metric.help)
        for labels in numbers:
            info.add_metric([], dict(zip(metric.label_names, labels, strict=True)))
        return info
    make = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family: CounterMetricFamily | GaugeMetricFamily = make(metric.name, metric.help, labels=metric.label_names)
    for labels, value in numbers.items():
        family.add_metric(labels, value)
    return family


def _without_created(families: Iterable[Family]) -> Iterator[Family]:
    for family in families:
        created = family.name + "_created"
        if not isinstance(family, EventFamily) and any(sample.name == created for sample in family.samples):
            family = copy.copy(family)  # collectors may keep theirs
            family.samples = [sample for sample in family.samples if sample.name != created]
        yield family


class Exposition:
    """A registry as text. Keeps what it has encoded: the next scrape has the same lines.

    Args:
        registry: what is encoded.
        unwritable: hears of each series that cannot be written and is left out.
    """

    def __init__(self, registry: CollectorRegistry, unwritable: Callable[[], None] = lambda: None) -> None:
        self._registry, self._unwritable = registry, unwritable
        self._encoders: dict[str, Encoder] = {}
        self._lock = threading.Lock()

    def __call__(self, accept: str, names: Sequence[str] = ()) -> tuple[str, bytes]:
        """Encode the registry; return the content type and the body.

        Args:
            accept: the request's ``Accept``: OpenMetrics where it asks for it, else text 0.0.4.
            names: families or series to restrict the answer to; all, if empty.
        """
        try:
            encode, content_type = choose_encoder(accept)
        except (TypeError, ValueError):  # it trips over a version that is no number
            encode, content_type = choose_encoder("")
        if names:
            wanted = self._registry.restricted_registry([name + suffix for name in names for suffix in _SUFFIXES])
            return content_type, self._encoder(encode, content_type).encode(_without_created(wanted.collect()))
        with self._lock:
            encoder = self._encoders.get(content_type)
            if encoder is None:
                if len(self._encoders) >= _ENCODERS:
                    self._encoders.clear()  # a client may ask for any version
                encoder = self._encoders[content_type] = self._encoder(encode, content_type)
            return content_type, encoder.encode(_without_created(self._registry.collect()))

    def _encoder(self, encode: Encode, content_type: str) -> Encoder:
        exemplars = content_type.startswith("application/openmetrics-text")
        return Encoder(encode, exemplars=exemplars, unwritable=self._unwritable)


def build_registry_extras(registry: CollectorRegistry) -> None:
    """Add what every Python process can report: ``process_*``, ``python_gc_*`` and ``python_info``.

    Harmless to repeat. A collector that does not work here is left out and named in the log.
    """
    for collector in (ProcessCollector, GCCollector, PlatformCollector):
        try:
            collector(registry=registry)
        except ValueError:
            log.debug("%s is registered already", collector.__name__)
        except Exception as error:
            log.warning("%s does not work here, its numbers are missing: %s", collector.__name__, error)
