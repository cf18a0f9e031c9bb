"""Whose code a file is: the folders of this Python are those that ``sysconfig`` knows."""

from __future__ import annotations

import subprocess
import sys
import sysconfig

from bokeh_exporter.state.python_paths import LIBRARIES, STANDARD, folders


def test_they_are_where_sysconfig_says() -> None:
    paths = {name: path.replace("\\", "/") + "/" for name, path in sysconfig.get_paths().items()}
    assert set(STANDARD) == {paths["stdlib"], paths["platstdlib"]}
    assert set(LIBRARIES) == {*STANDARD, paths["purelib"], paths["platlib"]}
    assert folders("scripts") == (paths["scripts"],)


def test_a_server_does_not_load_what_describes_the_build_of_python() -> None:
    code = "import sys, bokeh_exporter.exporter; print([name for name in sys.modules if 'sysconfigdata' in name])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
