"""The status page in a real browser: what it shows, when it cannot, and who may see it.

``WRITE_PICTURES=1`` keeps a picture of each state in docs/pictures, in light and dark.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Page, Route, sync_playwright

from ..conftest import Serve
from ..support import ServerProcess, bokeh_serve, free_port, get, python_script, wait_until

ROOT = Path(__file__).resolve().parents[2]
LEAKY = ROOT / "tests" / "leaks" / "02_curdoc_by_user.py"
PICTURES = ROOT / "docs" / "pictures"
QUICK = {
    "BOKEH_EXPORTER_VERDICT_PERIOD": "0.5",
    "BOKEH_EXPORTER_GRACE": "0.5",
    "BOKEH_EXPORTER_COLLECT_GARBAGE_LIMIT": "0.5",
}
#: Milliseconds for what the page does by itself, on a busy machine.
PATIENCE = 30_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium")
    assert path, "there is no chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        yield playwright.chromium.launch(executable_path=path, args=arguments)


class Watched:
    """A page of which all that the console says and all that it asks for is kept."""

    def __init__(self, browser: Browser, url: str | None = None) -> None:
        self.page: Page = browser.new_page(viewport={"width": 1400, "height": 900})
        self.page.set_default_timeout(PATIENCE)
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda one: self.said.append(one.text) if one.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        if url is not None:
            self.page.goto(url)

    def shows(self, selector: str) -> None:
        """Wait until something is there."""
        self.page.wait_for_selector(selector)

    def audit(self) -> None:
        """Let axe-core look for what keeps people from using the page, in light and dark."""
        for scheme in ("light", "dark"):
            self.page.emulate_media(color_scheme=scheme)
            found = Axe().run(self.page).response["violations"]
            assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found] == []

    def state(self, name: str, *, phone: bool = False) -> None:
        """Keep a picture of the page as it is, on a phone too if so wanted, and audit it."""
        self.picture(name)
        if phone and os.environ.get("WRITE_PICTURES") == "1":
            wide = self.page.viewport_size
            self.page.set_viewport_size({"width": 390, "height": 844})
            self.picture(f"{name}-phone")
            assert wide is not None
            self.page.set_viewport_size(wide)
        self.audit()

    def picture(self, name: str, *, whole: bool = False) -> None:
        """Keep a picture of the page in light and dark, if pictures are to be written."""
        if os.environ.get("WRITE_PICTURES") != "1":
            return
        PICTURES.mkdir(exist_ok=True)
        for scheme in ("light", "dark"):
            self.page.emulate_media(color_scheme=scheme)
            self.page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
            self.page.wait_for_timeout(1500)  # colours change slowly
            path = PICTURES / f"page-{name}-{scheme}.png"
            self.page.screenshot(path=path, full_page=whole)
            with Image.open(path) as taken:
                picture = taken.convert("RGB")
            # A third of the bytes. The colours that fill most, as they are: other palettes mix pale ones.
            colours = sorted(picture.getcolors(picture.width * picture.height), reverse=True)[:256]
            palette = Image.new("P", (1, 1))
            palette.putpalette([part for _, colour in colours for part in colour])
            picture.quantize(palette=palette, dither=Image.Dither.NONE).save(path, optimize=True)


def doctor(server: ServerProcess) -> dict[str, Any]:
    """Return the verdict that the command line gives."""
    command = [sys.executable, "-m", "bokeh_exporter", "doctor", "--json", server.exporter_url]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    verdict: dict[str, Any] = json.loads(done.stdout)["verdict"]
    return verdict


def pages_share_an_answer(url: str) -> None:
    def asked(query: str = "") -> dict[str, Any]:
        content: dict[str, Any] = json.loads(get(f"{url}/api/v1/status{query}").body)
        return content

    viewer = "?since=0&interactions=1"
    wait_until(lambda: asked(viewer)["time"] == asked(viewer)["time"], 20, "two pages have the same reading")
    assert asked(viewer)["time"] < asked()["time"], "who does not ask again and again gets a new one"
    assert len(asked(viewer)["interactions"]) == 1
    assert len(asked()["interactions"]) > 1
    (app,) = json.loads(get(f"{url}/api/v1/apps").body)["apps"].values()
    assert {len(column) for column in app.values()} == {len(app["time"])}
    assert app["sessions"][-1] == 1
    assert len(json.loads(get(f"{url}/api/v1/apps?since={app['time'][-1]}").body)["apps"]["/slider_bokeh"]["time"]) < 9
    assert get(f"{url}/api/v1/apps?since=yesterday").status == 400
    for query in ("?since=yesterday", "?since=0&interactions=-1"):
        refused = get(f"{url}/api/v1/status{query}")
        assert (refused.status, refused.text.count("\n")) == (400, 1)


def a_report_is_copied(page: Page) -> None:
    """The text for a ticket: into the clipboard, and by hand where neither way to it is allowed."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.click("#copy")
    wait_until(lambda: "Copied" in page.inner_text("#copied"), 10, "it is copied")
    report = page.evaluate("navigator.clipboard.readText()")
    assert report.startswith("Verdict: retained sessions, since 2")
    assert "/02_curdoc_by_user: 0 sessions, 12 retained" in report
    page.evaluate("navigator.clipboard.writeText = () => Promise.reject(); document.execCommand = () => false")
    page.click("#copy")
    page.wait_for_selector("#report")
    assert page.input_value("#report").startswith("Verdict: retained sessions")
    page.evaluate("document.querySelector('#copy-by-hand').hidden = true")


