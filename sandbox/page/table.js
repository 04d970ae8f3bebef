// The table: what the functions remember, and for how long. And the names of the secrets.

import { byId, counted, dress, h, keep, say } from "./elements.js";
import { act, choose, chosen, get, hear, inPath, paint, touch } from "./store.js";

/** @typedef {import("./contract").Table} Table */
/** @typedef {import("./contract").Prefix} Prefix */

/** @type {Table | undefined} */
let table;
let prefix = chosen("prefix", "");
let asked = 0;

async function refresh() {
  if (!byId("table").checkVisibility()) return;
  // Many writes make one question.
  const mine = ++asked;
  await new Promise((done) => setTimeout(done, 150));
  if (mine !== asked) return;
  const path = prefix ? `table?prefix=${inPath(prefix)}&limit=200` : "table";
  const [all, one] = await Promise.all([get("table"), get(path)]).catch(() => []);
  if (!all) return;
  table = { ...one, prefixes: all.prefixes, total: all.total, name: all.name };
  touch("items");
}

hear("table", () => void refresh());
hear("reset", () => void refresh());
paint(["area"], () => void refresh().then(secrets));

async function secrets() {
  if (!byId("table").checkVisibility() || byId("secret-list").childElementCount > 0) return;
  const answer = await act("GET", "secrets");
  for (const one of answer?.secrets ?? []) byId("secret-list").append(h("dt", {}, one.name), h("dd", {}, one.keys.join(", ")));
}

/** @param {string} name */
function pick(name) {
  prefix = name;
  choose("prefix", name);
  void refresh();
  touch("items");
}

/** How long an item still lives. @param {number | null} expires */
function left(expires) {
  if (expires === null) return "stays";
  const seconds = Math.round(expires - Date.now() / 1000);
  if (seconds <= 0) return "expired";
  if (seconds < 120) return `${seconds} s left`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min ${seconds % 60} s left`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} hours left`;
  return `${Math.round(seconds / 86_400)} days left`;
}

paint(["items", "area"], () => {
  if (!table || !byId("table").checkVisibility()) return;
  const now = table;
  say(byId("table-sum"), `${now.name}: ${counted(now.total, "item")}`);
  keep(
    byId("prefix-list"),
    now.prefixes,
    (one) => one.prefix,
    (one) => h("li", {}, h("button", { type: "button", class: "pick", onclick: () => pick(one.prefix) }, h("span", {}, h("code", {}, one.prefix), " ", h("b", {})), h("small", {}, one.meaning))),
    (item, one) => {
      dress(item.firstElementChild, { "aria-current": one.prefix === prefix ? "true" : null });
      say(/** @type {Element} */ (item.querySelector("b")), String(one.count));
    },
  );
  paintItems(now);
});

/** @param {Table} now */
function paintItems(now) {
  const place = byId("items");
  const kind = now.prefixes.find((one) => one.prefix === prefix);
  if (!prefix || !now.items) {
    place.replaceChildren(h("p", { class: "empty" }, "Choose a kind of items."));
    return;
  }
  if (place.dataset.prefix !== prefix || !place.querySelector("ul")) {
    place.dataset.prefix = prefix;
    place.replaceChildren(h("h3", {}, h("code", {}, prefix)), h("p", { class: "hint" }), h("ul", { class: "items" }));
  }
  const [, note, list] = [...place.children];
  if (note) say(note, kind ? `${kind.meaning} Written by ${kind.functions.join(", ")}.${now.more ? " Only the first 200 are shown." : ""}` : "There are none now.");
  if (!list) return;
  keep(
    list,
    now.items,
    (item) => `${item.pk}\n${item.sk ?? ""}`,
    (item) => h("li", { class: "card" }, h("p", {}, h("code", {}, item.pk), item.sk && [" ", h("code", {}, item.sk)], " ", h("span", { class: "badge" })), h("dl", { class: "pairs" })),
    (element, item) => {
      element.dataset.expires = item.expires ?? "";
      say(/** @type {Element} */ (element.querySelector(".badge")), left(item.expires));
      const pairs = /** @type {Element} */ (element.querySelector("dl"));
      const words = JSON.stringify(item.attributes);
      if (element.dataset.now === words) return;
      element.classList.toggle("fresh", element.dataset.now !== undefined);
      element.dataset.now = words;
      pairs.replaceChildren(...Object.entries(item.attributes).flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
    },
  );
}

setInterval(() => {
  if (!byId("table").checkVisibility()) return;
  for (const element of byId("items").querySelectorAll("li")) {
    const expires = Number(element.dataset.expires);
    const badge = element.querySelector(".badge");
    if (expires && badge) say(badge, left(expires));
  }
}, 1000);
