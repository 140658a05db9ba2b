// Words for states, times and numbers, and the commands that somebody acts with.

import { el, safe, said } from "./dom.js";
import { tenant } from "./reading.js";

// A sign and a tone for each state; the word itself is always there.
const STATES = {
  done: ["✓", "good"], redeemed: ["✓", "good"], ok: ["✓", "good"], settled: ["✓", "good"], sent: ["✓", "good"], reported: ["✓", "good"],
  running: ["▸", "busy"], ready: ["▸", "busy"], reading: ["▸", "busy"], deciding: ["▸", "busy"], canary: ["▸", "busy"], "putting-back": ["▸", "busy"],
  queued: ["…", "calm"], waiting: ["…", "calm"], invited: ["…", "calm"], named: ["…", "calm"], planned: ["…", "calm"],
  "awaiting-approval": ["?", "warn"], held: ["?", "warn"], warned: ["!", "warn"], open: ["?", "warn"], waits: ["?", "warn"], paused: ["‖", "warn"],
  stopped: ["✕", "bad"], refused: ["✕", "bad"], blocked: ["✕", "bad"], failed: ["✕", "bad"], degraded: ["✕", "bad"],
  cancelled: ["–", "calm"], undone: ["↺", "calm"], deleted: ["–", "calm"], gone: ["–", "calm"], left: ["–", "calm"], rejected: ["–", "calm"],
};
const WORDS = { "awaiting-approval": "awaiting approval", "putting-back": "being put back", open: "to be decided" };

/** A state as a sign, a colour and a word. */
export function badge(state, word = WORDS[state] ?? state) {
  const [sign, tone] = STATES[state] ?? ["•", "calm"];
  return el("span", { class: `badge ${tone}` }, el("span", { "aria-hidden": "true" }, sign, " "), word);
}

export const tone = (state) => (STATES[state] ?? ["", "calm"])[1];
export const word = (state) => WORDS[state] ?? state;

const two = (number) => String(number).padStart(2, "0");

/** A moment in this machine's time. */
export function moment(text) {
  const at = text ? new Date(text) : null;
  if (!at || Number.isNaN(at.getTime())) return text ? safe(text) : "";
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return el("time", { datetime: text, title: text }, `${day} ${two(at.getHours())}:${two(at.getMinutes())}`);
}

/** How long something took or takes, in one or two words. */
export function seconds(count) {
  if (count === null || count === undefined) return "not known";
  if (count < 120) return `${Math.round(count)} s`;
  if (count < 7_200) return `${Math.round(count / 60)} min`;
  if (count < 172_800) return `${Math.round(count / 3_600)} h`;
  return `${Math.round(count / 86_400)} days`;
}

export const number = (count) => Number(count ?? 0).toLocaleString("en");
export const plural = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;
export const sum = (counts) => Object.values(counts ?? {}).reduce((all, one) => all + one, 0);

/** A link to a place of this page. */
export function link(place, text, asked = {}) {
  return el("a", { href: to(place, asked), "data-key": `a ${place} ${text}` }, said(text));
}

export function to(place, asked = {}) {
  const given = new URLSearchParams(Object.entries(asked).filter(([, value]) => value));
  return `#/${place.split("/").map(encodeURIComponent).join("/")}${given.size ? `?${given}` : ""}`;
}

// What every shell takes as it stands.
const PLAIN = /^[A-Za-z0-9_.:/@=+,-]+$/;

/** A word for a POSIX shell. Raises RangeError where no line can hold it. */
function quoted(text) {
  const whole = String(text);
  if (safe(whole) !== whole) throw new RangeError("has characters that no command line holds");
  return PLAIN.test(whole) ? whole : `'${whole.replaceAll("'", `'\\''`)}'`;
}

/** The command that acts, ready to be copied. `WHY` and `DATE` are left for whoever runs it. */
export function command(...parts) {
  let line;
  try {
    line = ["entente", ...(tenant ? ["--tenant", tenant] : []), ...parts].map(quoted).join(" ");
  } catch {
    return el("p", { class: "none" }, "Its name cannot be written into a command.");
  }
  const copy = el("button", { type: "button", class: "copy", "data-key": `copy ${line}`, "aria-label": `Copy: ${line}` }, "Copy");
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(line);
      copy.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(copy.previousElementSibling);
      copy.textContent = "Selected";
    }
    setTimeout(() => { copy.textContent = "Copy"; }, 2_000);
  });
  return el("p", { class: "command" }, el("code", {}, line), copy);
}
