"""Nothing that others build on is renamed or removed: the last release and what is here, started side by side.

Until there is a release, the last one is the commit that the file of its record is named after. The record alone is
compared where the repository has no history, as in a source distribution or a shallow clone. After a release, record
it: ``python -m tests.support.surface TREE > tests/data/surface-VERSION.json``.
"""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ..support.surface import gone, keys, surface

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[2]
RECORDED = sorted((ROOT / "tests" / "data").glob("surface-*.json"))


def released(version: str, folder: Path) -> Path | None:
    """Lay out the tree of a version in a folder; None where the repository does not have it."""
    for name in (f"v{version}", version):
        archive = subprocess.run(["git", "archive", name], cwd=ROOT, capture_output=True, check=False)
        if archive.returncode == 0:
            with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
                tar.extractall(folder, filter="data")
            return folder
    return None


def started(tree: Path) -> dict[str, Any]:
    """Return what a tree offers, as a record of it would be read."""
    return dict(json.loads(json.dumps(surface(tree))))


@pytest.mark.timeout(240)
def test_names_types_labels_options_commands_and_json_keys_are_still_there(tmp_path: Path) -> None:
    records = {path.stem.removeprefix("surface-"): json.loads(path.read_text()) for path in RECORDED}
    assert records
    trees = {version: released(version, tmp_path / version) for version in records}
    with ThreadPoolExecutor() as side_by_side:
        running = {version: side_by_side.submit(started, tree) for version, tree in trees.items() if tree}
        here = started(ROOT)
        old = {version: each.result() for version, each in running.items()}
    lost = [
        f"{version}: {each}" for known in (records, old) for version in known for each in gone(known[version], here)
    ]
    assert lost == []
    # What is read from tables is always the same, and what a server answers is not: the record is of that version.
    assert [version for version in old if old[version]["metrics"] != records[version]["metrics"]] == []


def test_what_is_gone_or_otherwise_is_found_and_what_is_new_is_none() -> None:
    old = {"a_total": {"type": "counter", "labels": {"app": []}}, "flags": ["--a", "--b"], "keys": [".time"]}
    assert list(gone(old, old)) == []
    assert list(gone(old, {**old, "b_total": {}, "flags": ["--b", "--c", "--a"]})) == []
    new = {"a_total": {"type": "gauge", "labels": {"path": []}}, "flags": ["--a"], "keys": []}
    assert list(gone(old, new)) == [
        "/a_total/type: counter is now gauge",
        "/a_total/labels/app",
        "/flags: --b",
        "/keys: .time",
    ]


def test_keys_are_paths_and_names_that_are_data_are_not_in_them() -> None:
    answer = {"apps": [{"app": "/a"}, {"app": "/b", "models": 1}], "hooks": {"A.b": True}, "memory": {"cgroup_x": 1}}
    assert set(keys(answer)) == {".apps", ".apps[].app", ".apps[].models", ".hooks", ".hooks.*", ".memory"}
