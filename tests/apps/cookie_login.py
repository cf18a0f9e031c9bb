"""A login of ``--auth-module``: whoever has the cookie is somebody, all others are sent to a page."""

from __future__ import annotations

from typing import Any

login_url = "/login"


def get_user(handler: Any) -> Any:
    return handler.get_cookie("user")
