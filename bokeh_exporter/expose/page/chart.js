// A plot over time in SVG: lines, or areas on top of each other, in the width that there is. All plots of the page show
// the same time, and share a moment that the pointer or the slider chooses.

import { clock, element, none } from "./tables.js";

const NS = "http://www.w3.org/2000/svg";
const W = 1000, H = 100, LEAST = 60;

// --- the time that is shown ------------------------------------------------------------------------

class View {
  constructor() {
    this.span = 6 * 3600;
    this.begin = 0;
    this.end = 0;
    this.moment = null;  // Unix time, or null for now
    this.plots = new Set();
    this.chosen = () => {};
  }

  // From the first number there is, so that a server that has just started has no empty plots.
  set(first, last) {
    this.end = last;
    this.begin = Math.min(Math.max(last - this.span, first), last - LEAST);
  }

  choose(moment) {
    if (moment === this.moment) return;
    this.moment = moment;
    for (const plot of this.plots) plot.mark();
    this.chosen();
  }

  x(time) { return (time - this.begin) / (this.end - this.begin); }
}

export const view = new View();

const shape = (name, attributes) => {
  const made = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
};

// The least of 1, 2, 5, 10, 20 ... that is no less.
function round(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((one) => one * power).find((one) => one >= value * 0.999);
}

// Where the lines of a scale are: two or three above 0, none where all is 0.
function ticks(most, whole) {
  if (!(most > 0)) return [0];
  const step = Math.max(whole ? 1 : 0, round(most / 3));
  const found = [0];
  for (let at = step; at <= most * 1.02; at += step) found.push(at);
  return found;
}

export class Chart {
  // series: of each its class; unit: number -> text; axis: whether the scale is written beside it.
  // floats: whether the ground may be above 0, where all is far from it.
  constructor({ series, stacked = false, unit, axis = false, whole = false, floats = false }) {
    Object.assign(this, { series, stacked, unit, axis, whole, floats, base: 0 });
    this.svg = shape("svg", { viewBox: `0 0 ${W} ${H}`, preserveAspectRatio: "none", "aria-hidden": "true", focusable: "false" });
    this.line = element("span", { class: "moment", hidden: "" });
    this.dots = series.map((one) => element("span", { class: `dot ${one}`, hidden: "" }));
    this.area = element("div", { class: "area" }, this.svg, this.line, ...this.dots);
    this.scale = element("div", { class: "scale", "aria-hidden": "true" });
    this.times = element("div", { class: "times", "aria-hidden": "true" });
    this.place = element("div", { class: axis ? "chart" : "chart spark" }, this.area, ...(axis ? [this.scale, this.times] : []));
    this.rows = [];
    this.values = [];
    this.area.addEventListener("pointermove", (event) => this.point(event));
    this.area.addEventListener("pointerdown", (event) => this.point(event));
    this.area.addEventListener("pointerleave", () => view.choose(null));
    this.marked = () => {};
    view.plots.add(this);
  }

  point(event) {
    const box = this.area.getBoundingClientRect();
    view.choose(view.begin + ((event.clientX - box.left) / box.width) * (view.end - view.begin));
  }

  // times: Unix times; values: of each series a list of the same length, with null where nothing is known.
  show(times, values) {
    this.rows = times;
    this.values = values;
    this.tops = this.stacked ? stack(values) : values;
    const limits = this.limit ? this.limit.filter((one) => !none(one)) : [];
    const shown = times.map((time, at) => (time >= view.begin ? at : -1)).filter((at) => at >= 0);
    const most = Math.max(0, ...this.tops.flatMap((one) => shown.map((at) => one[at] ?? 0)), ...limits.slice(-1));
    this.marks = ticks(most, this.whole);
    this.most = (this.axis ? Math.max(most, this.marks.at(-1)) : most) || 1;
    const least = Math.min(most, ...this.tops.flatMap((one) => shown.map((at) => one[at] ?? most)));
    this.base = this.floats && least > most / 2 ? most - Math.max(2 * (most - least), most / 5) : 0;
    this.draw(shown);
    this.mark();
  }

  y(value) { return H - 2 - ((value - this.base) / (this.most - this.base)) * (H - 6); }

