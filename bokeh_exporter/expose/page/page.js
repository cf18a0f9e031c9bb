// The status page: asks /api/v1/status every two seconds while it is looked at, and says what it has heard.

import { Plots } from "./plots.js";
import { showFleet } from "./fleet.js";
import { Elements, showTimeline } from "./elements.js";
import { APPS, INTERACTIONS, REBUILT, SESSIONS, clock, element, fill, moment, none, seconds } from "./tables.js";

const PERIOD = 2000, PATIENCE = 10000, LATE = 5, HOURS = 6 * 3600, FINE = 600, LISTED = 12;
const at = (id) => document.getElementById(id);

// --- login -----------------------------------------------------------------------------------------

async function login(event) {
  event.preventDefault();
  at("login-error").textContent = "";
  try {
    const headers = { Authorization: `Bearer ${at("token").value.trim()}` };
    const answer = await fetch("login", { method: "POST", headers });
    if (answer.ok) location.reload();
    else at("login-error").textContent = answer.status === 401 ? "Wrong token." : `The exporter answers ${answer.status}.`;
  } catch {
    at("login-error").textContent = "The exporter cannot be reached, or the token contains invalid characters.";
  }
}

async function logout() {
  await fetch("logout", { method: "POST" });
  location.reload();
}

// --- what the page remembers -----------------------------------------------------------------------

