// The wire: a live sequence diagram of all requests. Only the rows in sight are elements.

import { byId, clock, dress, duration, h, keep, say } from "./elements.js";
import { openExchange } from "./exchange.js";
import { choose, chosen, exchanges, get, inPath, paint, state, touch } from "./store.js";

/** @typedef {import("./contract").Exchange} Exchange */
/** @typedef {{ name: string, members: Set<string> }} Lane */

const ROW = 46;
/** A lane is at least so wide, or the lanes of a kind become one. */
const LANE = 62;

const groups = [
  { kind: "provider", name: "Providers" },
  { kind: "identity", name: "Identity" },
  { kind: "function", name: "Functions" },
  { kind: "aws", name: "AWS" },
];

const filter = {
  text: chosen("wire text", ""),
  who: chosen("wire who", ""),
  status: chosen("wire status", ""),
  calls: chosen("wire only functions", false),
};
let paused = false;
/** The rows, frozen while paused. @type {Exchange[]} */
let rows = [];
/** Ids that the sandbox found by a word in the content. @type {Set<number>} */
let found = new Set();
/** Rows before this id were cleared away. */
let cleared = 0;
let selected = -1;
let following = true;

const search = h("input", { id: "wire-text", type: "search", placeholder: "Search", "aria-label": "Search the wire", value: filter.text });
const who = h("select", { "aria-label": "Of whom" }, h("option", { value: "" }, "Everybody"));
const status = h(
  "select",
  { "aria-label": "Which status" },
  [["", "Any status"], ["2", "Success"], ["4", "Refused, 4xx"], ["5", "Failed, 5xx"], ["none", "No answer"], ["fault", "With a fault"]].map(([value, name]) => h("option", { value }, name ?? "")),
);
const calls = h("input", { type: "checkbox", checked: filter.calls });
const pause = h("button", { type: "button", "aria-pressed": "false", onclick: () => pauseWire() }, "Pause");
const clear = h("button", { type: "button", onclick: () => clearWire() }, "Clear");
status.value = filter.status;
byId("wire-tools").append(search, who, status, h("label", { class: "check" }, calls, " Hide AWS"), pause, clear);

for (const control of [search, who, status, calls]) {
  control.addEventListener("input", () => {
    Object.assign(filter, { text: search.value.trim(), who: who.value, status: status.value, calls: calls.checked });
    choose("wire text", filter.text);
    choose("wire who", filter.who);
    choose("wire status", filter.status);
    choose("wire only functions", filter.calls);
    if (control === search) lookInside();
    following = true;
    touch("wire");
  });
}

/** Shows the requests with a word, such as a phone number. @param {string} text */
export function searchWire(text) {
  search.value = text;
  search.dispatchEvent(new Event("input"));
  location.hash = "wire";
}

export function pauseWire() {
  paused = !paused;
  pause.setAttribute("aria-pressed", String(paused));
  following = !paused;
  touch("wire");
}

function clearWire() {
  cleared = (exchanges.at(-1)?.id ?? 0) + 1;
  selected = -1;
  following = true;
  touch("wire");
}

let asking = 0;
/** The page knows only the outside of a request; the sandbox looks into its content. */
function lookInside() {
  clearTimeout(asking);
  found = new Set();
  const text = filter.text;
  if (text.length < 2) return;
  asking = setTimeout(async () => {
    const answer = await get(`wire?limit=1000&text=${inPath(text)}`).catch(() => undefined);
    if (!answer || text !== filter.text) return;
    for (const one of /** @type {Exchange[]} */ (answer.exchanges)) found.add(one.id);
    touch("wire");
  }, 250);
}
if (filter.text) lookInside();

/** @param {string} name */
const kindOf = (name) => {
  const kind = state.servers.find((server) => server.name === name)?.kind;
  return kind === "identity" || kind === "function" || kind === "aws" ? kind : "provider";
};

/** @param {Exchange} one */
function wanted(one) {
  if (one.id < cleared) return false;
  if (filter.who && one.from !== filter.who && one.to !== filter.who) return false;
  if (filter.calls && kindOf(one.to) === "aws") return false;
  if (filter.status === "none" && !(one.done && one.status === null)) return false;
  if (filter.status === "fault" && !one.fault) return false;
  if (/^\d$/.test(filter.status) && String(one.status ?? "")[0] !== filter.status) return false;
  if (!filter.text || found.has(one.id)) return true;
  const outside = `${one.from} ${one.to} ${one.operation} ${one.target} ${one.outcome ?? ""} ${one.status ?? ""}`;
  return outside.toLowerCase().includes(filter.text.toLowerCase());
}

