// The people in Auth0 and Okta, the codes that they ask for, and what the functions did to them.

import { byId, clock, counted, h, keep, tell } from "./elements.js";
import { act, hear, inPath, paint, state, touch } from "./store.js";
import { searchWire } from "./wire.js";

/** @typedef {import("./contract").Identity} Identity */
/** @typedef {import("./contract").Auth0User} Auth0User */
/** @typedef {import("./contract").OktaUser} OktaUser */
/** @typedef {import("./contract").Answer} Answer */

/** @type {Identity} */
let known = { auth0: { users: [] }, okta: { users: [], texts: [] }, accounts: [] };
/** Passwordless logins that wait for their code. @type {{ login: string, phone: string, note: string }[]} */
let logins = [];

/** Does it, and shows what came of it. @param {string} method @param {string} path @param {unknown} [body] @returns {Promise<Answer | undefined>} */
async function write(method, path, body) {
  const answer = /** @type {Answer | null | undefined} */ (await act(method, path, body));
  if (answer?.message) tell(answer.message, answer.ok === false ? "bad" : "note");
  void refresh();
  return answer ?? undefined;
}

async function refresh() {
  const fresh = await act("GET", "identity");
  if (fresh) known = fresh;
  touch("identity");
}
hear("users", () => void refresh());

/** @param {string} title @param {string} hint @param {[string, string, string][]} fields @param {string} action @param {(values: Record<string, string>) => Promise<unknown>} submit */
function form(title, hint, fields, action, submit) {
  const element = h(
    "form",
    { class: "card stack" },
    h("h4", {}, title),
    h("p", { class: "hint" }, hint),
    fields.map(([name, label, value]) => h("label", {}, `${label} `, h("input", { name, value, maxlength: 100, autocomplete: "off" }))),
    h("button", { class: "primary" }, action),
  );
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    const values = /** @type {Record<string, string>} */ (Object.fromEntries(new FormData(element)));
    void submit(values);
  });
  return element;
}

const clean = (/** @type {string | undefined} */ number) => (number ?? "").trim();

const auth0List = h("ul", { class: "people", "aria-label": "Users in Auth0" });
const oktaList = h("ul", { class: "people", "aria-label": "Employees in Okta" });
const accountList = h("ul", { class: "people", "aria-label": "Accounts of the protected API" });
const loginList = h("ul", { class: "people", "aria-label": "Logins that wait for a code" });

byId("people").append(
  h(
    "section",
    { "aria-label": "Auth0" },
    h("h3", {}, "Auth0"),
    h(
      "div",
      { class: "forms" },
      form("Sign up by phone", "Auth0 mails a link to a proxy address. The phone gets a text, and the answer YES verifies the account.", [["phone", "Phone number", "+4512345678"]], "Sign up", (values) =>
        write("POST", "auth0/users", { phone: clean(values.phone), page: "form" }),
      ),
      form("Log in with a code", "Auth0 has sms-gateway send a code. The provider follows from the country.", [["phone", "Phone for the code", "+573001234567"]], "Send a code", logIn),
      form(
        "A caller of the phone menu",
        "Account numbers and PINs live in Auth0. The accounts below have callers already, with the PIN 2718.",
        [
          ["account", "Account", "10077"],
          ["pin", "PIN", "2718"],
          ["name", "Name of the caller", "Anna"],
        ],
        "Add the caller",
        (values) => write("POST", "auth0/callers", values),
      ),
    ),
    loginList,
    auth0List,
  ),
  h(
    "section",
    { "aria-label": "Okta" },
    h("h3", {}, "Okta"),
    h(
      "div",
      { class: "forms" },
      form(
        "Hire somebody",
        "Okta tells its event hook. provision-numbers buys a company number, unless one is given.",
        [
          ["name", "Name of the employee", "Ben Example"],
          ["mobile", "Mobile", "+4520111111"],
          ["company_number", "Company number", ""],
        ],
        "Hire",
        (values) => write("POST", "okta/users", values),
      ),
      h(
        "div",
        { class: "card stack" },
        h("h4", {}, "Scheduled work"),
        h("p", { class: "hint" }, "AWS runs these on a schedule. Here you need not wait."),
        h("button", { type: "button", onclick: () => void run("provision-numbers") }, "Run provision-numbers now"),
        h("button", { type: "button", onclick: () => void run("delivery-status") }, "Run delivery-status now"),
      ),
    ),
    oktaList,
  ),
  h("section", { "aria-label": "Accounts" }, h("h3", {}, "Accounts of the protected API"), accountList),
);

/** @param {string} name */
async function run(name) {
  const answer = await act("POST", `schedules/${name}`);
  if (!answer) return;
  const words = Object.entries(answer.answer ?? {}).map(([what, value]) => (Array.isArray(value) ? (value.length > 0 ? `${what} ${value.length}` : "") : value ? `${what}: ${value}` : ""));
  tell(`${name} ran. ${words.filter(Boolean).join(", ")}`);
  void refresh();
}

/** @param {Record<string, string>} values */
async function logIn(values) {
  const phone = clean(values.phone);
  const answer = await write("POST", "auth0/login", { phone });
  if (answer?.login && answer.ok !== false) logins = [...logins, { login: answer.login, phone, note: "Which code came?" }].slice(-5);
  touch("identity");
}

/** @param {{ login: string, phone: string, note: string }} login */
function loginItem(login) {
  const code = h("input", { "aria-label": `Code that ${login.phone} got`, placeholder: "Code", maxlength: 12, inputmode: "numeric", autocomplete: "off" });
  const element = h("form", { class: "inline" }, h("b", {}, login.phone), h("span", {}, login.note), code, h("button", { class: "primary" }, "Log in"));
  element.addEventListener("submit", async (event) => {
    event.preventDefault();
    const answer = await write("POST", `auth0/login/${inPath(login.login)}/code`, { code: code.value.trim() });
    if (answer?.right) logins = logins.filter((one) => one !== login);
    code.value = "";
    touch("identity");
  });
  return h("li", {}, element);
}

