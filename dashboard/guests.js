// Guests by stage and by last day; one by one by opaque id, without a name or an address.

import { el, facts, safe, said, table } from "./dom.js";
import { pages, panel } from "./panel.js";
import { bar, calendar, ordered } from "./picture.js";
import { status, watch } from "./reading.js";
import { badge, command, link, moment, number, sum, to } from "./words.js";

const DAYS = 60, PAGE = 100;
// What partners are called, as far as it has been read: guests say whose they are by tenant.
const names = new Map();
const called = (partner) => safe(names.get(partner) ?? partner);

/** All partners' counts together. */
export function together(counts) {
  const all = { stages: {}, days: {}, over: 0, later: 0, never: 0 };
  for (const one of Object.values(counts.partners)) {
    for (const part of ["stages", "days"]) {
      for (const [key, count] of Object.entries(one[part])) all[part][key] = (all[part][key] ?? 0) + count;
    }
    for (const part of ["over", "later", "never"]) all[part] += one[part];
  }
  return all;
}

/** The day behind one, as the filter wants it. */
const behind = (day) => new Date(Date.parse(`${day}T00:00:00Z`) + 86_400_000).toISOString().slice(0, 10);

/** Stages and next last days as pictures. */
export function pictured(counts, asked = {}, length = DAYS) {
  const all = together(counts);
  if (!sum(all.stages)) return el("p", { class: "none" }, "There are no guests on record.");
  return [
    bar(all.stages),
    // Whoever is named in a request and not invited yet is at no stage that could be asked for.
    el("ul", { class: "counts" }, ordered(all.stages).map((stage) => el("li", {}, badge(stage), " ", stage === "named" ? number(all.stages[stage])
      : el("a", { href: to("guests", { ...asked, stage }), "data-key": `stage ${stage}` }, number(all.stages[stage]))))),
    calendar(all.days, counts.today, length, (day) => to("guests", { ...asked, before: behind(day) })),
    facts(["their last day is over", all.over > 0 && el("a", { href: to("guests", { ...asked, before: counts.today }), "data-key": "over" }, number(all.over))],
      ["later than that", number(all.later)], ["no last day", number(all.never)]),
  ];
}

export function guestsPage(asked, tools) {
  const [partner, stage, before] = ["partner", "stage", "before"].map((name) => asked.get(name) ?? "");
  tools.leave.push(watch(status("partners"), 300, ({ found }) => {
    if (!found) return;
    for (const one of found.partners) names.set(one.tenantId, one.name);
    for (const one of list.querySelectorAll("[data-partner]")) one.textContent = called(one.dataset.partner);
  }));
  const filtered = [partner && ["of partner ", el("bdi", { "data-partner": partner }, called(partner))], stage && `at stage ${stage}`, before && `with a last day before ${before}`].filter(Boolean);
  const counted = panel("Counted", { counts: [status("guests", { counts: true, partner }), 300] }, ({ counts }) => pictured(counts, { partner }), { ...tools, wide: true });
  const list = el("section", { class: "panel wide" }, el("div", { class: "head" }, el("h2", {}, "One by one")),
    filtered.length > 0 && el("p", {}, ["Those ", filtered.map((one, at) => [at > 0 && ", ", one]), ". "], link("guests", "All guests")),
    el("p", { class: "soft" }, "By opaque id: names and addresses are not shown here. Who somebody is, and why they are here: entente why ADDRESS"),
    pages((after) => status("guests", { partner, stage, endsBefore: before, top: PAGE, after }), (found) => found.guests, rows, tools),
    el("p", {}, "Who stays longer, and who is to go:"), command("guests", "extend", "GUEST", "--until", "DATE", "--reason", "WHY"),
    command("guests", "end", "GUEST", "--reason", "WHY"));
  return ["Guests", [counted, list]];
}

function rows(guests) {
  return table("Guests", ["guest", "partner", "stage", "last day", "what is known"], guests.map((one) => [
    el("code", {}, one.person), el("a", { href: to(`partners/${one.partner}`), "data-partner": one.partner, "data-key": one.person }, called(one.partner)), badge(one.stage), one.lastDay ?? "none",
    [one.why && said(`${one.why}. `), one.blockedBy && `Blocked by ${one.blockedBy}. `, one.warnings > 0 && `Warned ${number(one.warnings)} times. `,
      one.leftAlone && said(`Left alone: ${one.leftAlone}. `), one.exempt && ["Exempt until ", moment(one.exempt.until), ": ", said(one.exempt.reason), ". "],
      one.sponsors.length ? "" : "Nobody answers for them."],
  ]), "No guest is like that.");
}