// The last hours, one object a moment; what is older than ten minutes one a minute.
class Rows {
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

// --- what it shows ---------------------------------------------------------------------------------

function setState(state, text) {
  // Said once, not every two seconds: a screen reader reads each change.
  if (document.body.dataset.state !== state) {
    document.body.dataset.state = state;
    at("connection").textContent = { live: "Live", stale: "The event loop is blocked", disconnected: "Disconnected", error: "Out of date" }[state];
  }
  at("banner").hidden = !text;
  if (text) at("banner").textContent = text;
}

const set = (id, text) => { if (at(id).textContent !== text) at(id).textContent = text; };

let shown = "", since;
function showVerdict(verdict) {
  const now = JSON.stringify(verdict);
  if (now === shown) return;
  shown = now;
  const name = verdict.name.replaceAll("_", " ");
  document.body.dataset.verdict = verdict.name;
  document.title = `${name}: bokeh_exporter`;
  set("verdict-name", name);
  set("advice", verdict.advice);
  at("to-holders").hidden = verdict.name !== "retained_sessions";
  since = verdict.since;
  at("evidence").replaceChildren(...verdict.evidence.map((one) => element("li", {}, one.text)));
  const harm = verdict.harm ?? [];
  at("harm-title").hidden = !harm.length;
  at("harm").replaceChildren(...harm.map((one) => element("li", {}, one.text, element("br"), element("span", {}, one.advice))));
  const others = verdict.others.length ? `Also: ${verdict.others.join(", ").replaceAll("_", " ")}. ` : "";
  const beside = verdict.beside?.length ? `Also on, and uses more and more memory itself: ${verdict.beside.join(", ")}.` : "";
  const day = (unix) => new Date(1000 * unix).toLocaleString([], { weekday: "long", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
  const full = verdict.full_at ? `Out of memory on ${day(verdict.full_at.time)} (between ${day(verdict.full_at.earliest)} and ${day(verdict.full_at.latest)}) at current traffic. ` : "";
  at("others").textContent = full + others + beside;
}

function showStale(status) {
  const late = none(status.loop?.ticked) ? 0 : status.time - status.loop.ticked;
  const stalled = late > LATE;
  at("since").textContent = `for ${seconds(Math.max(1, Math.round(status.time - since)))}, since ${moment(since)}`;
  setState(stalled ? "stale" : "live", stalled && `The event loop has not ticked for ${Math.round(late)} s: the server answers no one, and its numbers are that old.`);
  at("health").textContent = stalled ? "" : `The event loop ticks. Updated ${clock(status.time)}.`;
}

function showTables(status) {
  const { apps, interactions } = status;
  at("apps-region").hidden = !apps.length;
  at("apps-state").textContent = apps.length ? "" : "None yet: an app appears with its first visitor.";
  fill(at("apps-table"), APPS, apps);
  at("interactions").hidden = !interactions.length;
  at("interactions-state").textContent = interactions.length ? "" : "None yet: open the app, and move a slider in it.";
  fill(at("interactions-table"), INTERACTIONS, interactions);
  const rebuilt = status.most_rebuilt ?? [];
  at("rebuilt").hidden = at("rebuilt-title").hidden = !rebuilt.length;
  if (rebuilt.length) fill(at("rebuilt-table"), REBUILT, rebuilt);
}

// --- who holds it ----------------------------------------------------------------------------------

let offered = "";
function showOffer(debug) {
  const now = debug.includes("explain") ? "on" : "off";
  if (now === offered) return;
  offered = now;
  at("explain").hidden = now === "off";
  at("retention-state").textContent = now === "on"
    ? "Runs a full garbage collection and searches the server's memory, which slows it down for a moment."
    : "Start the server with BOKEH_EXPORTER_DEBUG=1 to see here what keeps destroyed sessions.";
}

// One search at a time, and not right after one: somebody else's is waited for.
const TRIES = 10;
async function search(tries) {
  const answer = await fetch("debug/explain", { method: "POST" });
  if (tries <= 1 || (answer.status !== 409 && answer.status !== 429)) return answer;
  await new Promise((go) => setTimeout(go, 1000 * (Number(answer.headers.get("Retry-After")) || 2)));
  return search(tries - 1);
}

async function explain() {
  const button = at("explain");
  button.disabled = true;
  at("retention-state").textContent = "Searching the server's memory ...";
  try {
    const answer = await search(TRIES);
    if (answer.ok) showRetained((await answer.json()).retained);
    else at("retention-state").textContent = `Not now: ${(await answer.text()).trim()}.`;
  } catch {
    at("retention-state").textContent = "The exporter cannot be reached.";
  }
  button.disabled = false;
}

// From the root to what it holds, a line each.
const chain = (text) =>
  element("ol", { class: "chain" }, ...text.split(" -> ").map((step) => element("li", {}, element("code", {}, step))));

// What a holder retains, since when, and whose code it is: a line each.
function held(one) {
  const parts = [];
  if (one.retained_bytes !== null) parts.push(`${(one.retained_bytes / 1e6).toFixed(1)} MB`);
  if (one.change_bytes !== null) parts.push(`${one.change_bytes < 0 ? "" : "+"}${(one.change_bytes / 1e6).toFixed(1)} MB since ${clock(one.change_since)}`);
  if (one.since !== null) parts.push(`first seen ${clock(one.since)}`);
  return [...parts, one.whose_text].join(", ");
}

function showRetained(retained) {
  const found = retained.length;
  at("retention-state").textContent = found ? `${found} ${found === 1 ? "holder" : "holders"}, found ${clock(Date.now() / 1000)}:` : "Nothing is retained.";
  at("retained").replaceChildren(...retained.map((one) => element("li", {}, element("strong", {}, one.root), element("p", {}, held(one)), chain(one.text), element("p", {}, `To do: ${one.remedy}`))));
}

// --- sessions one by one, where debugging is on --------------------------------------------------------

const TOP = 25, SLOW = 5000;
let asked = 0;
async function showSessions(debug) {
  at("sessions-section").hidden = !debug.length;
  if (!debug.length || Date.now() - asked < SLOW) return;
  asked = Date.now();
  try {
    const answer = await fetch(`api/v1/sessions?limit=${TOP}&by=${at("sessions-by").value}`, { signal: AbortSignal.timeout(PATIENCE), cache: "no-store" });
    if (!answer.ok) return;
    const { sessions, count } = await answer.json();
    at("sessions-state").textContent = count > sessions.length ? `${sessions.length} of ${count}` : "";
    fill(at("sessions-table"), SESSIONS, sessions);
  } catch { /* the round says that the exporter cannot be reached */ }
}

// --- the round -------------------------------------------------------------------------------------

const rows = new Rows();
let plots, elements, timer;

async function ask() {
  const answer = await fetch(`api/v1/status?since=${rows.newest}&interactions=${LISTED}&quiet=0`, { signal: AbortSignal.timeout(PATIENCE), cache: "no-store" });
  if (answer.status === 401) location.reload();
  if (!answer.ok) throw new Error(`the exporter answers ${answer.status}`);
  return answer.json();
}

async function refresh() {
  clearTimeout(timer);
  try {
    show(await ask());
  } catch (error) {
    at("health").textContent = "";
    const lost = error instanceof TypeError || error.name === "TimeoutError" || error.name === "AbortError";
    const since = rows.newest ? ` What is shown is from ${clock(rows.newest)}.` : "";
    if (lost) setState("disconnected", `The exporter cannot be reached: is the server running? Trying again.${since}`);
    else setState("error", `This page cannot update: ${error.message}.${since}`);
  }
  if (!document.hidden) timer = setTimeout(refresh, PERIOD);
}

function showHolders(holders) {
  const found = Object.entries(holders ?? {});
  at("holders-title").hidden = !found.length;
  at("holders").replaceChildren(...found.map(([app, text]) => element("li", {}, element("code", {}, text), ` (${app})`)));
}

function showLastLife(life) {
  at("last-life").hidden = !life;
  if (life) set("last-life", `Before this process: ${life.text}.`);
}

function show(status) {
  rows.add(status.history);
  showVerdict(status.verdict);
  showHolders(status.holders);
  showLastLife(status.last_life);
  showStale(status);
  showOffer(status.debug);
  showTables(status);
  elements.offer(status.interactions);
  showSessions(status.debug);
  showFleet();
  plots.update(rows.rows, status.callbacks);
}

function start() {
  plots = new Plots(at("plots"));
  if (!globalThis.Bokeh?.Plotting) at("plots-title").textContent = "The last 6 hours (BokehJS did not load: tables only)";
  at("logout").addEventListener("click", logout);
  elements = new Elements();
  at("explain").addEventListener("click", explain);
  at("sessions-by").addEventListener("change", () => { asked = 0; refresh(); });
  at("interactions-table").addEventListener("click", (event) => {
    const button = event.target.closest("[data-number]");
    if (button) showTimeline(button.dataset.number);
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
  refresh();
}

if (at("login")) at("login").addEventListener("submit", login);
else start();
