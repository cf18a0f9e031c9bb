"""The modules that Bokeh makes of app scripts, and what it says when one of them is held.

Bokeh logs "extra unexpected referrers" for one leaking app in ten and for harmless ones as well: it is counted
and alarms nobody. Panel destroys Documents in a way of its own, where it is never logged.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from typing import ClassVar

from ...catalogue import OTHER
from ...state import Level
from ..frame import Observer
from ..hosts.bokeh_server import MODULES_LOG, SCRIPT_MODULES
from .ledger import Ledger

#: The message ends with the referrers' ``repr``, which may have megabytes; what is looked for is at its begin.
_BEGIN = 2000


class AppModules(Observer):
    """Modules of app scripts in ``sys.modules``, and Bokeh's complaints about them."""

    name: ClassVar[str] = "app_modules"

    def start(self) -> None:
        """Look at what Bokeh logs of modules."""
        self._log = logging.getLogger(MODULES_LOG)
        self._log.addFilter(self._filter)

    def stop(self) -> None:
        """Look no more."""
        self._log.removeFilter(self._filter)

    def _filter(self, record: logging.LogRecord) -> bool:
        try:
            if self.patches.on and "extra unexpected referrers" in str(record.msg)[:_BEGIN]:
                app = self.frame.find(Ledger).destroying() or OTHER
                self.apps.labelled(app).counter("bokeh_module_referrer_warnings_total").inc()
        except Exception as error:
            self.state.swallow(self.name, error)
        return True

    def collect(self) -> Iterable[Level]:
        """Count modules."""
        yield Level("bokeh_app_modules", sum(name.startswith(SCRIPT_MODULES) for name in list(sys.modules)))
