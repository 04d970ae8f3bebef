// The phones: what a person texts and reads on each, and the calls on them.

import { callScreen, callsOf, openCall, startCall } from "./calls.js";
import { byId, clock, clone, counted, dress, h, keep, money, part, say, svg } from "./elements.js";
import { runSince } from "./scenes.js";
import { act, chosen, choose, inPath, paint, state, touch } from "./store.js";

/** @typedef {import("./contract").Text} Text */
/** @typedef {import("./contract").Call} Call */
/** @typedef {import("./contract").World} World */
/** @typedef {import("./contract").Told} Told */
/** @typedef {{ number: string, name: string, world: World, phone: import("./contract").Phone | null }} Card */

const pictures = ["cat.png", "receipt.jpg", "map.png", "holiday.gif"];

/** A person may look at one conversation of a phone, and has not yet sent these pictures. @type {Map<string, { peer: string, pictures: string[], seen: string }>} */
const open = new Map();

/** @param {Card} card */
const keyOf = (card) => `${card.world} ${card.number}`;

/** @param {Card} card */
function look(card) {
  const key = keyOf(card);
  let looking = open.get(key);
  if (!looking) open.set(key, (looking = { peer: chosen(`peer ${key}`, ""), pictures: [], seen: "" }));
  return looking;
}

/** @param {Text} text */
const holder = (text) => (text.direction === "in" ? text.from : text.to);

/** @param {string | null} number */
function sceneName(number) {
  const known = state.phones.find((phone) => phone.number === number);
  return known ? `${known.name}, in the scene` : "In the scene";
}

/** All phones: the ones that a person added, numbers that got a text, and those of the scene. @returns {Card[]} */
function cards() {
  /** @type {Map<string, Card>} */
  const all = new Map();
  /** @param {World} world @param {string | null} number @param {string} name */
  const add = (world, number, name) => {
    if (!number || all.has(`${world} ${number}`) || own(number)) return;
    all.set(`${world} ${number}`, { number, name, world, phone: null });
  };
  const since = runSince();
  if (document.body.dataset.area === "scenes" && since !== null) {
    for (const line of state.told) add("scene", line.phone, sceneName(line.phone));
    for (const text of state.texts) if (text.world === "scene" && text.at >= since) add("scene", holder(text), sceneName(holder(text)));
  }
  for (const phone of state.phones) all.set(`main ${phone.number}`, { number: phone.number, name: phone.name, world: "main", phone });
  const extra = new Set(state.texts.filter((text) => text.world === "main").map(holder));
  for (const number of [...extra].slice(-12)) add("main", number, "Another phone");
  return [...all.values()];
}

/** @param {string} number */
const own = (number) => state.numbers.some((one) => one.number === number);

/** @param {Card} card @returns {Text[]} */
function textsOf(card) {
  const since = card.world === "scene" ? (runSince() ?? 0) : 0;
  return state.texts.filter((text) => text.world === card.world && text.at >= since && holder(text) === card.number);
}

/** With whom; some providers send without a number. @param {Text} text */
const peerOf = (text) => (text.direction === "in" ? text.to : text.from || text.provider);

/** @param {string} number */
function peerName(number) {
  const known = state.numbers.find((one) => one.number === number);
  return known ? `${known.name} ${number}` : number;
}

/** The first phone starts with the first number of the company, the second with the second. @param {Card} card @param {string[]} peers */
function firstPeer(card, peers) {
  const index = card.phone ? state.phones.indexOf(card.phone) : 0;
  return peers[Math.max(0, index) % Math.max(1, Math.min(2, peers.length))] ?? "";
}

/** @param {Card} card */
function create(card) {
  const element = clone("phone-template");
  element.dataset.number = card.number;
  element.dataset.world = card.world;
  dress(element, { "aria-label": `Phone ${card.name} ${card.number}` });
  const field = /** @type {HTMLTextAreaElement} */ (part(element, "text"));
  const composer = part(element, "composer");
  composer.addEventListener("submit", (event) => {
    event.preventDefault();
    void send(card, field);
  });
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    void send(card, field);
  });
  const peer = /** @type {HTMLSelectElement} */ (part(element, "peer"));
  peer.addEventListener("change", () => {
    look(card).peer = peer.value;
    choose(`peer ${keyOf(card)}`, peer.value);
    touch("phone");
  });
  part(element, "call").addEventListener("click", () => void startCall(card.number, peer.value));
  if (card.phone) options(element, card);
  else part(element, "menu").remove();
  if (card.world === "scene") {
    composer.remove();
    part(element, "call").remove();
    part(element, "on-call").remove();
  }
  return element;
}

