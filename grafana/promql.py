"""PromQL from the catalogue: a name, label or label value that is not in it ends the build.

Series that came through OpenTelemetry carry ``otel_scope_*`` labels and one process may have
several of them, so nothing here gives a bare vector to a panel: every query aggregates with ``by``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from bokeh_exporter.catalogue import BY_NAME, Metric

#: What a board filters by. "All" is ``.*``, which also matches a label that is not there: a laptop has no namespace.
SCOPE = ('job=~"$job"', 'namespace=~"$namespace"', 'instance=~"$instance"')
APP = 'app=~"$app"'

#: Labels that Prometheus, not the exporter, gives to a process.
INSTANCE = ("job", "namespace", "pod", "instance")
#: All processes of a pod read one cgroup. Outside Kubernetes there is no ``pod``: then the host of ``instance`` identifies it.
POD = ("job", "namespace", "pod", "host")

#: Longest first, so that a histogram's own name is found.
_SUFFIXES = ("_bucket", "_count", "_sum", "")
_NAME = re.compile(r"\b(?:bokeh|panel|holoviews|http)_[a-z0-9_]+")


class UnknownSeriesError(ValueError):
    """A query asks for what the catalogue does not have."""


def metric_of(name: str) -> Metric | None:
    """Return the row of a sample's name, such as ``..._bucket``; None if there is none."""
    for suffix in _SUFFIXES:
        metric = BY_NAME.get(name.removesuffix(suffix)) if name.endswith(suffix) else None
        if metric is not None and (not suffix or metric.kind == "histogram"):
            return metric
    return None


def metrics_in(expr: str) -> list[Metric]:
    """Return the rows that a query reads, in its order, each once."""
    # A recorded name (level:metric:operations) holds a metric's name but is not the metric.
    bare = re.sub(r"\w+:\w+:\w+", "", expr)
    found = (metric_of(name) for name in _NAME.findall(bare))
    return list(dict.fromkeys(metric for metric in found if metric is not None))


def matchers(metric: Metric, labels: Mapping[str, str]) -> Iterable[str]:
    """Write label matchers; a value may begin with ``=~``, ``!=`` or ``!~``.

    Raises:
        UnknownSeriesError: the metric has no such label, or a closed label no such value.
    """
    rows = {label.name: label for label in metric.labels}
    for name, value in labels.items():
        operator, text = (value[:2], value[2:]) if value[:2] in ("=~", "!=", "!~") else ("=", value)
        if name not in rows and not (name == "le" and metric.kind == "histogram"):
            raise UnknownSeriesError(f"{metric.name} has no label {name!r}")
        closed = rows[name].values if name in rows else ()
        if closed and not set(text.split("|")) <= set(closed):
            raise UnknownSeriesError(f"{metric.name}: {name} is never {text!r}")
        yield f'{name}{operator}"{text}"'


def series(name: str, /, **labels: str) -> str:
    """Select a metric, as rules do: of every server."""
    metric = metric_of(name)
    if metric is None:
        raise UnknownSeriesError(f"{name} is not in the catalogue")
    wanted = ",".join(matchers(metric, labels))
    return f"{name}{{{wanted}}}" if wanted else name


def chosen(name: str, /, **labels: str) -> str:
    """Select a metric, as boards do: of the servers and apps that the variables choose."""
    metric = metric_of(name)
    if metric is None:
        raise UnknownSeriesError(f"{name} is not in the catalogue")
    by_app = (APP,) if "app" in metric.label_names and "app" not in labels else ()
    return f"{name}{{{','.join((*SCOPE, *by_app, *matchers(metric, labels)))}}}"


def rate(vector: str, window: str = "$__rate_interval") -> str:
    """Return the rate of a counter per second."""
    return f"rate({vector}[{window}])"


def increase(vector: str, window: str = "$__rate_interval") -> str:
    """Return the increase of a counter."""
    return f"increase({vector}[{window}])"


def by(operator: str, labels: str | Iterable[str], vector: str) -> str:
    """Aggregate: ``by("sum", "app", x)``; no labels make one number."""
    names = labels if isinstance(labels, str) else ", ".join(labels)
    return f"{operator} by ({names}) ({vector})" if names else f"{operator}({vector})"


def quantile(q: float, vector: str, labels: str = "", window: str = "$__rate_interval") -> str:
    """Return a quantile of a histogram's ``_bucket`` series."""
    return f"histogram_quantile({q:g}, {by('sum', f'le, {labels}' if labels else 'le', rate(vector, window))})"


def ranked(count: int, labels: str, shown: str, ranking: str) -> str:
    """Return the ``count`` series of ``shown`` that rank highest at the end of the board's range.

    A bare ``topk`` in a graph chooses again at each step, and shows all that were ever chosen.
    """
    return f"{shown}\nand on ({labels})\ntopk({count}, {ranking})"


def highest(vector: str) -> str:
    """Return the highest value of each series in the board's range, the same at each step."""
    return f"max_over_time({vector}[$__range] @ end())"


def gained(vector: str) -> str:
    """Return what a counter gained in the board's range, the same at each step."""
    return f"increase({vector}[$__range] @ end())"


def top_rates(labels: str, vector: str, count: int = 10) -> str:
    """Return the rates of the counters that gained most in the board's range."""
    return ranked(count, labels, by("sum", labels, rate(vector)), by("sum", labels, gained(vector)) + " > 0")


def per_pod(vector: str, labels: Iterable[str] = POD, operator: str = "max") -> str:
    """Return one number for all processes that share a cgroup; a sum would count it once per process."""
    hosts = f'label_replace({vector}, "host", "$1", "instance", "(.*?)(?::[0-9]+)?")'
    return by(operator, labels, hosts)
