"""Keeps two megabytes of new memory twenty times a second: arrays of Python's, or with ?how=native nobody's."""

from __future__ import annotations

import ctypes

import numpy as np
from bokeh.io import curdoc
from bokeh.models import Div

SIZE = 2 * 2**20
kept: list[object] = []
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p


def arrays() -> None:
    kept.append(np.ones(SIZE // 8))


def native() -> None:
    block = ctypes.c_void_p(libc.malloc(ctypes.c_size_t(SIZE)))
    ctypes.memset(block, 1, SIZE)


how = curdoc().session_context.request.arguments.get("how", [b""])[0]
curdoc().add_root(Div(text="allocating"))
curdoc().add_periodic_callback(native if how == b"native" else arrays, 50)
