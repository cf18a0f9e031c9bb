"""The contract: names, types, labels, buckets and closed values that others build on, on a running server.

``data/contract.json`` is a copy of the agreed catalogue, not made from ours: who changes a row of the catalogue
has to change it here as well, and so sees that dashboards and alerts of others break.
"""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bokeh.util.token import generate_session_id
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from ..support.scrapes import ACCEPT, Scrape
from ..support.servers import APPS, ServerProcess, bokeh_serve, panel_serve, python_script, uvicorn
from ..support.tabs import Refused, open_tab
from ..support.versions import BOKEH_VERSION, HAS_ASGI
from ..support.waiting import wait_until
from ..support.web import get

pytestmark = pytest.mark.front_door

Serve = Callable[[ServerProcess], ServerProcess]
Family = Any  # prometheus_client's Metric, whose parsers say nothing of types

CONTRACT: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "data" / "contract.json").read_text())
BY_NAME = {row["name"]: row for row in CONTRACT}

#: From prometheus_client, untouched.
STANDARD = {
    "process_virtual_memory_bytes": "gauge",
    "process_resident_memory_bytes": "gauge",
    "process_start_time_seconds": "gauge",
    "process_cpu_seconds": "counter",
    "process_open_fds": "gauge",
    "process_max_fds": "gauge",
    "python_gc_objects_collected": "counter",
    "python_gc_objects_uncollectable": "counter",
    "python_gc_collections": "counter",
    "python_info": "gauge",
}

#: There is a number only while a proxy cuts websockets off.
CUT = "bokeh_websocket_cut_age_seconds"

#: Announced everywhere, with numbers only where there is such a thing: a cgroup, a limit, a transport that tells.
#: On ASGI no transport tells, and a process that nobody limits has no limit. A full collection may not have been yet.
MAY_BE_EMPTY = {row["name"] for row in CONTRACT if row["name"].startswith("bokeh_cgroup_")} | {
    "bokeh_python_gc_last_full_collection_timestamp_seconds",
    CUT,
}
OPT_IN = {"bokeh_data_source_size_bytes", "bokeh_callback_net_blocks"}
MAY_BE_EMPTY |= OPT_IN
if BOKEH_VERSION < (3, 10):  # nothing of Bokeh runs in a pool of threads
    MAY_BE_EMPTY |= {row["name"] for row in CONTRACT if row["name"].startswith("bokeh_executor_")}
EMPTY_ON_ASGI = {"bokeh_websocket_send_buffer_bytes"}
#: Labels whose values are neither closed nor apps: there is nothing to start at zero.
OPEN = {
    "version", "component", "metric", "collector", "hook", "model", "event", "callback", "http_request_method",
    "http_route", "http_response_status_code", "holder",
}  # fmt: skip

HOSTS: list[tuple[str, Callable[[], ServerProcess], set[str]]] = [
    ("bokeh", lambda: bokeh_serve("slider_bokeh.py"), {"/slider_bokeh"}),
    ("panel", lambda: panel_serve("slider_panel.py"), {"/slider_panel"}),
]
if HAS_ASGI:
    HOSTS.append(("asgi", lambda: uvicorn("asgi_bokeh:app"), {"/slider", "/good", "/raising"}))


def expositions(server: ServerProcess) -> dict[str, list[Family]]:
    """Scrape in both formats, and parse each with its own official parser."""
    url = f"{server.exporter_url}/metrics"
    openmetrics, text = get(url, headers={"Accept": ACCEPT}), get(url)
    assert openmetrics.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert text.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return {
        "openmetrics": list(parse_openmetrics(openmetrics.text)),  # type: ignore[no-untyped-call]
        "text": list(parse_text(text.text)),
    }


def name_in(row: dict[str, Any], form: str) -> tuple[str, str]:
    """Return the family's name and type: the parsers drop ``_total``, and text 0.0.4 has no infos."""
    name, kind = row["name"], row["type"]
    if kind == "counter":
        return name.removesuffix("_total"), kind
    if kind == "info":
        return (name.removesuffix("_info"), kind) if form == "openmetrics" else (name, "gauge")
    return name, kind


def series(family: Family) -> set[frozenset[tuple[str, str]]]:
    """The labels of a family's series, without the one that tells the buckets of a histogram apart."""
    return {frozenset((key, value) for key, value in sample.labels.items() if key != "le") for sample in family.samples}


def at_zero(row: dict[str, Any], apps: set[str]) -> set[frozenset[tuple[str, str]]]:
    """The series that exist before anything happens."""
    values = [[(label, value) for value in closed or sorted(apps)] for label, closed in row["labels"].items()]
    return {frozenset(labels) for labels in itertools.product(*values)}


