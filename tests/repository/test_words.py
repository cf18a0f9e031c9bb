"""Plain English: the words to avoid, in the table of CONTRIBUTING.md, are in no text that somebody reads."""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[2]
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
README = ROOT / "README.md"
#: The words of the first row are too common in English to forbid: in all documents at most so many.
FEW = 25
DOCUMENTS = sorted([
    *ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").rglob("*.md"),
    *(ROOT / "benchmarks").glob("*.md"), *(ROOT / "examples").rglob("*.md"),
])  # fmt: skip
PAGES = sorted(path for path in (ROOT / "bokeh_exporter").rglob("*") if path.suffix in (".html", ".js"))
RULES = sorted((ROOT / "grafana" / "rules").glob("bokeh-*.yaml"))
BOARDS = sorted((ROOT / "grafana" / "dashboards").glob("*.json"))
PACKAGE = sorted((ROOT / "bokeh_exporter").rglob("*.py"))


def rows() -> list[list[str]]:
    """What not to write, a list for each row of the table."""
    table = re.search(r"^\| Write \| Not \|\n\| --- \| --- \|\n((?:\|.*\|\n)+)", CONTRIBUTING.read_text(), re.MULTILINE)
    assert table is not None
    return [[word.strip() for word in line.split("|")[2].split(",")] for line in table[1].splitlines()]


def pattern(words: list[str]) -> re.Pattern[str]:
    # A phrase may be broken over two lines.
    choices = "|".join(re.escape(word).replace(r"\ ", r"\s+") for word in words)
    return re.compile(rf"\b(?:{choices})\b", re.IGNORECASE)


SOME, *OTHERS = map(pattern, rows())
FORBIDDEN = re.compile("|".join(one.pattern for one in OTHERS), re.IGNORECASE)


def prose(path: Path) -> str:
    """A document without code, quotes of others and the table of the words."""
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"^```.*?^```|`[^`\n]*`", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"^\| Write \| Not \|\n(?:\|.*\|\n)+", "", text, flags=re.MULTILINE)


def texts_of(value: Any) -> Iterator[str]:
    """The titles and descriptions of a board."""
    if isinstance(value, dict):
        yield from (text for key in ("title", "description") if isinstance(text := value.get(key), str))
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from texts_of(each)


def strings_of(path: Path) -> str:
    """The strings and docstrings of a module; one that is a name or a key has no space in it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return "\n".join(text for text in found if " " in text)


def read(path: Path) -> str:
    if path.suffix == ".md":
        return prose(path)
    if path.suffix == ".py":
        return strings_of(path)
    text = path.read_text(encoding="utf-8")
    return "\n".join(texts_of(json.loads(text))) if path.suffix == ".json" else text


def test_words_to_avoid_are_avoided() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {' '.join(found.split())}"
        for path in (*DOCUMENTS, *PAGES, *RULES, *BOARDS, *PACKAGE)
        for found in FORBIDDEN.findall(read(path))
    ]
    assert wrong == [], "CONTRIBUTING.md has what to write in their place"


def test_telling_is_rare_in_documents() -> None:
    found = Counter({path.relative_to(ROOT).as_posix(): len(SOME.findall(prose(path))) for path in DOCUMENTS})
    assert found.total() <= FEW, {path: times for path, times in found.items() if times}


def test_the_table_is_read() -> None:
    assert SOME.search("as it was told")
    assert FORBIDDEN.search("Mend it")
    assert FORBIDDEN.search("nobody\nis served")
    assert not FORBIDDEN.search("recommended")


def test_links_of_the_readme_lead_to_files_of_the_checkout() -> None:
    text = README.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 150
    targets = re.findall(r"\]\(([^)]+)\)", text)
    assert len(targets) > 20
    assert [target for target in targets if not (ROOT / target.partition("#")[0]).is_file()] == []
