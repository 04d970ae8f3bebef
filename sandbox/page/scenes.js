// The scenes: stories that play by themselves on the phones and on the wire.

import { byId, copy, counted, h, keep, say } from "./elements.js";
import { act, chosen, choose, inPath, paint, state, touch } from "./store.js";

/** @typedef {import("./contract").Scene} Scene */
/** @typedef {import("./contract").Told} Told */

/** What the integrations are for, in the order of the README, and the conditions of template.yaml that switch them on. @type {[string, string[]][]} */
const integrations = [
  ["Verify accounts by text", ["Verification"]],
  ["Send one-time codes", ["Gateway", "Receipts"]],
  ["Company numbers for employees", ["CompanyPhone", "Provision"]],
  ["A phone menu", ["PhoneMenu", "BuiltInApi"]],
];

/** When the run on the page began; null: none. */
export function runSince() {
  if (!state.run) return null;
  return (state.told[0]?.at ?? state.run.at) - 1000;
}

const playing = () => state.run !== null && ["starting", "playing", "waiting"].includes(state.run.state);

/** The scene that a permalink names. */
let named = "";
let scrollTo = false;

/** @param {string} id */
export function showScene(id) {
  if (!id || named === id) return;
  named = id;
  scrollTo = true;
  touch("scene");
}

/** The sandbox may tell its scenes later than the permalink is followed. */
function scrollToNamed() {
  const found = document.querySelector(`[data-scene="${CSS.escape(named)}"]`);
  if (!scrollTo || !found) return;
  scrollTo = false;
  found.scrollIntoView({ block: "center" });
  /** @type {HTMLElement | null} */ (found.querySelector("button"))?.focus();
}

/** @param {Scene} scene */
async function play(scene) {
  named = scene.id;
  history.replaceState(null, "", `#scene=${scene.id}`);
  const run = await act("POST", `scenes/${inPath(scene.id)}`, { mode: chosen("steps", false) ? "step" : "auto" });
  if (run) byId("run").scrollIntoView({ block: "nearest" });
}

export async function nextStep() {
  if (state.run?.state === "waiting") await act("POST", "scenes/next");
}

/** @param {Scene} scene */
function conditionOf(scene) {
  const known = state.functions.find((one) => one.name === scene.shows[0]);
  return known?.condition ?? "";
}

/** @param {Scene} scene */
function card(scene) {
  const described = `scene-${scene.id}`;
  const button = h(
    "button",
    { type: "button", class: "play", "aria-describedby": described, onclick: () => void play(scene) },
    h("span", { class: "hidden" }, "Play "),
    scene.title,
  );
  const link = h(
    "button",
    { type: "button", class: "quiet small", "aria-label": `Copy a link to ${scene.title}`, onclick: () => void copy(`${location.origin}/#scene=${scene.id}`) },
    "Link",
  );
  return h("li", { class: "scene", "data-scene": scene.id }, button, h("p", { id: described }, scene.text), link);
}

function paintList() {
  const groups = integrations.map(([title, conditions]) => ({ title, scenes: state.scenes.filter((scene) => conditions.includes(conditionOf(scene))) }));
  const known = new Set(groups.flatMap((group) => group.scenes));
  groups.push({ title: "More", scenes: state.scenes.filter((scene) => !known.has(scene)) });
  keep(
    byId("scene-list"),
    groups.filter((group) => group.scenes.length > 0),
    (group) => group.title,
    (group) => h("section", {}, h("h3", {}, group.title), h("ul", {})),
    (section, group) => {
      keep(section.lastElementChild, group.scenes, (/** @type {Scene} */ scene) => scene.id, card, (item, scene) => {
        const mine = state.run?.scene === scene.id;
        item.classList.toggle("named", named === scene.id);
        item.dataset.state = mine ? state.run?.state : "";
        item.firstElementChild.disabled = playing() || state.mode === "demo";
      });
    },
  );
}

/** @type {Record<string, string>} */
const verdicts = {
  starting: "Starting",
  playing: "Playing",
  waiting: "Waits for you",
  passed: "Passed",
  failed: "Failed",
  stopped: "Stopped",
};

function paintRun() {
  const panel = byId("run");
  const run = state.run;
  panel.hidden = !run;
  if (!run) return;
  if (!panel.firstElementChild) panel.append(...stage());
  panel.dataset.state = run.state;
  const [head, story, tools] = /** @type {HTMLElement[]} */ ([...panel.children]);
  if (!head || !story || !tools) return;
  const scene = state.scenes.find((one) => one.id === run.scene);
  say(/** @type {Element} */ (head.querySelector("h3")), scene?.title ?? run.scene);
  const checks = state.told.filter((line) => line.kind === "check" && line.ok !== false).length;
  const parts = [verdicts[run.state] ?? run.state, counted(checks, "check")];
  if (run.ms !== null) parts.push(`${(run.ms / 1000).toFixed(1)} s`);
  say(/** @type {Element} */ (head.querySelector("p")), parts.join(" · "));
  paintStory(story, run.error);
  const [next, go, stop] = /** @type {HTMLButtonElement[]} */ ([...tools.querySelectorAll("button")]);
  if (next) next.hidden = run.state !== "waiting";
  if (go) go.hidden = run.mode !== "step" || !playing();
  if (stop) stop.hidden = !playing();
}

/** @param {HTMLElement} story @param {string | null} error */
function paintStory(story, error) {
  const requests = chosen("requests", false);
  const atEnd = story.scrollHeight - story.scrollTop - story.clientHeight < 60;
  const lines = state.told.filter((line) => requests || line.kind !== "call");
  if (error) lines.push({ kind: "fail", n: -1, text: error, phone: null, ok: false, at: 0, run: 0 });
  const before = story.childElementCount;
  keep(story, lines, (line) => String(line.n), toldLine);
  if (atEnd && story.childElementCount !== before) story.scrollTop = story.scrollHeight;
}

/** @type {Record<string, string>} */
const speakers = { heard: "Phone reads", hears: "Caller hears", check: "Check", fail: "Failed" };

/** @param {Pick<Told, "kind" | "text" | "phone" | "ok">} line */
function toldLine(line) {
  const speaker = speakers[line.kind];
  return h(
    "li",
    { class: line.ok === false ? "fail" : line.kind },
    speaker && h("small", {}, line.phone ? `${speaker}, ${line.phone}` : speaker),
    h("span", {}, line.text),
  );
}

/** @returns {Element[]} */
function stage() {
  const button = (/** @type {string} */ name, /** @type {string} */ look, /** @type {() => void} */ click) =>
    h("button", { type: "button", class: look, onclick: click }, name);
  return [
    h("header", {}, h("h3", {}), h("p", { role: "status" })),
    h("ol", { class: "story", tabindex: 0, "aria-label": "What happens in the scene" }),
    h(
      "div",
      { class: "inline" },
      button("Next step", "primary", () => void nextStep()),
      button("Play on", "", () => void act("POST", "scenes/mode", { mode: "auto" })),
      button("Stop", "danger", () => void act("DELETE", "scenes/run")),
      toggle("requests", "Show requests"),
    ),
  ];
}

/** @param {string} name @param {string} label */
function toggle(name, label) {
  const box = h("input", { type: "checkbox", checked: chosen(name, false) });
  box.addEventListener("change", () => {
    choose(name, box.checked);
    touch("told");
  });
  return h("label", { class: "check" }, box, " ", label);
}

byId("scenes").querySelector("header")?.append(toggle("steps", "Step by step"));

paint(["scene", "told", "function", "area"], () => {
  if (!byId("scenes").checkVisibility()) return;
  paintRun();
  paintList();
  scrollToNamed();
});