def check_families(form: str, families: list[Family], apps: set[str], asgi: bool) -> None:
    """Names, types, label names, closed values and buckets are those of the contract."""
    found = {family.name: family for family in families}
    for row in CONTRACT:
        name, kind = name_in(row, form)
        assert name in found, f"{row['name']} is not announced in {form}"
        family = found[name]
        assert family.type == kind, row["name"]
        assert family.documentation, f"{row['name']} has no help"
        for labels in series(family):
            assert {key for key, _ in labels} == set(row["labels"]), (row["name"], labels)
            for key, value in labels:
                closed = row["labels"][key] or (apps if key == "app" else [value])
                assert value in closed, (row["name"], key, value)
        if row["type"] == "histogram" and family.samples:
            bounds = {float(sample.labels["le"]) for sample in family.samples if sample.name.endswith("_bucket")}
            assert bounds == {*row["buckets"], float("inf")}, row["name"]
        if asgi and row["name"] in EMPTY_ON_ASGI:
            assert family.samples == [], f"{row['name']} is absent, never 0"
        elif row["name"] not in MAY_BE_EMPTY:
            assert family.samples or OPEN & set(row["labels"]), f"{row['name']} has no series in {form}"
    for name, kind in STANDARD.items():
        assert name in found, f"{name} is missing in {form}"
        assert found[name].type == kind, name
    for family in families:
        assert not [sample.name for sample in family.samples if sample.name.endswith("_created")]
        assert family.name in STANDARD or family.name.startswith(("bokeh_", "panel_", "holoviews_", "http_server_"))


def check_zeros(form: str, families: list[Family], apps: set[str], asgi: bool) -> None:
    """Every known app and closed value is there, and what counts is 0."""
    found = {family.name: family for family in families}
    for row in CONTRACT:
        if OPEN & set(row["labels"]) or row["type"] == "info" or row["name"] in MAY_BE_EMPTY:
            continue
        if asgi and row["name"] in EMPTY_ON_ASGI:
            continue
        family = found[name_in(row, form)[0]]
        assert series(family) == at_zero(row, apps), f"{row['name']} in {form}"
        if "app" in row["labels"]:
            assert {sample.value for sample in family.samples} == {0}, f"{row['name']} in {form}"


@pytest.mark.parametrize(
    ("build", "apps", "asgi"), [pytest.param(build, apps, name == "asgi", id=name) for name, build, apps in HOSTS]
)
def test_the_contract_from_the_first_scrape_on(
    serve: Serve, build: Callable[[], ServerProcess], apps: set[str], asgi: bool
) -> None:
    server = serve(build())
    for form, families in expositions(server).items():  # the very first two scrapes
        check_families(form, families, apps, asgi)
        check_zeros(form, families, apps, asgi)
    promtool(server)

    app = min(apps - {"/raising"})
    with server.open_tab(app) as tab:
        tab.set("n", value=3)
        wait_until(lambda: server.scrape().value("bokeh_sessions", app=app, state="connected") == 1)
        for form, families in expositions(server).items():
            check_families(form, families, apps, asgi)
    wait_until(lambda: server.scrape().value("bokeh_sessions_destroyed_total", app=app, reason="expired") == 1)
    for form, families in expositions(server).items():
        check_families(form, families, apps, asgi)
    promtool(server)
    assert server.scrape().by("bokeh_exporter_errors_total", "component") == {}


def promtool(server: ServerProcess) -> None:
    """Let Prometheus' own linter read what Prometheus would."""
    tool = shutil.which("promtool")
    assert tool is not None, "promtool is not here: apt-get install prometheus"
    text = get(f"{server.exporter_url}/metrics").body
    checked = subprocess.run([tool, "check", "metrics"], input=text, capture_output=True, check=False, timeout=60)
    assert (checked.returncode, checked.stderr.decode()) == (0, "")


# --- secrets -------------------------------------------------------------------------------------------

#: What a visitor sends. Session ids and tokens are bearer secrets, the rest is the visitor's own business.
SESSION_ID = "hush-session-1"
AGENT, QUERY, COOKIE, BEARER, PATH, ORIGIN, PROTOCOL = (
    f"hush-{what}" for what in ("agent", "query", "cookie", "bearer", "path", "origin", "protocol")
)
HEADERS = {"User-Agent": AGENT, "Cookie": f"who={COOKIE}", "Authorization": f"Bearer {BEARER}"}


def our_lines(log: str) -> Iterator[str]:
    """Yield our log records, tracebacks included, from a log of lines ``name|message`` or ``LEVEL:name:message``."""
    for record in re.split(r"^(?=[\w.]+\||[A-Z]+:)", log, flags=re.MULTILINE):
        if re.match(r"(?:[A-Z]+:)?bokeh_exporter", record):
            yield record


