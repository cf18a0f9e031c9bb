"""Where the files are that come with the package but are not Python: boards, rules, runbooks.

The command line writes them out and the endpoint serves the runbooks, so it is in the room that both may import.
"""

from __future__ import annotations

from pathlib import Path

#: A wheel has them inside of the package; in a working tree they are where they are written.
INSTALLED = Path(__file__).resolve().parents[1] / "shipped"
ROOT = Path(__file__).resolve().parents[2]
TREE = {"dashboards": "grafana/dashboards", "rules": "grafana/rules", "runbooks": "docs/runbooks",
        "provisioning/dashboards": "grafana/provisioning/dashboards"}  # fmt: skip


def source(kind: str) -> Path:
    """Return the folder of a kind."""
    return INSTALLED / kind if INSTALLED.is_dir() else ROOT / TREE[kind]
