// The page's elements. Text from the wire only ever becomes the text of an element, never markup.

/** @typedef {Node | string | number | null | undefined | false} Child */
/** @typedef {Record<string, string | number | boolean | null | undefined | EventListener>} Attributes */

/**
 * A new element. `class`, `for` and so on are attributes; a function is a listener (`onclick`).
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Attributes} [attributes]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  dress(element, attributes);
  element.append(.../** @type {(Node | string)[]} */ (children.flat().filter(isShown).map(asNode)));
  return element;
}

/** @param {Child} child */
const isShown = (child) => child !== null && child !== undefined && child !== false;

/** @param {Child} child */
const asNode = (child) => (child instanceof Node ? child : String(child));

/**
 * An element of a drawing.
 * @param {string} tag
 * @param {Record<string, string | number>} [attributes]
 * @param {...(Node | string)} children
 */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/**
 * @param {Element} element
 * @param {Attributes} attributes
 */
export function dress(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value === false || value === null || value === undefined) element.removeAttribute(name);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
}

/**
 * The element with this id, which the page's markup has.
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @returns {T}
 */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`index.html has no #${id}`);
  return /** @type {T} */ (element);
}

/**
 * A copy of a template's one element.
 * @param {string} id
 */
export function clone(id) {
  const template = /** @type {HTMLTemplateElement} */ (byId(id));
  const copy = document.importNode(template.content, true).firstElementChild;
  if (!copy) throw new Error(`the template #${id} is empty`);
  return /** @type {HTMLElement} */ (copy);
}

/**
 * The part of an element that carries `data-part="name"`.
 * @template {HTMLElement} [T=HTMLElement]
 * @param {Element} element
 * @param {string} name
 * @returns {T}
 */
export function part(element, name) {
  const found = element.querySelector(`[data-part="${name}"]`);
  if (!found) throw new Error(`no part ${name}`);
  return /** @type {T} */ (found);
}

/**
 * Makes the children of `parent` those of `items`, and touches only what changed.
 * @template T
 * @param {Element} parent
 * @param {T[]} items
 * @param {(item: T) => string} key
 * @param {(item: T) => Element} create
 * @param {(element: any, item: T) => void} [update]
 */
export function keep(parent, items, key, create, update) {
  /** @type {Map<string, Element>} */
  const old = new Map();
  for (const child of parent.children) old.set(child.getAttribute("data-key") ?? "", child);
  /** @type {Element | null} */
  let next = parent.firstElementChild;
  for (const item of items) {
    const name = key(item);
    let element = old.get(name);
    if (element) old.delete(name);
    else {
      element = create(item);
      element.setAttribute("data-key", name);
    }
    if (element === next) next = element.nextElementSibling;
    else parent.insertBefore(element, next);
    update?.(element, item);
  }
  for (const element of old.values()) element.remove();
}

/**
 * Sets a text only if it changed, so that a selection and a screen reader are left in peace.
 * @param {Element} element
 * @param {string} text
 */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @param {number} at */
export const clock = (at) => new Date(at).toLocaleTimeString("en-GB");

/** @param {number | null} ms */
export function duration(ms) {
  if (ms === null) return "…";
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return `${(ms / 1000).toFixed(1)} s`;
}

/**
 * @param {number} amount
 * @param {string} [currency]
 */
export function money(amount, currency = "USD") {
  const digits = amount === 0 || amount >= 0.01 ? 2 : amount < 0.0001 ? 6 : 4;
  return new Intl.NumberFormat("en", {
    style: "currency",
    currency,
    minimumFractionDigits: digits,
    maximumFractionDigits: Math.max(digits, 4),
  }).format(amount);
}

/**
 * @param {number} count
 * @param {string} one
 * @param {string} [many]
 */
export const counted = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;

/**
 * One message at the edge of the page, which a screen reader speaks too.
 * @param {string} text
 * @param {"note" | "bad"} [kind]
 */
export function tell(text, kind = "note") {
  const note = h("p", { class: `toast ${kind}` }, text);
  byId("toasts").append(note);
  while (byId("toasts").childElementCount > 4) byId("toasts").firstElementChild?.remove();
  setTimeout(() => note.remove(), Math.min(9000, 3000 + text.length * 40));
}

/** @param {string} text */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    tell("Copied.");
  } catch {
    tell("The browser did not allow to copy.", "bad");
  }
}

/**
 * Arrow keys move the focus among the elements; only one of them is a tab stop.
 * @param {HTMLElement} parent
 * @param {string} selector
 */
export function rove(parent, selector) {
  parent.addEventListener("keydown", (event) => {
    const all = /** @type {HTMLElement[]} */ ([...parent.querySelectorAll(selector)]);
    const here = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    if (here < 0) return;
    const to = { ArrowDown: here + 1, ArrowRight: here + 1, ArrowUp: here - 1, ArrowLeft: here - 1, Home: 0, End: all.length - 1 };
    const index = to[/** @type {keyof typeof to} */ (event.key)];
    if (index === undefined) return;
    event.preventDefault();
    const target = all[(index + all.length) % all.length];
    for (const element of all) element.tabIndex = element === target ? 0 : -1;
    target?.focus();
  });
}
