// What is remembered of the last hours, and a number with its small plot.

import { Chart, view } from "./chart.js";
import { element, none } from "./tables.js";

const HOURS = 6 * 3600, FINE = 600;

// One object a moment; what is older than ten minutes one a minute.
export class Rows {
  constructor() { this.rows = []; }

  get newest() { return this.rows.at(-1)?.time ?? 0; }

  add(columns) {
    const names = Object.keys(columns);
    const begin = columns.time[0];
    if (begin < this.newest - 1) this.rows = this.rows.filter((row) => row.time < begin);  // a clock was set back
    columns.time.forEach((time, index) => {
      if (time > this.newest) this.rows.push(Object.fromEntries(names.map((name) => [name, columns[name][index]])));
    });
    this.thin();
  }

  // Rows that may lie between those that there are. What they have and others lack is carried on.
  merge(columns, carried) {
    const known = new Set(this.rows.map((row) => row.time));
    const names = Object.keys(columns);
    columns.time.forEach((time, index) => {
      if (!known.has(time)) this.rows.push(Object.fromEntries(names.map((name) => [name, columns[name][index]])));
    });
    this.rows.sort((one, other) => one.time - other.time);
    this.rows.forEach((row, at) => {
      for (const name of carried) row[name] ??= this.rows[at - 1]?.[name];
    });
    this.thin();
  }

  thin() {
    const now = this.newest;
    let kept = 0;
    this.rows = this.rows.filter((row) => {
      if (row.time < now - HOURS) return false;
      if (row.time < now - FINE && row.time - kept < 55) return false;
      kept = row.time;
      return true;
    });
  }
}

// Of rows, the times, and of each reader (row, row before, value before) the values.
export function read(rows, readers) {
  const values = readers.map((reader) => {
    let last;
    return rows.map((row, at) => (last = reader(row, rows[at - 1], last) ?? null));
  });
  return [rows.map((row) => row.time), values];
}

// The mean between two rows of what is summed and counted ever; where nothing came to it, what it was before.
export function mean(what, factor = 1) {
  return (row, before, last) => {
    const count = row[`${what}_seconds_count`] - before?.[`${what}_seconds_count`];
    if (!(count > 0)) return last;
    return Math.max(0, (row[`${what}_seconds_sum`] - before[`${what}_seconds_sum`]) / count) * factor;
  };
}

export const of = (field) => (row) => row[field];

// A label, its value now or at the chosen moment, a remark, and its plot.
export class Stat {
  // series: [class, reader] each; text: values -> text; warns: values -> is it one to look at?
  constructor({ id, label, series, text, remark = () => "", warns = () => false, whole = true, floats = false, hint }) {
    Object.assign(this, { series, text, remark, warns });
    this.value = element("b", {}, "–");
    this.note = element("span", { class: "remark" });
    this.chart = new Chart({ series: series.map(([name]) => name), stacked: series.length > 1, whole, floats });
    this.chart.marked = (values) => this.say(values);
    this.place = element("div", { class: "stat", ...(id && { id }), ...(hint && { title: hint }) },
      element("span", { class: "label" }, label), this.value, this.note, this.chart.place);
  }

  update(rows) {
    const [times, values] = read(rows, this.series.map(([, reader]) => reader));
    if (values.some((one) => one.some((value) => !none(value)))) this.chart.show(times, values);
  }

  say(values) {
    const text = this.text(values);
    if (this.value.textContent !== text) this.value.textContent = text;
    const remark = this.remark(values, view.moment === null);
    if (this.note.textContent !== remark) this.note.textContent = remark;
    this.place.classList.toggle("warns", Boolean(this.warns(values)));
  }

  remove() { this.chart.remove(); }
}
