"""What harms users and is not memory, beside a healthy verdict: on the page, in ``doctor`` and in the status."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from bokeh.util.token import generate_jwt_token, generate_session_id

from ..conftest import Serve
from ..support import bokeh_serve, get, wait_until
from ..support.servers import APPS
from ..support.tabs import Refused, ServerError

pytestmark = pytest.mark.front_door


def test_beside_healthy_stands_what_raises_what_fails_and_who_is_refused(serve: Serve) -> None:
    """bokeh/bokeh#12303: pages whose token has expired are refused, and memory is fine."""
    quick = {"BOKEH_EXPORTER_VERDICT_PERIOD": "0.5"}
    server = serve(bokeh_serve("raising_callback.py", APPS / "raising_bokeh.py", env=quick))
    page = "/raising_callback"
    for _ in range(4):
        server.get("/raising_bokeh")
    with server.open_tab(page) as tab:
        for value in range(1, 8):
            with pytest.raises(ServerError):
                tab.set("n", value=value)
        expired = generate_jwt_token(generate_session_id(), expiration=-10)
        for _ in range(5):
            with pytest.raises(Refused):
                server.open_tab(page, token=expired)
        with pytest.raises(Refused):  # one alone is nobody's fault
            server.open_tab(page, origin="http://elsewhere.example")

        def said() -> dict[str, Any] | None:
            verdict: dict[str, Any] = json.loads(get(f"{server.exporter_url}/api/v1/status").body)["verdict"]
            texts = " ".join(one["text"] for one in verdict["harm"])
            return verdict if all(count in texts for count in ("7 of 7", "5 of 7", "4 of 4")) else None

        verdict = wait_until(said, 20, "what harms is in the status")
    assert verdict["name"] == "healthy"
    found = {one["what"]: one for one in verdict["harm"]}
    assert set(found) == {"callback_errors", "script_errors", "websockets_refused"}
    assert all(set(one) == {"what", "text", "advice"} for one in verdict["harm"])
    assert "calls of raising_callback.py:moved raised" in found["callback_errors"]["text"]
    assert "4 of 4 runs of the script of /raising_bokeh failed" in found["script_errors"]["text"]
    assert "5 of 7 websockets were refused" in found["websockets_refused"]["text"]
    assert "their token had expired" in found["websockets_refused"]["text"]
    assert "--session-token-expiration (now 5 min)" in found["websockets_refused"]["advice"]

    command = [sys.executable, "-m", "bokeh_exporter", "doctor", server.exporter_url]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, "the verdict is of memory"
    html = get(server.exporter_url).text
    for one in verdict["harm"]:
        assert one["text"] in done.stdout
        assert one["advice"] in done.stdout
        assert one["text"] in html.replace("&#x27;", "'")
