"""Stands for a library in C that never frees its result sets."""

import ctypes

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]


def query(size):
    pointer = libc.malloc(size)
    ctypes.memset(pointer, 1, size)
    return size
