// Everything that the page knows: a snapshot of the sandbox, kept fresh by its events.

/** @typedef {import("./contract").State} State */
/** @typedef {import("./contract").Exchange} Exchange */
/** @typedef {import("./contract").Call} Call */
/** @typedef {import("./contract").Step} Step */
/** @typedef {import("./contract").Text} Text */
/** @typedef {import("./contract").Mail} Mail */

import { tell } from "./elements.js";

/** So many are kept of each; the oldest go first. */
const KEPT = { exchanges: 4000, texts: 1000, calls: 100, mails: 200, told: 1000, complaints: 100 };

/** @type {State} */
export const state = {
  event: 0,
  started: 0,
  version: "",
  mode: "sandbox",
  numbers: [],
  phones: [],
  texts: [],
  calls: [],
  mails: [],
  functions: [],
  servers: [],
  faults: [],
  complaints: [],
  scenes: [],
  run: null,
  told: [],
};

/** The requests, in the order of their ids. @type {Exchange[]} */
export const exchanges = [];
/** @type {Map<number, Exchange>} */
const exchangeById = new Map();

/** @type {Map<string, Set<(data: any) => void>>} */
const listeners = new Map();
/** @type {Map<string, Set<() => void>>} */
const painters = new Map();
/** @type {Set<string>} */
const changed = new Set();
let painting = false;

/**
 * Called for each event of this kind, at once.
 * @param {string} kind
 * @param {(data: any) => void} listener
 */
export function hear(kind, listener) {
  let all = listeners.get(kind);
  if (!all) listeners.set(kind, (all = new Set()));
  all.add(listener);
}

/**
 * Called at most once a frame, if something of these kinds changed.
 * @param {string[]} kinds
 * @param {() => void} painter
 */
export function paint(kinds, painter) {
  for (const kind of kinds) {
    let all = painters.get(kind);
    if (!all) painters.set(kind, (all = new Set()));
    all.add(painter);
  }
}

/** @param {...string} kinds */
export function touch(...kinds) {
  for (const kind of kinds) changed.add(kind);
  if (painting) return;
  painting = true;
  requestAnimationFrame(() => {
    painting = false;
    /** @type {Set<() => void>} */
    const due = new Set();
    for (const kind of changed) for (const painter of painters.get(kind) ?? []) due.add(painter);
    changed.clear();
    for (const painter of due) painter();
  });
}

/** A refusal of the sandbox: it says what is wrong, and what to do. */
export class Refusal extends Error {}

/**
 * Asks the sandbox. A refusal is shown, and thrown.
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @returns {Promise<any>}
 */
export async function ask(method, path, body) {
  /** @type {RequestInit} */
  const request = { method, headers: { "X-Sandbox-Page": "1" } };
  if (method !== "GET") {
    request.headers = { ...request.headers, "Content-Type": "application/json" };
    if (method !== "DELETE") request.body = JSON.stringify(body ?? {});
  }
  let reason = "The sandbox does not answer. Is it still running?";
  try {
    const answer = await fetch(`/api/${path}`, request);
    const plain = answer.headers.get("content-type")?.startsWith("text/plain");
    const content = answer.status === 204 ? null : plain ? await answer.text() : await answer.json();
    if (answer.ok) return content;
    reason = content?.error ?? `The sandbox answered ${answer.status}.`;
  } catch {
    // The reason above says it.
  }
  tell(reason, "bad");
  throw new Refusal(reason);
}

/** @param {string} path */
export const get = (path) => ask("GET", path);

/**
 * For a click: does it, and leaves a refusal to its message on the page.
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 */
export function act(method, path, body) {
  return ask(method, path, body).catch((error) => {
    if (!(error instanceof Refusal)) throw error;
    return undefined;
  });
}

/** @param {string} part */
export const inPath = (part) => encodeURIComponent(part);

/**
 * @template {{ id: string }} T
 * @param {T[]} list
 * @param {T} item
 * @param {number} most
 * @returns {T}
 */
function upsert(list, item, most) {
  const index = list.findLastIndex((known) => known.id === item.id);
  if (index >= 0) return Object.assign(/** @type {T} */ (list[index]), item);
  list.push(item);
  if (list.length > most) list.splice(0, list.length - most);
  return item;
}

