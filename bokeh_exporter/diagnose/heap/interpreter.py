"""On which interpreters a search may run: an allow-list, since it relies on how CPython counts references.

Runs of C code in which no other thread can run, reference counts that mean what they say, a collector whose list of
objects can be taken out of its sight: none of it holds without the GIL, and of an unknown CPython nobody knows.
"""

from __future__ import annotations

import sys

#: CPython with the GIL.
ALLOWED = ((3, 10), (3, 11), (3, 12), (3, 13), (3, 14), (3, 15))


class InterpreterError(MemoryError):
    """A search cannot run on this interpreter; one line. Refused as where there is no room for it."""


def check(
    name: str = sys.implementation.name, version: tuple[int, ...] = sys.version_info[:2], gil: bool | None = None
) -> None:
    """Refuse an interpreter that is not on the list.

    Raises:
        InterpreterError: it is not.
    """
    if gil is None:
        gil = getattr(sys, "_is_gil_enabled", lambda: True)()
    if name != "cpython" or version not in ALLOWED or not gil:
        what = f"{name} {'.'.join(map(str, version))}{'' if gil else ' without the GIL'}"
        raise InterpreterError(
            f"explain was not tested on {what}, and does not run there: use CPython 3.10 to 3.15 with the GIL"
        )
