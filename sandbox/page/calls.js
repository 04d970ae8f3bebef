// The calls: the screen of a phone while it is on the line, and the list of all calls.

import { byId, clock, dress, h, keep, money, rove, say, tell } from "./elements.js";
import { hush, keyTone, speakCall } from "./speech.js";
import { act, choose, chosen, hear, inPath, paint, state, touch } from "./store.js";

/** @typedef {import("./contract").Call} Call */
/** @typedef {import("./contract").Step} Step */

/** The call in the area "Calls". */
let picked = chosen("call", "");

/** @param {string} from @param {string} to @param {boolean} [fast] */
export async function startCall(from, to, fast = false) {
  const call = await act("POST", "calls", { from, to, pace: fast ? "fast" : "spoken" });
  if (!call) return;
  picked = call.id;
  if (!fast) speakCall(call.id);
  touch("call");
}

/** @param {string} id */
export function openCall(id) {
  picked = id;
  choose("call", id);
  location.hash = "calls";
  touch("call");
}

/** The calls that a phone had with a number, newest last. @param {string} number @param {string} peer */
export const callsOf = (number, peer) =>
  state.calls.filter((call) => call.world === "main" && call.from === number && call.to === peer && call.state === "ended");

/** The call that makes this phone ring. @param {string} number */
const ringing = (number) =>
  state.calls.findLast((call) => call.state !== "ended" && call.waiting?.for === "answer" && (call.waiting.number ?? ringsAt(call)) === number);

/** @param {Call} call */
const ringsAt = (call) => call.steps.findLast((step) => step.do === "ring")?.number;

/** The call in which this phone was dialled and answered. @param {string} number */
const answered = (number) =>
  state.calls.findLast((call) => {
    if (call.state === "ended" || !call.live || call.waiting?.for === "answer") return false;
    const last = call.steps.findLast((step) => ["ring", "dialled"].includes(step.do));
    return last?.do === "ring" && last.number === number && Boolean(last.held);
  });

/** The call that this phone made. @param {string} number */
const made = (number) => state.calls.findLast((call) => call.state !== "ended" && call.live && call.from === number && !call.parent);

/** For the keyboard: the first phone that rings. @param {"answer" | "reject"} what */
export function answerFirst(what) {
  const call = state.calls.findLast((one) => one.state !== "ended" && one.waiting?.for === "answer");
  if (call) void act("POST", `calls/${inPath(call.id)}/${what}`);
}

hear("step", ({ step, world }) => {
  if (step.do === "ring" && step.held && world === "main") tell(`${nameOf(step.number)} rings. Press a to answer, r to reject.`);
});

/** Shows what a phone's screen shows during a call, or hides it. @param {HTMLElement} screen @param {string} number */
export function callScreen(screen, number) {
  const rings = ringing(number);
  const call = rings ?? made(number) ?? answered(number);
  screen.hidden = !call;
  if (!call) {
    screen.replaceChildren();
    return;
  }
  const role = rings ? "rings" : call.from === number ? "caller" : "callee";
  controls(screen, call, role);
}

/**
 * The controls of one call, kept as they are while the call and the role stay the same.
 * @param {HTMLElement} place
 * @param {Call} call
 * @param {"rings" | "caller" | "callee"} role
 */
function controls(place, call, role) {
  if (place.dataset.call !== `${call.id} ${role}` || !place.firstElementChild) {
    place.dataset.call = `${call.id} ${role}`;
    place.replaceChildren(...build(call, role));
  }
  const path = `calls/${inPath(call.id)}`;
  const who = place.querySelector(".who");
  if (who) say(who, role === "caller" ? nameOf(call.to) : nameOf(call.steps.findLast((step) => step.do === "ring")?.caller_id ?? call.from));
  const status = place.querySelector(".status");
  if (status) say(status, role === "rings" ? "is calling" : situation(call));
  const subtitles = place.querySelector(".subtitles");
  const spoken = call.steps.findLast((step) => step.do === "say");
  if (subtitles) {
    say(subtitles, role === "rings" ? "" : (spoken?.text ?? ""));
    dress(subtitles, { lang: spoken?.language ?? "en" });
  }
  const message = /** @type {HTMLFormElement | null} */ (place.querySelector("form.voicemail"));
  if (message) {
    const listens = call.waiting?.for === "message";
    if (message.hidden === listens) {
      message.hidden = !listens;
      const pad = /** @type {HTMLElement | null} */ (place.querySelector(".keypad"));
      if (pad) pad.hidden = listens;
      if (listens && place.contains(document.activeElement)) message.querySelector("textarea")?.focus();
    }
    message.dataset.path = path;
  }
}

