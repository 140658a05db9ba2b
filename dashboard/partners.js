// Partners: all of them, and one with its requests, what is set for it, what others changed, and what would change.

import { el, facts, refill, said, table } from "./dom.js";
import { panel } from "./panel.js";
import { bar, inWords, progress } from "./picture.js";
import { status } from "./reading.js";
import { plan, stateOf } from "./requests.js";
import { driftCard } from "./todo.js";
import { badge, command, link, moment, number, plural, sum, to } from "./words.js";

const PAGE = 100;
const LEFT = ["deleted", "gone"];

/** Where a partner stands, in one word that a badge has. */
export function standing(partner) {
  const last = partner.latestRequest;
  if (partner.blocked) return "blocked";
  if (last?.paused && partner.open) return "paused";
  if (partner.open && last?.state === "awaiting-approval") return "awaiting-approval";
  if (partner.running) return "running";
  if (partner.open) return "queued";
  if (last?.state === "stopped") return "stopped";
  if (last?.action === "offboard" && last.state === "done") return "left";
  return "settled";
}

export const here = (counts) => sum(counts?.stages) - LEFT.reduce((all, stage) => all + (counts?.stages[stage] ?? 0), 0);

export function partnersPage(asked, tools) {
  const find = el("input", { type: "search", id: "find", value: asked.get("find") ?? "", placeholder: "name, domain or tenant", autocomplete: "off" });
  const which = el("select", { id: "which" }, ["", "blocked", "running", "queued", "awaiting-approval", "paused", "stopped", "settled", "left"].map((one) =>
    el("option", { value: one, selected: one === (asked.get("state") ?? "") }, one || "any state")));
  const list = el("div", {});
  const told = el("p", { role: "status", class: "none" });
  const more = el("button", { type: "button", "data-key": "more" }, `${PAGE} more`);
  more.hidden = true;
  let known = {}, shown = PAGE;

  function draw() {
    const words = find.value.trim().toLowerCase();
    const matching = (known.partners?.partners ?? []).filter((one) => (!which.value || standing(one) === which.value)
      && [one.name, one.tenantId, ...one.domains].some((text) => text.toLowerCase().includes(words)));
    refill(list, [table("Partners", ["partner", "state", "running request", "guests", "drift", "template"], matching.slice(0, shown).map(row),
      words || which.value ? "No partner is like that." : "There is no partner yet. Plan the first one: entente plan FILE")]);
    told.textContent = `${plural(matching.length, "partner")}${matching.length > shown ? `, the first ${shown} shown` : ""}.`;
    more.hidden = matching.length <= shown;
    history.replaceState(null, "", to("partners", { find: find.value.trim(), state: which.value }));
  }

  function row(one) {
    const counts = known.guests?.partners[one.tenantId];
    const drift = (known.drift?.drift ?? []).filter((each) => each.tenantId === one.tenantId).length;
    const mode = one.latestRequest?.mode;
    return [
      [link(`partners/${one.tenantId}`, one.name), el("span", { class: "soft" }, one.domains.join(", "))],
      badge(standing(one)),
      one.running ? link(`requests/${one.running}`, one.running) : "none",
      known.guests ? [number(here(counts)), counts?.stages.blocked && el("span", { class: "soft" }, `${number(counts.stages.blocked)} blocked`)] : "…",
      known.drift ? (drift ? badge("open", `${number(drift)} to decide`) : "none") : "…",
      one.template ? [el("span", { class: "whole" }, `${one.template.name} ${one.template.version}`), mode && mode !== "apply" && ` (${mode})`] : "none",
    ];
  }

  find.addEventListener("input", () => { shown = PAGE; draw(); });
  which.addEventListener("change", () => { shown = PAGE; draw(); });
  more.addEventListener("click", () => { shown += PAGE; draw(); });
  const needs = { partners: [status("partners"), 60], drift: [status("drift"), 60], guests: [status("guests", { counts: true }), 300] };
  return ["Partners", [panel("On record", needs, (found) => {
    known = found;
    queueMicrotask(draw);
    return null;
  }, { ...tools, wide: true, fixed: [
    el("div", { class: "filters" }, el("label", { for: "find" }, "Find ", find), el("label", { for: "which" }, "State ", which)), told, list, el("p", {}, more),
  ] })]];
}

