// What keeps closed sessions: asked for with a button, since a search takes the server's time.

import { at, bytes, clock, element, none, number, plural, set } from "./tables.js";
import { chain } from "./verdict.js";

const TRIES = 10;

let offered = "";
export function showOffer(debug) {
  const now = debug.includes("explain") ? "on" : "off";
  if (now === offered) return;
  offered = now;
  at("explain").hidden = now === "off";
  set("retention-state", now === "on"
    ? "Runs a full garbage collection and searches the server's memory, which slows it down for a moment."
    : "Start the server with BOKEH_EXPORTER_DEBUG=1 to see here what keeps destroyed sessions.");
}

// One search at a time, and not right after one: somebody else's is waited for.
async function search(tries) {
  const answer = await fetch("debug/explain", { method: "POST" });
  if (tries <= 1 || (answer.status !== 409 && answer.status !== 429)) return answer;
  await new Promise((go) => setTimeout(go, 1000 * (Number(answer.headers.get("Retry-After")) || 2)));
  return search(tries - 1);
}

export async function explain() {
  const button = at("explain");
  button.disabled = true;
  set("retention-state", "Searching the server's memory ...");
  try {
    const answer = await search(TRIES);
    if (answer.ok) show(await answer.json());
    else set("retention-state", `Not now: ${(await answer.text()).trim()}.`);
  } catch {
    set("retention-state", "The exporter cannot be reached.");
  }
  button.disabled = false;
}

// What a holder retains and since when.
function held(one) {
  const parts = [];
  if (!none(one.retained_bytes)) parts.push(`retains ${bytes(one.retained_bytes)}`);
  if (!none(one.change_bytes)) parts.push(`${one.change_bytes < 0 ? "" : "+"}${bytes(one.change_bytes)} since ${clock(one.change_since)}`);
  if (!none(one.since)) parts.push(`first seen ${clock(one.since)}`);
  return [...parts, one.whose_text].filter(Boolean).join(", ");
}

function row(one, todo = true) {
  const parts = [element("strong", {}, one.root), ...(one.app ? [` ${one.app}`] : []), element("p", { class: "quiet" }, held(one)), chain(one.text)[0]];
  if (todo && one.remedy) parts.push(element("p", {}, element("b", {}, "To do: "), one.remedy));
  if (todo && one.diff) parts.push(element("pre", { class: "diff", tabindex: "0", role: "region", "aria-label": `Change for ${one.root}` }, one.diff));
  return element("li", {}, ...parts);
}

function show({ retained, constant = [], containers = [], objects_visited: visited, seconds }) {
  const when = `${clock(Date.now() / 1000)}, ${number(visited)} objects in ${number(seconds)} s`;
  set("retention-state", retained.length ? `${plural(retained.length, "holder")}, found ${when}:` : `Nothing is retained (${when}).`);
  at("retained").replaceChildren(...retained.map((one) => row(one)));
  at("grown").hidden = !containers.length;
  at("containers").replaceChildren(...containers.map((one) => row(one)));
  at("constants").hidden = !constant.length;
  at("constant").replaceChildren(...constant.map((one) => row(one, false)));
}