def test_while_it_loads_before_anybody_came_and_when_it_is_not_answered(serve: Serve, browser: Browser) -> None:
    server = serve(bokeh_serve("slider_bokeh.py", env=QUICK))
    watched = Watched(browser)
    page, asked = watched.page, "**/api/v1/status*"
    held: list[Route] = []
    # An audit may take longer than the page's patience.
    page.add_init_script("AbortSignal.timeout = () => new AbortController().signal")
    page.route(asked, lambda route: held.append(route))  # Playwright marks the function
    page.goto(server.exporter_url)
    wait_until(lambda: held or page.wait_for_timeout(50), 30, "it has asked")
    assert page.evaluate("document.body.dataset.state") == "loading"
    assert page.inner_text("#connection") == "Loading ..."
    assert "healthy" in page.inner_text("#verdict-name").lower(), "the verdict is there before a script has run"
    assert page.text_content("#plot-sessions .now") == "No numbers yet: wait a few seconds."
    watched.state("loading")
    page.unroute(asked)
    page.reload()

    watched.shows('body[data-state="live"]')
    assert "/slider_bokeh" in page.inner_text("#apps")
    assert page.inner_text("#interactions-state") == "None yet: open the app, and move a slider in it."
    assert page.is_hidden("#interactions")
    page.click("#internals > summary")
    assert page.inner_text("#plot-callbacks-time .now") == "No callback has run yet."
    watched.audit()
    page.click("#internals > summary")
    assert "BOKEH_EXPORTER_DEBUG=1" in page.inner_text("#retention-state")
    assert page.is_hidden("#explain")
    watched.state("empty")

    with server.open_tab("/slider_bokeh") as tab:
        assert tab
        wait_until(lambda: page.inner_text("#fact-sessions b") == "1", 30, "the session is counted")
        assert page.is_visible("#observing"), "ten minutes say nothing on slow leaks yet"
        wait_until(lambda: "1 connected" in page.inner_text("#apps article"), 30, "the session is in its app's card")
        watched.shows("#interactions details")
        watched.state("healthy", phone=True)
        page.click("#internals > summary")
        wait_until(lambda: "connected 1" in page.inner_text("#plot-sessions .legend"), 30, "the session is drawn")
        assert page.evaluate("document.querySelectorAll('#plot-sessions path.line').length") > 0
        page.click("#internals > summary")
        pages_share_an_answer(server.exporter_url)
    assert watched.said == []

    page.route(asked, lambda route: route.fulfill(status=500, body="sorry"))
    watched.shows('body[data-state="error"]')
    assert "the exporter answers 500" in page.inner_text("#banner")
    assert "What is shown is from" in page.inner_text("#banner")
    watched.state("error")
    page.unroute(asked)
    watched.shows('body[data-state="live"]')
    assert page.is_hidden("#banner")
    page.close()


