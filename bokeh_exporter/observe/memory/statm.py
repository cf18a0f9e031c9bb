"""Resident memory of the process, cheap enough for the hot path."""

from __future__ import annotations

import ctypes
import os
from typing import Any


class Statm:
    """Resident bytes of this process from a descriptor that is kept open.

    Read through ``ctypes.PyDLL``, which keeps the interpreter lock: the call takes 2 us either way, but
    after ``os.pread`` the loop's thread waits up to 5 ms for the lock wherever another thread computes.
    """

    def __init__(self, path: str = "/proc/self/statm") -> None:
        self._arguments: tuple[Any, ...] | None = None
        try:
            self._page = os.sysconf("SC_PAGE_SIZE")
            self._pread = ctypes.PyDLL(None).pread
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except (OSError, AttributeError, ValueError, TypeError):  # no such file, no such function: not Linux
            return
        self._pread.restype = ctypes.c_ssize_t
        self._buffer = ctypes.create_string_buffer(96)
        self._arguments = (ctypes.c_int(self._descriptor), self._buffer, ctypes.c_size_t(95), ctypes.c_long(0))
        if not self.read():
            self.close()

    def read(self) -> int | None:
        """Return the resident bytes, None where unavailable."""
        arguments = self._arguments
        if arguments is None:
            return None
        try:
            if self._pread(*arguments) > 0:
                return int(self._buffer.value.split(None, 2)[1]) * self._page
        except (ValueError, IndexError):
            pass
        self._arguments = None  # somebody closed our descriptor: what it is by now is not ours to close
        return None

    def close(self) -> None:
        """Close the descriptor."""
        if self._arguments is not None:
            self._arguments = None
            os.close(self._descriptor)