/** @param {HTMLElement} element @param {Card} card */
function options(element, card) {
  const path = `phones/${inPath(card.number)}`;
  const name = /** @type {HTMLInputElement} */ (part(element, "rename"));
  const behaviour = /** @type {HTMLSelectElement} */ (part(element, "behaviour"));
  const to = /** @type {HTMLInputElement} */ (part(element, "to"));
  name.addEventListener("change", () => void act("PATCH", path, { name: name.value }));
  const change = () => {
    part(element, "to-row").hidden = behaviour.value !== "forwards";
    if (behaviour.value === "forwards" && !to.value) to.focus();
    else void act("PATCH", path, { behaviour: behaviour.value, ...(behaviour.value === "forwards" && { to: to.value }) });
  };
  behaviour.addEventListener("change", change);
  to.addEventListener("change", change);
  part(element, "remove").addEventListener("click", () => void act("DELETE", path));
}

/** @param {Card} card @param {HTMLTextAreaElement} field */
async function send(card, field) {
  const looking = look(card);
  const text = field.value.trim();
  const media = looking.pictures.map((name) => `https://pictures.example/${name}`);
  if (!text && media.length === 0) return;
  field.value = "";
  looking.pictures = [];
  touch("phone");
  const sent = await act("POST", "texts", { from: card.number, to: looking.peer, text, ...(media.length > 0 && { media }) });
  if (!sent && !field.value) field.value = text;
}

/** @param {HTMLElement} element @param {Card} card */
function update(element, card) {
  const looking = look(card);
  const texts = textsOf(card);
  say(part(element, "name"), card.name);
  say(part(element, "number"), card.number);
  const newest = texts.findLast((text) => text.direction === "out");
  const seen = newest?.id ?? "none";
  if (newest && looking.seen && seen !== looking.seen && !element.querySelector("textarea")?.value) looking.peer = peerOf(newest);
  looking.seen = seen;
  const peers = new Set(card.world === "main" ? state.numbers.map((one) => one.number) : []);
  for (const text of texts) peers.add(peerOf(text));
  if (!peers.has(looking.peer)) looking.peer = (newest && peerOf(newest)) ?? firstPeer(card, [...peers]);
  const select = /** @type {HTMLSelectElement} */ (part(element, "peer"));
  keep(select, [...peers], String, (number) => h("option", { value: number }, peerName(number)));
  if (select.value !== looking.peer) select.value = looking.peer;
  /** @type {HTMLElement} */ (select.closest(".with")).hidden = peers.size === 0;
  const number = state.numbers.find((one) => one.number === looking.peer);
  const call = element.querySelector('[data-part="call"]');
  if (call) /** @type {HTMLButtonElement} */ (call).hidden = !number?.calls;
  thread(element, card, looking.peer, texts);
  if (card.world === "scene") return;
  // A sender without a number cannot be answered.
  part(element, "composer").hidden = !looking.peer.startsWith("+");
  chips(element, card, number?.texts ?? false);
  const screen = part(element, "on-call");
  callScreen(screen, card.number);
  element.classList.toggle("busy", !screen.hidden);
  if (!card.phone || !element.querySelector("details")?.open) {
    if (card.phone) settings(element, card.phone);
  }
}

/** @param {HTMLElement} element @param {import("./contract").Phone} phone */
function settings(element, phone) {
  /** @type {HTMLInputElement} */ (part(element, "rename")).value = phone.name;
  /** @type {HTMLSelectElement} */ (part(element, "behaviour")).value = phone.behaviour;
  /** @type {HTMLInputElement} */ (part(element, "to")).value = phone.to ?? "";
  part(element, "to-row").hidden = phone.behaviour !== "forwards";
}

/** @param {HTMLElement} element @param {Card} card @param {boolean} takesTexts */
function chips(element, card, takesTexts) {
  const looking = look(card);
  const field = /** @type {HTMLTextAreaElement} */ (part(element, "text"));
  const quick = takesTexts ? ["YES", "STOP", "Picture"] : ["Picture"];
  const chips = [...quick.map((name) => ({ name, sent: false })), ...looking.pictures.map((name) => ({ name, sent: true }))];
  keep(
    part(element, "chips"),
    chips,
    (chip) => chip.name,
    (chip) => {
      const click = () => {
        if (chip.sent) looking.pictures = looking.pictures.filter((name) => name !== chip.name);
        else if (chip.name === "Picture") {
          const next = pictures.find((name) => !looking.pictures.includes(name));
          if (next) looking.pictures.push(next);
        } else {
          field.value = chip.name;
          void send(card, field);
        }
        touch("phone");
      };
      const label = chip.sent ? `Remove the picture ${chip.name}` : chip.name === "Picture" ? "Add a picture" : `Reply ${chip.name}`;
      return h("button", { type: "button", class: chip.sent ? "chip on" : "chip", "aria-label": label, onclick: click }, chip.name === "Picture" ? "+ Picture" : chip.name);
    },
  );
}

