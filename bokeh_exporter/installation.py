"""Switching on and off: one exporter per process, no matter how often it is installed.

Also what happens to it in a forked child. A child that tornado forked is a server process and gets
its own endpoint; any other child is the user's own: inherited sockets are closed there and the hooks
go transparent.
"""

from __future__ import annotations

import atexit
import logging
import os
import signal
import sys
import threading
from types import FrameType
from typing import TYPE_CHECKING, Any

from . import config as options
from .config import Config, ConfigError
from .exporter import Exporter
from .state.wording import PrintableRecords

log = logging.getLogger("bokeh_exporter")

#: The name that Panel gives the module it runs a ``--setup`` script in.
_PANEL_SETUP = "panel_setup_module"

_lock = threading.RLock()  # a signal handler or a finalizer may come in between
_current: Exporter | None = None
#: Installed while the first was about to end, by what the first has called: it starts when that one has ended.
_next: Exporter | None = None
#: OpenTelemetry's providers of metrics, traces and logs for this process's exporter; None is none.
_providers: Any = None


def install(**given: Any) -> Exporter:
    """Install the exporter into this process and return it.

    Call it before or after you create the server. A second call warns and returns the first exporter.

    Args:
        **given: the options of :class:`Config`, such as ``port=0`` or ``sample_period=5``.

    Raises:
        ConfigError: an option is unknown, or its value cannot be used.
    """
    if sys._getframe(1).f_globals.get("__name__") == _PANEL_SETUP and _current is None:
        # The user's own setup script is a program's configuration: one line and status 64, no traceback.
        return _or_exit(**given)
    return _install(**given)


def attach(**given: Any) -> Exporter:
    """Install it on the event loop of a server that has visitors, which is not to wait for what a thread can do."""
    return _install(apart=True, **given)


def _install(*, apart: bool = False, **given: Any) -> Exporter:
    global _current
    _let_start_line_through()
    armed: Any = sys.modules.get("bokeh_exporter.startup")  # only where ``run`` started this process
    config = Config.load(**{**(armed.flags if armed is not None else {}), **given})
    ending = _current
    if ending is not None and ending.closing:
        ending.close()  # waits until it has ended, so that the port is free
    # Nothing is logged and nothing made under the lock: a log handler of the user's may install and uninstall, too.
    first = _current
    if first is None or first.closing:
        exporter = Exporter(config, on_close=_closed, apart=apart)
        first = _take_place(exporter)
    if first is not None:
        log.warning(
            "bokeh_exporter is already installed: the first one stays as it is%s. Call uninstall() first",
            "" if config == first.config else ", and the options of the second call are not used",
        )
        return first
    for line in options.unknown_variables(os.environ):
        log.warning("%s", line)
    if config.disabled:
        log.info("bokeh_exporter is switched off by %s", options.variable("disabled"))
    elif exporter is _current:
        _start(exporter)
    return exporter


def _take_place(exporter: Exporter) -> Exporter | None:
    """Make it this process's, at once or when the one that is about to end has ended; return who was first, if any."""
    global _current, _next
    with _lock:
        if _current is not None and not _current.closing:
            return _current
        if exporter.config.disabled:
            return None
        if _current is None:
            _current = exporter
        elif _next is None:
            _next = exporter
        else:
            return _next
    return None


def _start(exporter: Exporter) -> None:
    if _providers is not None:
        exporter.use_providers(_providers)
    exporter.start()


def uninstall() -> None:
    """Remove the exporter from this process: every class is as before. Idempotent."""
    for exporter in (_next, _current):
        if exporter is not None:
            exporter.close()


def installed() -> bool:
    """Whether there is an exporter in this process."""
    return _current is not None


def current() -> Exporter | None:
    """Return the exporter of this process."""
    return _current


def use_providers(providers: Any) -> None:
    """Let the exporter of this process, now or once there is one, give its numbers to OpenTelemetry too.

    Args:
        providers: ``expose.otel.providers.Providers``, which this module does not import; None for no output at all.
    """
    global _providers
    _providers = providers
    if _current is not None and providers is not None:
        _current.use_providers(providers)


def _closed(exporter: Exporter) -> None:
    global _current, _next
    with _lock:
        if exporter is _next:
            _next = None
        if exporter is not _current:
            return
        _current, _next = _next, None
        following = _current
    if following is None:
        log.removeHandler(_last_resort)
    else:
        _start(following)


if TYPE_CHECKING:
    _StreamHandler = logging.StreamHandler[Any]
else:
    _StreamHandler = logging.StreamHandler  # takes no parameter before Python 3.11


class _LastResort(_StreamHandler):
    """Shows our lines on standard error while nobody has configured logging, as Bokeh does with its own."""

    def emit(self, record: logging.LogRecord) -> None:
        if not logging.getLogger().handlers:
            super().emit(record)


#: On our loggers while we are in: names and what clients sent cannot write a terminal or forge a line.
_printable = PrintableRecords()
_LOGGERS = (log, logging.getLogger("bokeh_exporter.elements"))

_last_resort = _LastResort()
_last_resort.setFormatter(logging.Formatter("%(levelname)s:%(name)s:%(message)s"))


def _let_start_line_through() -> None:
    # The line that says where to look is INFO, and both the root logger's level and Python's own last
    # resort would drop it. A level or handler that the user gave our logger stays as it is.
    for logger in _LOGGERS:
        logger.addFilter(_printable)
    if log.level == logging.NOTSET:
        log.setLevel(logging.INFO)
    if not log.handlers:
        log.addHandler(_last_resort)


def install_as_program(**given: Any) -> None:
    """Install for a program rather than a caller: a bad option ends it with one line and status 64.

    What ``run``, the setup script and the lifecycle module call. Switched on in two ways at once, as
    with ``run`` and a setup script, the first one counts.
    """
    if _current is None:
        _or_exit(**given)


def _or_exit(**given: Any) -> Exporter:
    try:
        return _install(**given)
    except ConfigError as error:
        sys.stderr.write(f"bokeh_exporter: {error}\n")
        sys.stderr.flush()
        _end_supervisor()
        raise SystemExit(64) from None


def _end_supervisor() -> None:
    """Under --num-procs the setup script runs in each child, which the parent would restart 100 times."""
    process = sys.modules.get("tornado.process")
    if process is not None and process.task_id() is not None:
        os.kill(os.getppid(), signal.SIGTERM)


def _after_fork_in_child() -> None:
    global _lock
    _lock = threading.RLock()
    if _current is not None:
        _current.after_fork(_forked_by_tornado(sys._getframe()))


def _forked_by_tornado(frame: FrameType | None) -> bool:
    # tornado sets its task id only after the fork has returned, so look who forks.
    while frame is not None:
        if frame.f_code.co_name == "start_child" and frame.f_globals.get("__name__") == "tornado.process":
            return True
        frame = frame.f_back
    return False


atexit.register(uninstall)  # a loop and sockets that nobody closes would warn as the interpreter ends
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
