// The process: four numbers beside the verdict, and behind "Internals" its plots, its callbacks, and what is missing.

import { Chart, view } from "./chart.js";
import { Stat, mean, of, read } from "./numbers.js";
import { at, bytes, clock, element, fill, moment, none, number, seconds } from "./tables.js";

const SHOWN = 30, RANKED = 8;
const milliseconds = (value) => seconds(value / 1000);
const clamp = (value, most) => Math.max(0, Math.min(value, most));

// Resident memory, split so that the parts add up to it.
function memory(row) {
  const anonymous = row.rss_anon_bytes ?? row.rss_bytes;
  if (none(anonymous)) return {};
  const used = clamp(row.heap_bytes ?? 0, anonymous);
  const free = clamp(row.malloc_free_bytes ?? 0, anonymous - used);
  return { used, free, other: anonymous - used - free, file: row.rss_file_bytes ?? 0, shared: row.rss_shmem_bytes ?? 0 };
}

const part = (field) => (row) => memory(row)[field];
const resident = (row) => row.rss_bytes;

// While the loop is blocked nothing is counted: then it is as late as its last tick is old.
const lagging = mean("lag", 1000);
const lag = (row, before, last) => {
  const late = row.time - row.ticked;
  return late > 2 ? late * 1000 : lagging(row, before, last);
};

const PLOTS = [
  { id: "sessions", title: "Sessions by state", stacked: true, whole: true, series: [
    ["connected", of("connected")], ["without a browser", of("unused")], ["kept open", of("blocked")], ["being created", of("pending")]],
    text: "Kept open: without a browser, but a callback holds the document, so the session cannot expire." },
  { id: "memory", title: "Resident memory", stacked: true, unit: bytes, limit: of("cgroup_limit_bytes"), series: [
    ["C heap in use", part("used")], ["free in the C heap", part("free")], ["other anonymous", part("other")],
    ["files", part("file")], ["shared", part("shared")]] },
  { id: "uncollected", title: "Destroyed sessions in memory", whole: true, stacked: true, series: [
    ["waiting for the collector", of("pending_sessions"), "c6"], ["retained", of("retained_sessions"), "bad"]],
    text: "Retained: still there after full collections, so something holds them." },
  { id: "uncollected-models", title: "Models of destroyed sessions in memory", whole: true, stacked: true, series: [
    ["waiting for the collector", of("pending_models"), "c6"], ["retained", of("retained_models"), "bad"]] },
  { id: "cleanup", title: "Clean-up latency, mean", unit: seconds, series: [
    ["browser gone to destroy", mean("linger")], ["destroy", mean("destroy")], ["destroyed to freed", mean("collect")], ["a sweep", mean("cleanup")]] },
  { id: "lag", title: "Event loop lag, mean", unit: milliseconds, series: [["lag", lag]] },
  { id: "threads", title: "Threads and tasks", whole: true, series: [
    ["threads", of("threads")], ["busy workers", of("executor_busy")], ["work waiting", of("executor_queue")], ["asyncio tasks", of("tasks")]] },
];

const FACTS = [
  { id: "fact-sessions", label: "With a browser", series: [["c1", of("connected")]], text: ([open]) => number(open),
    hint: "Sessions that are connected now" },
  { id: "fact-retained", label: "Closed, still in memory", series: [["c6", of("pending_sessions")], ["bad", of("retained_sessions")]],
    text: ([pending, retained]) => number((pending ?? 0) + (retained ?? 0)),
    remark: ([pending, retained]) => (retained ? `${number(retained)} retained` : pending ? "waiting for the collector" : ""), warns: ([, retained]) => retained > 0 },
  { id: "fact-memory", label: "Memory", whole: false, floats: true, series: [["c2", resident]], text: ([used]) => bytes(used) },
  { id: "fact-lag", label: "Event loop", whole: false, series: [["c4", lag]], text: ([late]) => milliseconds(late),
    remark: ([late]) => (none(late) ? "" : late > 2000 ? "behind" : "late on average"), warns: ([late]) => late > 2000, hint: "How late the event loop gets to what is due" },
];

class Plot {
  constructor(spec) {
    this.spec = spec;
    this.unit = spec.unit ?? number;
    this.classes = spec.series.map(([, , color], number) => color ?? `c${number + 1}`);
    this.now = element("p", { class: "now" }, "No numbers yet: wait a few seconds.");
    this.values = spec.series.map(() => element("b"));
    this.items = spec.series.map(([name], number) => element("li", { class: this.classes[number], hidden: "" }, `${name} `, this.values[number]));
    this.table = element("table");
    this.chart = new Chart({ series: this.classes, stacked: spec.stacked, unit: this.unit, axis: true, whole: spec.whole });
    this.chart.marked = (values) => this.say(values);
    this.region = element("div", { class: "table", tabindex: "0", role: "region", "aria-label": `${spec.title}: numbers` }, this.table);
    this.details = element("details", {}, element("summary", {}, element("span", { class: "hide" }, `${spec.title} `), "as a table"), this.region);
    this.details.addEventListener("toggle", () => this.tabulate());
    this.figure = element("figure", { id: `plot-${spec.id}`, class: "missing" }, element("h3", {}, spec.title), this.now, this.chart.place,
      element("ul", { class: "legend" }, ...this.items), ...(spec.text ? [element("p", { class: "quiet" }, spec.text)] : []), this.details);
  }