/** @param {HTMLElement} element @param {Card} card @param {string} peer @param {Text[]} texts */
function thread(element, card, peer, texts) {
  const list = part(element, "thread");
  dress(list, { "aria-label": `Conversation of ${card.number} with ${peer}` });
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 80;
  const before = list.childElementCount;
  /** @type {(Text | Call | Told)[]} */
  const entries = [
    ...texts.filter((text) => peerOf(text) === peer).slice(-150),
    ...(card.world === "main" ? callsOf(card.number, peer) : state.told.filter((line) => line.kind === "hears" && line.phone === card.number)),
  ];
  entries.sort((one, other) => one.at - other.at);
  keep(
    list,
    entries,
    (entry) => ("kind" in entry ? `hears ${entry.n}` : entry.id),
    (entry) => {
      if ("kind" in entry) return h("li", { class: "event hears" }, h("small", {}, "Hears on the phone"), entry.text);
      return "steps" in entry ? h("li", { class: "event" }) : bubble(entry);
    },
    (item, entry) => {
      if ("steps" in entry) missed(item, entry, card.number);
      else if ("segments" in entry) meta(item, entry);
    },
  );
  if (entries.length === 0 && !list.dataset.empty) list.dataset.empty = "No texts yet";
  if (atEnd && list.childElementCount !== before) list.scrollTop = list.scrollHeight;
}

/** @param {Text} text */
function bubble(text) {
  return h(
    "li",
    { class: text.direction === "in" ? "bubble mine" : "bubble" },
    text.text && h("p", {}, text.text),
    text.media.map((url) => picture(url.split("/").pop() ?? url)),
    h("small", { "data-part": "meta" }),
  );
}

/** @param {string} name */
function picture(name) {
  const drawing = svg(
    "svg",
    { viewBox: "0 0 80 50", class: "picture", role: "img", "aria-label": `Picture ${name}` },
    svg("path", { d: "M0 50 25 22 42 40 56 28 80 50Z" }),
    svg("circle", { cx: 62, cy: 13, r: 6 }),
  );
  return h("figure", {}, drawing, h("figcaption", {}, name));
}

/** @param {HTMLElement} item @param {Text} text */
function meta(item, text) {
  const words = [clock(text.at).slice(0, 5), text.provider, counted(text.segments, "segment"), money(text.price, text.currency)];
  if (text.direction === "out") words.push(text.state + (text.code ? ` ${text.code}` : ""));
  say(part(item, "meta"), words.join(" · "));
  item.dataset.state = text.state;
  dress(part(item, "meta"), { title: `${text.characters} characters, ${text.encoding}, ${text.provider}${text.function ? `, ${text.function}` : ""}` });
}

/** @param {HTMLElement} item @param {Call} call @param {string} number */
function missed(item, call, number) {
  const way = call.from === number ? "Called" : "Called by";
  const length = call.ms === null ? "now" : `${Math.round(call.ms / 1000)} s, ${money(call.price, call.currency)}`;
  const words = `${way} ${call.from === number ? peerName(call.to) : call.from} · ${length}`;
  if (item.textContent === words) return;
  item.replaceChildren(h("button", { type: "button", class: "link", onclick: () => openCall(call.id) }, words));
}

byId("add-phone").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = /** @type {HTMLFormElement} */ (event.target);
  const number = String(new FormData(form).get("number")).replace(/[\s().-]/g, "");
  const names = ["Ben", "Cleo", "Dora", "Emil", "Freja", "Gustav", "Hanna", "Ida"];
  const name = names[state.phones.length % names.length] ?? "Ida";
  if (await act("POST", "phones", number ? { number, name } : { name })) form.reset();
});

paint(["phone", "text", "call", "step", "told", "scene", "area"], () => {
  if (!byId("phones").checkVisibility()) return;
  keep(byId("phone-list"), cards(), (card) => `${keyOf(card)} ${card.phone ? "added" : ""}`, create, update);
});
