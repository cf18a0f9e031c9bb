"""A scrape, as Prometheus makes it: OpenMetrics over HTTP, read by the official parser.

The parser is strict: an exposition that breaks the format fails the test that scraped it.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from urllib.parse import urlencode

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from .web import get

#: What Prometheus sends when it prefers OpenMetrics.
ACCEPT = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"

Labels = frozenset[tuple[str, str]]


class Scrape:
    """A parsed exposition. Names are those of samples: with ``_total``, ``_count``, ``_sum``, ``_bucket``.

    Attributes:
        text: as it came.
        families: name of the family (a counter's has no ``_total``) -> its type.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.families: dict[str, str] = {}
        self._samples: dict[str, dict[Labels, float]] = {}
        for family in text_string_to_metric_families(text):  # type: ignore[no-untyped-call]
            self.families[family.name] = family.type
            for sample in family.samples:
                self._samples.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value

    def value(self, name: str, /, **labels: str) -> float | None:
        """Return the one sample that carries these labels, None if there is none.

        Labels that are not given may have any value, as long as one sample only is meant.

        Raises:
            AssertionError: several samples carry them.
        """
        found = self._matching(name, labels)
        if len(found) > 1:
            raise AssertionError(f"{name} {labels} is not one sample: {sorted(map(sorted, found))}")
        return next(iter(found.values()), None)

    def total(self, name: str, /, **labels: str) -> float:
        """Return the sum of all samples that carry these labels, 0 if there is none."""
        return sum(self._matching(name, labels).values())

    def values(self, name: str, /) -> dict[Labels, float]:
        """Return all samples of a name: ``{frozenset({("app", "/slider"), ...}): 1.0}``."""
        return dict(self._samples.get(name, {}))

    def by(self, name: str, label: str, /, **labels: str) -> dict[str, float]:
        """Return the samples that carry these labels, added up by one other label."""
        found: dict[str, float] = {}
        for sample, value in self._matching(name, labels).items():
            key = dict(sample).get(label, "")
            found[key] = found.get(key, 0.0) + value
        return found

    def _matching(self, name: str, labels: dict[str, str]) -> dict[Labels, float]:
        wanted = set(labels.items())
        return {sample: value for sample, value in self._samples.get(name, {}).items() if wanted <= sample}


def scrape(
    url: str,
    token: str | None = None,
    *,
    names: Iterable[str] = (),
    timeout: float = 10.0,
    context: ssl.SSLContext | None = None,
) -> Scrape:
    """Scrape an exporter by its root or its ``/metrics``; ``names`` are sent as ``name[]``.

    Raises:
        AssertionError: the status is not 200 or the body is not OpenMetrics.
        OSError: nobody answered.
    """
    query = urlencode([("name[]", name) for name in names])
    address = url.rstrip("/").removesuffix("/metrics") + "/metrics" + (f"?{query}" if query else "")
    answer = get(address, token=token, headers={"Accept": ACCEPT}, timeout=timeout, context=context)
    if answer.status != 200:
        raise AssertionError(f"GET {address}: {answer.status} {answer.body[:300]!r}")
    if not answer.headers.get("Content-Type", "").startswith("application/openmetrics-text"):
        raise AssertionError(f"GET {address}: not OpenMetrics but {answer.headers.get('Content-Type')}")
    return Scrape(answer.text)
