"""PromQL, parsed by the parser of the promql-parser package, and what of a query the tests look at."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import promql_parser

#: Grafana fills these in before it sends a query.
VARIABLES = {"$__rate_interval": "5m", "$__range": "6h", "$__interval": "1m"}


def filled(expr: str, chosen: str = ".*") -> str:
    """Return a query with Grafana's variables filled in."""
    for name, value in VARIABLES.items():
        expr = expr.replace(name, value)
    return re.sub(r"\$(?:job|namespace|instance|app)\b", lambda _: chosen, expr)


def parse(expr: str) -> Any:
    """Parse a query.

    Raises:
        ValueError: it is not PromQL.
    """
    # The parser takes no comments inside of an expression.
    return promql_parser.parse(re.sub(r"^\s*#.*$", "", filled(expr), flags=re.MULTILINE))


def nodes(tree: Any) -> Iterator[Any]:
    """Yield a query's parts."""
    yield tree
    for name in ("expr", "lhs", "rhs", "param", "vector_selector"):
        part = getattr(tree, name, None)
        if part is not None and type(part).__module__.startswith("promql_parser"):
            yield from nodes(part)
    for part in getattr(tree, "args", None) or ():
        yield from nodes(part)


def selectors(tree: Any) -> Iterator[tuple[str, set[str]]]:
    """Yield the metrics that a query reads, with the labels it matches."""
    for node in nodes(tree):
        if isinstance(node, promql_parser.VectorSelector):
            yield str(node.name), {matcher.name for matcher in node.matchers.matchers}


def labels_of(tree: Any) -> set[str]:
    """Return the labels that a query aggregates by or matches on."""
    found: set[str] = set()
    for node in nodes(tree):
        modifier = getattr(node, "modifier", None)
        for part in (modifier, getattr(modifier, "matching", None)):
            found |= set(getattr(part, "labels", None) or ())
    return found
