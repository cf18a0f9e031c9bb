// The plots: each a description, drawn by BokehJS on a canvas, with a table of the same numbers behind it.

import { bytes, clock, element, fill, none, number, seconds } from "./tables.js";

const milliseconds = (value) => seconds(value / 1000);
const clamp = (value, most) => Math.max(0, Math.min(value, most));

// Resident memory, split so that the parts add up to it.
function memory(row) {
  const anonymous = row.rss_anon_bytes ?? row.rss_bytes;
  if (none(anonymous)) return {};
  const used = clamp(row.heap_bytes ?? 0, anonymous);
  const free = clamp(row.malloc_free_bytes ?? 0, anonymous - used);
  return {
    used, free, other: anonymous - used - free, file: row.rss_file_bytes ?? 0, shared: row.rss_shmem_bytes ?? 0,
    limit: row.cgroup_limit_bytes,
  };
}

// The mean between two rows of what is summed and counted ever; where nothing came to it, what it was before.
function mean(what, factor = 1000) {
  return (row, before, last) => {
    const count = row[`${what}_seconds_count`] - before?.[`${what}_seconds_count`];
    if (!(count > 0)) return last;
    return Math.max(0, (row[`${what}_seconds_sum`] - before[`${what}_seconds_sum`]) / count) * factor;
  };
}

const lag = mean("lag");
const of = (field) => (row) => row[field];
const part = (field) => (row) => memory(row)[field];

// Of a series: name, row -> number.
const SPECS = [
  { id: "sessions", title: "Sessions by state", stacked: true, series: [
    ["connected", of("connected")], ["unused", of("unused")], ["blocked", of("blocked")], ["pending", of("pending")]] },
  { id: "memory", title: "Resident memory", stacked: true, unit: bytes, limit: part("limit"), series: [
    ["C heap in use", part("used")], ["free in the C heap", part("free")], ["other anonymous", part("other")],
    ["files", part("file")], ["shared", part("shared")]] },
  { id: "uncollected", title: "Destroyed sessions in memory", series: [
    ["pending", of("pending_sessions")], ["retained", of("retained_sessions")]] },
  { id: "uncollected-models", title: "Models of destroyed sessions in memory", series: [
    ["pending", of("pending_models")], ["retained", of("retained_models")]] },
  { id: "cleanup", title: "Clean-up latency, mean", unit: seconds, axis: "%.4g s", series: [
    ["browser gone to destroy", mean("linger", 1)], ["destroy", mean("destroy", 1)],
    ["destroyed to freed", mean("collect", 1)], ["a sweep", mean("cleanup", 1)]] },
  // While the loop is blocked nothing is counted: then it is as late as its last tick is old.
  { id: "lag", title: "Event loop lag", unit: milliseconds, axis: "%.4g ms", series: [["mean lag", (row, before, last) => {
    const late = row.time - row.ticked;
    return late > 2 ? late * 1000 : lag(row, before, last);
  }]] },
  { id: "threads", title: "Threads and tasks", series: [
    ["threads", of("threads")], ["busy workers", of("executor_busy")], ["work waiting", of("executor_queue")],
    ["asyncio tasks", of("tasks")]] },
];

const RANKINGS = [
  { id: "callbacks-time", title: "Callbacks by time", value: "busy_seconds", unit: seconds,
    text: "Seconds of thread time since start", missing: missing("busy_seconds") },
  { id: "callbacks-growth", title: "Callbacks by growth", value: "net_blocks", unit: number,
    text: "Python memory blocks left behind since start", missing: missing("net_blocks") },
];
const RANKED = 8;

function missing(what) {
  return (callbacks) => (callbacks.some((each) => !none(each[what])) ? "None so far." : callbacks.length
    ? "Measured with BOKEH_EXPORTER_COLLECT=all." : "No callback has run yet.");
}
const SHOWN = 30;

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function figure(attributes) {
  const ink = css("--soft");
  const made = Bokeh.Plotting.figure({
    sizing_mode: "stretch_both", toolbar_location: null, tools: [], output_backend: "canvas",
    background_fill_color: null, border_fill_color: null, outline_line_color: null, min_border_left: 34,
    min_border_right: 16, ...attributes,
  });
  for (const axis of [...made.below, ...made.left]) {
    Object.assign(axis, { axis_line_color: ink, major_tick_line_color: ink, minor_tick_line_color: null, major_label_text_color: css("--ink"), major_label_text_font_size: "12px" });
  }
  for (const grid of made.center) grid.grid_line_color = css("--line");
  return made;
}

