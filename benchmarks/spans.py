"""What spans cost: ``python -m benchmarks.spans [BLOCKS]``.

What the hooks call around an interaction, and around a callback in it, with a real SDK and a processor that
batches; per sampler, on the hot path and in the thread that makes the spans later. Beside it stands the same without
OpenTelemetry, where the hooks find that nobody writes spans. Blocks take turns.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from types import SimpleNamespace

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, Sampler, TraceIdRatioBased

from bokeh_exporter.expose.otel.metrics import Pending
from bokeh_exporter.expose.otel.traces import Traces
from bokeh_exporter.state import State

from .pairs import Spread

_BLOCK = 30
_SAMPLERS: dict[str, Sampler | None] = {
    "without OpenTelemetry": None,
    "always_off": ALWAYS_OFF,
    "1 % sampled": ParentBased(TraceIdRatioBased(0.01)),
    "all sampled": ParentBased(TraceIdRatioBased(1.0)),
}


class _Nowhere(SpanExporter):  # type: ignore[misc]  # without OpenTelemetry it is Any
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.SUCCESS


class _Case:
    """One sampler: what hooks do, once."""

    def __init__(self, sampler: Sampler | None) -> None:
        self.state = State()
        self.number = 0
        self.session = SimpleNamespace(id="0123456789" * 4)
        if sampler is not None:
            provider = TracerProvider(sampler=sampler)
            provider.add_span_processor(BatchSpanProcessor(_Nowhere()))
            if Traces.are_wanted(provider):
                Traces(self.state, provider, Pending(self.state)).start()

    def interaction(self) -> None:
        self.number += 2
        spans = self.state.spans
        if spans is not None and (one := spans.interaction("/app", "property", self.number, self.session, None)):
            one.leave(None)

    def callback(self) -> None:
        self.number += 2
        spans = self.state.spans
        if spans is not None and (one := spans.interaction("/app", "property", self.number, self.session, None)):
            if inner := spans.call("/app", None, "app.py:view", self.number, _view):
                inner.leave(None)
            one.leave(None)


def _view() -> None: ...


def main(blocks: int) -> None:
    """Measure and print."""
    cases = {name: _Case(sampler) for name, sampler in _SAMPLERS.items()}
    hot: dict[tuple[str, str], list[float]] = defaultdict(list)
    later: dict[tuple[str, str], list[float]] = defaultdict(list)
    for _ in range(blocks):
        for name, case in cases.items():
            for what, once in ("interaction", case.interaction), ("with a callback", case.callback):
                hot[name, what].append(_timed(once, _BLOCK))
                later[name, what].append(_timed(case.state.drain, 1) / _BLOCK)
    for key, taken in hot.items():
        spread, made = Spread.of(taken), Spread.of(later[key])
        print(
            f"{key[0]:<22} {key[1]:<16} {spread.median:5.1f} us [{spread.lower:.1f} .. {spread.upper:.1f}] "
            f"on the hot path, {made.median:5.1f} us later"
        )


def _timed(once: Callable[[], None], times: int) -> float:
    start = time.thread_time()
    for _ in range(times):
        once()
    return 1e6 * (time.thread_time() - start) / times


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
