"""How text that is not ours may be written: names, labels, what users typed and wrote.

A widget's value is its user's. Its label is text of the user interface that a developer wrote, so it is
shown, but bounded and without line breaks or control characters, which would forge log lines.

Names of apps, callbacks, files and classes may hold any character: a file name is bytes, a ``__qualname__`` is what
somebody assigned. :func:`clean` is the one door for them. What is not printable is written as Python's escape, so the
name can still be recognised, and no output has to escape again. Rejected: refusing such names, which would lose the
number together with the name; and escaping in each output, which is how one was forgotten.
"""

from __future__ import annotations

import datetime
import functools
import hashlib
import hmac
import logging
import math
import re
import secrets
import sys
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from types import CodeType
from typing import Any

from .safe_looks import is_a, type_module, type_name

#: Characters of a label, and of a value that is shown because somebody asked for it.
LABEL = 60
#: Characters of a name, many times what a module and a qualified name take: a class may be called by a megabyte.
NAME = 300
#: What stands for a value that is never shown.
HIDDEN = "<hidden>"
#: Digits of a number; a longer one says nothing and is made of what a client sent.
_DIGITS = 40
#: Packages whose values are shown as they write themselves, where a developer asked for it; others run their code.
_SHOWN = frozenset({"builtins", "datetime", "decimal", "fractions", "numpy", "pandas"})


def displayable(value: Any, reveal: bool = False) -> Any:
    """Return what may be shown of a value, as JSON can hold it.

    Args:
        value: a widget's.
        reveal: whether the developer asked for values as they are, shortened.
    """
    kind_of = type(value)
    if value is None or kind_of is bool:
        return value
    # Mostly it is a plain number, and nobody else is asked.
    if kind_of is not int and kind_of is not float and _is_numpys(value):
        value = value.item()  # a number of Python's, mostly
    if is_a(value, int):
        number = int.__int__(value)
        return number if number.bit_length() < 3 * _DIGITS else "<int>"
    if is_a(value, float):
        real = float.__float__(value)
        return real if math.isfinite(real) else str(real)
    moments: tuple[Any, ...] = (datetime.datetime, datetime.date, datetime.time)
    for moment in moments:
        if is_a(value, moment):  # by their own method: a derived class may have another
            return moment.isoformat(value)
    if is_a(value, datetime.timedelta):
        return datetime.timedelta.total_seconds(value)
    if reveal and is_a(value, str):
        return escaped(str.__str__(value))
    if reveal and (type_module(type(value)) or "").partition(".")[0] in _SHOWN:
        return escaped(repr(value))
    name = clean(type_name(type(value)))
    kinds: tuple[Any, ...] = (str, bytes, list, tuple, dict, set, frozenset, range)
    for kind in kinds:
        if is_a(value, kind):
            return f"<{name}, {kind.__len__(value)} {'chars' if kind in (str, bytes) else 'items'}>"
    return f"<{name}>"


def _is_numpys(value: object) -> bool:
    """Whether a value is one of NumPy's numbers, whose class is NumPy's own."""
    generic = getattr(sys.modules.get("numpy"), "generic", None)
    return generic is not None and is_a(value, generic) and type_module(type(value)) == "numpy"


_KEY = secrets.token_bytes(16)
#: Names that Python, asyncio, thread pools and the exporter give to threads and tasks.
_BY_PYTHON = re.compile(
    r"MainThread|(Dummy|Thread|Task)-\d+|asyncio_\d+|[A-Za-z]*ThreadPoolExecutor-\d+_\d+|AnyIO worker thread"
    r"|bokeh-exporter(-[a-z]+)?"
)
_OF_TARGET = re.compile(r"(Thread-\d+) \((.*)\)")


def hidden(text: str) -> str:
    """Write a text that may be what somebody typed: its length, and a mark by which two of this process compare."""
    mark = hmac.new(_KEY, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:4]
    return f"<str, {len(text)} chars, #{mark}>"


def given_name(name: object, is_literal: Callable[[str], bool]) -> str:
    """Write the name of a thread, a task or a logger: one that Python gave, or that the code has as a literal.

    Args:
        name: the name; a number may follow the literal, as in ``worker-3``.
        is_literal: whether the code that it belongs to has a text as a literal or a name.
    """
    if type(name) is not str:
        return f"<{clean(type_name(type(name)))}>"
    of_target = _OF_TARGET.fullmatch(name)
    if of_target is not None:
        return name if is_literal(of_target[2]) and name.isprintable() else of_target[1]
    if _BY_PYTHON.fullmatch(name) or name in sys.modules:  # loggers are called like modules
        return name
    stem = name.rstrip("0123456789")
    if len(name) <= LABEL and name.isprintable() and (is_literal(name) or (stem and is_literal(stem))):
        return name
    return hidden(name)