const TIMES = { seconds: "%H:%M:%S", minsec: "%H:%M:%S", minutes: "%H:%M", hourmin: "%H:%M", hours: "%H:%M", days: "%d %b" };

// What stands at the ticks of numbers. No formatter of code of ours: that would be made from text, which the policy forbids.
function scale(axis, spec) {
  if (spec.axis) axis.formatter = new Bokeh.PrintfTickFormatter({ format: spec.axis });
  else axis.formatter = new Bokeh.NumeralTickFormatter({ format: spec.unit === bytes ? "0.[0] d" : "0.[0]a" });
  const whole = !spec.axis && spec.unit !== bytes && spec.unit !== seconds;
  Object.assign(axis.ticker, { desired_num_ticks: 4, min_interval: whole ? 1 : 0 });
}

class Card {
  constructor(spec) {
    this.spec = spec;
    this.now = element("p", { class: "now" }, "No numbers yet: wait a few seconds.");
    this.canvas = element("div", { class: "canvas", role: "img", "aria-label": `${spec.title}: no numbers yet` });
    this.table = element("table");
    this.region = element("div", { class: "table", tabindex: "0", role: "region", "aria-label": `${spec.title}: numbers` }, this.table);
    this.details = element("details", {}, element("summary", {}, `${spec.title} as a table`), this.region);
    this.figure = element("figure", { id: `plot-${spec.id}`, class: "empty" },
      element("h3", {}, spec.title), this.now, this.canvas, this.legend(), this.details);
    this.details.addEventListener("toggle", () => this.tabulate());
  }

  // In a line above the plot, and for who cannot see that with all that the legend says.
  say(text, all = text) {
    if (this.now.textContent !== text) this.now.textContent = text;
    this.canvas.setAttribute("aria-label", `${this.spec.title}. ${all}`);
  }

  // Drawn when there is something to draw: a canvas that is not shown has no size.
  show(data) {
    this.data = data;
    this.figure.classList.remove("empty");
    if (this.details.open) this.tabulate();
    if (!globalThis.Bokeh?.Plotting) return;
    if (this.source) this.source.data = data;
    else this.draw(data);
  }

  redraw() {
    this.canvas.replaceChildren();
    this.source = undefined;
    if (this.data) this.show(this.data);
  }
}

class Lines extends Card {
  legend() {
    const list = element("ul", { class: "legend" });
    this.values = [...this.spec.series.map(([name], at) => [name, `c${at + 1}`]), ...(this.spec.limit ? [["limit of the container", "limit"]] : [])]
      .map(([name, color]) => {
        const value = element("b");
        list.append(element("li", { class: color, hidden: "" }, `${name} `, value));
        return value;
      });
    return list;
  }

  update(rows) {
    const { spec } = this;
    const data = { t: [], ...(spec.limit && { limit: [] }) };
    spec.series.forEach((_, at) => { data[`y${at}`] = []; data[`from${at}`] = []; data[`to${at}`] = []; });
    rows.forEach((row, index) => this.add(data, row, rows[index - 1]));
    const last = [...spec.series.map((_, at) => data[`y${at}`].at(-1) ?? NaN), ...(spec.limit ? [data.limit.at(-1) ?? NaN] : [])];
    const there = (value) => !Number.isNaN(value);
    const known = last.slice(0, spec.series.length).filter(there);
    if (!known.length) return this.say("Not measured, or not yet.");
    const unit = spec.unit ?? number;
    this.values.forEach((value, at) => {
      value.parentElement.hidden = !there(last[at]);
      if (there(last[at])) value.textContent = unit(last[at]);
    });
    const sum = unit(known.reduce((all, value) => all + value, 0));
    const all = spec.stacked ? `${sum} in total` : "";
    this.say(all, [all, ...this.values.filter((value) => !value.parentElement.hidden).map((value) => value.parentElement.textContent)].join(", "));
    return this.show(data);
  }

  add(data, row, before) {
    // Bokeh writes times as UTC.
    data.t.push((row.time - new Date(row.time * 1000).getTimezoneOffset() * 60) * 1000);
    let below = 0;
    this.spec.series.forEach(([, read], at) => {
      const value = read(row, before, data[`y${at}`].at(-1)) ?? NaN;
      data[`y${at}`].push(value);
      data[`from${at}`].push(below);
      below += Number.isNaN(value) ? 0 : value;
      data[`to${at}`].push(below);
    });
    if (this.spec.limit) data.limit.push(this.spec.limit(row) ?? NaN);
  }

