// Tables and numbers for people. Text of the app goes into the page as text only, never as HTML.

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
  const focused = table.contains(document.activeElement) ? document.activeElement.dataset.number : undefined;
  table.replaceChildren(...now.childNodes);
  if (focused !== undefined) table.querySelector(`[data-number="${CSS.escape(focused)}"]`)?.focus();
}

const states = (counts) =>
  Object.entries(counts ?? {}).filter(([, count]) => count).map(([state, count]) => `${number(count)} ${state}`).join(", ") || "0";

export const APPS = [
  ["App", (app) => app.app],
  ["Sessions", (app) => states(app.sessions)],
  ["Created", (app) => number(app.created), true],
  ["Destroyed", (app) => number(total(app.destroyed)), true],
  ["Destroyed, still in memory", (app) => states(app.uncollected_sessions)],
  ["Models", (app) => number(app.models), true],
  ["Models of those", (app) => states(app.uncollected_models)],
  ["Data sources", (app) => bytes(app.data_source_bytes), true],
];

export const SESSIONS = [
  ["Session", (row) => row.session ?? "–"],
  ["App", (row) => row.app],
  ["Models", (row) => number(row.models), true],
  ["Data sources", (row) => bytes(row.data_source_bytes), true],
  ["Busy", (row) => seconds(row.busy_seconds), true],
  ["Last activity", (row) => moment(row.last_activity)],
  ["Connections", (row) => number(row.connections), true],
];

function cause(one) {
  const { widget, label, property, old, new: now, file, line } = one.cause;
  if (none(widget) && none(property)) return one.kind ?? "–";
  const named = [widget, label ? `“${label}”` : "", property].filter(Boolean).join(" ");
  const change = none(old) && none(now) ? "" : `: ${old} → ${now}`;
  return `${named}${change}${file ? ` (${file}:${line})` : ""}`;
}

// The parts of an interaction in words, and the button that shows its timeline; below the level element there is none.
function timeline(one) {
  if (!one.parts) return "–";
  const parts = Object.entries(one.parts).sort((a, b) => b[1] - a[1]).slice(0, 2).filter(([, took]) => took > 0);
  const text = parts.map(([name, took]) => `${name} ${seconds(took)}`).join(", ");
  return element("button", { type: "button", class: "small", "data-number": one.number, "aria-label": `Timeline of interaction ${one.number}: ${text}` }, text || "timeline");
}

export const INTERACTIONS = [
  ["Time", (one) => clock(one.time)],
  ["App", (one) => one.app],
  ["Cause", cause],
  ["Functions", (one) => (one.functions ?? []).map((each) => `${each.name} ${seconds(each.seconds)}`).join(", ") || "–"],
  ["Created", (one) => number(total(one.models.created)), true],
  ["Removed", (one) => number(total(one.models.removed)), true],
  ["Reused", (one) => number(total(one.models.reused)), true],
  ["Sent", (one) => bytes(one.bytes_sent), true],
  ["Took", (one) => seconds(one.seconds), true],
  ["Time", timeline],
];

export const REBUILT = [
  ["Element", (row) => row.element],
  ["Library", (row) => row.library],
  ["App", (row) => row.app],
  ["Line", (row) => (row.file ? `${row.file}:${row.line}` : "–")],
  ["Built", (row) => number(row.rebuilt), true],
  ["Each interaction", (row) => number(row.per_interaction), true],
];
