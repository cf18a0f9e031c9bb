"""The official encoders, asked once for the text around each number.

A scrape of 20 apps is some 5,000 lines, and their names, labels and escapes are the same every time. So
each line is encoded once by prometheus_client, taken apart before its value, and kept; after that only
values are written, by its own function for that. What the official encoder would write differently from
time to time (a timestamp, an exemplar) is left to it. The bytes are the official ones, and a test says so.

Names are cleaned where they come in (:func:`bokeh_exporter.state.wording.clean`). If a series cannot be written all
the same, it is left out and counted: one odd name must not cost everybody's numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from ..state.events import EventFamily

_END = "# EOF\n"

Encode = Callable[[Any], bytes]
_number: Callable[[float], str] = floatToGoString


class _One(Collector):
    """A registry of one family."""

    def __init__(self, family: Family) -> None:
        self._family = family

    def collect(self) -> Iterable[Family]:
        return [self._family]


class Encoder:
    """One official encoder, and the lines that it has written so far.

    Args:
        encode: the official encoder.
        exemplars: whether its format has them.
        unwritable: hears of each series that is left out.
    """

    def __init__(self, encode: Encode, exemplars: bool, unwritable: Callable[[], None] = lambda: None) -> None:
        self._unwritable = unwritable
        self._encode = encode
        self._exemplars = exemplars
        self._heads: dict[str, str] = {}
        #: Family -> child of an event -> its changes when it was read last, its lines up to the values, their text.
        self._children: dict[str, dict[Any, tuple[object, list[str], str]]] = {}
        #: Family -> sample of a level -> its line up to the value.
        self._lines: dict[str, dict[Any, str]] = {}

    def encode(self, families: Iterable[Family]) -> bytes:
        """Encode families, as the official encoder would."""
        text: list[str] = []
        for family in families:
            try:
                text.append(self._head(family))
                if isinstance(family, EventFamily):
                    self._event(family, text)
                else:
                    self._level(family, text)
            except Exception:  # a family whose head or list of series cannot be had
                self._unwritable()
        if self._exemplars:
            text.append(_END)
        return "".join(text).encode()

    def _official(self, family: Family) -> str:
        text = self._encode(_One(family)).decode()
        return text.removesuffix(_END) if self._exemplars else text

    def _head(self, family: Family) -> str:
        head = self._heads.get(family.name)
        if head is None:
            head = self._heads[family.name] = self._official(
                Family(family.name, family.documentation, family.type, family.unit)
            )
        return head

    def _split(self, family: Family) -> list[str]:
        """Return the lines of a family up to their values."""
        # Not splitlines(), which also splits at U+2028, form feeds and the like within a label.
        lines = self._official(family)[len(self._head(family)) :].split("\n")[:-1]
        values = [_number(sample.value) for sample in family.samples]
        return [line.removesuffix(value) for line, value in zip(lines, values, strict=True)]

    def _event(self, family: EventFamily, text: list[str]) -> None:
        before = self._children.get(family.name, {})
        after = self._children[family.name] = {}
        for child in family.children():
            try:
                # The changes before the numbers: what comes in between is read again by the next scrape.
                known, changes = before.get(child), child.changes
                if known is not None and known[0] == changes:
                    after[child] = known
                    text.append(known[2])
                    continue
                if self._exemplars and child.has_exemplar():
                    text.append(self._official(family.of(child))[len(self._head(family)) :])
                    continue
                lines = known[1] if known is not None else self._split(family.of(child))
                values = child.numbers()
                written = "".join([f"{line}{_number(value)}\n" for line, value in zip(lines, values, strict=True)])
            except Exception:
                self._unwritable()
                continue
            after[child] = changes, lines, written
            text.append(written)

    def _level(self, family: Family, text: list[str]) -> None:
        before = self._lines.get(family.name, {})
        after = self._lines[family.name] = {}
        for sample in family.samples:
            try:
                key = (sample.name, *sample.labels.items())
                line = before.get(key)
                if line is None or sample.timestamp is not None or sample.exemplar is not None:
                    one = Family(family.name, family.documentation, family.type, family.unit)
                    one.samples = [sample]
                    if sample.timestamp is not None or sample.exemplar is not None:
                        text.append(self._official(one)[len(self._head(family)) :])
                        continue
                    (line,) = self._split(one)
                written = f"{line}{_number(sample.value)}\n"
            except Exception:
                self._unwritable()
                continue
            after[key] = line
            text.append(written)
