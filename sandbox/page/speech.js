// What a person hears: the voice of a call, a quiet sound for a text and for a ringing phone.

import { act, chosen, hear, inPath, state } from "./store.js";

/** @typedef {import("./contract").Step} Step */

/** Calls that were made in this window. Only this window speaks them. @type {Set<string>} */
const mine = new Set();
try {
  for (const id of JSON.parse(sessionStorage.getItem("calls") ?? "[]")) mine.add(id);
} catch {
  // A browser without storage: a reload ends the voice.
}

/** @param {string} id */
export function speakCall(id) {
  mine.add(id);
  try {
    sessionStorage.setItem("calls", JSON.stringify([...mine].slice(-20)));
  } catch {
    // See above.
  }
  for (const step of state.calls.find((call) => call.id === id)?.steps ?? []) void utter(id, step);
}

/** What was said already, as `call step`. @type {Set<string>} */
const said = new Set();

hear("step", ({ call, step }) => {
  if (mine.has(call)) void utter(call, step);
});

/**
 * @param {string} call
 * @param {Step} step
 */
async function utter(call, step) {
  const name = `${call} ${step.n}`;
  if (said.has(name) || (step.do !== "say" && step.do !== "play")) return;
  said.add(name);
  if (step.do === "say") await speak(step.text ?? "", step.language ?? "en-US");
  else await tone(440, 0.4);
  const now = state.calls.find((one) => one.id === call);
  if (now && now.state !== "ended") await act("POST", `calls/${inPath(call)}/spoken`, { step: step.n });
}

/**
 * Resolves when the text was spoken, or when a person has had the time to read it.
 * @param {string} text
 * @param {string} language
 * @returns {Promise<void>}
 */
function speak(text, language) {
  const reading = 600 + text.length * 45;
  const synthesis = window.speechSynthesis;
  if (!chosen("voice", true) || !synthesis || synthesis.getVoices().length === 0) return wait(reading);
  return new Promise((done) => {
    const utterance = new SpeechSynthesisUtterance(text);
    utterance.lang = language;
    const voices = synthesis.getVoices();
    utterance.voice =
      voices.find((voice) => voice.lang.replace("_", "-") === language) ??
      voices.find((voice) => voice.lang.slice(0, 2) === language.slice(0, 2)) ??
      null;
    utterance.onend = utterance.onerror = () => done();
    // Some browsers never end an utterance.
    setTimeout(done, reading * 4 + 2000);
    synthesis.speak(utterance);
  });
}

/** A key ends what is being said. */
export const hush = () => window.speechSynthesis?.cancel();

/**
 * @param {number} ms
 * @returns {Promise<void>}
 */
const wait = (ms) => new Promise((done) => setTimeout(done, ms));

/** @type {AudioContext | undefined} */
let audio;
for (const gesture of ["pointerdown", "keydown"]) {
  // A browser plays sound only after a person has touched the page.
  addEventListener(gesture, () => void (audio ??= new AudioContext()).resume(), { passive: true });
}

/**
 * @param {number} pitch
 * @param {number} seconds
 * @param {number} [later]
 */
async function tone(pitch, seconds, later = 0) {
  if (chosen("sound", true) && audio?.state === "running") {
    const start = audio.currentTime + later;
    const oscillator = new OscillatorNode(audio, { type: "sine", frequency: pitch });
    const volume = new GainNode(audio, { gain: 0 });
    volume.gain.setValueAtTime(0, start);
    volume.gain.linearRampToValueAtTime(0.05, start + 0.015);
    volume.gain.exponentialRampToValueAtTime(0.0005, start + seconds);
    oscillator.connect(volume).connect(audio.destination);
    oscillator.start(start);
    oscillator.stop(start + seconds);
  }
  await wait((later + seconds) * 1000);
}

/** Texts that made a sound: a receipt sends a text again. @type {Set<string>} */
const heard = new Set();

hear("text", (text) => {
  if (text.direction !== "out" || heard.has(text.id) || heard.size > 5000) return;
  heard.add(text.id);
  void tone(880, 0.12);
  void tone(1175, 0.2, 0.09);
});

hear("step", ({ step }) => {
  if (step.do === "ring" && step.held) for (const later of [0, 0.35, 1.4, 1.75]) void tone(620, 0.3, later);
  if (step.do === "beep") void tone(1000, 0.5);
});

/** The two pitches of each key. @type {Record<string, [number, number]>} */
const pitches = {};
"123456789*0#".split("").forEach((key, index) => {
  const rows = [697, 770, 852, 941];
  const columns = [1209, 1336, 1477];
  pitches[key] = [rows[Math.floor(index / 3)] ?? 697, columns[index % 3] ?? 1209];
});

/** @param {string} key */
export function keyTone(key) {
  for (const pitch of pitches[key] ?? []) void tone(pitch, 0.12);
}
