"""What a maintainer asks first: versions, how the server was started, what is switched on. Secrets are masked.

Only in ``/debug``. A command line may carry passwords and paths of people, so what follows a flag that is named like a
secret is masked, and so is whatever looks like one by itself: user and password of a URL, long words of random letters.
Of the environment only variables of a list are shown, with masked values for our own secret options.
"""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Iterable
from importlib import metadata
from typing import Any

from .._version import __version__
from ..config import OPTIONS, Config, variable

#: Distributions that a report on a leak is asked for.
_DISTRIBUTIONS = (
    "bokeh", "panel", "holoviews", "hvplot", "datashader", "param", "pyviz-comms", "tornado", "uvicorn", "starlette",
    "fastapi", "bokeh-fastapi", "bokeh-django", "django", "numpy", "pandas", "polars", "dask", "distributed", "xarray",
    "matplotlib", "plotly", "uvloop", "gunicorn", "jinja2", "prometheus-client", "psutil", "opentelemetry-sdk",
)  # fmt: skip
#: Variables that change how the server or its memory behaves; none of them is a secret.
_VARIABLES = (
    "BOKEH_ALLOW_WS_ORIGIN", "BOKEH_LOG_LEVEL", "BOKEH_PY_LOG_LEVEL", "BOKEH_RESOURCES", "BOKEH_MINIFIED",
    "MALLOC_ARENA_MAX", "MALLOC_TRIM_THRESHOLD_", "LD_PRELOAD", "PYTHONMALLOC", "PYTHONOPTIMIZE", "PYTHONASYNCIODEBUG",
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS",
)  # fmt: skip
_MASK = "***"
_NAMED = re.compile(
    r"(?i)(token|secret|passw|pwd|credential|cookie|api[-_]?key|auth|oauth|encryption|private|key\b|dsn|user)"
)
_URL = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^/@\s]*@")
_QUERY = re.compile(r"\?[^\s]*")
#: A word of a path or a module may be long too, but has no digits, or has separators.
_RANDOM = re.compile(r"\b(?=[A-Za-z_-]*\d)[A-Za-z0-9_-]{24,}\b")


def about(config: Config) -> dict[str, Any]:
    """Return versions, the command line, the options and what else a report needs, as plain data without secrets."""
    return {
        "exporter": __version__,
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "platform": platform.platform(),
        "libc": " ".join(platform.libc_ver()).strip() or None,
        "processors": os.cpu_count(),
        "versions": {name: version for name in _DISTRIBUTIONS if (version := _version(name)) is not None},
        "command_line": masked(sys.orig_argv),
        "options": {
            name: _MASK if field.metadata["secret"] else _shown(getattr(config, name))
            for name, field in OPTIONS.items()
            if getattr(config, name) != field.default
        },
        "variables": sorted(variable(name) for name in OPTIONS if variable(name) in os.environ),
        "environment": {name: _without(os.environ[name]) for name in _VARIABLES if name in os.environ},
    }


def masked(arguments: Iterable[str]) -> list[str]:
    """Return a command line without its secrets."""
    shown: list[str] = []
    hide = False
    for argument in arguments:
        if hide and not argument.startswith("--"):
            shown.append(_MASK)
            hide = False
            continue
        if shown and shown[-1] == "--args":
            shown.append(_MASK)  # the app's own, whose flags nobody knows
            break
        name, equals, _ = argument.partition("=")
        hide = name.startswith("-") and not equals and bool(_NAMED.search(name))
        if equals and re.fullmatch(r"[\w-]+", name) and _NAMED.search(name):
            shown.append(f"{name}={_MASK}")
        else:
            shown.append(_without(argument))
    return shown


def _without(text: str) -> str:
    return _RANDOM.sub(_MASK, _QUERY.sub("?" + _MASK, _URL.sub(rf"\1{_MASK}@", text)))


def _shown(value: Any) -> Any:
    return _without(value) if isinstance(value, str) else value


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except Exception:  # not installed, or its metadata cannot be read
        return None
