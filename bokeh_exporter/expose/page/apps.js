// A card for each app: what its sessions do in words, four small plots, and all of its numbers behind "Details".

import { Rows, Stat, mean, of } from "./numbers.js";
import { view } from "./chart.js";
import { LEFT, STATES, at, bytes, counted, element, fill, none, number, plural, seconds, set, total } from "./tables.js";

const EVERY = 10000, PATIENCE = 10000, MANY = 12;
const CARRIED = ["callback_seconds_sum", "callback_seconds_count"];

const STATS = [
  { label: "Sessions", series: [["c1", of("sessions")]], text: ([live]) => number(live),
    hint: "Sessions that are not destroyed, with and without a browser" },
  { label: "Still in memory", series: [["c6", of("pending_sessions")], ["bad", of("retained_sessions")]],
    text: ([pending, retained]) => number((pending ?? 0) + (retained ?? 0)),
    remark: ([, retained]) => (retained ? `${number(retained)} retained` : ""), warns: ([, retained]) => retained > 0,
    hint: "Destroyed sessions that are still in memory: waiting for the garbage collector, or retained" },
  { label: "Models", series: [["c3", of("models")]], text: ([models]) => number(models),
    hint: "Models in the documents of live sessions" },
  { label: "Callback, mean", whole: false, series: [["c4", mean("callback")]], text: ([mean]) => seconds(mean),
    hint: "Mean time of a callback, from call to return" },
];

const DETAILS = [
  ["Sessions now", (app) => counted(app.sessions, STATES) || "none"],
  ["Created", (app) => number(app.created)],
  ["Destroyed", (app) => counted(app.destroyed, { expired: "expired", requested: "on request", shutdown: "at shutdown" }) || "none"],
  ["Never had a browser", (app) => app.never_connected && number(app.never_connected)],
  ["Failed to create", (app) => counted(app.create_errors, { script: "in the script", hook: "in a hook", token: "with a bad token" })],
  ["Longest without a browser", (app) => app.unused_age_seconds > 0 && seconds(app.unused_age_seconds)],
  ["Longest kept open by a callback", (app) => app.blocked_age_seconds > 1 && seconds(app.blocked_age_seconds)],
  ["Destroyed, still in memory", (app) => counted(app.uncollected_sessions, LEFT) || "none"],
  ["Kept by the host itself", (app) => app.constant],
  ["Models of those", (app) => counted(app.uncollected_models, LEFT)],
  ["Oldest of those", (app) => app.uncollected_age_seconds > 0 && `destroyed ${seconds(app.uncollected_age_seconds)} ago`],
  ["Models", (app) => `${number(app.models)}, at most ${number(app.models_max)} in one session`],
  ["Data in data sources", (app) => !none(app.data_source_bytes) && bytes(app.data_source_bytes)],
];

const CALLBACKS = [
  ["Callback", (each) => each.callback],
  ["Calls", (each) => number(each.calls), true],
  ["Thread time", (each) => seconds(each.busy_seconds), true],
  ["Errors", (each) => number(each.errors), true],
];

class Card {
  constructor(path) {
    this.rows = new Rows();
    this.stats = STATS.map((spec) => new Stat(spec));
    this.words = element("p", { class: "quiet" });
    this.list = element("dl");
    this.table = element("table");
    this.region = element("div", { class: "table", tabindex: "0", role: "region", "aria-label": `Callbacks of ${path}` }, this.table);
    this.details = element("details", {}, element("summary", {}, "Details", element("span", { class: "hide" }, ` of ${path}`)), this.list, this.region);
    this.details.addEventListener("toggle", () => this.open());
    this.place = element("article", { class: "card", "data-app": path }, element("h3", {}, path), this.words,
      element("div", { class: "stats" }, ...this.stats.map((stat) => stat.place)), this.details);
  }

  update(app, callbacks, time, constant) {
    this.app = { ...app, constant };
    // Between two answers of the history, what the status says; callbacks are counted there only.
    this.rows.merge({ time: [time], sessions: [total(app.sessions) - (app.sessions?.pending ?? 0)], models: [app.models ?? null],
      retained_sessions: [app.uncollected_sessions?.retained ?? null], pending_sessions: [app.uncollected_sessions?.pending ?? null] }, CARRIED);
    this.callbacks = callbacks;
    const live = total(app.sessions), retained = app.uncollected_sessions?.retained;
    const words = `${counted(app.sessions, STATES) || "No session"}${retained ? `; ${plural(retained, "closed session")} retained` : ""}`;
    if (this.words.textContent !== words) this.words.textContent = words;
    this.place.classList.toggle("idle", !live);
    this.open();
  }

  open() {
    if (!this.details.open || !this.app) return;
    const rows = DETAILS.map(([title, read]) => [title, read(this.app)]).filter(([, text]) => text);
    this.list.replaceChildren(...rows.flatMap(([title, text]) => [element("dt", {}, title), element("dd", {}, text)]));
    this.region.hidden = !this.callbacks.length;
    fill(this.table, CALLBACKS, this.callbacks.slice(0, 8));
  }

  draw() { for (const stat of this.stats) stat.update(this.rows.rows); }

  remove() {
    for (const stat of this.stats) stat.remove();
    this.place.remove();
  }
}

export class Apps {
  constructor() {
    this.cards = new Map();
    this.due = 0;
    this.newest = 0;
    this.more = element("button", { type: "button", hidden: "" });
    this.more.addEventListener("click", () => { this.all = true; this.crowd(); });
    at("apps").after(this.more);
  }

  update(status) {
    set("apps-state", status.apps.length ? "" : "None yet: an app appears with its first visitor.");
    for (const [path, card] of this.cards) {
      if (status.apps.some((app) => app.app === path)) continue;
      card.remove();  // another server has taken the place of the one before
      this.cards.delete(path);
      this.newest = 0;
    }
    for (const app of status.apps) {
      if (!this.cards.has(app.app)) {
        this.cards.set(app.app, new Card(app.app));
        at("apps").append(this.cards.get(app.app).place);
        this.due = 0;
      }
      this.cards.get(app.app).update(app, status.callbacks.filter((each) => each.app === app.app), status.time,
        (status.verdict.constant ?? []).filter((one) => one.app === app.app).map((one) => one.text).join("; "));
    }
    this.crowd();
    this.draw();
    this.ask();
  }

  crowd() {
    [...this.cards.values()].forEach((card, number) => { card.place.hidden = !this.all && number >= MANY; });
    this.more.hidden = this.all || this.cards.size <= MANY;
    this.more.textContent = `Show all ${this.cards.size} apps`;
  }

  async ask() {
    if (Date.now() < this.due) return;
    this.due = Date.now() + EVERY;
    try {
      const answer = await fetch(`api/v1/apps?since=${this.newest}`, { signal: AbortSignal.timeout(PATIENCE), cache: "no-store" });
      if (!answer.ok) return;
      for (const [path, columns] of Object.entries((await answer.json()).apps)) {
        this.cards.get(path)?.rows.merge(columns, CARRIED);
        this.newest = Math.max(this.newest, columns.time.at(-1) ?? 0);
      }
      this.draw();
    } catch { /* the round says that the exporter cannot be reached */ }
  }

  draw() { if (view.end) for (const card of this.cards.values()) card.draw(); }
}
