"""A cache as it should be."""

import functools

import numpy as np


@functools.lru_cache(maxsize=6)
def frame(key):
    return np.full(500_000, float(hash(key) % 7))
