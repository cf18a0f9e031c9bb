// The tree of an app, widget -> function -> element, kept up by server-sent events.
// Nested <details>: keyboards and screen readers know them. What is touched is said in words, the colour repeats it.

import { advice, at, bytes, clock, element, none, plural, seconds } from "./tables.js";

const HOW = {
  constructed: "built", rebuilt: "rebuilt", in_place: "updated in place", updated: "updated in place", rendered: "rebuilt",
  untouched: "untouched", unused: "never used",
};
const KIND = { constructed: "rebuilt", rebuilt: "rebuilt", rendered: "rebuilt", in_place: "in-place", updated: "in-place", untouched: "untouched", unused: "unused" };
const RECENT = 200, WIDGETS = 100;

const place = (one) => (one.file ? ` (${one.file}:${one.line})` : "");
const bare = (label) => label.split(":").at(-1);
const cost = (...parts) => parts.filter(Boolean).join(", ");

// --- the tree ----------------------------------------------------------------------------------------

class Branch {
  constructor(parent, key, title) {
    this.list = element("ul");
    this.title = element("span", { class: "what" }, title);
    this.cost = element("span", { class: "cost" });
    this.advice = element("div", { class: "advised", hidden: "" });
    this.item = element("li", { "data-key": key }, element("details", { open: "" }, element("summary", {}, this.title, " ", this.cost), this.advice, this.list));
    parent.append(this.item);
    this.below = new Map();
  }

  branch(key, title) {
    if (!this.below.has(key)) this.below.set(key, new Branch(this.list, key, title));
    return this.below.get(key);
  }

  // What the last interaction says is to be changed here; none takes it away.
  advise(rows) {
    this.advice.hidden = !rows.length;
    this.advice.replaceChildren(...rows.map(advice));
  }

  leaf(key, title) {
    if (!this.below.has(key)) this.below.set(key, new Leaf(this.list, key, title));
    return this.below.get(key);
  }
}

class Leaf {
  constructor(parent, key, title) {
    this.state = element("span", { class: "state" });
    this.cost = element("span", { class: "cost" });
    this.item = element("li", { "data-key": key, class: "leaf" }, this.state, " ", element("span", { class: "what" }, title), " ", this.cost);
    parent.append(this.item);
  }

  is(how, cost) {
    if (this.item.dataset.how !== KIND[how]) this.item.dataset.how = KIND[how];
    if (this.state.textContent !== HOW[how]) this.state.textContent = HOW[how];
    if (!none(cost)) this.cost.textContent = cost;
  }

  flash() {
    this.item.classList.remove("flash");
    void this.item.offsetWidth;  // so that it begins again
    this.item.classList.add("flash");
  }
}

class App {
  constructor(list, path) {
    this.root = new Branch(list, path, path);
    this.leaves = new Set();
    this.last = 0;
  }

  // What the functions of an interaction built, below the widget that has set it off.
  grow(branch, nodes, touched, caller, advised) {
    for (const node of nodes) {
      let below = branch;
      const sent = node.elements.reduce((sum, one) => sum + one.bytes, node.bytes);
      if (node.name) {
        below = branch.branch(node.name, `${bare(node.name)}()${caller ? ` by ${bare(caller)}()` : ""}${place(node)}`);
        const rows = advised.filter((each) => each.function === node.name);
        below.cost.textContent = cost(node.calls > 1 && `${node.calls} calls`, seconds(node.seconds), sent > 0 && bytes(sent), node.errors && "failed", rows.length && "advice");
        below.advise(rows);
      }
      for (const one of node.elements) {
        const inside = one.inside ? ` inside ${one.inside} pane` : "";
        const leaf = below.leaf(`${one.class}${place(one)}`, `${one.class}${one.name ? ` ${one.name}` : ""}${place(one)}${inside}`);
        leaf.is(one.how, cost(one.count > 1 && `${one.count} times`, one.models && plural(one.models, "model"), one.seconds > 0 && seconds(one.seconds), one.bytes > 0 && bytes(one.bytes)));
        this.leaves.add(leaf);
        touched.add(leaf);
      }
      this.grow(below, node.functions, touched, node.name, advised);
    }
  }

  add(one) {
    if (one.number <= this.last) return;  // it came before the connection was lost
    this.last = one.number;
    const { widget, label, property } = one.cause;
    const build = one.kind === "build";
    const title = build ? "the build of the page" : none(property) ? one.kind : `${widget ?? "document"}${label ? ` “${label}”` : ""}${place(one.cause)}${["value", "active"].includes(property) ? "" : ` ${property}`}`;
    if (!this.root.below.has(title) && this.root.below.size >= WIDGETS) return;
    const branch = this.root.branch(title, title);
    branch.cost.textContent = cost(seconds(one.seconds), one.bytes_sent > 0 && bytes(one.bytes_sent), !build && `${clock(one.time)}`, one.session && `session ${one.session}`);
    const touched = new Set();
    this.grow(branch, one.tree, touched, null, one.advice ?? []);
    for (const leaf of this.leaves) {
      if (touched.has(leaf)) leaf.flash();
      else if (leaf.item.dataset.how !== "unused") leaf.is("untouched");
    }
    if (build) for (const leaf of touched) leaf.is("untouched");
    for (const unused of one.never_used ?? []) {
      const leaf = branch.leaf(`${unused.element}${place(unused)}`, `${unused.element}${place(unused)}`);
      leaf.is("unused");
      this.leaves.add(leaf);
    }
  }
}

export class Elements {
  constructor() {
    this.apps = new Map();
    this.source = null;
    at("elements-app").addEventListener("change", () => this.filter());
    document.addEventListener("visibilitychange", () => (document.hidden ? this.close() : this.open()));
  }

  // Called with each status: below the level element there is nothing to listen to.
  offer(interactions) {
    const has = interactions.some((one) => !none(one.tree));
    this.wanted ||= has;
    if (this.wanted && !document.hidden) this.open();
    else if (!this.wanted && interactions.length) at("elements-state").textContent = "Start the server with BOKEH_EXPORTER_COLLECT=element to see here what each move of a widget builds.";
  }

  open() {
    if (!this.wanted || this.source) return;
    this.source = new EventSource(`api/v1/events?recent=${RECENT}`);
    this.source.addEventListener("interaction", (event) => this.add(JSON.parse(event.data)));
    this.source.addEventListener("error", () => { if (this.source?.readyState === EventSource.CLOSED) this.close(); });
  }

  close() {
    this.source?.close();
    this.source = null;
  }

  add(one) {
    if (!this.apps.has(one.app)) {
      this.apps.set(one.app, new App(at("elements-tree"), one.app));
      at("elements-app").append(element("option", { value: one.app }, one.app));
      this.filter();
    }
    this.apps.get(one.app).add(one);
    at("elements").hidden = false;
    at("elements-state").textContent = "";
  }

  filter() {
    const chosen = at("elements-app").value;
    for (const [path, app] of this.apps) app.root.item.hidden = chosen !== "" && chosen !== path;
  }
}
