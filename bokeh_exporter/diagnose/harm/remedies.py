"""Why websockets are refused, and what to do about each reason."""

from __future__ import annotations

from ..verdicts.series import duration

#: Reason of a refusal -> what was wrong.
WHY = {
    "expired": "their token had expired",
    "origin": "their origin is not allowed",
    "token": "their token is missing, forged or signed with another key",
    "subprotocol": "the subprotocol 'bokeh' was missing",
    "auth": "the user was not logged in",
}


def remedy(reason: str, token_lifetime: float | None) -> str:
    """Return what to do about it, given the seconds that a page's token is good for."""
    if reason == "expired":
        lives = f" (now {duration(token_lifetime)})" if token_lifetime else ""
        return (
            f"Raise --session-token-expiration{lives} above the time from a page to its websocket: slow pages, tabs "
            "that were asleep or restored. Refused visitors must reload the page."
        )
    return {
        "origin": "Add the host and port of the browser's address bar to --allow-websocket-origin (or "
        "BOKEH_ALLOW_WS_ORIGIN).",
        "token": "Give all processes the same BOKEH_SECRET_KEY, and let the proxy keep a visitor on one process.",
        "subprotocol": "Let the proxy pass the header Sec-WebSocket-Protocol: the token is in it.",
        "auth": "Give all processes the same --cookie-secret, and raise --oauth-expiry-days if logins end too soon.",
    }.get(reason, "Read the server's log.")
