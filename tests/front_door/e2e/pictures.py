"""Draw every board against the end-to-end stack into docs/pictures.

Usage: python -m tests.front_door.e2e.pictures FOLDER_OF_GRAFANA_RENDER [SECONDS]

``grafana-render`` draws with Grafana's own front-end code in headless Chromium. It is not part of this
repository, and needs node, Chromium and ``pip install playwright``. A panel without data that should have
some, a query that fails or a JavaScript error ends this with status 1.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image  # Bokeh needs it, so it is here

from grafana.boards import BOARDS

from .stack import running

ROOT = Path(__file__).resolve().parents[3]
PICTURES = ROOT / "docs" / "pictures"
#: Long enough for the slowest alert of the shortened rules.
SECONDS = 300


def shrink(picture: Path) -> None:
    """Keep 256 colours, the rare ones among them: a board has few, and the file is half."""
    with Image.open(picture) as image:
        small = image.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    small.save(picture, optimize=True)


def draw(renderer: Path, uid: str, prometheus: str, may_be_empty: list[str]) -> int:
    """Draw one board and return the renderer's status."""
    words = [sys.executable, renderer / "render.py", ROOT / "grafana" / "dashboards" / f"{uid}.json",
             "--prometheus", prometheus, "--out", PICTURES / f"{uid}.png", "--json", PICTURES / f"{uid}.report.json",
             "--from", "now-5m", "--to", "now", "--scrape-interval", "5s", "--require-data",
             "--may-be-empty", "namespace"]  # fmt: skip
    for title in may_be_empty:
        words += ["--may-be-empty", title]
    status = subprocess.run([str(word) for word in words], check=False).returncode
    (PICTURES / f"{uid}.report.json").unlink(missing_ok=True)
    if (PICTURES / f"{uid}.png").exists():
        shrink(PICTURES / f"{uid}.png")
    return status


def main(arguments: list[str]) -> int:
    """Start the stack, let it run, draw."""
    renderer = Path(arguments[0]) if arguments and arguments[0] else None
    if renderer is None or not (renderer / "render.py").exists():
        print("where is grafana-render? make pictures GRAFANA_RENDER=path", file=sys.stderr)
        return 64
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as stack:
        time.sleep(float(arguments[1]) if len(arguments) > 1 else SECONDS)
        statuses = [
            draw(renderer, board.uid, stack.prometheus.url,
                 [panel.body["title"] for panel in board.panels() if panel.may_be_empty])
            for board in BOARDS
        ]  # fmt: skip
    return int(any(statuses))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