/** @param {Exchange} exchange */
function putExchange(exchange) {
  const known = exchangeById.get(exchange.id);
  if (known) {
    Object.assign(known, exchange);
    return;
  }
  exchangeById.set(exchange.id, exchange);
  let at = exchanges.length;
  while (at > 0 && /** @type {Exchange} */ (exchanges[at - 1]).id > exchange.id) at -= 1;
  exchanges.splice(at, 0, exchange);
  if (exchanges.length > KEPT.exchanges + 200) {
    for (const old of exchanges.splice(0, 200)) exchangeById.delete(old.id);
  }
}

/** @param {number} id */
export const exchange = (id) => exchangeById.get(id);

/** @type {Record<string, (data: any) => void>} */
const take = {
  text: (data) => void upsert(state.texts, data, KEPT.texts),
  call: (data) => {
    const known = upsert(state.calls, data, KEPT.calls);
    known.steps ??= [];
  },
  step: ({ call, step }) => {
    const known = state.calls.findLast((one) => one.id === call);
    if (known && !known.steps.some((one) => one.n === step.n)) known.steps.push(step);
  },
  mail: (data) => void upsert(state.mails, data, KEPT.mails),
  exchange: putExchange,
  faults: (data) => void (state.faults = data.active),
  function: (data) => {
    const known = state.functions.find((one) => one.name === data.name && one.world === data.world);
    if (known) Object.assign(known, data);
  },
  complaint: (data) => {
    state.complaints.push(data);
    state.complaints.splice(0, state.complaints.length - KEPT.complaints);
  },
  scene: (data) => {
    if (state.run?.run !== data.run) state.told = [];
    state.run = data;
  },
  told: (data) => {
    if (state.run && state.run.run !== data.run) return;
    if (state.told.some((line) => line.n === data.n)) return;
    state.told.push(data);
    state.told.splice(0, state.told.length - KEPT.told);
  },
  phone: (data) => {
    state.phones = state.phones.filter((phone) => phone.number !== data.number);
    if (!data.gone) state.phones.push(data);
    state.phones.sort((one, other) => one.at - other.at || one.number.localeCompare(other.number));
  },
  users: () => void refreshNumbers(),
  log: () => {},
  table: () => {},
};

/** Numbers are bought and released while the sandbox runs. */
async function refreshNumbers() {
  const fresh = /** @type {State | undefined} */ (await act("GET", "state"));
  if (!fresh) return;
  state.numbers = fresh.numbers;
  touch("phone");
}

/** @type {EventSource | undefined} */
let line;

/** Fetches everything, and listens from there. */
export async function connect() {
  let fresh;
  try {
    const [snapshot, wire] = await Promise.all([get("state"), get("wire?limit=1000")]);
    fresh = snapshot;
    exchanges.length = 0;
    exchangeById.clear();
    for (const one of wire.exchanges.reverse()) putExchange(one);
  } catch {
    setLive(false);
    setTimeout(connect, 2000);
    return;
  }
  Object.assign(state, fresh);
  state.texts.sort((one, other) => one.at - other.at);
  state.calls.sort((one, other) => one.at - other.at);
  state.mails.sort((one, other) => one.at - other.at);
  touch(...Object.keys(take), "live");
  for (const kind of ["reset", "users"]) for (const listener of listeners.get(kind) ?? []) listener({});
  listen(fresh.event);
}

/** @param {number} since */
function listen(since) {
  line?.close();
  line = new EventSource(`/api/events?since=${since}`);
  line.onopen = () => setLive(true);
  line.onerror = () => {
    setLive(false);
    if (line?.readyState === EventSource.CLOSED) setTimeout(connect, 2000);
  };
  line.addEventListener("reset", () => void connect());
  for (const kind of Object.keys(take)) {
    line.addEventListener(kind, (event) => {
      const data = JSON.parse(/** @type {MessageEvent<string>} */ (event).data);
      take[kind]?.(data);
      for (const listener of listeners.get(kind) ?? []) listener(data);
      touch(kind);
    });
  }
}

export let live = false;

/** @param {boolean} on */
function setLive(on) {
  live = on;
  touch("live");
}

/** @type {Record<string, any>} */
let settings = {};
try {
  settings = JSON.parse(localStorage.getItem("switchboard") ?? "{}") ?? {};
} catch {
  // A browser without storage forgets at each reload.
}

/**
 * A choice of the person that survives a reload.
 * @template T
 * @param {string} name
 * @param {T} otherwise
 * @returns {T}
 */
export const chosen = (name, otherwise) => settings[name] ?? otherwise;

/**
 * @param {string} name
 * @param {unknown} value
 */
export function choose(name, value) {
  settings[name] = value;
  try {
    localStorage.setItem("switchboard", JSON.stringify(settings));
  } catch {
    // See above.
  }
}
