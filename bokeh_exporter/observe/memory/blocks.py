"""Blocks of Python's allocator that callbacks keep, net. Opt-in: a reading costs up to 0.5 ms at 5 million objects.

A callback's number is what the count gained until the next activity begins or the next sample is taken:
what Bokeh makes for it and throws away later is in it twice, so what stays is what was kept. An inner
callback has its own, the outer one goes on after it. Where another thread was at work, nothing is
booked. Some ten blocks a call are noise.
"""

from __future__ import annotations

from sys import getallocatedblocks

from ...catalogue import OTHER

#: Callbacks of one app that are counted separately, as in the label's other rows.
CAP = 100

#: App and callback.
Key = tuple[str, str]
#: An activity without a callback so far: the first one gets what it gained.
_NOBODY = ("", "")


class Blocks:
    """The net blocks of each callback. Used under the attribution's lock."""

    def __init__(self) -> None:
        self._net: dict[Key, int] = {}
        self._stack: list[Key | None] = []
        self._known: dict[str, set[str]] = {}
        self._open: Key | None = None
        self._at = 0

    def enter(self, key: Key | None) -> None:
        """A callback begins; None if it cannot be separated from others."""
        if key is not None and key not in self._net:
            known = self._known.setdefault(key[0], set())
            if len(known) < CAP:
                known.add(key[1])
            elif key[1] not in known:
                key = key[0], OTHER
        self._stack.append(key)
        if self._open is _NOBODY and key is not None:
            self._open = key
        else:
            self._switch(key)

    def leave(self) -> None:
        """The callback ends: an outer one goes on, else it stays open until somebody else begins."""
        if self._stack:
            self._stack.pop()
        if self._stack:
            self._switch(self._stack[-1])

    def begin(self) -> None:
        """An activity begins that may call one. It begins with the last sample: its message was read before now."""
        if self._stack:
            return
        if self._open is None:
            self._open = _NOBODY
        else:
            self._switch(_NOBODY)

    def settle(self) -> None:
        """A sample is taken: close what is open."""
        if not self._stack:
            self._switch(None)

    def forget(self) -> None:
        """Book nothing of what is under way: another thread is at work too."""
        self._open = None

    def drop(self, app: str) -> None:
        """Forget an app."""
        self._known.pop(app, None)
        self._net = {key: net for key, net in list(self._net.items()) if key[0] != app}

    def read(self) -> dict[Key, int]:
        """Return what has been booked."""
        return dict(self._net)

    def _switch(self, key: Key | None) -> None:
        now = getallocatedblocks()
        if self._open is not None and self._open is not _NOBODY:
            self._net[self._open] = self._net.get(self._open, 0) + now - self._at
        self._open, self._at = key, now