  draw(data) {
    const { spec } = this;
    const source = (this.source = new Bokeh.ColumnDataSource({ data }));
    const plot = figure({ x_axis_type: "datetime", y_range: new Bokeh.DataRange1d({ start: 0, min_interval: 1 }) });
    spec.series.forEach((_, at) => {
      const color = css(`--s${at + 1}`);
      if (spec.stacked) plot.varea({ field: "t" }, { field: `from${at}` }, { field: `to${at}` }, { source, fill_color: color, fill_alpha: 0.75 });
      else plot.line({ field: "t" }, { field: `y${at}` }, { source, line_color: color, line_width: 2 });
    });
    if (spec.limit) plot.line({ field: "t" }, { field: "limit" }, { source, line_color: css("--bad"), line_width: 2, line_dash: "dashed" });
    plot.below[0].formatter = new Bokeh.DatetimeTickFormatter(TIMES);
    plot.below[0].ticker.desired_num_ticks = 4;
    scale(plot.left[0], spec);
    Bokeh.Plotting.show(plot, this.canvas);
  }

  tabulate() {
    if (!this.details.open || !this.data) return;
    const { data, spec } = this;
    const unit = spec.unit ?? number;
    const offset = new Date().getTimezoneOffset() * 60;
    const last = data.t.map((_, index) => index).slice(-SHOWN).reverse();
    fill(this.table, [["Time", (index) => clock(data.t[index] / 1000 + offset)],
      ...spec.series.map(([name], at) => [name, (index) => (Number.isNaN(data[`y${at}`][index]) ? "–" : unit(data[`y${at}`][index])), true])], last);
  }
}

class Ranking extends Card {
  legend() { return element("p", { class: "text" }, this.spec.text); }

  update(callbacks) {
    const { value, unit } = this.spec;
    const ranked = callbacks.filter((each) => each[value] > 0).sort((one, other) => other[value] - one[value]).slice(0, RANKED);
    if (!ranked.length) return this.say(this.spec.missing(callbacks));
    this.say(`First: ${ranked[0].callback} of ${ranked[0].app}, ${unit(ranked[0][value])}`);
    this.ranked = ranked;
    const short = (name) => (name.length > 24 ? `…${name.slice(-23)}` : name);
    const names = ranked.map((each, at) => `${at + 1}. ${short(each.callback)}`).reverse();
    const values = ranked.map((each) => each[value]).reverse();
    while (names.length < 4) {  // one bar alone would fill the plot
      names.unshift(" ".repeat(names.length));
      values.unshift(NaN);
    }
    return this.show({ name: names, value: values });
  }

  show(data) {
    // A range of names cannot be changed in place as data can: drawn again when the order changes.
    if (this.source && String(this.data.name) !== String(data.name)) {
      this.canvas.replaceChildren();
      this.source = undefined;
    }
    super.show(data);
  }

  draw(data) {
    const source = (this.source = new Bokeh.ColumnDataSource({ data }));
    const plot = figure({ y_range: new Bokeh.FactorRange({ factors: data.name }), x_range: new Bokeh.DataRange1d({ start: 0 }) });
    plot.hbar({ y: { field: "name" }, right: { field: "value" }, height: 0.7, source, fill_color: css("--s1"), line_color: null });
    scale(plot.below[0], this.spec);
    plot.center.forEach((grid) => { if (grid.dimension === 1) grid.grid_line_color = null; });
    Bokeh.Plotting.show(plot, this.canvas);
  }

  tabulate() {
    if (!this.details.open || !this.ranked) return;
    fill(this.table, [["Callback", (each) => each.callback], ["App", (each) => each.app],
      ["Calls", (each) => number(each.calls), true], ["Thread time", (each) => seconds(each.busy_seconds), true],
      ["Errors", (each) => number(each.errors), true], ["Blocks left", (each) => number(each.net_blocks), true]], this.ranked);
  }
}

export class Plots {
  constructor(place) {
    this.lines = SPECS.map((spec) => new Lines(spec));
    this.rankings = RANKINGS.map((spec) => new Ranking(spec));
    place.replaceChildren(...[...this.lines, ...this.rankings].map((card) => card.figure));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
  }

  update(rows, callbacks) {
    for (const card of this.lines) card.update(rows);
    for (const card of this.rankings) card.update(callbacks);
  }

  redraw() {
    for (const card of [...this.lines, ...this.rankings]) card.redraw();
  }
}
