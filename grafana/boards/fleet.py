"""Fleet: all servers, worst first. From recorded series: a thousand pods are one query."""

from __future__ import annotations

from ..board import Board
from ..panels import GREEN, GREY, ORANGE, RED, VERDICT_COLORS, YELLOW, Column, Query, Row, lines, mapping, stat, table
from ..promql import by, highest, ranked
from ..recording import RECORDED
from ..thresholds import THRESHOLDS
from .common import SESSION_COLORS, VERDICT_TEXTS, verdict_number

JOB = ('job=~"$job"', 'namespace=~"$namespace"')
INSTANCE = (*JOB, 'instance=~"$instance"')
APP = (*JOB, 'app=~"$app"')
ADD_RULES = "Empty although servers run? Load the recording rules: `bokeh-exporter rules DIR`."
TOP = 10


def select(name: str, *extra: str) -> str:
    """Select a recorded series by the variables that its level has."""
    labels = RECORDED[name].labels
    scope = INSTANCE if "instance" in labels else APP if "app" in labels else JOB
    return f"{name}{{{','.join((*scope, *extra))}}}"


def worst(name: str, *, labels: str = "namespace, pod, instance", operator: str = "max", above: str = "") -> str:
    """Return those that were highest within the range."""
    chosen = select(name)
    return ranked(TOP, labels, by(operator, labels, chosen), by("max", labels, highest(chosen)) + above)


def _share(key: str) -> float:
    return THRESHOLDS[key].value


SHARE_STEPS = ((None, GREEN), (_share("memory_share_warning"), YELLOW), (_share("memory_share_critical"), RED))
SOON = ((None, RED), (2 * 3600, ORANGE), (24 * 3600, GREEN))
RATIO = "pod:bokeh_cgroup_memory_working_set:ratio"
TIME_LEFT = "pod:bokeh_cgroup_memory_time_to_limit_seconds:deriv1h"
POD_LABELS = "namespace, pod, host"
USED = "pod:bokeh_cgroup_memory_working_set_bytes:max"
LIMIT = "pod:bokeh_cgroup_memory_limit_bytes:max"
SERVER_LINK = "/d/bokeh-server?${datasource:queryparam}&var-instance=${__value.text}&${__url_time_range}"

NOW = Row("Now", [
    stat("Servers", f"If it falls: processes died or are not scraped; see `up`. {ADD_RULES}",
         Query(by("sum", "", select("job:bokeh_servers:count"))), none="rules missing"),
    stat("Not healthy", "If it rises: the table below shows which server, Leak hunt why.",
         Query(by("sum", "", select("job:bokeh_memory_verdict:sum", 'verdict!="healthy"'))), steps=((None, GREEN), (1, RED)),
         none="rules missing"),
    stat("Alerts firing", "If it rises: the list of alerts is at the bottom; each has a runbook.",
         Query('count(ALERTS{alertname=~"Bokeh.*",alertstate="firing",job=~"$job",namespace=~"$namespace"}) or vector(0)'),
         steps=((None, GREEN), (1, RED))),
    stat("Connected", "If it falls to 0 in working hours: nobody can connect; see refused WebSockets on Server.",
         Query(by("sum", "", select("job:bokeh_sessions:sum", 'state="connected"')))),
    stat("No browser", "If it rises and stays while the one to the left falls: sessions linger; open Leak hunt.",
         Query(by("sum", "", select("job:bokeh_sessions:sum", 'state=~"unused|blocked"')))),
    stat("Resident memory", "If it rises while the sessions do not: the table below says where.",
         Query(by("sum", "", select("instance:bokeh_memory_rss_bytes:sum"))), unit="bytes", decimals=1),
    stat("Fullest container", "If it passes 70 %: the kernel kills at 100 %. Find it among the containers below.",
         Query(by("max", "", select(RATIO)) + " or vector(-1)"), unit="percentunit", decimals=0, steps=SHARE_STEPS,
         mappings=[mapping(**{"-1": ("no limit", GREY)})]),
    stat("Time until out of memory", "If it falls below a day: the first container reaches its limit; plan a restart, and open Leak hunt.",
         Query(by("min", "", select(TIME_LEFT)) + " or vector(-1)"), unit="s", decimals=1, steps=SOON,
         mappings=[mapping(**{"-1": ("none", GREEN)})]),
])  # fmt: skip

