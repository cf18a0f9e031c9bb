"""Which providers are used: those that were given, those that are configured already, or none."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from opentelemetry import _logs, metrics, trace

from .shutdown import FLUSH


@dataclass(frozen=True)
class Providers:
    """A provider for each signal; None is the process's global one."""

    meter: Any = None
    tracer: Any = None
    logger: Any = None
    #: In which process they were given, and of which instances they were in it.
    born: tuple[int, frozenset[str | None]] = (0, frozenset())

    def adopted(self) -> Providers:
        """Return the same, with where they come from."""
        return replace(self, born=(os.getpid(), self.resolved().instances()))

    def are_shared(self) -> bool:
        """Whether this process was forked from the one that gave them, and they still are of its instance."""
        pid, instances = self.born
        return pid not in (0, os.getpid()) and bool(instances & self.resolved().instances())

    def resolved(self) -> Providers:
        """Return the same with the global ones in the place of None."""
        return Providers(
            self.meter if self.meter is not None else metrics.get_meter_provider(),
            self.tracer if self.tracer is not None else trace.get_tracer_provider(),
            self.logger if self.logger is not None else _logs.get_logger_provider(),
            self.born,
        )

    def instances(self) -> frozenset[str | None]:
        """Return the ``service.instance.id`` of the providers that are configured, None for one without."""
        resources = (
            getattr(getattr(self.meter, "_sdk_config", None), "resource", None),
            getattr(self.tracer, "resource", None),
            getattr(self.logger, "resource", None),
        )
        return frozenset(each.attributes.get("service.instance.id") for each in resources if each is not None)

    def flushes(self) -> Iterator[Callable[[], object]]:
        """Yield what sends what is left, of each provider that can, and leaves it as it was."""
        for provider in (self.meter, self.tracer, self.logger):
            flush = getattr(provider, "force_flush", None)
            if flush is not None:
                yield functools.partial(flush, int(FLUSH * 1000))


def is_configured(provider: Any) -> bool:
    """Whether somebody has set a provider: until then the API gives a proxy, or one that does nothing."""
    return not type(provider).__name__.lstrip("_").startswith(("Proxy", "NoOp", "Default"))


def set_globally(providers: Providers) -> None:
    """Make ours the process's, so that what the app itself traces is in the same traces."""
    for provider, put in (
        (providers.meter, metrics.set_meter_provider),
        (providers.tracer, trace.set_tracer_provider),
        (providers.logger, _logs.set_logger_provider),
    ):
        if provider is not None:
            put(provider)
