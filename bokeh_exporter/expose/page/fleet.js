// The processes that belong together, each a row: those of one --num-procs, and the peers that the options name.

import { at, bytes, element, fill, none, number } from "./tables.js";

// Milliseconds between two questions, where there is one process and where there are more, and for an answer.
const ALONE = 60000, OFTEN = 5000, PATIENCE = 30000;

// Only what the options name is a link, and only to a page.
const process = (row) => {
  if (row.this) return "this process";
  return /^https?:\/\//.test(row.url) ? element("a", { href: row.url, rel: "noreferrer" }, row.url.replace(/^https?:\/\//, "")) : row.url;
};
const said = (row) => row.problem ?? (row.verdict ?? "").replaceAll("_", " ") + (row.harm ? ", users are harmed" : "");
const share = (row) => (none(row.memory_share) ? "" : ` (${Math.round(100 * row.memory_share)} %)`);

const PROCESSES = [
  ["Process", process],
  ["Verdict", said],
  ["Connected", (row) => number(row.connected), true],
  ["Sessions", (row) => number(row.sessions), true],
  ["Retained", (row) => number(row.retained), true],
  ["Memory", (row) => bytes(row.rss_bytes) + share(row), true],
];

let due = 0;
export async function showFleet() {
  if (Date.now() < due) return;
  due = Date.now() + OFTEN;
  try {
    const answer = await fetch("api/v1/fleet", { signal: AbortSignal.timeout(PATIENCE), cache: "no-store" });
    if (!answer.ok) return;
    const { processes } = await answer.json();
    if (processes.length < 2) due = Date.now() + ALONE;
    at("fleet").hidden = processes.length < 2;
    fill(at("fleet-table"), PROCESSES, processes);
  } catch { /* the round says that the exporter cannot be reached */ }
}
