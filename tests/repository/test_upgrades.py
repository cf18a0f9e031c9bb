"""Nothing that others build on is renamed or removed: the last release, as it was recorded, against what is here.

Until there is a release, it is the commit that the file is named after. After one, record the next:
``python -m tests.support.surface TREE > tests/data/surface-VERSION.json``.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ..support.surface import gone, keys, surface

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[2]
RECORDED = sorted((ROOT / "tests" / "data").glob("surface-*.json"))


@pytest.mark.timeout(240)
def test_names_types_labels_options_commands_and_json_keys_are_still_there() -> None:
    here = json.loads(json.dumps(surface(ROOT)))
    assert RECORDED
    lost = [f"{path.stem}: {each}" for path in RECORDED for each in gone(json.loads(path.read_text()), here)]
    assert lost == []


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
