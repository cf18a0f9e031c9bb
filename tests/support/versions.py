"""Which line of the host these tests run on, read from the installed distributions without importing them.

A test chooses by line, never by trying an import: a package that a line should have and that is
missing must fail the test, not skip it.
"""

from __future__ import annotations

from importlib import metadata


def version_of(distribution: str) -> tuple[int, ...]:
    """Return the release numbers of a distribution, ``()`` if it is not installed: smaller than any."""
    try:
        text = metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ()
    numbers: list[int] = []
    for part in text.split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        numbers.append(int(digits))
    return tuple(numbers)


BOKEH_VERSION = version_of("bokeh")
#: ``()`` where Panel is not installed, which is a way to run the suite of its own.
PANEL_VERSION = version_of("panel")
#: Bokeh's and Panel's own ASGI hosts.
HAS_ASGI = BOKEH_VERSION >= (3, 10)

#: The extra hosts, and the lines of Bokeh that each is tested on. The oldest line is tested through its
#: front door only; bokeh-fastapi and bokeh-django on the line that they were released for.
_SHIPS: dict[str, tuple[tuple[int, ...], ...]] = {
    "uvicorn": ((3, 9), (3, 10)),
    "fastapi": ((3, 9), (3, 10)),
    "bokeh-fastapi": ((3, 9),),
    "bokeh-django": ((3, 9),),
}


def line_ships(distribution: str) -> bool:
    """Whether the tests of this line of Bokeh need the distribution; what is needed and missing shall fail."""
    return BOKEH_VERSION[:2] in _SHIPS[distribution]
