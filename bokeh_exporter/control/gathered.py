"""Where gathered evidence goes: the log, a folder, OpenTelemetry, a web address. Always in a thread that may wait."""

from __future__ import annotations

import json
import logging
import os
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..state import State
from ..state.notices import GATHERED

log = logging.getLogger("bokeh_exporter")

#: Files of ours in a folder; the oldest go first.
_FILES = 50
#: Characters of a text in the log and in an event, and seconds that a web address may take.
_TEXT, _SECONDS = 8000, 10.0
_PREFIX = "bokeh-exporter-"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Evidence goes where it was sent, and nowhere else."""

    def redirect_request(self, *args: Any) -> None:
        """Follow none."""


def send(state: State, place: str, rule: str, what: str, content: Mapping[str, object], text: str) -> None:
    """Send one piece of evidence to one place; what fails is one line in the log.

    Args:
        state: tells OpenTelemetry.
        place: ``log``, ``otlp``, ``folder:PATH`` or an address.
        rule: the name of the rule.
        what: what was gathered.
        content: as JSON has it.
        text: as a person reads it.
    """
    if place == "log":
        log.warning("rule %s: %s: %s", rule, what, text[:_TEXT])
    elif place == "otlp":
        attributes = {"bokeh.rule.name": rule, "bokeh.rule.gathered": what, "bokeh.rule.text": text[:_TEXT]}
        state.notices.emit(GATHERED, attributes, warns=True)
    else:
        message = {"rule": rule, "gathered": what, "time": time.time(), "pid": os.getpid(), "content": content}
        try:
            body = json.dumps(message).encode()
            if place.startswith("folder:"):
                _write(Path(place.partition(":")[2]), f"{rule}-{what}", body)
            else:
                _post(place, body)
        except (OSError, ValueError) as error:
            # An address may hold a secret.
            log.warning("rule %s: %s reaches no %s: %s", rule, what, place.partition(":")[0], type(error).__name__)


def _write(folder: Path, name: str, body: bytes) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    path = folder / f"{_PREFIX}{stamp}-{os.getpid()}-{name}.json"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0), 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(body)
    for old in sorted(folder.glob(f"{_PREFIX}*.json"))[:-_FILES]:
        old.unlink(missing_ok=True)


def _post(url: str, body: bytes) -> None:
    headers = {"Content-Type": "application/json", "User-Agent": "bokeh_exporter"}
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")  # noqa: S310 - http and https
    with urllib.request.build_opener(_NoRedirect).open(request, timeout=_SECONDS):
        pass
