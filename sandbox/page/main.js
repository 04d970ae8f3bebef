// The frame: which area is open, the colours, the shortcuts, the line to the sandbox.

import "./phones.js";
import "./calls.js";
import "./mailbox.js";
import "./people.js";
import "./table.js";
import "./faults.js";
import "./numbers.js";
import { answerFirst } from "./calls.js";
import { byId, rove, say, tell } from "./elements.js";
import { openExchange } from "./exchange.js";
import { nextStep, showScene } from "./scenes.js";
import { choose, chosen, connect, hear, live, paint, state, touch } from "./store.js";
import { pauseWire } from "./wire.js";

const areas = /** @type {HTMLAnchorElement[]} */ ([...byId("areas").querySelectorAll("a")]);
const names = areas.map((link) => link.hash.slice(1));

/** @param {string} name */
function open(name) {
  document.body.dataset.area = name;
  choose("area", name);
  for (const link of areas) {
    if (link.hash === `#${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const link = areas.find((one) => one.hash === `#${name}`);
  link?.scrollIntoView({ block: "nearest", inline: "center" });
  document.title = `${link?.textContent} · Switchboard sandbox`;
  // The browser went to the section, and past the header.
  scrollTo(0, 0);
  touch("area");
}

/** Opens what the address names: `#wire`, `#scene=sign-up` or `#wire=1234`. */
function follow() {
  const [name = "", what] = location.hash.slice(1).split("=");
  if (name === "scene") {
    open("scenes");
    showScene(decodeURIComponent(what ?? ""));
  } else if (name === "wire" && what) {
    open("wire");
    void openExchange(Number(what));
  } else if (names.includes(name)) open(name);
  else if (!name) open(names.includes(chosen("area", "")) ? chosen("area", "") : "scenes");
}
addEventListener("hashchange", follow);

const theme = /** @type {HTMLSelectElement} */ (byId("theme"));
theme.value = chosen("theme", "auto");
const wear = () => (document.documentElement.dataset.theme = theme.value);
theme.addEventListener("change", () => {
  choose("theme", theme.value);
  wear();
});
wear();

for (const name of ["sound", "voice"]) {
  const button = byId(name);
  const show = () => button.setAttribute("aria-pressed", String(chosen(name, true)));
  button.addEventListener("click", () => {
    choose(name, !chosen(name, true));
    if (!chosen("voice", true)) window.speechSynthesis?.cancel();
    show();
  });
  show();
}

paint(["live", "function"], () => {
  const functions = state.functions.filter((one) => one.world === "main");
  const ready = functions.filter((one) => one.state === "ready").length;
  const now = ready < functions.length ? `${ready} of ${functions.length} functions run` : "Live";
  say(byId("live"), live ? now : "Not connected");
  byId("live").dataset.on = String(live);
});

hear("complaint", (complaint) => tell(`A simulator met something unexpected. ${complaint.text}`, "bad"));

// On a narrow page the details are below their list.
document.addEventListener("click", (event) => {
  const two = /** @type {Element} */ (event.target).closest(".pick")?.closest(".two");
  if (two && innerWidth < 800) requestAnimationFrame(() => two.lastElementChild?.scrollIntoView());
});

/** Texts that came while nobody looked. */
let unseen = 0;
hear("text", (text) => {
  if (document.hidden && text.direction === "out") document.title = `(${++unseen}) Switchboard sandbox`;
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  unseen = 0;
  open(document.body.dataset.area ?? "scenes");
});

const shortcuts = /** @type {HTMLDialogElement} */ (byId("shortcuts"));
byId("help").addEventListener("click", () => shortcuts.showModal());

document.addEventListener("keydown", (event) => {
  const target = /** @type {Element} */ (event.target);
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (target.closest("input, textarea, select, dialog, .keypad")) return;
  const area = names[Number(event.key) - 1];
  if (area) location.hash = area;
  else if (event.key === "?") shortcuts.showModal();
  else if (event.key === "p") pauseWire();
  else if (event.key === "n") void nextStep();
  else if (event.key === "a") answerFirst("answer");
  else if (event.key === "r") answerFirst("reject");
  else if (event.key === "/") {
    if (!byId("wire").checkVisibility()) location.hash = "wire";
    requestAnimationFrame(() => document.getElementById("wire-text")?.focus());
  } else return;
  event.preventDefault();
});

for (const list of document.querySelectorAll(".picks")) rove(/** @type {HTMLElement} */ (list), ".pick");
follow();
void connect();
