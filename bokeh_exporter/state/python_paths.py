"""Where Python keeps its own library, packages and scripts: whose code a file is, is decided by its folder."""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path

#: What the paths of an installation are made of. ``sysconfig`` would read Python's Makefile for it, as a module of
#: 150 kB which nothing else in a server needs.
_VARIABLES = {
    "installed_base": sys.base_prefix, "base": sys.prefix,
    "installed_platbase": sys.base_exec_prefix, "platbase": sys.exec_prefix,
    "platlibdir": sys.platlibdir,
    "py_version_short": f"{sys.version_info[0]}.{sys.version_info[1]}",
    "py_version_nodot": f"{sys.version_info[0]}{sys.version_info[1]}",
    "implementation": "Python", "implementation_lower": "python",
    "abi_thread": "t" if "free-threading" in sys.version else "", "abiflags": getattr(sys, "abiflags", ""),
}  # fmt: skip


def folders(*names: str) -> tuple[str, ...]:
    """Return folders of this Python by ``sysconfig``'s names for them, each once, with ``/`` at the end.

    In them ``/`` separates, on Windows too.

    Args:
        names: such as ``stdlib``, ``purelib`` and ``scripts``.
    """
    patterns = sysconfig.get_paths(expand=False)
    try:
        found = [os.path.normpath(patterns[name].format_map(_VARIABLES)) for name in names]
    except KeyError:  # a distribution's own scheme
        found = [sysconfig.get_path(name) for name in names]
    return tuple(dict.fromkeys(path.replace("\\", "/") + "/" for path in found))


#: Python's own library; in a virtual environment also the folder that holds its packages.
STANDARD = folders("stdlib", "platstdlib")
#: The same, and installed packages.
LIBRARIES = folders("stdlib", "platstdlib", "purelib", "platlib")
#: What of ours runs in a server, wherever it is installed. Not the demo: its apps are apps.
OURS = tuple(
    f"{Path(__file__).parents[1].as_posix()}/{folder}/"
    for folder in ("control", "diagnose", "expose", "observe", "state")
)
