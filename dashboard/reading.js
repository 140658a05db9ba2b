// Reads what the status functions say: each address once however many look at it, seldom where nothing changes, not at all where nobody looks.

const FIRST_WAIT = 2_000, LONGEST_WAIT = 300_000, PATIENCE = 120_000, AT_ONCE = 2;
// An answer that took long is not asked for again soon, and what stays the same is asked for less and less.
const TIMES_TAKEN = 20, MOST_CALMER = 10;
const STATUS = "/api/dashboard/status/";
const readings = new Map();
const listeners = new Set();
const line = [];
let out = 0, ended = false;

/** What went wrong: `kind` is `sign-in`, `role`, `refused`, `missing`, `busy` or `network`; `said` the app's own words. */
class Trouble extends Error {
  constructor(kind, said, wait = 0) {
    super(said);
    Object.assign(this, { kind, said, wait });
  }
}

const whose = new URLSearchParams(location.search).get("tenant") ?? "";
export const tenant = whose;

class Reading {
  constructor(path) {
    Object.assign(this, { path, watchers: new Map(), timer: 0, busy: false, failures: 0, calm: 1, text: "", due: 0, aborter: null });
  }

  get every() {
    return Math.min(...[...this.watchers.values()].map((one) => one.every));
  }

  plan() {
    clearTimeout(this.timer);
    if (this.busy || !this.watchers.size || document.hidden || ended || this.due === Infinity) return;
    this.timer = setTimeout(() => this.run(), Math.max(0, this.due - Date.now()));
  }

  async run() {
    if (this.busy || !this.watchers.size) return;
    this.busy = true;
    await turn();
    this.aborter = new AbortController();
    const begun = Date.now();
    try {
      if (!this.watchers.size) return;
      const { text, found } = await ask(this.path, AbortSignal.any([this.aborter.signal, AbortSignal.timeout(PATIENCE)]));
      const took = Date.now() - begun;
      this.calm = text === this.text ? Math.min(this.calm * 1.5, MOST_CALMER) : 1;
      Object.assign(this, { text, found, at: Date.now(), trouble: null, failures: 0 });
      const wait = Math.max(this.every * this.calm, took * TIMES_TAKEN) * (0.9 + Math.random() / 5);
      this.due = Date.now() + Math.min(wait, Math.max(this.every, LONGEST_WAIT));
    } catch (error) {
      if (this.aborter.signal.aborted) return;
      this.failed(error instanceof Trouble ? error : new Trouble("network", "The app cannot be reached."));
    } finally {
      out -= 1;
      line.shift()?.();
      this.busy = false;
      this.tell();
      this.plan();
    }
  }

  failed(trouble) {
    this.trouble = trouble;
    this.failures += 1;
    if (trouble.kind === "sign-in") ended = true;
    const final = trouble.kind === "role" || trouble.kind === "refused";
    const wait = Math.max(trouble.wait, Math.min(FIRST_WAIT * 2 ** (this.failures - 1), LONGEST_WAIT));
    this.due = final ? Infinity : Date.now() + wait;
  }

  tell() {
    for (const told of [...this.watchers.keys()]) told(this);
    for (const told of listeners) told();
  }

  again() {
    this.due = 0;
    this.plan();
  }
}

function turn() {
  if (out < AT_ONCE) {
    out += 1;
    return Promise.resolve();
  }
  return new Promise((go) => line.push(() => { out += 1; go(); }));
}

async function ask(path, signal) {
  const headers = { Accept: "application/json", ...(whose ? { "x-entente-tenant": whose } : {}) };
  const answer = await fetch(path, { headers, signal, cache: "no-store", credentials: "same-origin", redirect: "manual" });
  if (answer.type === "opaqueredirect" || answer.status === 401) throw new Trouble("sign-in", "Your sign-in has ended.");
  const text = await answer.text();
  let found = null;
  try {
    found = JSON.parse(text);
  } catch {
    // Told below: whatever stands before the app answers in its own way.
  }
  // Health says with 503 that something is wrong, and what.
  if (found !== null && (answer.ok || (answer.status === 503 && found.status))) return { text, found };
  const words = found?.error ?? `It answered ${answer.status}.`;
  if (answer.status === 403) throw new Trouble("role", words);
  if (answer.status === 404) throw new Trouble("missing", words);
  if (answer.status === 400) throw new Trouble("refused", words);
  throw new Trouble("busy", words, 1_000 * Number(answer.headers.get("Retry-After") || 0));
}

/** The address of a status function, with parameters; `health` is open to anybody and stands where it always stood. */
export function status(path, asked = {}) {
  const given = new URLSearchParams(Object.entries(asked).filter(([, value]) => value !== "" && value !== null && value !== undefined));
  const where = path === "health" ? "/api/health" : STATUS + path.split("/").map(encodeURIComponent).join("/");
  return given.size ? `${where}?${given}` : where;
}

/** `told` hears of what is read there, now and about every so many seconds, until what this gives back is called. */
export function watch(path, seconds, told) {
  const reading = readings.get(path) ?? new Reading(path);
  readings.set(path, reading);
  const fresh = reading.at !== undefined && Date.now() - reading.at < seconds * 1_000;
  reading.watchers.set(told, { every: seconds * 1_000 });
  if (!fresh) reading.due = Math.min(reading.due || 0, Date.now());
  if (reading.at !== undefined || reading.trouble) queueMicrotask(() => reading.watchers.has(told) && told(reading));
  reading.plan();
  return () => {
    reading.watchers.delete(told);
    if (reading.watchers.size) return;
    clearTimeout(reading.timer);
    reading.aborter?.abort();
    // What nobody looks at is not kept.
    readings.delete(path);
  };
}

/** One answer, once: for a next page. Raises Trouble. */
export async function once(path) {
  return (await ask(path, AbortSignal.timeout(PATIENCE))).found;
}

/** Everything that somebody looks at is read again now. */
export function refresh() {
  for (const reading of readings.values()) reading.again();
}

/** Hears whenever a reading has come to something. */
export const listen = (told) => listeners.add(told);

/** What is wrong with the app as a whole: the worst that any reading met, or null. */
export function trouble() {
  const met = [...readings.values()].filter((one) => one.trouble).map((one) => ({ ...kindOf(one), due: one.due }));
  const rank = ["sign-in", "network", "busy"];
  return met.filter((one) => rank.includes(one.kind)).sort((a, b) => rank.indexOf(a.kind) - rank.indexOf(b.kind) || a.due - b.due)[0] ?? null;
}

const kindOf = (reading) => ({ kind: reading.trouble.kind, said: reading.trouble.said });

document.addEventListener("visibilitychange", () => {
  for (const reading of readings.values()) reading.plan();
});
addEventListener("online", refresh);
