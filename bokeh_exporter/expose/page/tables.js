// Tables and numbers for people. Text of the app goes into the page as text only, never as HTML.

export const at = (id) => document.getElementById(id);

// Only what is different: a screen reader reads each change.
export const set = (id, text) => { if (at(id).textContent !== text) at(id).textContent = text; };

export const none = (value) => value === null || value === undefined;

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export function number(value) {
  if (none(value)) return "–";
  return Math.abs(value) >= 100 || Number.isInteger(value) ? Math.round(value).toLocaleString() : value.toPrecision(3);
}

export function bytes(value) {
  if (none(value)) return "–";
  for (const [unit, factor] of [["GB", 1e9], ["MB", 1e6], ["kB", 1e3]]) {
    if (Math.abs(value) >= factor) return `${(value / factor).toFixed(1)} ${unit}`;
  }
  return `${Math.round(value)} bytes`;
}

export function seconds(value) {
  if (none(value)) return "–";
  if (value < 0.001) return `${number(Math.round(value * 1e6))} µs`;
  if (value < 1) return `${number(value * 1000)} ms`;
  if (value < 120) return `${number(value)} s`;
  return value < 7200 ? `${Math.round(value / 60)} min` : `${Math.round(value / 3600)} h`;
}

// By 24 hours, as the axes of the plots have it.
export const clock = (unix) => new Date(unix * 1000).toLocaleTimeString([], { hourCycle: "h23" });

export function moment(unix) {
  const date = new Date(unix * 1000);
  return date.toDateString() === new Date().toDateString() ? clock(unix) : `${clock(unix)} on ${date.toLocaleDateString()}`;
}

export const total = (counts) =>
  counts !== null && typeof counts === "object" ? Object.values(counts).reduce((sum, one) => sum + one, 0) : counts;

// columns: [title, row -> text, is a number?]; the first names the row.
export function fill(table, columns, rows) {
  const head = element("tr");
  for (const [title, , numeric] of columns) head.append(element("th", { scope: "col", ...(numeric && { class: "number" }) }, title));
  const body = element("tbody");
  for (const row of rows) {
    const line = element("tr");
    columns.forEach(([, text, numeric], at) => {
      const cell = element(at ? "td" : "th", { ...(at ? {} : { scope: "row" }), ...(numeric && { class: "number" }) });
      const content = text(row);
      if (content instanceof Node) cell.append(content);
      else cell.textContent = content;
      line.append(cell);
    });
    body.append(line);
  }
  // A table that is the same stays, and with it what has the focus; else the same button gets it back.
  const now = element("table", {}, element("thead", {}, head), body);
  if (table.innerHTML === now.innerHTML) return;
  const focused = table.contains(document.activeElement) ? document.activeElement.dataset.session : undefined;
  table.replaceChildren(...now.childNodes);
  if (focused !== undefined) table.querySelector(`[data-session="${CSS.escape(focused)}"]`)?.focus();
}

// What to change, as a sentence and in outline; the diff of the app's own source is made by the command.
export function advice(one) {
  const made = element("div", { class: "advice" }, element("p", {}, one.text));
  if (!one.outline) return made;
  made.append(element("pre", { tabindex: "0", "aria-label": "The change in outline" }, one.outline));
  made.append(element("p", { class: "quiet" }, element("code", {}, "bokeh-exporter inspect"), " with the path of the app shows it as a diff of your source."));
  return made;
}

// What the states of a session are called, and which say nothing while nobody is in them.
export const STATES = {
  connected: "connected", unused: "without a browser", blocked: "kept open by a callback", pending: "being created",
};
export const LEFT = { pending: "waiting for the garbage collector", retained: "retained" };

export const counted = (counts, words) =>
  Object.entries(words).filter(([state]) => counts?.[state]).map(([state, word]) => `${number(counts[state])} ${word}`).join(", ");

export const plural = (count, one, more = `${one}s`) => `${number(count)} ${count === 1 ? one : more}`;

// Names with how many of each, those with most first: "3 Column, 2 Markdown, and 12 more".
export function names(counts, listed = 4) {
  if (none(counts)) return "–";
  if (typeof counts !== "object") return number(counts);
  const sorted = Object.entries(counts).filter(([, count]) => count).sort((one, other) => other[1] - one[1]);
  const shown = sorted.slice(0, listed).map(([name, count]) => (count > 1 ? `${number(count)} ${name}` : name));
  const rest = sorted.slice(listed).reduce((sum, [, count]) => sum + count, 0);
  return [...shown, ...(rest ? [`${number(rest)} more`] : [])].join(", ") || "none";
}

export const SESSIONS = [
  ["Session", (row) => (row.session ? element("button", { type: "button", class: "small", "data-session": row.session, "aria-label": `Interactions of session ${row.session}` }, row.session) : "–")],
  ["App", (row) => row.app],
  ["Models", (row) => number(row.models), true],
  ["Data sources", (row) => bytes(row.data_source_bytes), true],
  ["Busy", (row) => seconds(row.busy_seconds), true],
  ["Last activity", (row) => moment(row.last_activity)],
  ["Connections", (row) => number(row.connections), true],
];

export const REBUILT = [
  ["Element", (row) => row.element],
  ["Library", (row) => row.library],
  ["App", (row) => row.app],
  ["Line", (row) => (row.file ? `${row.file}:${row.line}` : "–")],
  ["Built", (row) => number(row.rebuilt), true],
  ["Each interaction", (row) => number(row.per_interaction), true],
];
