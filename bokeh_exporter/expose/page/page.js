// The status page: asks /api/v1/status every two seconds while it is looked at, and shows what it has heard.

import { Apps } from "./apps.js";
import { short, view } from "./chart.js";
import { Elements } from "./elements.js";
import { showFleet } from "./fleet.js";
import { Interactions } from "./interactions.js";
import { Internals } from "./internals.js";
import { Rows } from "./numbers.js";
import { explain, showOffer } from "./retention.js";
import { REBUILT, SESSIONS, at, bytes, clock, fill, none, plural, set } from "./tables.js";
import { listenToCopy, showLastLife, showSince, showVerdict } from "./verdict.js";

const PERIOD = 2000, PATIENCE = 10000, LATE = 5, LISTED = 15, OF_SESSION = 50;

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

// --- what it shows ---------------------------------------------------------------------------------

function setState(state, text) {
  // Said once, not every two seconds: a screen reader reads each change.
  if (document.body.dataset.state !== state) {
    document.body.dataset.state = state;
    set("connection", { live: "Live", stale: "The event loop is blocked", disconnected: "Disconnected", error: "Out of date" }[state]);
  }
  at("banner").hidden = !text;
  if (text) set("banner", text);
}

function showState(status) {
  const late = none(status.loop?.ticked) ? 0 : status.time - status.loop.ticked;
  const stalled = late > LATE;
  setState(stalled ? "stale" : "live", stalled && `The event loop has not ticked for ${Math.round(late)} s: the server answers no one, and its numbers are that old.`);
  showSince(status, stalled);
}

function showRebuilt(status) {
  const rebuilt = status.most_rebuilt ?? [];
  at("rebuilt").hidden = at("rebuilt-title").hidden = !rebuilt.length;
  if (rebuilt.length) fill(at("rebuilt-table"), REBUILT, rebuilt);
}

// --- sessions one by one, where debugging is on ------------------------------------------------------

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
    set("sessions-state", count > sessions.length ? `${sessions.length} of ${count}` : count ? "" : "None is open.");
    at("sessions").hidden = !count;
    fill(at("sessions-table"), SESSIONS, sessions);
  } catch { /* the round says that the exporter cannot be reached */ }
}

// --- the time that is shown --------------------------------------------------------------------------

const rows = new Rows();
let apps, elements, interactions, internals, timer;

// The slider counts rows, the last one is now.
function showMoment() {
  const shown = rows.rows.filter((row) => row.time >= view.begin);
  const slider = at("moment");
  slider.max = String(Math.max(0, shown.length - 1));
  const index = view.moment === null ? shown.length - 1 : shown.findLastIndex((row) => row.time <= view.moment + 0.001);
  slider.value = String(Math.max(0, index));
  const row = shown[Math.max(0, index)];
  if (!row) return;
  const now = view.moment === null || index === shown.length - 1;
  set("moment-text", now ? "now" : clock(row.time));
  document.body.classList.toggle("then", !now);
  const closed = (row.retained_sessions ?? 0) + (row.pending_sessions ?? 0);
  slider.setAttribute("aria-valuetext", `${now ? "now" : clock(row.time)}: ${plural(row.sessions ?? 0, "session")}, ${closed} closed and still in memory, ${bytes(row.rss_bytes)}`);
}

function draw() {
  if (!rows.newest) return;
  view.set(rows.rows[0].time, rows.newest);
  at("time").hidden = false;
  internals.draw();
  apps.draw();
  showMoment();
}

function listenToTime() {
  at("moment").addEventListener("input", () => {
    const shown = rows.rows.filter((row) => row.time >= view.begin);
    const index = Number(at("moment").value);
    view.choose(index >= shown.length - 1 ? null : shown[index].time);
  });
  at("spans").addEventListener("change", (event) => {
    view.span = Number(event.target.value);
    view.choose(null);
    draw();
  });
  view.chosen = showMoment;
}

// --- the round -------------------------------------------------------------------------------------

async function ask() {
  const of = interactions.session ? `&interactions=${OF_SESSION}&session=${encodeURIComponent(interactions.session)}` : `&interactions=${LISTED}`;
  const answer = await fetch(`api/v1/status?since=${rows.newest}${of}&quiet=0`, { signal: AbortSignal.timeout(PATIENCE), cache: "no-store" });
  if (answer.status === 401) location.reload();
  if (!answer.ok) throw new Error(`the exporter answers ${answer.status}`);
  return answer.json();
}

async function refresh() {
  clearTimeout(timer);
  try {
    show(await ask());
  } catch (error) {
    const lost = error instanceof TypeError || error.name === "TimeoutError" || error.name === "AbortError";
    const since = rows.newest ? ` What is shown is from ${clock(rows.newest)}.` : "";
    set("health", "");
    if (lost) setState("disconnected", `The exporter cannot be reached: is the server running? Trying again.${since}`);
    else setState("error", `This page cannot update: ${error.message}.${since}`);
  }
  if (!document.hidden) timer = setTimeout(refresh, PERIOD);
}

function show(status) {
  rows.add(status.history);
  view.set(rows.rows[0].time, rows.newest);
  showVerdict(status);
  showState(status);
  showLastLife(status.last_life);
  showOffer(status.debug);
  internals.update(rows.rows, status);
  apps.update(status);
  interactions.update(status.interactions);
  showRebuilt(status);
  elements.offer(status.interactions);
  showSessions(status.debug);
  showFleet();
  at("time").hidden = false;
  showMoment();
}

function start() {
  internals = new Internals();
  apps = new Apps();
  elements = new Elements();
  interactions = new Interactions(refresh);
  listenToTime();
  listenToCopy();
  at("logout").addEventListener("click", logout);
  at("explain").addEventListener("click", explain);
  at("sessions-by").addEventListener("change", () => { asked = 0; refresh(); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
  refresh();
}

if (at("login")) at("login").addEventListener("submit", login);
else start();
