// The last interactions: a row each in words, that opens to what it ran, what it built, and where its time went.

import { advice, at, bytes, clock, element, names, none, number, plural, seconds, set } from "./tables.js";

const SPANS = 40, LEAST = 0.004, PARTS = ["apply", "functions", "models", "recompute", "serialise", "send", "lock", "threads", "other"];
const bare = (label) => label.split(":").at(-1);
const place = (one) => (one.file ? `${one.file}:${one.line}` : "");
const HOW = { constructed: "built", rebuilt: "rebuilt", rendered: "rebuilt", in_place: "updated in place", updated: "updated in place" };

// What set it off: "IntSlider “Frequency” 4 → 5".
function cause(one) {
  const { widget, label, property, old, new: now } = one.cause;
  if (one.kind === "build") return "build of a session";
  if (none(widget) && none(property)) return one.kind === "property" ? "a change" : (one.kind ?? "–");
  const shown = property === "value" || property === "active" ? "" : property;
  return [widget, label ? `“${label}”` : "", shown, none(old) && none(now) ? "" : `${old} → ${now}`].filter(Boolean).join(" ");
}

// The elements below its functions, each once.
function* elements(nodes) {
  for (const node of nodes ?? []) {
    yield* node.elements;
    yield* elements(node.functions);
  }
}

// What it did, by name: the functions, and what they rebuilt.
function outcome(one) {
  const ran = (one.functions ?? []).map((each) => `${bare(each.name)}()`);
  const rebuilt = [...elements(one.tree)].filter((each) => HOW[each.how] !== "updated in place").map((each) => (each.name ? `${each.class} ${each.name}` : each.class));
  const unique = [...new Set(rebuilt)];
  const many = (list) => (list.length > 3 ? `${list.slice(0, 3).join(", ")} and ${list.length - 3} more` : list.join(", "));
  const did = ["build", "onload"].includes(one.kind) ? "built" : "rebuilt";
  const counts = one.tree ? "" : [one.callbacks && plural(one.callbacks, "callback"), one.models.created && `${plural(one.models.created, "model")} created`].filter(Boolean).join(", ");
  return [many(ran), unique.length ? `${did} ${many(unique)}` : "", counts].filter(Boolean).join(": ") || "nothing of yours ran";
}

// How its time is divided, as a bar as long as it took; its details say the same in words.
function divided(one, longest) {
  const parts = PARTS.filter((name) => one.parts?.[name] > 0);
  const bar = element("span", { class: "divided", "aria-hidden": "true" });
  for (const name of parts) {
    const part = element("span", { class: `part-${name}` });
    part.style.width = `${(100 * one.parts[name]) / longest}%`;
    bar.append(part);
  }
  return bar;
}

function tree(nodes, build) {
  const list = element("ul", { class: "ran" });
  for (const node of nodes) {
    const item = element("li", {});
    const sent = node.elements.reduce((sum, one) => sum + one.bytes, node.bytes);
    if (node.name) item.append(element("code", {}, `${bare(node.name)}()`), ` ${[seconds(node.seconds), sent > 0 && bytes(sent), node.calls > 1 && `${node.calls} calls`, node.errors && "failed", place(node)].filter(Boolean).join(", ")}`);
    const below = element("ul");
    for (const each of node.elements) {
      const what = `${each.count > 1 ? `${each.count} ` : ""}${each.class}${each.name ? ` ${each.name}` : ""}`;
      const more = [place(each), each.inside && `inside ${each.inside} pane`, each.models && plural(each.models, "model"), each.seconds > 0 && seconds(each.seconds), each.bytes > 0 && bytes(each.bytes)];
      below.append(element("li", build ? {} : { "data-how": each.how }, element("b", {}, HOW[each.how] ?? each.how), ` ${what} `, element("span", { class: "quiet" }, more.filter(Boolean).join(", "))));
    }
    if (node.functions.length) below.append(...tree(node.functions, build).childNodes);
    if (below.childNodes.length) item.append(below);
    list.append(item);
  }
  return list;
}

function facts(one) {
  const { created, removed, reused } = one.models;
  const parts = PARTS.filter((name) => one.parts?.[name] > 0.0005).sort((a, b) => one.parts[b] - one.parts[a]);
  const rows = [
    ["Set off by", `${cause(one)}${place(one.cause) ? ` (${place(one.cause)})` : ""}`],
    ["Created", names(created, 8)], ["Removed", names(removed, 8)], ["Kept", names(reused, 8)],
    ["Created, never shown", one.never_used?.length ? one.never_used.map((each) => `${each.element} ${place(each)}`).join(", ") : ""],
    ["Sent", `${bytes(one.bytes_sent)} in ${plural(one.patches, "patch", "patches")}${one.unattributed_bytes > 0 ? `, ${bytes(one.unattributed_bytes)} of no element and no function` : ""}`],
    ["Session", one.session ?? ""],
    ["Time", parts.map((name) => `${name} ${seconds(one.parts[name])}`).join(", ")],
  ].filter(([, text]) => text && text !== "–" && text !== "none");
  return element("dl", {}, ...rows.flatMap(([title, text]) => [element("dt", {}, title), element("dd", {}, text)]));
}

