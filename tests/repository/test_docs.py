"""The documents say what the code does: tables are generated, names, targets, links and error lines exist."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from prometheus_client import CollectorRegistry

from bokeh_exporter import cli, config, tested
from bokeh_exporter.expose.pages import OPEN_PATHS
from bokeh_exporter.expose.prometheus import build_registry_extras

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "docs" / "build.py"
README = (ROOT / "README.md").read_text(encoding="utf-8")
METRICS = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
SCRAPING = (ROOT / "docs" / "scraping.md").read_text(encoding="utf-8")
TROUBLESHOOTING = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")

#: Every Markdown file; those of environments and of what tools leave are not ours.
DOCUMENTS = sorted(
    path
    for folder in ("", "docs", "examples", "benchmarks", "deploy", "grafana", "tests", "bokeh_exporter")
    for path in ((ROOT / folder).rglob("*.md") if folder else ROOT.glob("*.md"))
)
#: What a user runs or reads as it is, besides the documents.
SCRIPTS = sorted([ROOT / "Makefile", *(ROOT / ".ci").iterdir(), *(ROOT / "examples").glob("*.py"), BUILD])


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def build(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(tree / "docs" / "build.py"), *arguments], capture_output=True, text=True, check=False
    )


# --- generated ---------------------------------------------------------------------------------------


def test_generated_documents_are_up_to_date() -> None:
    done = build(ROOT, "--check")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what the documents are made of and from."""
    for folder in ("docs", "bokeh_exporter", "semconv"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_drift_is_named_and_repaired(tree: Path) -> None:
    good = (tree / "docs" / "options.md").read_text()
    (tree / "docs" / "options.md").write_text(good.replace("| `port_span` |", "| `another` |"))
    catalogue = tree / "bokeh_exporter" / "catalogue.py"
    catalogue.write_text(catalogue.read_text().replace("Largest document now", "The largest document"))
    done = build(tree, "--check")
    files = ("docs/metrics.md", "docs/options.md", "docs/semantic-conventions.md", "semconv/metrics.yaml")
    assert done.returncode == 1
    assert set(done.stderr.splitlines()) == {
        f"{file} is out of date: run `python docs/build.py` and commit the result" for file in files
    }
    assert build(tree).returncode == 0
    assert (tree / "docs" / "options.md").read_text() == good
    assert "The largest document" in (tree / "docs" / "metrics.md").read_text()
    assert build(tree, "--check").returncode == 0


# --- complete ----------------------------------------------------------------------------------------


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="process_* are read from /proc")
def test_the_standard_families_are_those_that_prometheus_client_gives() -> None:
    registry = CollectorRegistry(auto_describe=True)
    build_registry_extras(registry)
    given = {f"{family.name}_total" if family.type == "counter" else family.name for family in registry.collect()}
    documented = set(re.findall(r"^\| `((?:process|python)_\w+)` \|", METRICS, re.MULTILINE))
    assert documented == given


def test_every_endpoint_is_documented() -> None:
    for path in {"/", "/metrics", *OPEN_PATHS}:
        assert f"| `{path}` |" in SCRAPING


# --- true --------------------------------------------------------------------------------------------


def test_the_readme_begins_with_the_two_commands_and_is_short() -> None:
    first = re.search(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert first is not None
    assert [line.split("#")[0].strip() for line in first[1].splitlines()] == ["make run", "make test"]
    assert len(README.splitlines()) <= 120


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_make_targets_exist() -> None:
    wrong = []
    for path in DOCUMENTS:
        # In code only: prose makes things, too.
        text = path.read_text(encoding="utf-8")
        blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        used = {word for block in blocks for word in re.findall(r"^make ([a-z][\w-]*)", block, re.MULTILINE)}
        used |= set(re.findall(r"`make ([a-z][\w-]*)", text))
        wrong += [f"{name(path)}: make {target}" for target in used - make_targets()]
    assert wrong == []


def test_make_help_lists_every_target() -> None:
    done = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    listed = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
    assert {target for target, _ in listed} == make_targets()
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony is not None
    assert set(phony[1].split()) == make_targets()


def anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in headings}


def test_links_lead_somewhere() -> None:
    wrong = []
    for path in DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        # What stands in code is an example.
        prose = re.sub(r"^```.*?^```|`[^`\n]*`", "", text, flags=re.MULTILINE | re.DOTALL)
        for target in re.findall(r"\]\(([^)]+)\)", prose):
            if target.startswith("https://"):
                continue
            file, _, anchor = target.partition("#")
            found = path.parent / file if file else path
            if not found.exists() or (anchor and anchor not in anchors(found.read_text(encoding="utf-8"))):
                wrong.append(f"{name(path)}: {target}")
    assert wrong == []