const heads = h("div", { class: "heads" });
const lines = h("div", { class: "lifelines", "aria-hidden": "true" });
const space = h("div", { class: "space", role: "presentation" }, lines);
const list = h("div", { class: "rows", role: "listbox", tabindex: 0, "aria-label": "Requests, oldest first" }, space);
const empty = h("p", { class: "empty" }, "Nothing yet. Play a scene, send a text, or call a number.");
const down = h("button", { type: "button", class: "newest", hidden: true, onclick: () => follow() }, "Newest");
byId("diagram").append(heads, list, empty, down);

function follow() {
  following = true;
  paused = false;
  pause.setAttribute("aria-pressed", "false");
  touch("wire");
}

/** The lanes, from left to right, for the rows that could be seen. @param {number} width @returns {Lane[]} */
function lanesFor(width) {
  const names = new Set(rows.slice(-300).flatMap((one) => [one.from, one.to]));
  const each = groups.map((group) => ({ name: group.name, members: new Set([...names].filter((name) => kindOf(name) === group.kind)) }));
  const used = each.filter((lane) => lane.members.size > 0);
  if (names.size * LANE > width) return used;
  const order = state.servers.map((server) => server.name);
  return used.flatMap((lane) =>
    [...lane.members].sort((one, other) => order.indexOf(one) - order.indexOf(other)).map((name) => ({ name, members: new Set([name]) })),
  );
}

/** @type {Lane[]} */
let lanes = [];

/** @param {string} name */
const laneOf = (name) => Math.max(0, lanes.findIndex((lane) => lane.members.has(name)));

/** @param {number} lane */
const middle = (lane) => ((lane + 0.5) / Math.max(1, lanes.length)) * 100;

/** @param {Exchange} one */
function tone(one) {
  if (!one.done) return "open";
  if (one.status === null || one.status >= 500) return "bad";
  return one.status >= 400 ? "refused" : "good";
}

/** @param {Exchange} one */
function create(one) {
  const row = h(
    "div",
    { class: "row", role: "option", id: `wire-${one.id}` },
    h("span", { class: "time" }, clock(one.at)),
    h("span", { class: "lane" }, h("span", { class: "what" }, h("b", {}), h("i", {})), h("span", { class: "arrow" })),
    h("span", { class: "facts" }, h("span", { class: "status" }), h("span", { class: "ms" }), h("span", { class: "outcome" })),
  );
  row.addEventListener("click", () => choose1(one.id));
  return row;
}

/** @param {number} id */
function choose1(id) {
  selected = id;
  touch("wire");
  void openExchange(id);
}

/** @param {HTMLElement} row @param {Exchange} one */
function update(row, one) {
  const index = indexes.get(one.id) ?? 0;
  row.style.top = `${index * ROW}px`;
  row.dataset.tone = tone(one);
  row.classList.toggle("inner", one.parent !== null);
  const [from, to] = [laneOf(one.from), laneOf(one.to)];
  const arrow = /** @type {HTMLElement} */ (row.querySelector(".arrow"));
  const what = /** @type {HTMLElement} */ (row.querySelector(".what"));
  const left = Math.min(middle(from), middle(to));
  arrow.style.left = `${left}%`;
  arrow.style.width = from === to ? "18px" : `${Math.abs(middle(to) - middle(from))}%`;
  arrow.dataset.way = from === to ? "self" : from < to ? "right" : "left";
  const grouped = lanes.length <= groups.length;
  what.style.paddingLeft = grouped ? "4px" : `calc(${left}% + 6px)`;
  const [names, operation] = /** @type {HTMLElement[]} */ ([...what.children]);
  if (names) say(names, `${one.from} → ${one.to} `);
  names?.classList.toggle("hidden", !grouped);
  if (operation) say(operation, one.operation.replace(/AC\w{32}/, "AC…"));
  const verdict = one.signature && one.signature.verdict !== "none" ? one.signature.verdict : "";
  const facts = /** @type {HTMLElement[]} */ ([...(row.querySelector(".facts")?.children ?? [])]);
  if (facts[0]) say(facts[0], one.done ? String(one.status ?? "no answer") : "…");
  if (facts[1]) say(facts[1], one.done ? duration(one.ms) : "");
  const signed = verdict === "accepted" ? "✓ " : verdict === "refused" ? "✗ " : "";
  const told = one.fault ? `⚡ ${one.fault}` : (one.outcome ?? "");
  if (facts[2]) say(facts[2], signed + told);
  dress(row, {
    "aria-selected": String(one.id === selected),
    "aria-setsize": rows.length,
    "aria-posinset": index + 1,
    title: `${one.from} → ${one.to}  ${one.method} ${one.target}`,
  });
}