def code_name(code: CodeType) -> str:
    """Return the name of a function as its code has it, whatever was assigned; of code made from a text, no name.

    A name that is nowhere in the file that the code says it is from was made from a text, too.
    """
    if code.co_filename.startswith("<"):
        return "<function>"
    name: str = getattr(code, "co_qualname", code.co_name)  # co_qualname is of Python 3.11
    name = name.replace("<locals>.", "")
    words = _words_of(code.co_filename)
    if words is not None:
        *outer, bare = name.split(".")
        if not bare.startswith("<") and bare not in words:
            return "<function>"
        name = ".".join([*(part for part in outer if part in words or part.startswith("<")), bare])
    return clean(name)


def code_file(code: CodeType) -> str:
    """Return the file that a code is from; of code made from a text no other than Python's own words for that."""
    file = code.co_filename
    return "<string>" if file.startswith("<") and not file.startswith(_NO_FILE) else printable(file)


#: What Python and well-known tools call what is from no file.
_NO_FILE = ("<string>", "<stdin>", "<console>", "<frozen ", "<ipython-input", "<unknown>")
_LIBRARIES = ("/site-packages/", "/dist-packages/", str(Path(logging.__file__).parents[1].as_posix()) + "/")
_WORD = re.compile(r"[^\W\d]\w*")
#: Bytes of a file beyond which it is not looked at.
_LARGEST = 1_000_000


def _words_of(file: str) -> frozenset[str] | None:
    """Return all words of a user's file; None of a library's, and where there is none to be read."""
    plain = file.replace("\\", "/")
    if any(each in plain for each in _LIBRARIES):
        return None
    try:
        found = Path(file).stat()
        return _read_words(file, found.st_mtime_ns) if found.st_size <= _LARGEST else None
    except (OSError, ValueError):
        return None


@functools.lru_cache(maxsize=16)
def _read_words(file: str, changed: int) -> frozenset[str]:
    return frozenset(_WORD.findall(Path(file).read_text("utf-8", "replace")))


def bare_name(code: CodeType) -> str:
    """Return the last part of the name of a function, as :func:`code_name`."""
    return code_name(code).rpartition(".")[2]


def escaped(text: str) -> str:
    """Return a text in one bounded line: what cannot be printed is escaped, the end of a long one is cut."""
    if len(text) <= LABEL and text.isprintable():
        return text
    cut = text[:LABEL]
    line = printable(cut)
    return line[:LABEL] + ("..." if len(text) > LABEL or len(line) > LABEL else "")


def clean(name: object) -> str:
    """Return a name as every output can hold it: one line of printable characters that is not too long.

    A long name is cut and ends with a checksum, so that two of them stay two. What is no string is called by its type;
    nothing of the object is run.
    """
    if type(name) is not str:
        # A derived class may have a ``__hash__``, an ``__eq__`` and an ``encode`` of its own.
        name = str.__str__(name) if is_a(name, str) else f"<{type_name(type(name))}>"
    if len(name) <= NAME and name.isprintable():
        return name
    line = printable(name[: 2 * NAME])
    if len(name) <= NAME and len(line) <= NAME:
        return line
    return f"{line[: NAME - 10]}~{zlib.crc32(name.encode('utf-8', 'surrogatepass')):08x}"


def clean_all(names: Iterable[str]) -> tuple[str, ...]:
    """Return names, each cleaned."""
    return tuple([clean(name) for name in names])


def printable(text: str, keep: str = "") -> str:
    """Return a text with what cannot be printed escaped, but for the characters to keep."""
    if text.isprintable():
        return text
    return "".join(
        char if char in keep or char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


class PrintableRecords(logging.Filter):
    """Escapes what a log record was given, so that nobody's name writes a terminal or forges a line.

    Line breaks in arguments stay: stacks have them, and names have none after :func:`clean`.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record through, its text arguments escaped."""
        if type(record.args) is tuple:
            record.args = tuple([printable(each, "\n\t") if type(each) is str else each for each in record.args])
        return True
