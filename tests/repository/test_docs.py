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

from bokeh_exporter import cli, config
from bokeh_exporter.catalogue import CATALOGUE, Metric
from bokeh_exporter.expose.pages import OPEN_PATHS
from bokeh_exporter.expose.prometheus import build_registry_extras

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "docs" / "build.py"
README = (ROOT / "README.md").read_text(encoding="utf-8")
METRICS = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
OPTIONS = (ROOT / "docs" / "options.md").read_text(encoding="utf-8")

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "examples").glob("*.md"),
                    *(ROOT / "benchmarks").glob("*.md")])  # fmt: skip
#: What a user runs or reads as it is, besides the documents.
SCRIPTS = sorted([ROOT / "Makefile", *(ROOT / ".ci").iterdir(), *(ROOT / "examples").glob("*.py"), BUILD])


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def section(title: str) -> str:
    """Return the text of a section of README.md."""
    found = re.search(rf"^## {re.escape(title)}$(.*?)(?=^## |\Z)", README, re.MULTILINE | re.DOTALL)
    assert found, f"README.md has no section {title!r}"
    return found[1]


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
    for folder in ("docs", "bokeh_exporter"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "README.md", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "row"),
    [
        ("docs/metrics.md", "| `bokeh_sessions` |"),
        ("docs/options.md", "| `port_span` |"),
        ("README.md", "| `bokeh_sessions` |"),
        ("README.md", "| `port_span` |"),
    ],
)
def test_drift_is_named_and_mended(tree: Path, file: str, row: str) -> None:
    good = (tree / file).read_text()
    assert row in good
    (tree / file).write_text(good.replace(row, "| `another` |"))
    done = build(tree, "--check")
    assert done.returncode == 1
    assert done.stderr == f"{file} is out of date: run `python docs/build.py` and commit the result\n"
    assert build(tree).stdout == f"wrote {file}\n"
    assert (tree / file).read_text() == good


def test_a_changed_row_is_drift(tree: Path) -> None:
    catalogue = tree / "bokeh_exporter" / "catalogue.py"
    catalogue.write_text(catalogue.read_text().replace("Largest document now", "The largest document"))
    assert "docs/metrics.md is out of date" in build(tree, "--check").stderr


@pytest.mark.parametrize("text", [METRICS, OPTIONS], ids=["metrics.md", "options.md"])
def test_generated_files_say_so_first(text: str) -> None:
    assert re.match(r"<!-- Generated from bokeh_exporter/\w+\.py by `python docs/build\.py`", text)


# --- complete ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", CATALOGUE, ids=lambda metric: metric.name)
def test_every_metric_is_documented(metric: Metric) -> None:
    row = f"| `{metric.name}` |"
    assert README.count(row) == 1
    assert row in METRICS


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="process_* are read from /proc")
def test_the_standard_families_are_those_that_prometheus_client_gives() -> None:
    registry = CollectorRegistry(auto_describe=True)
    build_registry_extras(registry)
    given = {f"{family.name}_total" if family.type == "counter" else family.name for family in registry.collect()}
    documented = set(re.findall(r"^\| `((?:process|python)_\w+)` \|", METRICS, re.MULTILINE))
    assert documented == given


@pytest.mark.parametrize("option", config.OPTIONS)
def test_every_option_is_documented(option: str) -> None:
    row = f"| `{option}` | `{config.flag(option)}` | `{config.variable(option)}` |"
    assert README.count(row) == 1
    assert row in OPTIONS
    assert config.OPTIONS[option].metadata["wants"] in OPTIONS


def test_every_endpoint_is_documented() -> None:
    for path in {"/", "/metrics", *OPEN_PATHS}:
        assert f"| `{path}` |" in section("Scraping")


# --- true --------------------------------------------------------------------------------------------


def test_the_order_of_the_readme() -> None:
    assert README.index("```sh\nmake run") < README.index("make test") < README.index("## The way of the data")


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_make_targets_exist(path: Path) -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    # In code only: prose makes things, too.
    text = path.read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    used = {word for block in blocks for word in re.findall(r"^make (\w+)", block, re.MULTILINE)}
    used |= set(re.findall(r"`make (\w+)", text))
    assert used <= targets


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_links_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if target.startswith("https://"):
            continue
        file, _, anchor = target.partition("#")
        assert (path.parent / file).exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", (path.parent / file).read_text() if file else text, re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in headings}, target


@pytest.mark.parametrize("path", [*DOCUMENTS, *SCRIPTS], ids=name)
def test_no_path_or_host_of_somebodys_machine(path: Path) -> None:
    foreign = r"/(?:root|home|Users|work|farm)/|/tmp/|\.pyenv/versions|pypi\.|pythonhosted|registry\.npmjs|/shared/"
    assert re.findall(foreign, path.read_text(encoding="utf-8")) == []


def test_python_in_the_readme_compiles() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 4
    for block in blocks:
        compile(block, "README.md", "exec", ast.PyCF_ONLY_AST)


def test_the_setup_script_of_the_readme_is_the_example() -> None:
    assert (ROOT / "examples" / "exporter.py").read_text() in README


def test_commands_and_flags_in_the_readme_exist() -> None:
    commands = cli.commands.commands
    assert set(re.findall(r"\bbokeh-exporter ([a-z][a-z-]+)", README)) <= set(commands)
    run = commands["run"]
    ours = {flag for one in run.params if isinstance(one, click.Option) for flag in one.opts}
    for line in re.findall(r"^bokeh-exporter run (--.*)$", README, re.MULTILINE):
        before_command = re.match(r"(?:(--[a-z-]+) \S+ )+", line)
        assert before_command
        assert set(re.findall(r"--[a-z-]+", before_command[0])) <= ours


def test_variables_in_documents_are_options() -> None:
    known = {config.variable(option) for option in config.OPTIONS}
    for path in [*DOCUMENTS, *SCRIPTS]:
        used = set(re.findall(r"\bBOKEH_EXPORTER_[A-Z_]*[A-Z]\b", path.read_text(encoding="utf-8")))
        assert used <= known, path


def test_lines_of_the_troubleshooting_table_are_in_the_code() -> None:
    table = section("Troubleshooting").split("| No such line")[0]
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


def test_versions_in_the_readme_are_those_of_the_package() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    rows = re.findall(r"^\| (3\.\d+) \| 3\.\d+ to (3\.\d+) \| 1\.\d+ to (1\.\d+) \|", README, re.MULTILINE)
    assert [python for python, _, _ in rows] == re.findall(r"Python :: (3\.\d+)", project)
    bokeh = max(int(bokeh.split(".")[1]) for _, bokeh, _ in rows)
    panel = max(int(panel.split(".")[1]) for _, _, panel in rows)
    assert f"bokeh>=3.4,<3.{bokeh + 1}" in project
    assert f"panel>=1.4,<1.{panel + 1}" in project


COMMAND_LINE = re.compile(r"bokeh-exporter ([a-z][a-z-]+)((?: [^`\n\\\"|)]*)?)")


def command_lines() -> list[tuple[str, str, str]]:
    """Every ``bokeh-exporter COMMAND ...`` that a document, a board or an alert tells the reader to type."""
    texts = [
        *DOCUMENTS,
        *(ROOT / "docs").glob("*/*.md"),
        *(ROOT / "grafana").glob("*/*.json"),
        *(ROOT / "grafana").glob("rules/*.yaml"),
    ]
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