def test_no_path_or_host_of_somebodys_machine() -> None:
    foreign = re.compile(
        r"/(?:root|home|Users|work|farm)/|/tmp/|\.pyenv/versions|pypi\.|pythonhosted|registry\.npmjs|/shared/"
    )
    texts = {name(path): path.read_text(encoding="utf-8") for path in [*DOCUMENTS, *SCRIPTS]}
    assert {path: found for path, text in texts.items() if (found := foreign.findall(text))} == {}


def test_python_in_the_documents_compiles() -> None:
    blocks = 0
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for block in re.findall(r"^```python\n(.*?)^```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
            compile(block, name(path), "exec", ast.PyCF_ONLY_AST)
            blocks += 1
    assert blocks >= 5


def test_the_setup_script_of_the_readme_is_the_example() -> None:
    assert (ROOT / "examples" / "exporter.py").read_text() in README


def test_flags_of_run_exist() -> None:
    commands = cli.commands.commands
    run = commands["run"]
    ours = {flag for one in run.params if isinstance(one, click.Option) for flag in one.opts}
    told = "".join(path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
    lines = re.findall(r"^bokeh-exporter run (--.*)$", told, re.MULTILINE)
    assert lines != []
    for line in lines:
        before_command = re.match(r"(?:(--[a-z-]+) \S+ )+", line)
        assert before_command
        assert set(re.findall(r"--[a-z-]+", before_command[0])) <= ours


def test_variables_in_documents_are_options() -> None:
    known = {config.variable(option) for option in config.OPTIONS}
    for path in [*DOCUMENTS, *SCRIPTS]:
        used = set(re.findall(r"\bBOKEH_EXPORTER_[A-Z_]*[A-Z]\b", path.read_text(encoding="utf-8")))
        assert used <= known, path


def test_lines_of_the_troubleshooting_table_are_in_the_code() -> None:
    table = TROUBLESHOOTING.split("| No such line")[0]
    rows = re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE)
    pieces = [piece.strip() for row in rows for text in re.findall(r"`(.*?)`", row) for piece in text.split("…")]
    assert len(pieces) > 15
    said = "\n".join(
        node.value
        for path in (ROOT / "bokeh_exporter").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    assert [piece for piece in pieces if piece not in said] == []


def test_versions_in_the_documents_are_those_that_are_tested() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    versions = (ROOT / "docs" / "versions.md").read_text(encoding="utf-8")
    form = r"^\| (3\.\d+) \| (3\.\d+) to (3\.\d+) \| (1\.\d+) to (1\.\d+) \| (.*) \|$"
    rows = re.findall(form, versions, re.MULTILINE)
    tried = [row[0] for row in rows if not row[5].startswith("not ")]
    assert tried == re.findall(r"Python :: (3\.\d+)", project)
    oldest, *newer, coming = tested.LINES
    assert {(row[1], row[3]) for row in rows} == {(oldest.bokeh, oldest.panel)}
    by_python = {row[0]: (row[2], row[4]) for row in rows}
    newer += tested.PYTHONS
    assert [by_python[line.python] for line in newer] == [(line.bokeh, line.panel) for line in newer]
    assert f"Bokeh {coming.bokeh}" in versions
    assert f'"bokeh>={oldest.bokeh}"' in project
    assert f'"panel>={oldest.panel}"' in project


COMMAND_LINE = re.compile(r"bokeh-exporter ([a-z][a-z-]+)((?: [^`\n\\\"|)]*)?)")


def command_lines() -> list[tuple[str, str, str]]:
    """Every ``bokeh-exporter COMMAND ...`` that a document, a board or an alert tells the reader to type."""
    texts = [*DOCUMENTS, *(ROOT / "grafana").glob("*/*.json"), *(ROOT / "grafana").glob("rules/*.yaml")]
    return sorted({
        (name(path), found[1], found[2])
        for path in texts
        for found in COMMAND_LINE.finditer(path.read_text(encoding="utf-8"))
        if found[1] not in {"or", "on", "in", "and", "is", "does", "with", "has"}
    })  # fmt: skip


def test_every_command_line_that_is_told_can_be_typed() -> None:
    wrong = []
    for where, command, rest in command_lines():
        known = cli.commands.commands.get(command)
        if known is None:
            wrong.append(f"{where}: no command {command!r}")
            continue
        # What stands behind the command to run, or behind --, is another program's.
        ours = re.split(r" -- | (?:panel|bokeh|python|uvicorn) ", f"{rest} ")[0]
        flags = {flag for option in known.params for flag in option.opts} | {"--help", "-h"}
        wrong += [f"{where}: bokeh-exporter {command} {flag}" for flag in re.findall(r"(?<= )--[a-z-]+", ours)
                  if flag not in flags]  # fmt: skip
    assert wrong == []