/** @param {Call} call @param {"rings" | "caller" | "callee"} role @returns {Element[]} */
function build(call, role) {
  const path = `calls/${inPath(call.id)}`;
  const button = (/** @type {string} */ name, /** @type {string} */ look, /** @type {() => void} */ click) =>
    h("button", { type: "button", class: look, onclick: click }, name);
  const head = h("div", { class: "caller" }, h("p", { class: "who" }), h("p", { class: "status" }));
  if (role === "rings") {
    return [
      head,
      h(
        "div",
        { class: "decide" },
        button("Reject", "round danger", () => void act("POST", `${path}/reject`)),
        button("Answer", "round call", () => void act("POST", `${path}/answer`)),
      ),
    ];
  }
  const subtitles = h("p", { class: "subtitles", "aria-live": "polite", tabindex: 0 });
  const end = button("Hang up", "round danger", () => {
    hush();
    void act("POST", `${path}/hangup`, { by: role });
  });
  if (role === "callee") return [head, subtitles, end];
  return [head, subtitles, keypad(path), voicemail(path), end];
}

/** @param {string} path */
function keypad(path) {
  const press = (/** @type {string} */ key) => {
    hush();
    keyTone(key);
    void act("POST", `${path}/keys`, { digits: key });
  };
  const pad = h("div", { class: "keypad", role: "group", "aria-label": "Keypad" });
  for (const key of "123456789*0#") pad.append(h("button", { type: "button", onclick: () => press(key) }, key));
  rove(pad, "button");
  pad.addEventListener("keydown", (event) => {
    if (!/^[0-9*#]$/.test(event.key)) return;
    event.preventDefault();
    press(event.key);
  });
  return pad;
}

/** @param {string} path */
function voicemail(path) {
  const field = h("textarea", { rows: 3, maxlength: 1600, required: true, placeholder: "Say something after the tone" });
  const form = h(
    "form",
    { class: "voicemail stack", hidden: true },
    h("label", {}, "Message ", field),
    h("div", { class: "inline" }, h("button", { class: "primary", value: "#" }, "Say it, press #"), h("button", { value: "" }, "Say it, hang up")),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const key = /** @type {HTMLButtonElement | null} */ (event.submitter)?.value || null;
    void act("POST", `${path}/message`, { text: field.value, key }).then(() => form.reset());
  });
  return form;
}

/** @param {string} number */
function nameOf(number) {
  const known = state.numbers.find((one) => one.number === number) ?? state.phones.find((one) => one.number === number);
  return known ? `${known.name} ${number}` : number;
}

/** @param {Call} call */
function situation(call) {
  if (call.state === "ended") return `Ended${call.ended ? endings[call.ended] ?? "" : ""}.`;
  if (call.waiting?.for === "message") return "It records: speak after the tone.";
  if (call.waiting?.for === "keys") return call.waiting.finish ? `It waits for keys, then ${call.waiting.finish}.` : "It waits for keys.";
  if (call.waiting?.for === "answer") return `It rings at ${nameOf(call.waiting.number ?? ringsAt(call) ?? "another phone")}.`;
  return call.state === "ringing" ? "It rings." : "On the line.";
}

/** @type {Record<string, string>} */
const endings = {
  caller: ": the caller hung up",
  us: ": the company hung up",
  rejected: ": rejected",
  error: ": an error",
  nobody: ": nobody is there",
};

/** How a step reads. @param {Step} step @returns {[string, string]} */
function words(step) {
  switch (step.do) {
    case "say":
      return ["says", `${step.text ?? ""}${step.times === 0 ? " (again and again)" : ""}`];
    case "play":
      return ["plays", step.url ?? ""];
    case "pause":
      return ["pauses", `${step.seconds} s`];
    case "gather":
      return ["listens", `for ${step.digits ?? "any number of"} digits${step.finish ? `, up to ${step.finish}` : ""}, ${step.timeout} s`];
    case "keys":
      return ["keys", String(step.digits || "none: it waited too long")];
    case "dial":
      return ["dials", `${nameOf(step.number ?? "")}, for ${step.timeout} s`];
    case "ring":
      return ["rings", `${nameOf(step.number ?? "")}, which sees ${step.caller_id}`];
    case "dialled":
      return ["dialled", `${nameOf(step.number ?? "")}: ${step.status}, ${step.seconds ?? 0} s`];
    case "beep":
      return ["records", `at most ${step.max} s${step.finish ? `, up to ${step.finish}` : ""}`];
    case "message":
      return ["message", `${step.text ?? ""} (${step.seconds} s)`];
    case "redirect":
      return ["goes on", step.url ?? ""];
    case "reject":
      return ["rejects", step.reason ?? ""];
    case "hangup":
      return ["hangs up", step.by === "us" ? "the company" : "the caller"];
    default:
      return [step.do, step.text ?? ""];
  }
}

/** @param {Step} step */
function transcript(step) {
  if (step.do === "document") {
    return h("li", { class: "document" }, h("details", {}, h("summary", {}, `TwiML, status ${step.status}`), h("pre", { tabindex: 0 }, indent(step.twiml ?? ""))));
  }
  const [verb, text] = words(step);
  const language = step.do === "say" && h("small", {}, ` ${step.language ?? "default language"}`);
  return h("li", { class: step.do }, h("b", {}, verb), " ", h("span", { lang: step.language ?? null }, text), language);
}

/** One element a line. @param {string} xml */
export function indent(xml) {
  let depth = 0;
  const lines = xml.replace(/>\s*</g, ">\n<").split("\n");
  return lines
    .map((line) => {
      if (/^<\//.test(line)) depth = Math.max(0, depth - 1);
      const indented = "  ".repeat(depth) + line;
      if (/^<[^/?!][^>]*[^/]>$/.test(line) && !/<\//.test(line)) depth += 1;
      return indented;
    })
    .join("\n");
}

/** Calls of one origin are together: a call that a call made is under it. @returns {Call[]} */
function listed() {
  const known = new Set(state.calls.map((call) => call.id));
  /** @type {(call: Call) => Call[]} */
  const withChildren = (call) => [call, ...state.calls.filter((one) => one.parent === call.id).flatMap(withChildren)];
  return state.calls.filter((call) => !call.parent || !known.has(call.parent)).reverse().flatMap(withChildren);
}

const form = /** @type {HTMLFormElement} */ (byId("dial"));
const [from, to] = /** @type {HTMLSelectElement[]} */ ([...form.querySelectorAll("select")]);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  const fast = new FormData(form).has("fast");
  if (from && to) void startCall(from.value, to.value, fast);
});

const view = byId("call-view");

function paintView() {
  const call = state.calls.find((one) => one.id === picked) ?? state.calls.at(-1);
  if (!call) {
    if (!view.querySelector(".empty")) view.replaceChildren(h("p", { class: "empty" }, "Choose two numbers above, and call."));
    return;
  }
  if (view.dataset.call !== call.id) {
    view.dataset.call = call.id;
    view.replaceChildren(h("div", { class: "handset" }), h("div", { class: "handset" }), h("ol", { class: "transcript", "aria-label": "What happened in this call" }));
  }
  const [handset, other, list] = /** @type {HTMLElement[]} */ ([...view.children]);
  if (!handset || !other || !list) return;
  const active = call.live && call.state !== "ended";
  const rings = active && call.waiting?.for === "answer";
  if (active) controls(handset, call, "caller");
  else summary(handset, call);
  if (rings) controls(other, call, "rings");
  other.hidden = !rings;
  handset.classList.toggle("on", active);
  other.classList.toggle("on", rings);
  keep(list, call.steps, (step) => String(step.n), transcript);
}

/** @param {HTMLElement} place @param {Call} call */
function summary(place, call) {
  const words = [nameOf(call.from), "called", nameOf(call.to), `· ${situation(call)}`];
  if (call.hops > 0) words.push(`· passed on ${call.hops}×`);
  if (call.forwarded_from) words.push(`· forwarded from ${call.forwarded_from}`);
  if (call.ms !== null) words.push(`· ${Math.round(call.ms / 1000)} s · ${money(call.price, call.currency)}`);
  place.dataset.call = "";
  if (place.textContent !== words.join(" ")) place.replaceChildren(h("p", { class: "summary" }, words.join(" ")));
}

paint(["call", "step", "phone", "area"], () => {
  if (!byId("calls").checkVisibility()) return;
  if (from) keep(from, state.phones, (phone) => phone.number, (phone) => h("option", { value: phone.number }, `${phone.name} ${phone.number}`));
  if (to) keep(to, [...state.numbers.filter((one) => one.calls), ...state.phones], (one) => one.number, (one) => h("option", { value: one.number }, `${one.name} ${one.number}`));
  const shown = state.calls.find((one) => one.id === picked) ?? state.calls.at(-1);
  keep(
    byId("call-list"),
    listed(),
    (call) => call.id,
    (call) => h("li", {}, h("button", { type: "button", class: "pick", onclick: () => openCall(call.id) }, h("span", {}), h("small", {}))),
    (item, call) => {
      const button = item.firstElementChild;
      button.classList.toggle("child", Boolean(call.parent) || call.hops > 0);
      dress(button, { "aria-current": call === shown ? "true" : null });
      say(button.children[0], `${nameOf(call.from)} → ${nameOf(call.to)}`);
      const loop = call.hops > 0 ? ` · hop ${call.hops}` : "";
      say(button.children[1], `${clock(call.at)} · ${situation(call)}${loop}${call.world === "scene" ? " · scene" : ""}`);
    },
  );
  paintView();
});