  update(rows) {
    const [times, values] = read(rows, this.spec.series.map(([, reader]) => reader));
    this.known = values.map((one) => one.some((value) => !none(value)));
    this.figure.classList.toggle("missing", !this.known.some(Boolean));
    if (!this.known.some(Boolean)) { this.now.textContent = "Not measured, or not yet."; return; }
    this.limit = this.spec.limit && rows.at(-1) && this.spec.limit(rows.at(-1));
    // A limit far above would leave a flat line of what is below it.
    const near = !none(this.limit) && this.limit < 4 * (resident(rows.at(-1)) ?? 0);
    this.chart.limit = near ? rows.map(this.spec.limit) : undefined;
    this.chart.show(times, values);
    this.tabulate();
  }

  say(values) {
    this.items.forEach((item, number) => {
      item.hidden = !this.known[number] || none(values[number]);
      const text = this.unit(values[number]);
      if (this.values[number].textContent !== text) this.values[number].textContent = text;
    });
    const sum = values.reduce((all, value) => all + (value ?? 0), 0);
    const limit = none(this.limit) ? "" : ` of ${this.unit(this.limit)}`;
    this.now.textContent = this.spec.stacked ? `${this.unit(sum)}${limit} in total` : "";
  }

  tabulate() {
    if (!this.details.open || !this.chart.rows.length) return;
    const { rows, values } = this.chart;
    const last = rows.map((_, index) => index).slice(-SHOWN).reverse();
    fill(this.table, [["Time", (index) => clock(rows[index])], ...this.spec.series.map(([name], number) => [name, (index) => (none(values[number][index]) ? "–" : this.unit(values[number][index])), true])], last);
  }
}

// --- callbacks -------------------------------------------------------------------------------------

const RANKINGS = [
  { id: "callbacks-time", title: "Callbacks by thread time since start", value: "busy_seconds", unit: seconds },
  { id: "callbacks-growth", title: "Callbacks by Python memory blocks left behind since start", value: "net_blocks", unit: number },
];

function rank(spec, callbacks) {
  const ranked = callbacks.filter((each) => each[spec.value] > 0).sort((one, other) => other[spec.value] - one[spec.value]).slice(0, RANKED);
  const measured = callbacks.some((each) => !none(each[spec.value]));
  const missing = measured ? "None so far." : callbacks.length ? "Measured with BOKEH_EXPORTER_COLLECT=all." : "No callback has run yet.";
  const rows = ranked.map((each) => {
    const bar = element("span", { class: "bar", "aria-hidden": "true" });
    bar.style.width = `${(100 * each[spec.value]) / ranked[0][spec.value]}%`;
    return element("li", {}, element("span", {}, element("code", {}, each.callback), ` ${each.app}`), element("b", {}, spec.unit(each[spec.value])), bar);
  });
  return element("section", { id: `plot-${spec.id}`, class: "ranking" }, element("h3", {}, spec.title),
    rows.length ? element("ol", {}, ...rows) : element("p", { class: "now" }, missing));
}

function notes(status) {
  const hooks = Object.entries(status.hooks), missing = hooks.filter(([, fits]) => !fits).map(([hook]) => hook);
  return [
    ["Hooks", missing.length ? `missing: ${missing.join(", ")}` : `all ${hooks.length} active`],
    ["Versions", status.untested ?? "tested together"],
    ["Known leaks of these versions", status.known_leaks.join("; ") || "none"],
    ["Blocked", status.verdict.stalls?.map((one) => `${moment(one.time)}: ${one.text}`).join("; ") || "never, since the start"],
    ["Last full garbage collection", status.memory.python_gc_last_full_collection_timestamp_seconds > 0 ? moment(status.memory.python_gc_last_full_collection_timestamp_seconds) : "none yet"],
    ["Interactions in which nothing of yours ran", number(status.quiet_interactions)],
    ["Exporter", status.version],
  ];
}

export class Internals {
  constructor() {
    this.facts = FACTS.map((spec) => new Stat(spec));
    at("facts").replaceChildren(...this.facts.map((fact) => fact.place));
    this.plots = PLOTS.map((spec) => new Plot(spec));
    at("plots").replaceChildren(...this.plots.map((plot) => plot.figure));
    at("internals").addEventListener("toggle", () => this.draw());
  }

  update(rows, status) {
    Object.assign(this, { rows, status });
    const limit = rows.at(-1)?.cgroup_limit_bytes;
    this.facts[2].remark = () => (none(limit) ? "" : `of ${bytes(limit)}`);
    this.draw();
  }

  draw() {
    if (!this.rows || !view.end) return;
    for (const fact of this.facts) fact.update(this.rows);
    if (!at("internals").open) return;
    for (const plot of this.plots) plot.update(this.rows);
    at("callbacks").replaceChildren(...RANKINGS.map((spec) => rank(spec, this.status.callbacks)));
    at("notes").replaceChildren(...notes(this.status).flatMap(([title, text]) => [element("dt", {}, title), element("dd", {}, text)]));
  }
}
