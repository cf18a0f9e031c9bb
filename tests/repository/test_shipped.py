"""Boards, rules and runbooks come out of the installed package, and out of a wheel."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[2]
UIDS = {"bokeh-fleet", "bokeh-server", "bokeh-leak-hunt", "bokeh-elements"}


def command(*arguments: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run ``bokeh-exporter``, of another installation if a path is given."""
    source = (
        f"import sys; sys.path.insert(0, {str(path)!r}); from bokeh_exporter.cli import main; main({list(arguments)!r})"
    )
    argv = [sys.executable, "-c", source] if path else [sys.executable, "-m", "bokeh_exporter", *arguments]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def wheel(distributions: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as a wheel installs it, unpacked."""
    folder = tmp_path_factory.mktemp("wheel")
    (packed,) = distributions.glob("*.whl")
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def check_boards(folder: Path, output: str) -> None:
    boards = {path: json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")}
    assert {board["uid"] for board in boards.values()} == UIDS
    provisioning = folder / "provisioning" / "dashboards" / "bokeh.yaml"
    provider = yaml.safe_load(provisioning.read_text(encoding="utf-8"))["providers"][0]
    assert provider["options"]["path"] == str(folder.resolve())
    assert set(output.split()) == {str(path) for path in (*boards, provisioning)}


def test_dashboards_out_of_a_working_tree(tmp_path: Path) -> None:
    done = command("dashboards", str(tmp_path / "boards"))
    assert (done.returncode, done.stderr) == (0, "")
    check_boards(tmp_path / "boards", done.stdout)


def test_dashboards_and_rules_out_of_a_wheel(wheel: Path, tmp_path: Path) -> None:
    done = command("dashboards", str(tmp_path / "boards"), path=wheel)
    assert (done.returncode, done.stderr) == (0, "")
    check_boards(tmp_path / "boards", done.stdout)
    assert command("rules", str(tmp_path / "rules"), path=wheel).returncode == 0
    for path in (ROOT / "grafana" / "rules").glob("bokeh-*.yaml"):
        assert (tmp_path / "rules" / path.name).read_text() == path.read_text()
    pages = {path.name for path in (ROOT / "docs" / "runbooks").glob("*.md")}
    assert {path.name for path in (tmp_path / "rules" / "runbooks").glob("*.md")} == pages


def test_rules_carry_the_addresses_of_a_site(tmp_path: Path) -> None:
    done = command(
        "rules", str(tmp_path), "--grafana", "https://grafana.site/", "--runbooks", "https://wiki.site/bokeh"
    )
    assert done.returncode == 0
    text = (tmp_path / "bokeh-alerts.yaml").read_text()
    assert "https://grafana.site/d/bokeh-leak-hunt?var-job=" in text
    assert "https://wiki.site/bokeh/BokehSessionsRetained.md" in text
    assert "localhost:3000" not in text
    assert "example.com" not in text


@pytest.mark.parametrize("name", ["dashboards", "rules"])
def test_a_folder_that_cannot_be_is_one_clear_line(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = command(name, str(tmp_path / "file" / "below"))
    assert done.returncode == 73
    assert done.stderr == (
        f"bokeh-exporter: cannot write into {tmp_path}/file/below: Not a directory: choose another folder\n"
    )
