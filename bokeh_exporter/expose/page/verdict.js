// The answer: the verdict with who holds it, what is known so far and what else harms users, and the report to copy.

import { bytes, clock, element, moment, none, number, plural, seconds, set, at } from "./tables.js";

const spaced = (name) => name.replaceAll("_", " ");
const day = (unix) => new Date(1000 * unix).toLocaleString([], { weekday: "long", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });

let shown = "", since, status;

export function showVerdict(now) {
  status = now;
  at("copy").disabled = false;
  const { verdict, holders } = now;
  const all = JSON.stringify([verdict, holders]);
  if (all === shown) return;
  shown = all;
  const name = spaced(verdict.name);
  document.body.dataset.verdict = verdict.name;
  document.body.classList.toggle("retaining", [verdict.name, ...verdict.others].includes("retained_sessions"));
  document.title = `${name}: bokeh_exporter`;
  set("verdict-name", name);
  set("advice", verdict.advice);
  since = verdict.since;
  showHolders(verdict, holders);
  at("evidence").replaceChildren(...verdict.evidence.map((one) => element("li", {}, one.text)));
  at("observing").hidden = none(verdict.observing) || verdict.name !== "healthy";
  const harm = verdict.harm ?? [];
  at("harm-title").hidden = !harm.length;
  at("harm").replaceChildren(...harm.map((one) => element("li", {}, one.text, element("br"), element("span", {}, one.advice))));
  set("others", others(verdict));
}

function others(verdict) {
  const full = verdict.full_at ? `Out of memory on ${day(verdict.full_at.time)} (between ${day(verdict.full_at.earliest)} and ${day(verdict.full_at.latest)}) at current traffic. ` : "";
  const also = verdict.others.length ? `Also: ${spaced(verdict.others.join(", "))}. ` : "";
  const beside = verdict.beside?.length ? `Also switched on, and uses more memory over time: ${verdict.beside.join(", ")}.` : "";
  return full + also + beside;
}

const sentences = (text) => `${text}.`.replace(/\.\.$/, ".").replace(/(^|\. )[a-z]/g, (begin) => begin.toUpperCase());

// The chain a line each; what follows it in words.
export function chain(text) {
  const [steps, ...words] = text.split("; ");
  return [
    element("ol", { class: "chain" }, ...steps.split(" -> ").map((step) => element("li", {}, element("code", {}, step)))),
    ...(words.length ? [element("p", { class: "quiet" }, sentences(words.join("; ")))] : []),
  ];
}

function showHolders(verdict, holders) {
  const found = Object.entries(holders ?? {});
  at("held").hidden = !found.length;
  at("holders").replaceChildren(...found.map(([app, text]) => element("li", { "data-app": app }, ...chain(text))));
  at("to-holders").hidden = verdict.name !== "retained_sessions";
  set("to-holders", found.length ? "All holders" : "Search for who holds them");
}

// How long it has held, each two seconds.
export function showSince(now, late) {
  set("since", `For ${seconds(Math.max(1, Math.round(now.time - since)))}, since ${moment(since)}.`);
  set("health", late ? "" : "The event loop ticks.");
}

export function showLastLife(life) {
  at("last-life").hidden = !life;
  if (life) set("last-life", `Before this process: ${life.text}.`);
}

// --- the report ------------------------------------------------------------------------------------

function report() {
  const { verdict, apps, memory, holders } = status;
  const resident = Object.values(memory.rss_bytes ?? {}).reduce((sum, one) => sum + one, 0);
  const list = (title, lines) => (lines.length ? [title, ...lines.map((line) => `  - ${line}`)] : []);
  return [
    `Verdict: ${spaced(verdict.name)}, since ${new Date(1000 * verdict.since).toISOString()}`,
    verdict.advice,
    ...list("Evidence:", verdict.evidence.map((one) => one.text)),
    ...list("Held by:", Object.entries(holders ?? {}).map(([app, text]) => `${app}: ${text}`)),
    ...list("What else harms users:", (verdict.harm ?? []).map((one) => `${one.text}. ${one.advice}`)),
    ...[others(verdict).trim()].filter(Boolean),
    ...list("Apps:", apps.map((app) => `${app.app}: ${sessions(app)}`)),
    `Resident memory: ${resident ? bytes(resident) : "unknown"}${memory.cgroup_memory_limit_bytes ? ` of ${bytes(memory.cgroup_memory_limit_bytes)}` : ""}`,
    ...list("Hooks missing:", Object.entries(status.hooks).filter(([, fits]) => !fits).map(([hook]) => hook)),
    `bokeh_exporter ${status.version}, ${new Date(1000 * status.time).toISOString()}`,
  ].join("\n");
}

const sessions = (app) => {
  const live = Object.values(app.sessions ?? {}).reduce((sum, one) => sum + one, 0);
  return `${plural(live, "session")}, ${number(app.uncollected_sessions?.retained ?? 0)} retained, ${plural(app.models ?? 0, "model")}`;
};

// Without permission, or over plain http on another host, a selection can still be copied; or at least be shown.
async function copy() {
  const text = report();
  const area = at("report");
  area.value = text;
  try {
    await navigator.clipboard.writeText(text);
    at("copy-by-hand").hidden = true;
  } catch {
    at("copy-by-hand").hidden = false;
    area.select();
    if (!document.execCommand("copy")) return set("copied", "");
    at("copy-by-hand").hidden = true;
    at("copy").focus();
  }
  return set("copied", `Copied at ${clock(Date.now() / 1000)}.`);
}

export const listenToCopy = () => at("copy").addEventListener("click", copy);