WORST = Row("Who is worst", [
    table("Servers",
          "If one stands out: click it. Sort by a heading. *Retained* are destroyed sessions that a full collection did "
          "not free; a healthy server has one per app, for good.",
          {"namespace": "Namespace", "job": "Job", "instance": "Instance"},
          [
              Column(f"topk(50, {by('max', 'job, namespace, instance', select('instance:bokeh_memory_rss_bytes:sum'))})",
                     "Memory", "bytes", 0),
              Column(verdict_number("job, namespace, instance",
                                    'bokeh_memory_verdict{job=~"$job",namespace=~"$namespace",instance=~"$instance"}'),
                     "Verdict", mappings=[VERDICT_TEXTS], width=180),
              Column(by("sum", "job, namespace, instance", select("instance:bokeh_sessions_all:sum")), "Sessions"),
              Column(by("sum", "job, namespace, instance",
                        select("instance_app:bokeh_sessions_retained:sum", 'app=~"$app"')), "Retained", decimals=0,
                     steps=((None, GREEN), (THRESHOLDS["retained_sessions"].value, ORANGE))),
              Column(by("max", "job, namespace, instance", select("instance:bokeh_memory_rss_anon_bytes:growth1h")),
                     "Growth per hour", "bytes", 1, steps=((None, GREEN), (THRESHOLDS["growth_bytes"].value, ORANGE))),
              Column(by("max", "job, namespace, instance", select("instance:bokeh_event_loop_lag_seconds:p99_rate5m")),
                     "Loop lag p99", "s", 1, steps=((None, GREEN), (THRESHOLDS["lag_p99"].value, RED))),
          ],
          width=16, height=9, links={"instance": SERVER_LINK}, sort="Memory"),
    lines("Servers by verdict",
          "If a colour grows: that many servers share a problem, often one release. Pick one and open Leak hunt.",
          Query(by("sum", "verdict", select("job:bokeh_memory_verdict:sum", 'verdict!="healthy"')), "{{verdict}}"),
          stacked=True, colors=VERDICT_COLORS, height=9),
])  # fmt: skip

MEMORY = Row("Memory", [
    table("Containers",
          "If the share passes 70 %: it may be killed within hours; the shortest time goes first. All processes of a pod "
          "share one row. Without a limit there is no share; what does not grow has no time.",
          {"namespace": "Namespace", "pod": "Pod", "host": "Host"},
          [
              Column(f"topk(50, {by('max', POD_LABELS, select(USED))})", "Used", "bytes", 1),
              Column(by("max", POD_LABELS, select(LIMIT)), "Limit", "bytes", 1),
              Column(by("max", POD_LABELS, select(RATIO)), "Share", "percentunit", 0, steps=SHARE_STEPS),
              Column(by("min", POD_LABELS, select(TIME_LEFT)), "Out of memory in", "s", 1, steps=SOON),
          ],
          width=16, height=8, sort="Used"),
    lines("Largest processes", "If one leaves the others behind: it has the leak, or the visitors. Compare its sessions.",
          Query(worst("instance:bokeh_memory_rss_bytes:sum"), "{{pod}} {{instance}}"), unit="bytes"),
])  # fmt: skip

TRAFFIC = Row("Sessions", [
    lines("Sessions by state", "If *unused* rises and stays: sessions outlive their browsers; open Leak hunt.",
          Query(by("sum", "state", select("job:bokeh_sessions:sum")), "{{state}}"), stacked=True, colors=SESSION_COLORS),
    lines("Sessions created", "If an app's rate jumps without users: probes or bots build sessions.",
          Query(worst("job_app:bokeh_sessions_created:rate5m", labels="app", operator="sum"), "{{app}}"), unit="/s"),
    lines("Failed creations", "If it rises: users see an error page. The server's log has the traceback.",
          Query(worst("job_app:bokeh_session_create_errors:ratio_rate5m", labels="app"), "{{app}}"), unit="percentunit",
          limits=[(_share("burn_fast") * _share("create_error_budget"), RED)], maximum=1, empty=True),
    lines("Retained sessions, most", "If it climbs with the visits: a leak; Leak hunt shows since when and how fast.",
          Query(worst("instance_app:bokeh_sessions_retained:sum", labels="pod, instance, app", above=" > 0"),
                "{{pod}} {{instance}} {{app}}"), empty=True),
    lines("Event loop lag, worst", "If it passes half a second: users wait; Server names the busiest callbacks.",
          Query(worst("instance:bokeh_event_loop_lag_seconds:p99_rate5m"), "{{pod}} {{instance}}"), unit="s",
          limits=[(THRESHOLDS["lag_p99"].value, RED)]),
    lines("Sessions, most", "If one server has most: the load balancer does not spread, or keeps users where they were.",
          Query(worst("instance:bokeh_sessions_all:sum"), "{{pod}} {{instance}}")),
])  # fmt: skip

ALERT_LABELS = "alertname, severity, job, instance, app, pod"
OURS = '{alertname=~"Bokeh.*",job=~"$job",namespace=~"$namespace"'
ACTIVE = (f"{by('max', f'alertstate, {ALERT_LABELS}', f'ALERTS{OURS}}}')}\n* on ({ALERT_LABELS}) group_left ()\n"
          f"(time() - {by('max', ALERT_LABELS, f'ALERTS_FOR_STATE{OURS}}}')})")  # fmt: skip

ALERTS = Row("Alerts", [
    table("Alerts",
          "If one fires: its runbook is docs/runbooks/NAME.md; the alert itself carries the links.",
          {"alertname": "Alert", "severity": "Severity", "alertstate": "State", "job": "Job", "instance": "Instance",
           "app": "App", "pod": "Pod"},
          [Column(ACTIVE, "Active for", "s", 0)],
          height=7, sort="Active for", empty=True),
])  # fmt: skip

BOARD = Board(
    "bokeh-fleet", "Bokeh: Fleet",
    "All Bokeh and Panel servers: who is worst, sessions, memory against the limit, verdicts, time until out of memory.",
    [NOW, WORST, MEMORY, TRAFFIC, ALERTS], marks="job, namespace",
)  # fmt: skip