def test_processes_that_belong_together_are_listed(serve: Serve, browser: Browser) -> None:
    peer = serve(bokeh_serve("slider_bokeh.py", env=QUICK))
    server = serve(bokeh_serve("slider_bokeh.py", env={**QUICK, "BOKEH_EXPORTER_PEERS": peer.exporter_url}))
    watched = Watched(browser, server.exporter_url)
    watched.shows("#fleet-table tbody tr:nth-child(2)")
    mine, other = watched.page.locator("#fleet-table tbody tr").all_inner_texts()
    assert mine.startswith("this process\thealthy")
    assert other.startswith(peer.exporter_url.removeprefix("http://") + "\thealthy")
    assert watched.page.get_attribute("#fleet-table a", "href") == peer.exporter_url
    watched.state("processes")
    alone = Watched(browser, peer.exporter_url)
    alone.shows('body[data-state="live"]')
    assert alone.page.is_hidden("#fleet")
    assert watched.said == alone.said == []
    watched.page.close()
    alone.page.close()


def test_by_keyboard(serve: Serve, browser: Browser) -> None:
    server = serve(bokeh_serve("slider_bokeh.py", env={**QUICK, "BOKEH_EXPORTER_DEBUG": "1"}))
    watched = Watched(browser, server.exporter_url)
    page = watched.page
    watched.shows('body[data-state="live"]')
    focus = "document.activeElement.id || document.activeElement.textContent"
    page.keyboard.press("Tab")
    assert page.evaluate(focus) == "Skip to the verdict"
    page.keyboard.press("Enter")
    assert page.evaluate(focus) == "content"
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(focus))
        if reached[-1] == "moment":  # values of another moment, by arrow keys
            wait_until(lambda: int(page.get_attribute("#moment", "max") or 0) > 2, 30, "there is a past")
            page.keyboard.press("Home")
            assert page.inner_text("#moment-text") != "now"
            assert "0 sessions" in (page.get_attribute("#moment", "aria-valuetext") or "")
            page.keyboard.press("End")
            assert page.inner_text("#moment-text") == "now"
        if reached[-1] == "explain":
            break
    assert {"copy", "moment"} <= set(reached)
    assert reached[-1] == "explain", reached
    page.keyboard.press("Enter")
    wait_until(lambda: "Nothing is retained" in page.inner_text("#retention-state"), 30, "the answer to the button")
    reached = []
    while len(reached) < 60 and "Resident memory as a table" not in reached:
        page.keyboard.press("Tab")
        reached.append(page.evaluate(focus))
        if reached[-1].strip().startswith("Internals"):
            page.keyboard.press("Enter")
            watched.shows("#plot-memory path.line")
    assert reached[-1] == "Resident memory as a table", reached
    assert watched.said == []
    page.close()


