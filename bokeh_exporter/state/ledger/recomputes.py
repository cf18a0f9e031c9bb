"""How often Bokeh recomputes which models a document holds, in which functions, and what to do about it.

``DocumentModelManager.recompute`` walks the whole document after each change of its contents. Several in one function
can be one: Bokeh's own ``with doc.models.freeze():`` puts them off to its end.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .text import bare, took

#: Advice from so many in one function, this share of the work, and so many seconds on.
_TIMES, _SHARE, _SECONDS = 2, 0.25, 0.01
_WAITS = ("lock", "threads")


class Recomputes(dict["str | None", "list[float]"]):
    """Number and seconds by the function of the user's in which they ran; None for none."""

    def add(self, function: str | None, seconds: float) -> None:
        """Count one."""
        row = self.setdefault(function, [0, 0.0])
        row[0] += 1
        row[1] += seconds

    def as_json(self, parts: Mapping[str, float]) -> dict[str, Any]:
        """Return the rows, the longest first, and the advice; ``parts`` are those of the interaction."""
        rows = sorted(self.items(), key=lambda row: -row[1][1])
        worked = sum(parts.values()) - sum(parts[wait] for wait in _WAITS)
        return {
            "recomputes": [
                {"function": function, "count": int(count), "seconds": seconds} for function, (count, seconds) in rows
            ],
            "advice": [
                {
                    "function": function,
                    "text": f"{bare(function)}(): {count:.0f} recomputes, {took(seconds).removesuffix(' ms')} of "
                    f"{took(worked)}: make the changes in one `with doc.models.freeze():`",
                    # A server reads no source to answer: the diff of that is made by bokeh-exporter inspect.
                    "outline": f" def {bare(function)}(...):\n+    with doc.models.freeze():\n         ...",
                }
                for function, (count, seconds) in rows
                if function is not None and count >= _TIMES
                and seconds >= max(_SHARE * worked, _SECONDS)
            ],
        }  # fmt: skip
