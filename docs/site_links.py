"""A hook of MkDocs: a link to a file of the repository that is no page of the site becomes its path, as code."""

from __future__ import annotations

import posixpath
import re
from typing import Any

_LINK = re.compile(r"\[([^\]]*)\]\(((?:\.\./)+[^)#]*)(#[^)]*)?\)")


def on_page_markdown(markdown: str, page: Any, files: Any, **_: Any) -> str:
    """Return the page with those links rewritten."""
    folder = posixpath.dirname(page.file.src_uri)

    def rewritten(link: re.Match[str]) -> str:
        text, target = link[1].strip("`"), link[2]
        path = posixpath.normpath(posixpath.join("docs", folder, target))
        if path.startswith("docs/"):
            return link[0]
        return f"`{path}`" if path in text or text in path else f"{text} (`{path}`)"

    return _LINK.sub(rewritten, markdown)
