// The faults: what a person can break, and the bar that shows what is broken now.

import { byId, counted, dress, h, keep, say } from "./elements.js";
import { act, choose, chosen, hear, inPath, paint, state, touch } from "./store.js";

/** @typedef {import("./contract").Fault} Fault */
/** @typedef {import("./contract").FaultKind} FaultKind */
/** @typedef {{ name: string, kind: string, menu: FaultKind[] }} Menu */

/** @type {Menu[]} */
let menus = [];
let picked = chosen("fault server", "Twilio");

/** @type {Record<string, string>} */
const groups = { network: "The network", answers: "Answers", receipts: "Delivery receipts", texts: "Texts", table: "The table" };

hear("reset", async () => {
  const answer = await act("GET", "faults");
  if (answer) menus = answer.servers;
  touch("faults");
});

/** @param {string} server @param {string} id */
const active = (server, id) => state.faults.find((fault) => fault.server === server && fault.id === id);

/** @param {string} server @param {string} id */
const path = (server, id) => `faults/${inPath(server)}/${inPath(id)}`;

/** @param {string} server @param {FaultKind} kind */
function row(server, kind) {
  const box = h("input", { type: "checkbox", role: "switch", "aria-label": `${server}: ${kind.title}` });
  const times = h("input", { type: "number", min: 1, max: 1000, placeholder: "∞", "aria-label": `How often: ${server}, ${kind.title}` });
  const phone = h("input", { placeholder: "+45…", inputmode: "tel", maxlength: 20, "aria-label": `For which number: ${server}, ${kind.title}` });
  box.addEventListener("change", async () => {
    if (!box.checked) await act("DELETE", path(server, kind.id));
    else {
      const body = { left: times.value ? Number(times.value) : null, ...(kind.number && { number: phone.value.trim() }) };
      if (!(await act("PUT", path(server, kind.id), body))) box.checked = false;
    }
    touch("faults");
  });
  return h(
    "li",
    { class: "switch" },
    h("label", {}, box, " ", h("b", {}, kind.title), " ", h("small", {}, kind.means)),
    kind.number && phone,
    kind.counts && h("span", { class: "count" }, times, " times"),
    h("span", { class: "met" }),
  );
}

/** @param {Fault} fault */
function state1(fault) {
  const rest = fault.left === null ? "until you switch it off" : `${fault.left} left`;
  return `${rest}, met ${counted(fault.met, "request")}`;
}

function paintMenu() {
  const menu = menus.find((one) => one.name === picked) ?? menus[0];
  keep(
    byId("server-list"),
    menus,
    (one) => one.name,
    (one) => h("li", {}, h("button", { type: "button", class: "pick", onclick: () => pick(one.name) }, h("span", {}, one.name), h("small", {}))),
    (item, one) => {
      const here = state.faults.filter((fault) => fault.server === one.name);
      const button = item.firstElementChild;
      dress(button, { "aria-current": one === menu ? "true" : null });
      button.classList.toggle("broken-one", here.length > 0);
      say(button.children[1], here.length > 0 ? here.map((fault) => fault.title).join(", ") : "works");
    },
  );
  if (!menu) return;
  const place = byId("fault-menu");
  if (place.dataset.server !== menu.name) {
    place.dataset.server = menu.name;
    const kinds = [...new Set(menu.menu.map((kind) => kind.group))];
    place.replaceChildren(
      h("h3", {}, menu.name),
      ...kinds.map((group) =>
        h(
          "section",
          {},
          h("h4", {}, groups[group] ?? group),
          h("ul", { class: "switches" }, menu.menu.filter((kind) => kind.group === group).map((kind) => {
            const item = row(menu.name, kind);
            item.dataset.fault = kind.id;
            return item;
          })),
        ),
      ),
    );
  }
  for (const item of /** @type {NodeListOf<HTMLElement>} */ (place.querySelectorAll("[data-fault]"))) {
    const fault = active(menu.name, item.dataset.fault ?? "");
    const box = /** @type {HTMLInputElement} */ (item.querySelector('[role="switch"]'));
    box.checked = Boolean(fault);
    item.classList.toggle("on", Boolean(fault));
    say(/** @type {Element} */ (item.querySelector(".met")), fault ? state1(fault) : "");
  }
}

/** @param {string} name */
function pick(name) {
  picked = name;
  choose("fault server", name);
  touch("faults");
}

/** The bar at the top of the page. */
function paintBar() {
  const bar = byId("broken");
  bar.classList.toggle("on", state.faults.length > 0);
  if (!bar.firstElementChild) {
    bar.append(h("b", {}), h("ul", {}), h("button", { type: "button", class: "small", onclick: () => void act("DELETE", "faults") }, "Mend everything"));
  }
  const [title, list, all] = /** @type {HTMLElement[]} */ ([...bar.children]);
  if (!title || !list || !all) return;
  say(title, state.faults.length > 0 ? "Broken now" : "Nothing is broken.");
  all.hidden = state.faults.length === 0;
  keep(
    list,
    state.faults,
    (fault) => `${fault.server} ${fault.id} ${fault.number ?? ""}`,
    (fault) => h("li", {}, h("span", {}), h("button", { type: "button", class: "small", "aria-label": `Mend ${fault.server}: ${fault.title}`, onclick: () => void act("DELETE", path(fault.server, fault.id)) }, "Mend")),
    (item, fault) => say(item.firstElementChild, `${fault.server}: ${fault.title}${fault.number ? ` for ${fault.number}` : ""}, ${state1(fault)}`),
  );
}

paint(["faults", "area"], () => {
  paintBar();
  if (byId("faults").checkVisibility()) paintMenu();
});