// --- where the time of one went --------------------------------------------------------------------

async function waterfall(one, into) {
  const answer = await fetch(`api/v1/interactions/${one}/trace`, { cache: "no-store" }).catch(() => undefined);
  if (!answer?.ok) return into.replaceChildren(element("p", { class: "quiet" }, "Its timeline is not remembered any more."));
  const slices = (await answer.json()).traceEvents.filter((each) => each.ph === "X");
  const whole = Math.max(1, ...slices.map((each) => each.ts + each.dur));
  const shown = slices.filter((each) => each.dur >= LEAST * whole).sort((a, b) => b.dur - a.dur).slice(0, SPANS).sort((a, b) => a.ts - b.ts || b.dur - a.dur);
  const rows = shown.map((each) => {
    const bar = element("span", { class: `bar part-${each.cat}` });
    bar.style.marginLeft = `${(100 * each.ts) / whole}%`;
    bar.style.width = `${Math.max(0.3, (100 * each.dur) / whole)}%`;
    return element("li", {}, element("span", { class: "name" }, `${each.name}: ${each.cat}, ${seconds(each.dur / 1e6)}`), element("span", { class: "track", "aria-hidden": "true" }, bar));
  });
  const link = element("a", { href: `api/v1/interactions/${one}/trace`, download: `interaction-${one}.json` }, "Trace for Perfetto or speedscope");
  return into.replaceChildren(element("ol", { class: "timeline" }, ...rows), element("p", { class: "quiet" }, shown.length < slices.length ? `${plural(slices.length - shown.length, "shorter part")} left out. ` : "", link));
}

// --- the list --------------------------------------------------------------------------------------

class Row {
  constructor(number) {
    this.number = number;
    this.summary = element("summary");
    this.body = element("div", { class: "body" });
    this.time = element("div", { class: "waterfall" });
    this.place = element("details", { class: "interaction", "data-number": number }, this.summary, this.body);
    this.place.addEventListener("toggle", () => this.open());
  }

  update(one, longest) {
    const text = JSON.stringify([one, longest]);
    if (text === this.text) return;
    this.text = text;
    this.one = one;
    const took = element("span", { class: "took" }, seconds(one.seconds));
    this.summary.replaceChildren(
      element("span", { class: "when" }, clock(one.time)), element("span", { class: "what" }, element("b", {}, cause(one)), " ", element("span", { class: "app" }, one.app)),
      took, element("span", { class: "did" }, outcome(one), ...(one.advice?.length ? [" ", element("span", { class: "mark" }, "advice")] : [])), divided(one, longest));
    this.open();
  }

  open() {
    const now = JSON.stringify(this.one);
    if (!this.place.open || this.drawn === now) return;
    this.drawn = now;
    const parts = [facts(this.one)];
    if (this.one.advice?.length) parts.push(element("h3", {}, "What to change"), ...this.one.advice.map(advice));
    if (this.one.tree?.length) parts.push(element("h3", {}, "What ran, and what it built"), tree(this.one.tree, this.one.kind === "build"));
    if (this.one.parts) {
      parts.push(element("h3", {}, "Where the time went"), this.time);
      waterfall(this.number, this.time);
    }
    this.body.replaceChildren(...parts);
  }
}

export class Interactions {
  constructor(again) {
    this.rows = new Map();
    this.session = "";
    this.again = again;
    at("sessions-table").addEventListener("click", (event) => {
      const button = event.target.closest("[data-session]");
      if (button) this.only(button.dataset.session);
    });
    at("all-sessions").addEventListener("click", () => this.only(""));
  }

  only(session) {
    this.session = session;
    at("one-session").hidden = !session;
    set("one-session-name", session);
    if (session) at("interactions-title").scrollIntoView({ block: "start" });
    (session ? at("all-sessions") : at("sessions-by")).focus({ preventScroll: Boolean(session) });
    this.again();
  }

  update(interactions) {
    at("interactions").hidden = !interactions.length;
    set("interactions-state", interactions.length ? "" : this.session ? "None is remembered of this session." : "None yet: open the app, and move a slider in it.");
    const numbers = new Set(interactions.map((one) => one.number));
    for (const [number, row] of this.rows) {
      if (numbers.has(number) || (row.place.open && !this.session)) continue;  // what somebody reads stays
      row.place.remove();
      this.rows.delete(number);
    }
    // One that took much longer than the others, mostly a build, would leave them no length.
    const took = interactions.map((one) => one.seconds).sort((one, other) => one - other);
    const longest = Math.max(0.001, Math.min(took.at(-1) ?? 0, 3 * (took[Math.floor(took.length / 2)] ?? 0)));
    let before = null;
    for (const one of interactions) {
      if (!this.rows.has(one.number)) this.rows.set(one.number, new Row(one.number));
      const row = this.rows.get(one.number);
      row.update(one, longest);
      const wanted = before ? before.nextSibling : at("interactions").firstChild;
      if (row.place !== wanted) at("interactions").insertBefore(row.place, wanted);
      before = row.place;
    }
  }
}
