"""How ``bokeh-exporter run`` gets into a server that knows nothing of it.

``run`` puts the folder ``site`` first on ``PYTHONPATH`` and replaces itself by the command; Python
imports the ``sitecustomize`` in it, which calls :func:`arm`. Until Bokeh's server module is imported
and a server or ASGI core constructed, nothing of Bokeh is imported and nothing is opened. Rejected:
a ``.pth`` file, which would touch every Python of the environment.
"""

from __future__ import annotations

import functools
import importlib.abc
import importlib.machinery
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

#: The folder that goes on ``PYTHONPATH``.
SITE = str(Path(__file__).with_name("site"))
#: Carries the options given to ``run``, as JSON; its presence says that the command is to be armed.
VARIABLE = "_BOKEH_EXPORTER_RUN"
_MODULE = "bokeh.server.contexts"
#: The options of ``run``, in the process that it started: an ``install()`` there must not lose them.
flags: dict[str, Any] = {}
_armed = False


def environment(environ: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """Return the environment to start a command in."""
    path = [SITE, *filter(None, [environ.get("PYTHONPATH")])]
    return {**environ, "PYTHONPATH": os.pathsep.join(path), VARIABLE: json.dumps(dict(given))}


def strip(environ: Any) -> None:
    """Take our entries out of an environment, so that children are not touched."""
    environ.pop(VARIABLE, None)
    path = [part for part in environ.get("PYTHONPATH", "").split(os.pathsep) if part and part != SITE]
    if path:
        environ["PYTHONPATH"] = os.pathsep.join(path)
    else:
        environ.pop("PYTHONPATH", None)


def arm(given: Mapping[str, Any]) -> None:
    """Install the exporter when the first application context is made."""
    global _armed
    flags.update(given)
    _armed = True
    if _MODULE in sys.modules:
        _watch(sys.modules[_MODULE], given)
    else:
        sys.meta_path.insert(0, _Finder(given))


def disarm() -> None:
    """Install nothing any more."""
    global _armed
    _armed = False
    flags.clear()


class _Finder(importlib.abc.MetaPathFinder):
    """Lets the others find the module, and looks at it once it has been executed."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != _MODULE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                execute(module)
                _watch(module, self._given)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def _watch(module: Any, given: Mapping[str, Any]) -> None:
    context_class = module.ApplicationContext
    original = context_class.__init__

    @functools.wraps(original)
    def first(self: Any, *args: Any, **kwargs: Any) -> None:
        if context_class.__init__ is first:
            context_class.__init__ = original
            if _armed:
                _install(given)
            return context_class.__init__(self, *args, **kwargs)  # type: ignore[no-any-return]
        return original(self, *args, **kwargs)  # type: ignore[no-any-return]

    context_class.__init__ = first


def _install(given: Mapping[str, Any]) -> None:
    strip(os.environ)
    from ..installation import install_as_program

    install_as_program(**given)
    if "--dev" in sys.argv:
        # bokeh serve --dev replaces the process with what is in the environment: be in it again then.
        from tornado import autoreload

        autoreload.add_reload_hook(lambda: os.environ.update(environment(os.environ, given)))
