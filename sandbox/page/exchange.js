// One request in full: headers, content, the log line, and what to do with it.

import { indent } from "./calls.js";
import { byId, clock, copy, duration, h, say } from "./elements.js";
import { act, ask, exchange, get, touch } from "./store.js";

/** @typedef {import("./contract").FullExchange} FullExchange */
/** @typedef {import("./contract").Body} Body */
/** @typedef {import("./contract").Message} Message */

const sheet = /** @type {HTMLDialogElement} */ (byId("exchange"));

/** The ways to send a request again. @type {Record<string, [string, string]>} */
const ways = {
  same: ["Send it again", "The same request, signed anew: a retry."],
  one_byte: ["Change one byte", "One byte changes, and the signature stays: a forgery."],
  stale: ["With an old time", "Signed, but long ago: a replay."],
  twice: ["Twice at once", "Two of the same at the same moment: a race."],
};

/** @param {number} id */
export async function openExchange(id) {
  const full = /** @type {FullExchange | undefined} */ (await get(`wire/${id}`).catch(() => undefined));
  if (!full) return;
  sheet.replaceChildren(...content(full));
  if (!sheet.open) sheet.showModal();
  sheet.scrollTop = 0;
  const address = `#wire=${id}`;
  if (location.hash !== address) history.replaceState(null, "", address);
}

sheet.addEventListener("close", () => {
  if (location.hash.startsWith("#wire=")) history.replaceState(null, "", `#${document.body.dataset.area}`);
});
sheet.addEventListener("click", (event) => {
  // A click beside the sheet closes it.
  if (event.target === sheet) sheet.close();
});

/** @param {FullExchange} full @returns {Element[]} */
function content(full) {
  const close = h("button", { type: "button", class: "quiet", onclick: () => sheet.close() }, "Close");
  const facts = [clock(full.at), full.done ? `status ${full.status ?? "none"}` : "waits for its answer", duration(full.ms)];
  if (full.outcome) facts.push(full.outcome);
  if (full.fault) facts.push(`fault: ${full.fault}`);
  if (full.world === "scene") facts.push("in a scene");
  const signature = full.signature && full.signature.verdict !== "none" ? h("p", { class: `verdict ${full.signature.verdict}` }, `${full.signature.scheme}: ${full.signature.verdict}`) : null;
  const body = h(
    "div",
    { class: "content" },
    h("p", { class: "facts" }, facts.join(" · ")),
    signature,
    h("p", { class: "target" }, h("code", {}, `${full.method} ${full.target}`)),
    again(full),
    message("Request", full.request),
    full.response ? message("Answer", full.response) : h("p", { class: "hint" }, "There was no answer."),
    full.log && h("section", {}, h("h3", {}, "Log line"), pre(full.log.line ? JSON.stringify(full.log.line, null, 2) : full.log.text)),
    related(full),
  );
  return [h("div", { class: "head" }, h("h2", { id: "exchange-title" }, `${full.from} → ${full.to}`), close), body];
}

/** @param {string} text */
const pre = (text) => h("pre", { tabindex: 0 }, text);

/** @param {string} title @param {Message} side */
function message(title, side) {
  const headers = h(
    "details",
    {},
    h("summary", {}, `${side.headers.length} headers`),
    h("dl", { class: "pairs" }, side.headers.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
  );
  return h("section", {}, h("h3", {}, title), headers, bodyOf(side.body));
}

/** @param {Body} body */
function bodyOf(body) {
  if (body.kind === "empty") return h("p", { class: "hint" }, "Empty.");
  const note = h("p", { class: "hint" }, `${body.kind}, ${body.bytes} bytes${body.cut ? ", shortened" : ""}`);
  if (body.kind === "form" && body.fields) {
    const filled = body.fields.filter(([, value]) => value !== "");
    const blank = body.fields.filter(([, value]) => value === "").map(([name]) => name);
    if (blank.length > 0) note.append(`; empty fields: ${blank.join(", ")}`);
    return h("div", {}, h("dl", { class: "pairs" }, filled.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])), note);
  }
  return h("div", {}, pre(body.kind === "xml" ? indent(body.text) : body.text), note);
}

/** @param {FullExchange} full */
function again(full) {
  const result = h("p", { class: "result", role: "status" });
  const replay = async (/** @type {string} */ way) => {
    say(result, "Sending …");
    const answer = await act("POST", `wire/${full.id}/replay`, { as: way });
    if (!answer) return say(result, "");
    const shown = answer.results.map((/** @type {{ exchange: number, status: number, ms: number }} */ one) =>
      h("button", { type: "button", class: "link", onclick: () => void openExchange(one.exchange) }, `status ${one.status ?? "none"}, ${duration(one.ms)}`),
    );
    result.replaceChildren(answer.message ?? "", " ", answer.changed ? `${answer.changed} ` : "", ...shown);
    return undefined;
  };
  const curl = h("button", { type: "button", onclick: async () => void copy(await ask("GET", `wire/${full.id}/curl`)) }, "Copy as curl");
  const link = h("button", { type: "button", onclick: () => void copy(`${location.origin}/#wire=${full.id}`) }, "Copy link");
  const possible = full.world === "main" ? full.replays : [];
  const buttons = possible.map((way) => {
    const [name, why] = ways[way] ?? [way, ""];
    return h("button", { type: "button", title: why, onclick: () => void replay(way) }, name);
  });
  const group = buttons.length > 0 ? h("div", { class: "inline", role: "group", "aria-label": "Replay" }, h("b", {}, "Replay"), buttons) : null;
  return h("div", { class: "again" }, group, h("div", { class: "inline" }, curl, link), result);
}

/** @param {FullExchange} full */
function related(full) {
  const ids = [...(full.parent === null ? [] : [full.parent]), ...full.children];
  if (ids.length === 0) return null;
  const items = ids.map((id) => {
    const one = exchange(id);
    const words = one ? `${one.from} → ${one.to}  ${one.operation}  ${one.status ?? ""}` : `request ${id}`;
    const kind = id === full.parent ? "Made during: " : "";
    return h("li", {}, h("button", { type: "button", class: "link", onclick: () => void openExchange(id) }, kind + words));
  });
  touch("wire");
  return h("section", {}, h("h3", {}, "Related requests"), h("ul", { class: "plain" }, items));
}