/** A button of a person. @param {string} name @param {string} whose @param {() => void} click @param {string} [look] */
const button = (name, whose, click, look = "small") => h("button", { type: "button", class: look, "aria-label": `${name}: ${whose}`, onclick: click }, name);

/** @param {string} text @param {string} [look] */
const badge = (text, look = "") => h("span", { class: `badge ${look}` }, text);

/** @param {HTMLElement} item @param {Auth0User} user */
function auth0User(item, user) {
  const path = `auth0/users/${inPath(user.id)}`;
  const name = user.phone ?? user.greeting ?? user.email;
  const badges = [user.verified ? badge("verified", "good") : badge("not verified")];
  if (user.account) badges.push(badge(`account ${user.account}`));
  if (user.blocked) badges.push(badge("blocked", "bad"));
  if (user.shut_out) badges.push(badge("shut out after wrong PINs", "bad"));
  if (user.failed_logins > 0) badges.push(badge(counted(user.failed_logins, "failed login"), "refused"));
  item.replaceChildren(
    h("div", { class: "who" }, h("b", {}, name), h("small", {}, user.email)),
    h("div", { class: "inline" }, badges),
    h(
      "div",
      { class: "inline" },
      user.phone && button("Forgot password", name, () => void write("POST", `${path}/forgot`)),
      button(user.blocked ? "Unblock" : "Block", name, () => void write("POST", `${path}/block`, { on: !user.blocked })),
      user.shut_out && button("Let in", name, () => void write("POST", `${path}/let-in`)),
      user.phone && button("On the wire", name, () => searchWire(user.phone ?? "")),
      button("Delete", name, () => void write("DELETE", path), "small danger"),
    ),
    story(user.email, user.phone),
  );
}

/** What the functions did to a person. @param {string} email @param {string | null} phone */
function story(email, phone) {
  const mails = state.mails.filter((mail) => mail.world === "main" && mail.to === email).map((mail) => ({ at: mail.at, words: `mail “${mail.subject}”: ${mail.function ?? "no function"}, ${mail.state}` }));
  const texts = state.texts
    .filter((text) => text.world === "main" && phone && (text.from === phone || text.to === phone))
    .map((text) => ({ at: text.at, words: `${text.direction === "in" ? "replied" : `text by ${text.provider}, ${text.state}`}: ${text.text.slice(0, 80)}` }));
  const events = [...mails, ...texts].sort((one, other) => one.at - other.at).slice(-4);
  return h("ol", { class: "events" }, events.map((event) => h("li", {}, `${clock(event.at)} ${event.words}`)));
}

/** @param {HTMLElement} item @param {OktaUser} user */
function oktaUser(item, user) {
  const path = `okta/users/${inPath(user.id)}`;
  const patch = (/** @type {Record<string, string | null>} */ what) => void write("PATCH", path, what);
  const mobile = h("input", { value: user.mobile ?? "", "aria-label": `Mobile of ${user.name}`, maxlength: 30 });
  mobile.addEventListener("change", () => patch({ mobile: mobile.value.trim() || null }));
  const status = h("select", { "aria-label": `Status of ${user.name}` }, ["ACTIVE", "SUSPENDED", "LOCKED_OUT", "DEPROVISIONED"].map((one) => h("option", { value: one, selected: one === user.status }, one)));
  status.addEventListener("change", () => patch({ status: status.value }));
  item.replaceChildren(
    h("div", { class: "who" }, h("b", {}, user.name), h("small", {}, user.company_number ? `company number ${user.company_number}` : "no company number yet")),
    h("div", { class: "inline" }, h("label", { class: "inline" }, "Mobile ", mobile), h("label", { class: "inline" }, "Status ", status)),
    h(
      "div",
      { class: "inline" },
      button("Send a code", user.name, () => void write("POST", `${path}/code`)),
      button("On the wire", user.name, () => searchWire(user.id)),
      button("Delete", user.name, () => void write("DELETE", path), "small danger"),
    ),
  );
}

/** Repaints an item only if what it shows changed, so that nobody loses a field while typing. @param {HTMLElement} item @param {unknown} what @param {() => void} draw */
function ifChanged(item, what, draw) {
  const now = JSON.stringify(what);
  if (item.dataset.now === now || (item.contains(document.activeElement) && document.activeElement?.matches("input"))) return;
  item.dataset.now = now;
  const focused = item.contains(document.activeElement) ? document.activeElement?.getAttribute("aria-label") : null;
  draw();
  if (focused) /** @type {HTMLElement | null} */ (item.querySelector(`[aria-label="${CSS.escape(focused)}"]`))?.focus();
}

const li = () => h("li", {});

paint(["identity", "text", "mail", "area"], () => {
  if (!byId("identity").checkVisibility()) return;
  keep(loginList, logins, (one) => one.login, loginItem);
  keep(auth0List, known.auth0.users, (user) => user.id, li, (item, user) => {
    const told = [story(user.email, user.phone).textContent];
    ifChanged(item, [user, told], () => auth0User(item, user));
  });
  keep(oktaList, known.okta.users, (user) => user.id, li, (item, user) => ifChanged(item, user, () => oktaUser(item, user)));
  keep(accountList, known.accounts, (one) => one.number, li, (item, one) =>
    ifChanged(item, one, () => item.replaceChildren(h("b", {}, one.number), h("span", {}, one.name ?? "no name"), h("span", { class: "amount" }, one.balance), h("small", {}, one.phone ?? "no phone"))),
  );
});
