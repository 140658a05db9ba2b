// Pictures: bars of states, columns of days, and a request as its steps in the order in which they wait for one another.

import { el, svg } from "./dom.js";
import { badge, number, plural, sum, tone, word } from "./words.js";

const ORDER = ["done", "undone", "ready", "waiting", "cancelled", "stopped"];
const STAGES = ["named", "invited", "redeemed", "warned", "blocked", "deleted", "gone"];

/** Counts in words: `14 done, 2 waiting`. */
export function inWords(counts) {
  const told = ordered(counts).map((state) => `${number(counts[state])} ${word(state)}`);
  return told.join(", ") || "nothing yet";
}

/** The states that there are any of, in the order of a life. */
export function ordered(counts) {
  const known = [...ORDER, ...STAGES];
  const place = (state) => (known.includes(state) ? known.indexOf(state) : known.length);
  return Object.keys(counts).filter((state) => counts[state]).sort((a, b) => place(a) - place(b));
}

/** One bar, each state its share; what it says stands beside it in words, so it is hidden from who listens. */
export function bar(counts) {
  const all = sum(counts) || 1;
  let at = 0;
  const parts = ordered(counts).map((state, place, states) => {
    const width = (100 * counts[state]) / all;
    at += width;
    const gap = place < states.length - 1 ? 0.4 : 0;
    return svg("rect", { class: `fill ${tone(state)}`, x: at - width, y: 0, width: Math.max(width - gap, 0.4), height: 8 });
  });
  return svg("svg", { class: "bar", viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("rect", { class: "fill none", x: 0, y: 0, width: 100, height: 8 }), parts);
}

/** A bar with its words. */
export function progress(counts) {
  return el("div", { class: "progress" }, bar(counts), el("span", {}, inWords(counts)));
}

/** A column a day. `days` maps dates to counts; `from` is the first of `length` days. */
export function calendar(days, from, length, href) {
  const first = Date.parse(`${from}T00:00:00Z`);
  const listed = Array.from({ length }, (_, at) => new Date(first + at * 86_400_000).toISOString().slice(0, 10));
  const most = Math.max(1, ...listed.map((day) => days[day] ?? 0));
  const columns = listed.map((day, at) => {
    const high = (60 * (days[day] ?? 0)) / most;
    return svg("rect", { class: "fill warn", x: at * 10 + 1, y: 60 - high, width: 8, height: high }, svg("title", {}, `${day}: ${days[day] ?? 0}`));
  });
  const total = listed.reduce((all, day) => all + (days[day] ?? 0), 0);
  const busiest = listed.filter((day) => days[day]).sort((a, b) => days[b] - days[a])[0];
  if (!total) return el("p", { class: "none" }, `No last day within ${length} days.`);
  return el("figure", {},
    svg("svg", { class: "days", viewBox: `0 0 ${length * 10} 61`, preserveAspectRatio: "none", "aria-hidden": "true" },
      svg("line", { x1: 0, y1: 60.5, x2: length * 10, y2: 60.5, class: "axis" }), columns),
    el("div", { class: "ends", "aria-hidden": "true" }, el("span", {}, listed[0]), el("span", {}, listed[length - 1])),
    el("figcaption", {}, `${plural(total, "last day")} within ${length} days, most on `, el("a", { href: href(busiest), "data-key": "busiest" }, busiest), ` (${number(days[busiest])}).`));
}

/** The steps of a request as a picture that is also a list: columns from left to right, each waiting for some of those before it.
 * `going`: what is ready is being worked at. */
export function transaction(steps, going) {
  const level = [];
  const depth = (at) => (level[at] ??= 1 + Math.max(-1, ...steps[at].after.map(depth)));
  steps.forEach((_, at) => depth(at));
  const waitedFor = new Set(steps.flatMap((step) => step.after));
  const linked = steps.map((step, at) => step.after.length > 0 || waitedFor.has(at));
  const columns = [...new Set(level)].sort((a, b) => a - b);
  const cards = steps.map((step, at) => card(step, steps, going));
  const alone = cards.filter((_, at) => !linked[at]);
  const flow = el("ol", { class: "flow" }, columns.map((one) => cards.filter((_, at) => linked[at] && level[at] === one)).filter((some) => some.length)
    .map((some) => el("li", {}, el("ul", {}, some))));
  const drawn = svg("svg", { class: "edges", "aria-hidden": "true" });
  const picture = el("div", { class: "transaction" }, drawn, flow);
  new ResizeObserver(() => draw(drawn, picture, cards, steps)).observe(picture);
  return [
    linked.some(Boolean) && picture,
    alone.length > 0 && el("div", {}, linked.some(Boolean) && el("h3", {}, "These wait for nothing"), el("ul", { class: "alone" }, alone)),
  ];
}

function card(step, steps, going) {
  const { states } = step;
  const all = sum(states);
  const state = states.stopped ? "stopped" : states.ready ? (going ? "running" : "ready") : states.waiting ? "waiting" : states.done || states.undone ? "done" : "cancelled";
  const rest = ordered(states).filter((one) => one !== "done").map((one) => `${number(states[one])} ${word(one)}`);
  const names = step.after.map((before) => steps[before].step);
  return el("li", { class: `step ${tone(state)}` },
    el("span", { class: "name" }, step.step),
    step.takesBack && el("span", { class: "back" }, "taken back"),
    badge(state),
    bar(states),
    el("span", {}, [`${number(states.done ?? 0)} of ${number(all)} done`, ...rest].join(", ")),
    names.length > 0 && el("span", { class: "after" }, `after ${names.join(", ")}`));
}

/** What a step waits for, without what one of the others waits for already. */
function nearest(steps, at) {
  const reaches = (from, wanted) => steps[from].after.some((before) => before === wanted || reaches(before, wanted));
  return steps[at].after.filter((before) => !steps[at].after.some((other) => other !== before && reaches(other, before)));
}

function draw(drawn, picture, cards, steps) {
  const home = picture.getBoundingClientRect();
  drawn.setAttribute("viewBox", `0 0 ${home.width} ${home.height}`);
  const places = cards.map((one) => one.getBoundingClientRect());
  drawn.replaceChildren(...steps.flatMap((_, at) => nearest(steps, at).map((before) => {
    const from = places[before], end = places[at];
    // Where columns stand below one another there is nothing to be drawn between them: the words say it.
    if (end.left <= from.right) return null;
    const [x1, y1, x2, y2] = [from.right - home.left, from.top + from.height / 2 - home.top, end.left - home.left, end.top + end.height / 2 - home.top];
    const half = (x1 + x2) / 2;
    return svg("path", { d: `M${x1} ${y1}C${half} ${y1} ${half} ${y2} ${x2} ${y2}` });
  })).filter(Boolean));
}
