"""Remembers what went wrong, with the frames in which it did."""

ERRORS = []


def guarded(function, *args):
    try:
        return function(*args)
    except Exception as error:
        ERRORS.append(error)
        return None