@pytest.mark.long
@pytest.mark.once
def test_it_shows_what_leaks_and_asks_nobody_else(serve: Serve, browser: Browser) -> None:
    slower = {**QUICK, "BOKEH_EXPORTER_VERDICT_PERIOD": "3"}  # what has stopped to grow is no verdict for long
    env = {**slower, "BOKEH_EXPORTER_DEBUG": "1", "BOKEH_EXPORTER_COLLECT": "all"}
    # A session lives until its websocket comes, also where a browser keeps the processor busy: they are counted below.
    server = serve(bokeh_serve(LEAKY, env=env, lifetime_ms=3000))
    watched = Watched(browser, server.exporter_url)
    page = watched.page
    watched.shows('body[data-state="live"][data-verdict="healthy"]')
    watched.shows("#fact-memory path.line")
    for user in range(12):
        with server.open_tab("/02_curdoc_by_user", f"user={user}") as tab:
            assert tab

    def all_retained() -> bool:
        # Our own collections cease on a machine where one takes long.
        get(f"{server.exporter_url}/debug/collect", method="POST", data=b"")
        kept = server.scrape().value("bokeh_sessions_uncollected", app="/02_curdoc_by_user", state="retained")
        return kept == 12

    wait_until(all_retained, 30, "all sessions are retained")
    watched.shows('body[data-verdict="retained_sessions"]')
    wait_until(lambda: "12 retained" in page.inner_text("#apps"), 30, "the card of the app")
    wait_until(lambda: "12 retained" in page.inner_text("#fact-retained"), 30, "the number of the process")
    page.click("#internals > summary")
    wait_until(lambda: "retained 12" in page.inner_text("#plot-uncollected .legend"), 30, "the plot of them")
    page.click("#plot-uncollected summary")
    newest = page.locator("#plot-uncollected tbody tr").first
    wait_until(lambda: newest.inner_text().split("\t")[-1] == "12", 10, "the table behind the plot")
    page.keyboard.press("Tab")
    page.click("#plot-uncollected summary")
    page.click("#internals > summary")
    page.click("#apps article summary")
    assert "Never had a browser" not in page.inner_text("#apps article"), "what has nothing to say is left out"
    page.click("#explain")
    wait_until(lambda: "by_user" in page.inner_text("#retained").lower(), 30, "who holds them")
    watched.picture("whole", whole=True)
    watched.state("retained")
    verdict = doctor(server)  # now: it asks who holds them, too, and no two may in the same second
    assert verdict["name"] == page.evaluate("document.body.dataset.verdict")
    assert verdict["advice"] == page.inner_text("#advice")
    a_report_is_copied(page)

    page.set_viewport_size({"width": 390, "height": 844})
    watched.state("small")
    page.click("#internals > summary")
    page.locator("#interactions > details > summary").first.click()
    page.set_viewport_size({"width": 320, "height": 640})
    page.focus("#moment")  # with a time beside it the slider has least room
    page.keyboard.press("Home")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320, "nothing is wider than a small screen"
    assert watched.said == []
    assert {urlsplit(url).netloc for url in watched.asked} == {urlsplit(server.exporter_url).netloc}
    own = [url for url in watched.asked if not any(part in url for part in ("/api/v1/", "/debug/"))]
    sizes = {url: len(get(url).body) for url in set(own) if "favicon" not in url}
    assert len(sizes) >= 10
    assert sum(sizes.values()) < 300_000
    assert server.scrape().value("bokeh_sessions_created_total", app="/02_curdoc_by_user") == 12, "the page is none"
    page.close()


@pytest.mark.long
@pytest.mark.once
@pytest.mark.timeout(240)
def test_doctor_says_what_the_page_says_of_each_leak(serve: Serve, browser: Browser) -> None:
    # Judged seldom enough that both are asked about the same judgement.
    slower = {**QUICK, "BOKEH_EXPORTER_VERDICT_PERIOD": "4", "BOKEH_EXPORTER_DEBUG": "1"}
    cases = ("/52_documents_in_list", "/53_figures_in_list", "/60_log_handler_per_session")
    leaky, *others = (LEAKY.with_name(f"{case[1:]}.py") for case in cases)
    retaining = serve(bokeh_serve(leaky, *others, env=slower))
    lingering = serve(python_script("hanging_hooks.py", env={**slower, "BOKEH_EXPORTER_LINGER_SECONDS": "1"}))
    with lingering.open_tab("/good", "hook=hang-destroyed"):
        pass
    for _ in range(3):
        lingering.get("/good")
    until_named(retaining, cases)
    for server, name, apps in ((lingering, "lingering_sessions", ("/good",)), (retaining, "retained_sessions", cases)):
        page = Watched(browser, server.exporter_url).page

        def agree(server: ServerProcess = server, page: Page = page, apps: tuple[str, ...] = apps) -> str | None:
            verdict = doctor(server)
            told = [one["text"] for one in verdict["evidence"]]
            shown = (page.locator("#evidence li").all_inner_texts(), page.inner_text("#advice"))
            if shown != (told, verdict["advice"]) or not all(any(app in text for text in told) for app in apps):
                return None
            held = page.locator("#holders li").all_inner_texts()
            assert server is lingering or any("Document of /52_documents_in_list" in each for each in held)
            assert page.evaluate("document.body.dataset.verdict") == verdict["name"]
            return str(verdict["name"])

        assert wait_until(agree, 60, "doctor and page say the same of each app") == name
        page.close()


def until_named(server: ServerProcess, apps: tuple[str, ...]) -> None:
    """Visit until the verdict has each app, and who holds what it retains was found without being asked."""

    def named() -> bool:
        for app in apps * 3:
            server.open_tab(app).close()
        get(f"{server.exporter_url}/debug/collect", method="POST", data=b"")
        status = json.loads(get(f"{server.exporter_url}/api/v1/status").body)
        texts = [one["text"] for one in status["verdict"]["evidence"]]
        return set(status["holders"]) == set(apps) and all(any(app in text for text in texts) for app in apps)

    wait_until(named, 120, "each app is named, and who holds it")


