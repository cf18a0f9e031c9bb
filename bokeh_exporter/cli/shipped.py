"""Write out the files that come with the package: boards, rules, runbooks."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from ..state.shipped_files import source


def copy(kind: str, pattern: str, target: Path, replaced: Mapping[str, str] | None = None) -> Iterator[Path]:
    """Copy the files of a kind into a folder, with some texts replaced, and yield what was written.

    A folder that cannot be written ends the command with one line and status 73 (cannot create), as
    ``sysexits.h`` has it.
    """
    files = sorted(source(kind).glob(pattern))
    if not files:
        click.echo(f"bokeh-exporter: this installation has no {kind}: install it again from a wheel", err=True)
        sys.exit(1)
    try:
        target.mkdir(parents=True, exist_ok=True)
        for file in files:
            text = file.read_text(encoding="utf-8")
            for old, new in (replaced or {}).items():
                text = text.replace(old, new)
            (target / file.name).write_text(text, encoding="utf-8")
            yield target / file.name
    except OSError as error:
        click.echo(f"bokeh-exporter: cannot write into {target}: {error.strerror}: choose another folder", err=True)
        sys.exit(getattr(os, "EX_CANTCREAT", 73))