/** @type {Map<number, number>} */
let indexes = new Map();

function paintWire() {
  if (!byId("wire").checkVisibility()) return;
  if (!paused) {
    rows = exchanges.filter(wanted);
    indexes = new Map(rows.map((one, index) => [one.id, index]));
  }
  const behind = paused ? exchanges.filter(wanted).length - rows.length : 0;
  say(pause, paused ? (behind > 0 ? `Go on (${behind} new)` : "Go on") : "Pause");
  const names = [...new Set(exchanges.flatMap((one) => [one.from, one.to]))].sort();
  keep(who, ["", ...new Set([...names, ...(filter.who ? [filter.who] : [])])], String, (name) => h("option", { value: name }, name || "Everybody"));
  if (who.value !== filter.who) who.value = filter.who;
  lanes = lanesFor(space.querySelector(".lane")?.clientWidth ?? list.clientWidth - 220);
  keep(heads, lanes, (lane) => lane.name, (lane) => h("span", {}, lane.name));
  keep(lines, lanes, (lane) => lane.name, () => h("span", {}), (line, lane) => (line.style.left = `${middle(lanes.indexOf(lane))}%`));
  space.style.height = `${rows.length * ROW}px`;
  empty.hidden = rows.length > 0;
  heads.hidden = rows.length === 0;
  if (following) list.scrollTop = list.scrollHeight;
  paintRows();
}

function paintRows() {
  const first = Math.max(0, Math.floor(list.scrollTop / ROW) - 6);
  const last = Math.ceil((list.scrollTop + list.clientHeight) / ROW) + 6;
  keep(space, [lines, ...rows.slice(first, last)], nameOf, (one) => (one instanceof HTMLElement ? one : create(one)), (row, one) => {
    if (!(one instanceof HTMLElement)) update(row, one);
  });
  down.hidden = list.scrollHeight - list.scrollTop - list.clientHeight < ROW * 2;
}

/** @param {Exchange | HTMLElement} one */
const nameOf = (one) => (one instanceof HTMLElement ? "lines" : String(one.id));
lines.dataset.key = "lines";

let scrolling = false;
list.addEventListener("scroll", () => {
  following = !paused && list.scrollHeight - list.scrollTop - list.clientHeight < ROW;
  if (scrolling) return;
  scrolling = true;
  requestAnimationFrame(() => {
    scrolling = false;
    paintRows();
  });
});

list.addEventListener("keydown", (event) => {
  const page = Math.max(1, Math.floor(list.clientHeight / ROW) - 1);
  const here = indexes.get(selected) ?? rows.length;
  const moves = { ArrowDown: here + 1, ArrowUp: here - 1, PageDown: here + page, PageUp: here - page, Home: 0, End: rows.length - 1 };
  const to = moves[/** @type {keyof typeof moves} */ (event.key)];
  if (event.key === "Enter" && indexes.has(selected)) void openExchange(selected);
  if (to === undefined || rows.length === 0) return;
  event.preventDefault();
  const index = Math.min(rows.length - 1, Math.max(0, to));
  selected = rows[index]?.id ?? -1;
  following = false;
  if (index * ROW < list.scrollTop) list.scrollTop = index * ROW;
  if ((index + 1) * ROW > list.scrollTop + list.clientHeight) list.scrollTop = (index + 1) * ROW - list.clientHeight;
  paintRows();
  list.setAttribute("aria-activedescendant", `wire-${selected}`);
});

new ResizeObserver(() => touch("wire")).observe(list);
paint(["wire", "exchange", "area"], paintWire);