def test_a_stall_and_a_restart(serve: Serve, browser: Browser, tmp_path: Path) -> None:
    release, port = tmp_path / "release", str(free_port())
    env = {"RELEASE": str(release), "BOKEH_EXPORTER_PORT": port, "BOKEH_EXPORTER_STALL_AFTER": "3", **QUICK}
    server = serve(bokeh_serve("blocked_bokeh.py", env=env, lifetime_ms=60_000))
    watched = Watched(browser, server.exporter_url)
    page = watched.page
    watched.shows('body[data-state="live"]')
    with server.open_tab("/blocked_bokeh") as tab:
        tab.click("go", wait=False)
        watched.shows('body[data-state="stale"]')
        assert "has not ticked for" in page.inner_text("#banner")
        watched.shows('body[data-verdict="event_loop_stalled"]')
        assert doctor(server)["name"] == "event_loop_stalled"
        watched.state("stalled", phone=True)
        release.touch()
        watched.shows('body[data-state="live"]')
    assert watched.said == []

    server.stop()
    watched.shows('body[data-state="disconnected"]')
    watched.state("disconnected")
    serve(bokeh_serve("slider_bokeh.py", env=env))
    watched.shows('body[data-state="live"]')
    wait_until(lambda: "/slider_bokeh" in page.inner_text("#apps"), 30, "the app of the new server")
    assert "/blocked_bokeh" not in page.inner_text("#apps")
    assert page.is_hidden("#banner")
    page.close()


def test_a_login(serve: Serve, browser: Browser) -> None:
    server = serve(bokeh_serve("slider_bokeh.py", env={"BOKEH_EXPORTER_TOKEN": "open-sesame"}))
    watched = Watched(browser, server.exporter_url)
    page = watched.page
    page.set_viewport_size({"width": 640, "height": 480})
    page.fill("#token", "open-barley")
    page.click("button")
    wait_until(lambda: "Wrong token" in page.inner_text("#login-error"), 10, "the wrong token is reported")
    watched.state("login")
    page.fill("#token", "open-sesame")
    page.keyboard.press("Enter")
    watched.shows('body[data-state="live"]')
    cookies = page.context.cookies()
    assert len(cookies) == 1
    assert cookies[0]["httpOnly"]
    assert cookies[0]["sameSite"] == "Strict"
    assert "open-sesame" not in cookies[0]["value"]
    page.click("#logout")
    watched.shows("#token")
    assert page.context.cookies() == []
    page.close()


def test_who_is_refused(serve: Serve) -> None:
    env = {"BOKEH_EXPORTER_DEBUG": "1", "BOKEH_EXPORTER_ALLOWED_HOSTS": "metrics.example.org"}
    server = serve(bokeh_serve("slider_bokeh.py", env=env))
    url = server.exporter_url
    port = urlsplit(url).port

    def status(path: str, method: str = "GET", **headers: str) -> int:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return get(url + path, method=method, headers=named, data=b"" if method == "POST" else None).status

    hosts = (
        "localhost",
        f"127.0.0.1:{port}",
        f"[::1]:{port}",
        "metrics.example.org",
        "evil.example",
        "127.0.0.1.evil.example",
    )
    assert [status("/", Host=host) for host in hosts] == [200, 200, 200, 200, 403, 403]
    assert [status("/metrics", Host=host) for host in hosts] == [200, 200, 200, 200, 403, 403]
    assert status("/healthz", Host="evil.example") == 200, "a kubelet asks by any name"
    assert status("/debug/stacks", "POST", Sec_Fetch_Site="cross-site") == 403
    assert status("/debug/stacks", "POST", Sec_Fetch_Site="same-site") == 403, "an app on another port is another site"
    assert status("/debug/stacks", "POST", Origin="http://evil.example") == 403
    assert status("/debug/stacks", "POST", Origin=f"http://127.0.0.1:{port}") == 200
    policy = [part.split() for part in get(f"{url}/").headers["Content-Security-Policy"].split(";")]
    assert ["script-src", "'self'"] in policy
    assert ["style-src", "'self'"] in policy