  draw(shown) {
    const at = (index) => Math.max(0, view.x(this.rows[index])) * W;
    const lines = this.axis ? this.marks.map((one) => shape("path", { class: "grid", d: `M0 ${this.y(one)}H${W}` })) : [shape("path", { class: "grid", d: `M0 ${H - 2}H${W}` })];
    const nothing = this.values.every((one) => shown.every((at) => !one[at]));
    const drawn = this.series.flatMap((name, number) => {
      // What is 0 all the time is a line of no colour, and of one that is on others nothing.
      if (nothing ? number : this.stacked && shown.every((at) => !this.values[number][at])) return [];
      const top = runs(shown, this.tops[number]).map((run) => run.map((index) => `${at(index).toFixed(1)} ${this.y(this.tops[number][index]).toFixed(1)}`));
      if (!top.length) return [];
      const path = top.map((run) => (run.length > 1 ? `M${run.join("L")}` : `M${run[0]}h2`)).join("");
      if (nothing || (!this.stacked && this.axis)) return [shape("path", { class: `line ${nothing ? "zero" : name}`, d: path })];
      // Down to the series below, or to the ground.
      const floor = runs(shown, this.tops[number]).map((run) => run.toReversed().map((index) => `${at(index).toFixed(1)} ${this.y(this.stacked && number ? this.tops[number - 1][index] : this.base).toFixed(1)}`));
      const fill = top.map((run, one) => `M${[...run, ...floor[one]].join("L")}Z`).join("");
      return [shape("path", { class: `fill ${name}`, d: fill }), shape("path", { class: `line ${name}`, d: path })];
    });
    const limit = this.limit?.at(-1);
    if (!none(limit)) drawn.push(shape("path", { class: "line limit", d: `M0 ${this.y(limit)}H${W}` }));
    this.svg.replaceChildren(...lines, ...drawn);
    if (!this.axis) return;
    this.scale.replaceChildren(...this.marks.map((one) => {
      const label = element("span", {}, one ? this.unit(one).replace(".0 ", " ") : "0");
      label.style.top = `${this.y(one)}%`;
      return label;
    }));
    const middle = (view.begin + view.end) / 2;
    this.times.replaceChildren(...[view.begin, middle, view.end].map((one) => element("span", {}, short(one))));
  }

  // The row of the chosen moment, or the last one.
  get index() {
    if (view.moment === null) return this.rows.length - 1;
    let best = -1;
    this.rows.forEach((time, at) => {
      if (best < 0 || Math.abs(time - view.moment) < Math.abs(this.rows[best] - view.moment)) best = at;
    });
    return best;
  }

  // Put the line and the dots where the moment is, and let the owner write the values.
  mark() {
    const { index } = this;
    const chosen = view.moment !== null && index >= 0 && this.rows[index] >= view.begin;
    this.line.hidden = !chosen;
    const left = chosen ? `${100 * view.x(this.rows[index])}%` : "";
    if (chosen) this.line.style.left = left;
    this.dots.forEach((dot, number) => {
      const value = this.tops?.[number]?.[index];
      dot.hidden = !chosen || none(value);
      if (dot.hidden) return;
      dot.style.left = left;
      dot.style.top = `${this.y(value)}%`;
    });
    if (index >= 0) this.marked(this.series.map((_, number) => this.values[number]?.[index] ?? null), this.rows[index]);
  }

  remove() { view.plots.delete(this); }
}

// Seconds only where they say something.
export const short = (time) => (view.end - view.begin > 900 ? clock(time).slice(0, 5) : clock(time));

function stack(values) {
  const tops = [];
  for (const [number, one] of values.entries()) tops.push(one.map((value, at) => (none(value) && !number ? null : (value ?? 0) + (number ? tops[number - 1][at] ?? 0 : 0))));
  return tops;
}

// Stretches of rows in which there is a number.
function runs(shown, values) {
  const found = [];
  let run = [];
  for (const at of shown) {
    if (none(values[at])) { if (run.length) found.push(run); run = []; } else run.push(at);
  }
  if (run.length) found.push(run);
  return found;
}
