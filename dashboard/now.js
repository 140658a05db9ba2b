// The first page: is it alive, what needs a person, what is under way.

import { el, said } from "./dom.js";
import { pictured } from "./guests.js";
import { brief } from "./health.js";
import { inline, panel } from "./panel.js";
import { bar, progress } from "./picture.js";
import { standing } from "./partners.js";
import { status } from "./reading.js";
import { isOpen, stateOf } from "./requests.js";
import { approvals, held, sources } from "./todo.js";
import { badge, link, moment, number, sum, to } from "./words.js";

const FEW = 6;

export function nowPage(asked, tools) {
  return ["Now", [
    panel("Is it well?", { health: [status("health"), 20] }, ({ health }) => [brief(health), el("p", {}, link("health", "All that it says of its health"))], tools),
    panel("Needs a person", sources, (found) => needs(found), tools),
    panel("Under way", { all: sources.requests }, ({ all }) => underWay(all.requests, tools), tools),
    panel("Partners", { partners: [status("partners"), 60] }, ({ partners }) => partnersIn(partners.partners), tools),
    panel("Guests", { counts: [status("guests", { counts: true }), 300] }, ({ counts }) => pictured(counts, {}, 30), tools),
    panel("Ended lately", { all: sources.requests }, ({ all }) => ended(all.requests), tools),
  ]];
}

/** How many things of each kind wait, by name. */
export function waiting({ parked, requests, runs, drift }) {
  const kinds = Map.groupBy(parked?.parked ?? [], (one) => one.kind);
  const count = (kind) => kinds.get(kind)?.length ?? 0;
  const others = (parked?.parked ?? []).length - count("task") - count("by hand") - count("unknown-guest") - count("seen");
  return [
    ["stopped tasks", count("task"), "stopped"], ["refused or unread", others, "stopped"], ["to be done by hand", count("by hand"), "held"],
    ["approvals", requests ? approvals(requests.requests).length : 0, "awaiting-approval"], ["held clean-up runs", runs ? held(runs.runs).length : 0, "held"],
    ["drift to decide", drift ? drift.drift.filter((one) => one.state !== "putting-back").length : 0, "open"],
    ["guests of no known partner", count("unknown-guest"), "held"], ["to be known", count("seen"), "planned"],
  ];
}

function needs(found) {
  const some = waiting(found).filter(([, count]) => count);
  const unread = Object.keys(sources).filter((name) => !found[name]);
  return [
    some.length ? el("ul", { class: "counts" }, some.map(([words, count, state]) => el("li", {}, badge(state, number(count)), " ", words))) : el("p", { class: "sentence" }, badge("ok", "Nothing"), " waits for anybody."),
    unread.length > 0 && el("p", { class: "none" }, `Not read yet: ${unread.join(", ")}.`),
    some.length > 0 && el("p", {}, link("todo", "What to do about each")),
  ];
}

function underWay(requests, tools) {
  const open = requests.filter(isOpen);
  if (!open.length) return el("p", { class: "none" }, "No request is under way.");
  // How far each is costs a reading of its own, so only the first few tell.
  tools.release("running");
  const live = { ...tools, leave: tools.group("running") };
  return [
    open.slice(0, FEW).map((one) => el("article", { class: "item" },
      el("p", {}, stateOf(one), " ", link(`requests/${one.id}`, one.id), ` ${one.action} `, link(`partners/${one.partner.tenantId}`, one.partner.name)),
      one.state === "running" && inline({ found: [status(`partner-requests/${one.id}`, { top: 0 }), 10] }, ({ found }) => progress(found.counts ?? {}), live))),
    open.length > FEW && el("p", {}, link("requests", `and ${number(open.length - FEW)} more`)),
  ];
}

function ended(requests) {
  const some = requests.filter((one) => !isOpen(one)).slice(0, FEW - 2);
  if (!some.length) return el("p", { class: "none" }, "No request has ended yet.");
  return some.map((one) => el("article", { class: "item" },
    el("p", {}, stateOf(one), " ", link(`requests/${one.id}`, one.id), " ", link(`partners/${one.partner.tenantId}`, one.partner.name), " ", moment(one.finished)),
    sum(one.counts) > 0 ? progress(one.counts) : one.reason && el("p", { class: "soft" }, said(one.reason))));
}

function partnersIn(partners) {
  if (!partners.length) return el("p", { class: "none" }, "There is no partner yet. Plan the first one: entente plan FILE");
  const states = {};
  for (const one of partners) states[standing(one)] = (states[standing(one)] ?? 0) + 1;
  const order = ["blocked", "stopped", "awaiting-approval", "paused", "running", "queued", "settled", "left"].filter((state) => states[state]);
  return [
    el("p", { class: "sentence" }, `${number(partners.length)} on record`), bar(states),
    el("ul", { class: "counts" }, order.map((state) => el("li", {}, badge(state), " ", el("a", { href: to("partners", { state }), "data-key": `state ${state}` }, number(states[state]))))),
  ];
}
