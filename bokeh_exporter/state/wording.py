"""How what users typed and wrote may be told: numbers, booleans and dates as they are, nothing else as it is.

A widget's value is its user's. Its label is text of the user interface that a developer wrote, so it is
shown, but bounded and without line breaks or control characters, which would forge log lines.
"""

from __future__ import annotations

import datetime
import math
import numbers
from typing import Any

#: Characters of a label, and of a value that is shown because somebody asked for it.
LABEL = 60
#: What stands for a value that is never shown.
HIDDEN = "<hidden>"
#: Digits of a number; a longer one tells nothing and is made of what a client sent.
_DIGITS = 40


def told(value: Any, reveal: bool = False) -> Any:
    """Return what may be told of a value, as JSON can hold it.

    Args:
        value: a widget's.
        reveal: whether the developer asked for values as they are, shortened.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, numbers.Integral):
        number = int(value)
        return number if number.bit_length() < 3 * _DIGITS else "<int>"
    if isinstance(value, numbers.Real):
        real = float(value)
        return real if math.isfinite(real) else str(real)
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if reveal:
        return escaped(value if isinstance(value, str) else repr(value))
    kind = type(value).__name__
    if isinstance(value, (str, bytes)):
        return f"<{kind}, {len(value)} chars>"
    try:
        return f"<{kind}, {len(value)} items>"
    except Exception:
        return f"<{kind}>"


def escaped(text: str) -> str:
    """Return a text in one bounded line: what cannot be printed is escaped, the end of a long one is cut."""
    if len(text) <= LABEL and text.isprintable():
        return text
    cut = text[:LABEL]
    line = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in cut)
    return line[:LABEL] + ("..." if len(text) > LABEL or len(line) > LABEL else "")