@pytest.mark.parametrize(
    "build",
    [
        lambda: bokeh_serve(
            "slider_bokeh.py", APPS / "raising_bokeh.py",
            "--log-level", "debug", "--log-format", "%(name)s|%(message)s",
            env={"BOKEH_EXPORTER_TOKEN": "hush-token", "BOKEH_EXPORTER_COLLECT": "all"},
        ),
        *([lambda: uvicorn("asgi_bokeh:app", env={"BOKEH_EXPORTER_TOKEN": "hush-token"})] if HAS_ASGI else []),
    ],
)  # fmt: skip
def test_nothing_of_a_visitor_is_shown(serve: Serve, build: Callable[[], ServerProcess]) -> None:
    server = serve(build())
    url = server.exporter_url
    known = server.scrape("hush-token").by("bokeh_sessions", "app")
    slider = next(app for app in known if app.startswith("/slider"))
    raising = next(app for app in known if app.startswith("/raising"))
    query = f"bokeh-session-id={SESSION_ID}&q={QUERY}"
    random_id = generate_session_id()
    with open_tab(server.url, slider, query, headers=HEADERS) as tab:
        assert tab.session_id == SESSION_ID
        token = tab.token
        tab.set("n", value=7)
        get(f"{server.url}{raising}?q={QUERY}", headers=HEADERS)
        get(f"{server.url}/{PATH}?q={QUERY}", headers=HEADERS)
        get(f"{server.url}{slider}", headers={**HEADERS, "Bokeh-Session-Id": random_id})
        with pytest.raises(Refused):
            open_tab(server.url, slider, query, token=f"{PROTOCOL}.{QUERY}", headers=HEADERS)
        with pytest.raises(Refused):
            open_tab(server.url, slider, query, token=token, origin=f"http://{ORIGIN}.example", headers=HEADERS)
        for path in ("/metrics", f"/metrics?token={QUERY}", f"/{PATH}", "/"):
            assert get(url + path, headers=HEADERS).status in (401, 404)

        # It was all seen ...
        def seen() -> Scrape | None:
            scraped = server.scrape("hush-token")
            return scraped if scraped.value("bokeh_sessions", app=slider, state="connected") == 1 else None

        scraped = wait_until(seen)
        assert scraped.value("bokeh_sessions_created_total", app=slider) == 2
        assert scraped.value("bokeh_session_create_errors_total", app=raising, step="script") == 1
        assert scraped.by("bokeh_websocket_rejected_total", "reason")["origin"] == 1
        assert scraped.total("bokeh_websocket_rejected_total") == 2
        # ... and nothing of it is told.
        pages = [
            get(f"{url}{path}", token="hush-token", headers={"Accept": accept}).text
            for path in ("/", "/metrics", "/healthz", "/readyz")
            for accept in (ACCEPT, "text/plain")
        ]
    lines = list(our_lines(server.log()))
    secrets = ["hush-", token, token.split(".")[0], random_id]
    for text in (*pages, *lines):
        assert [secret for secret in secrets if secret in text] == []
    assert any(" serves http" in line for line in lines)


# --- caps ----------------------------------------------------------------------------------------------


def test_apps_beyond_the_cap_are_counted_as_other_unless_they_are_visited(serve: Serve) -> None:
    server = serve(python_script("many_apps.py", "25"))
    kept = {f"/app{number:02}" for number in range(20)}
    first = server.scrape()
    for name, row in BY_NAME.items():
        if "app" in row["labels"] and not OPEN & set(row["labels"]) and name not in OPT_IN | {CUT}:
            sample = f"{name}_count" if row["type"] == "histogram" else name
            assert set(first.by(sample, "app")) == {*kept, "other"}, name
    assert first.total("bokeh_exporter_overflow_total") > 0, "five apps were folded"

    # Who is visited takes the place of who is not, until all that have one are.
    tabs = [server.open_tab(f"/app{number:02}") for number in (0, 19, 20, 24)]
    own = {"/app00", "/app19", "/app20", "/app24"}
    wait_until(lambda: server.scrape().total("bokeh_sessions", state="connected") == 4)
    scraped = server.scrape()
    connected = scraped.by("bokeh_sessions", "app", state="connected")
    assert {app for app, count in connected.items() if count} == own
    assert len(connected) == 21, "twenty and the others"
    assert scraped.value("bokeh_sessions_created_total", app="other") == 0
    tabs += [server.open_tab(f"/app{number:02}") for number in range(1, 19)]
    wait_until(lambda: server.scrape().total("bokeh_sessions", state="connected") == 22)
    scraped = server.scrape()
    connected = scraped.by("bokeh_sessions", "app", state="connected")
    assert own < set(connected)
    assert len(connected) == 21
    assert connected["other"] == 2
    assert scraped.value("bokeh_sessions_created_total", app="other") == 2
    assert scraped.value("bokeh_websocket_received_messages_total", app="other", message="PULL-DOC-REQ") == 2
    for tab in tabs:
        tab.close()
    wait_until(lambda: server.scrape().value("bokeh_sessions_destroyed_total", app="other", reason="expired") == 2)
    assert len(server.scrape().by("bokeh_sessions", "app")) == 21
    assert server.scrape().total("bokeh_exporter_errors_total") == 0