export function partnerPage(asked, tools, tenant) {
  const needs = { partner: [status(`partners/${tenant}`), 60] };
  const planned = el("div", { class: "parts" });
  let planShown = "";
  const main = panel("On record", needs, ({ partner }) => {
    tools.name(partner.name);
    const newest = partner.history?.find((one) => one.mode === "plan");
    if (newest && newest.id !== planShown) {
      planShown = newest.id;
      tools.release("plan");
      planned.replaceChildren(planPanel(newest, { ...tools, leave: tools.group("plan") }));
    }
    return record(partner);
  }, { ...tools, wide: true });
  const drift = panel("Changed by others since", { found: [status("drift", { partner: tenant }), 60] }, ({ found }) =>
    found.drift.length ? found.drift.map((one) => driftCard(one, true)) : el("p", { class: "none" }, "Nothing that somebody has to decide."), { ...tools, wide: true });
  const guests = panel("Guests", { found: [status("guests", { counts: true, partner: tenant }), 300] }, ({ found }) => guestsOf(found.partners[tenant], tenant), { ...tools, wide: true });
  return ["Partner", [main, drift, planned, guests]];
}

function record(partner) {
  return [
    el("p", { class: "sentence" }, badge(standing(partner)), partner.blockedBy && [" by ", link(`requests/${partner.blockedBy}`, partner.blockedBy)]),
    facts(
      ["tenant", partner.tenantId], ["domains", partner.domains.join(", ")],
      ["template", partner.template && `${partner.template.name}, version ${partner.template.version}`],
      ["running", partner.running && link(`requests/${partner.running}`, partner.running)],
      ["open requests", number(partner.open)],
    ),
    el("h3", {}, "Requests"),
    table("Its requests, the newest first", ["request", "state", "what", "received", "tasks, or why"], (partner.history ?? []).map((one) => [
      link(`requests/${one.id}`, one.id), stateOf(one), [one.action, one.mode === "plan" && " (plan only)"], moment(one.received),
      sum(one.counts) ? progress(one.counts) : said(one.reason),
    ]), "No request was about it."),
    el("h3", {}, "What is set for it"),
    table("What requests have made true", ["step", "name", "how it is", "by request", "since"], partner.set.map((one) =>
      [one.step, said(one.name), said(one.reason), link(`requests/${one.request}`, one.request), moment(one.since)]), "Nothing is set for it."),
    el("p", { class: "soft" }, "This is what requests have made true, not a reading of the tenant."),
    el("details", { "data-key": "act" }, el("summary", {}, "Commands for this partner"),
      command("partners", "show", partner.tenantId), command("drift", partner.tenantId), command("journal", partner.tenantId, "--verify"),
      partner.blocked ? command("release", partner.tenantId, "--reason", "WHY") : command("block", partner.tenantId, "--reason", "WHY"),
      command("offboard", partner.tenantId)),
  ];
}

function planPanel(newest, tools) {
  return panel("What would change, by the newest plan", { found: [status(`partner-requests/${newest.id}`, { counts: "false", top: 200 }), 120] }, ({ found }) => [
    el("p", {}, "As of ", moment(newest.received), ", by plan ", link(`requests/${newest.id}`, newest.id), "."),
    plan(found.tasks),
    found.next && el("p", { class: "none" }, "Only the first 200 tasks are shown; the plan has all."),
  ], { ...tools, wide: true });
}

function guestsOf(counts, tenant) {
  if (!counts) return el("p", { class: "none" }, "It has no guests on record.");
  return [
    el("div", { class: "progress" }, bar(counts.stages), el("span", {}, inWords(counts.stages))),
    facts(["their last day is over", counts.over && number(counts.over)], ["last day within 60 days", number(sum(counts.days))], ["later", number(counts.later)], ["no last day", number(counts.never)]),
    el("p", {}, el("a", { href: to("guests", { partner: tenant }), "data-key": "list" }, "List its guests")),
  ];
}
