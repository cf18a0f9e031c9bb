"""One look for all commands: help with examples, JSON where a machine may read, errors with a remedy, colour."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import click
import pytest

from bokeh_exporter.cli import commands

pytestmark = pytest.mark.once

NAMES = sorted(commands.commands)
#: What a machine reads as it is: paths, or another command's own output.
PLAIN = {"run", "setup-script", "dashboards", "rules"}
REFUSED = [
    ["doctor", "nowhere"], ["doctor", "http://127.0.0.1:9"], ["explain", "http://127.0.0.1:9"],
    ["soak", "no-such-app.py"], ["demo", "--port", "0"], ["run", "no-such-command"], ["rules"], ["unheard-of"],
]  # fmt: skip


def ours(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bokeh_exporter", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=env or None)


@pytest.mark.parametrize("name", NAMES)
def test_help_has_an_example_and_every_option_a_word(name: str) -> None:
    command = commands.commands[name]
    context = click.Context(command, info_name=f"bokeh-exporter {name}")
    assert re.search(rf"^ +(?:.*\$\()?\"?(?:.*)bokeh-exporter {name}\b", command.get_help(context), re.MULTILINE)
    options = [one for one in command.params if isinstance(one, click.Option)]
    assert [one.name for one in options if not one.help] == []
    assert name in PLAIN or any("--json" in one.opts for one in options)


def test_version_and_help() -> None:
    assert re.fullmatch(r"bokeh-exporter, version \d\S+\n", ours("--version").stdout)
    told = ours("-h").stdout
    assert [name for name in NAMES if name not in told] == []


@pytest.mark.parametrize("arguments", REFUSED, ids=" ".join)
def test_errors_go_to_standard_error(arguments: list[str]) -> None:
    done = ours(*arguments)
    assert done.returncode in (2, 64, 127)
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    (line,) = done.stderr.splitlines()
    assert re.match(r"bokeh-exporter( run)?: .{20}", line)


def test_a_reader_that_has_enough_is_no_verdict() -> None:
    reads, writes = os.pipe()
    os.close(reads)
    command = [sys.executable, "-m", "bokeh_exporter", "catalogue", "--json"]
    done = subprocess.run(command, stdout=writes, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    os.close(writes)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.skipif(os.name == "nt", reason="there are no pseudo-terminals")
@pytest.mark.parametrize("no_color", ["", "1"])
def test_colour_at_a_terminal_unless_it_is_not_wanted(no_color: str) -> None:
    ours_end, its_end = os.openpty()
    command = [sys.executable, "-m", "bokeh_exporter", "catalogue"]
    with subprocess.Popen(
        command, stdout=its_end, env={**os.environ, "NO_COLOR": no_color, "TERM": "xterm"}
    ) as process:
        os.close(its_end)
        said = os.read(ours_end, 1000)
        process.kill()
    os.close(ours_end)
    assert len(said) > 10
    assert (b"\x1b[" in said) == (not no_color)
