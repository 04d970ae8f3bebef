// The numbers: how fast, how many, how much. The drawings repeat what their tables say.

import { byId, clock, counted, duration, h, keep, money, say, svg } from "./elements.js";
import { get, paint, touch } from "./store.js";

/** @typedef {import("./contract").Numbers} Numbers */
/** @typedef {import("./contract").FunctionNumbers} FunctionNumbers */

/** @type {Numbers | undefined} */
let numbers;
let due = 0;

/** At most once in two seconds. */
function refresh() {
  if (due || !byId("numbers").checkVisibility()) return;
  due = setTimeout(async () => {
    numbers = await get("numbers").catch(() => numbers);
    touch("numbers");
    setTimeout(() => (due = 0), 2000);
  }, 50);
}
paint(["exchange", "text", "call", "area", "function"], refresh);

paint(["numbers"], () => {
  if (!numbers) return;
  const all = numbers;
  say(byId("numbers-since"), `Since ${clock(all.since)}, at list prices.`);
  const requests = all.functions.reduce((sum, one) => sum + one.requests, 0);
  const refused = all.functions.reduce((sum, one) => sum + one.refused, 0);
  const failed = all.functions.reduce((sum, one) => sum + one.failed, 0);
  const texts = all.texts.reduce((sum, one) => sum + one.accepted, 0);
  const textCost = all.texts.reduce((sum, one) => sum + one.cost, 0);
  /** @type {[string, string, string][]} */
  const figures = [
    ["Requests to functions", String(requests), `${refused} refused, ${failed} failed`],
    ["Texts", String(texts), `${money(textCost)} for ${counted(all.texts.reduce((sum, one) => sum + one.segments, 0), "segment")}`],
    ["Calls", String(all.calls.count), `${money(all.calls.cost)} for ${all.calls.seconds} s`],
    ["AWS", money(all.aws.cost), `${all.aws.invocations} invocations, ${all.aws.writes} writes, ${all.aws.reads} reads`],
    ["Cost so far", money(all.cost, all.currency), "at list prices"],
  ];
  keep(
    byId("figures"),
    figures,
    ([name]) => name,
    ([name]) => h("div", { class: "figure" }, h("p", {}, name), h("strong", {}), h("small", {})),
    (element, [, value, note]) => {
      say(element.children[1], value);
      say(element.children[2], note);
    },
  );
  const charts = byId("charts");
  if (!charts.firstElementChild) {
    charts.append(chart("latency", "Latency by function"), chart("texts", "Texts by provider"), chart("cold", "Cold starts"));
  }
  latency(all.functions.filter((one) => one.requests > 0));
  textBars(all);
  cold(all.functions);
});

/** @param {string} id @param {string} title */
const chart = (id, title) => h("section", { class: "card chart", id: `chart-${id}`, tabindex: 0, "aria-label": title }, h("h3", {}, title), h("div", {}));

/** @param {string} id @param {string[]} head @param {{ key: string, cells: (string | Element)[] }[]} rows */
function fill(id, head, rows) {
  const place = /** @type {Element} */ (byId(`chart-${id}`).lastElementChild);
  if (rows.length === 0) {
    place.replaceChildren(h("p", { class: "empty" }, "Nothing yet."));
    return;
  }
  const table = h(
    "table",
    {},
    h("thead", {}, h("tr", {}, head.map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, rows.map((row) => h("tr", {}, row.cells.map((cell, index) => h(index === 0 ? "th" : "td", index === 0 ? { scope: "row" } : {}, cell))))),
  );
  place.replaceChildren(table);
}

/** @param {FunctionNumbers[]} functions */
function latency(functions) {
  const most = Math.max(1, ...functions.flatMap((one) => one.recent.map(([, ms]) => ms)));
  fill(
    "latency",
    ["Function", "Requests", "Median", "95 %", "Most", `Each request, 0 to ${duration(most)}`],
    functions.map((one) => ({ key: one.name, cells: [one.name, String(one.requests), duration(one.p50), duration(one.p95), duration(one.max), dots(one, most)] })),
  );
}

/** One dot for each request: to the right is slower. @param {FunctionNumbers} one @param {number} most */
function dots(one, most) {
  const drawing = svg("svg", { viewBox: "0 0 200 18", class: "dots", role: "img", "aria-label": `The last ${one.recent.length} requests of ${one.name}` });
  // The square root leaves room for the fast ones.
  const x = (/** @type {number} */ ms) => 4 + Math.sqrt(ms / most) * 192;
  drawing.append(svg("line", { x1: x(one.p50), x2: x(one.p50), y1: 1, y2: 17, class: "median" }));
  one.recent.forEach(([, ms, status], index) => {
    const kind = status >= 500 || status === 0 ? "bad" : status >= 400 ? "refused" : "good";
    drawing.append(svg("circle", { cx: x(ms).toFixed(1), cy: 5 + (index % 3) * 4, r: 2, class: kind }));
  });
  return /** @type {Element} */ (drawing);
}

/** @param {Numbers} all */
function textBars(all) {
  const most = Math.max(1, ...all.texts.map((one) => one.accepted));
  fill(
    "texts",
    ["Provider", "Accepted", "Delivered", "Failed", "Cost", "Share"],
    all.texts.map((one) => ({
      key: one.provider,
      cells: [
        one.provider,
        String(one.accepted),
        String(one.delivered),
        String(one.failed),
        money(one.cost, all.currency),
        bar(`${one.provider}: ${one.delivered} delivered, ${one.failed} failed`, [
          ["good", one.delivered / most],
          ["bad", one.failed / most],
          ["rest", Math.max(0, one.accepted - one.delivered - one.failed) / most],
        ]),
      ],
    })),
  );
}

/** @param {FunctionNumbers[]} functions */
function cold(functions) {
  const most = Math.max(1, ...functions.map((one) => one.cold_ms));
  fill(
    "cold",
    ["Function", "Starts", "Newest", "To the first request"],
    functions.filter((one) => one.cold > 0).map((one) => ({ key: one.name, cells: [one.name, String(one.cold), duration(one.cold_ms), bar(`${one.name} started in ${duration(one.cold_ms)}`, [["rest", one.cold_ms / most]])] })),
  );
}

/** @param {string} label @param {[string, number][]} parts */
function bar(label, parts) {
  const drawing = svg("svg", { viewBox: "0 0 200 12", class: "bar", role: "img", "aria-label": label, preserveAspectRatio: "none" });
  let x = 0;
  for (const [kind, share] of parts) {
    drawing.append(svg("rect", { x, y: 0, width: share * 200, height: 12, class: kind }));
    x += share * 200;
  }
  return /** @type {Element} */ (drawing);
}
