// The mails that Auth0 sends, and what became of each.

import { byId, clock, copy, dress, duration, h, keep, say } from "./elements.js";
import { act, choose, chosen, get, inPath, paint, state, touch } from "./store.js";

/** @typedef {import("./contract").Mail} Mail */

let picked = chosen("mail", "");
let tab = chosen("mail tab", "Mail");

/** @type {Record<Mail["state"], string>} */
const states = {
  sending: "on its way",
  delivered: "taken",
  refused: "refused",
  given_up: "given up after several tries",
  no_route: "no route takes it",
};

const list = byId("mail-list");
const view = byId("mail-view");

byId("forge").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = /** @type {HTMLFormElement} */ (event.target);
  const mail = await act("POST", "mails", Object.fromEntries(new FormData(form)));
  if (mail) pick(mail.id);
});

/** @param {string} id */
function pick(id) {
  picked = id;
  choose("mail", id);
  touch("mail");
}

paint(["mail", "area"], () => {
  if (!byId("mailbox").checkVisibility()) return;
  const shown = state.mails.find((mail) => mail.id === picked) ?? state.mails.at(-1);
  keep(
    list,
    [...state.mails].reverse(),
    (mail) => mail.id,
    (mail) => h("li", {}, h("button", { type: "button", class: "pick", onclick: () => pick(mail.id) }, h("span", {}, mail.subject || "No subject"), h("small", {}))),
    (item, mail) => {
      const button = item.firstElementChild;
      dress(button, { "aria-current": mail === shown ? "true" : null, "data-state": mail.state });
      say(button.children[1], `${clock(mail.at)} · ${mail.to} · ${states[mail.state]}${mail.world === "scene" ? " · scene" : ""}`);
    },
  );
  if (!shown) {
    view.replaceChildren(h("p", { class: "empty" }, "No mail yet. Sign somebody up in Identity."));
    view.dataset.mail = "";
    return;
  }
  const key = `${shown.id} ${shown.state} ${shown.attempts.length} ${tab}`;
  if (view.dataset.mail === key) return;
  view.dataset.mail = key;
  view.replaceChildren(...letter(shown));
});

/** @param {Mail} mail @returns {Element[]} */
function letter(mail) {
  const attempts = mail.attempts.map((attempt) => `${attempt.status || "no answer"} in ${duration(attempt.ms)}`).join(", ");
  const way = mail.function ? `${mail.function}: ${states[mail.state]}${attempts ? `, ${attempts}` : ""}` : states[mail.state];
  const facts = h(
    "dl",
    { class: "pairs" },
    [
      ["From", mail.from],
      ["To", mail.to],
      ["Route", way],
    ].flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]),
    mail.link && [h("dt", {}, "Link"), h("dd", {}, link(mail.link))],
  );
  const tabs = ["Mail", "Text", "HTML"].filter((name) => mail.has_html || name === "Text");
  const open = tabs.includes(tab) ? tab : "Text";
  const bar = h(
    "div",
    { class: "inline tabs", role: "group", "aria-label": "How to show the mail" },
    tabs.map((name) => {
      const show = () => {
        tab = name;
        choose("mail tab", name);
        touch("mail");
      };
      return h("button", { type: "button", "aria-pressed": String(name === open), onclick: show }, name);
    }),
  );
  return [h("h3", {}, mail.subject || "No subject"), facts, bar, body(mail, open)];
}

/** Only a link into this sandbox can be followed. @param {string} url */
function link(url) {
  const words = h("code", {}, url);
  const button = h("button", { type: "button", class: "small", onclick: () => void copy(url) }, "Copy");
  const here = /^http:\/\/(127\.0\.0\.1|localhost):\d+\//.test(url);
  const opener = here && h("a", { href: url, target: "_blank", rel: "noreferrer noopener" }, "Open");
  return h("span", { class: "inline" }, words, button, opener);
}

/** @param {Mail} mail @param {string} open */
function body(mail, open) {
  const path = `mails/${inPath(mail.id)}`;
  // No script of the mail runs, and it can load nothing: the frame has no permission at all.
  if (open === "Mail") return h("iframe", { src: `/api/${path}/page`, sandbox: "", title: `The mail: ${mail.subject}`, class: "mail" });
  const source = h("pre", { tabindex: 0 }, mail.text);
  if (open === "HTML") void get(path).then((full) => say(source, full.html ?? ""), () => undefined);
  return source;
}
