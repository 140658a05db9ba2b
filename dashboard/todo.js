// What needs a person, each with the command that acts.

import { el, facts, said } from "./dom.js";
import { pages, panel } from "./panel.js";
import { status } from "./reading.js";
import { approvalOf, difference } from "./requests.js";
import { badge, command, link, moment, number, plural } from "./words.js";

const PAGE = 50;
const KINDS = {
  task: ["Stopped tasks", "Somebody looks at the reason, mends it, and has it tried again."],
  "by hand": ["To be done by hand", "The platform has no way for an app. Do as it says; it is found by reading, or said to be done by:"],
  refused: ["Refused", "Nothing was done. Send what is right under another id; the note goes by:"],
  message: ["Messages that nobody could finish", "Somebody looks at the reason and has it tried again."],
  "unknown-guest": ["Guests of no known partner", "They are never deleted. Once their partner is on record, they are looked at again by:"],
  seen: ["To be known", "Others did this. The note goes by:"],
};
const MOVES = { warn: "would be warned", block: "would be blocked", delete: "would be deleted", restore: "would be restored", report: "only reported", keep: "kept" };

export const sources = {
  parked: [status("parked"), 30], requests: [status("partner-requests"), 20], runs: [status("cleanup-runs"), 60], drift: [status("drift"), 60],
};
export const held = (runs) => runs.filter((run) => run.state === "held" || (run.state === "canary" && run.canaryUntil));
export const approvals = (requests) => requests.filter((one) => one.state === "awaiting-approval");

export function todoPage(asked, tools) {
  const wide = { ...tools, wide: true };
  const nothing = (words) => el("p", { class: "none" }, words);
  return ["Needs a person", [
    panel("Approvals", { requests: sources.requests }, ({ requests }) => {
      const some = approvals(requests.requests);
      return short(some, (one) => el("article", { class: "item" }, el("h3", {}, link(`requests/${one.id}`, one.id)),
        el("p", {}, badge("awaiting-approval"), ` ${one.action} `, link(`partners/${one.partner.tenantId}`, one.partner.name)), approvalOf(one)), "approvals", "No request waits for a decision.");
    }, wide),
    panel("Clean-up runs that are held", { runs: sources.runs }, ({ runs }) => {
      const some = held(runs.runs);
      return some.length ? some.map((run) => el("article", { class: "item" }, el("h3", {}, link(`cleanup/${run.id}`, run.id)), runCard(run))) : nothing("The brake holds no run.");
    }, wide),
    panel("Drift to decide", { drift: sources.drift }, ({ drift }) => short(drift.drift, (one) => driftCard(one), "drift", "Nobody has changed what requests made true."), wide),
    panel("Parked", { parked: sources.parked }, ({ parked }) => {
      const kinds = Map.groupBy(parked.parked, (one) => one.kind);
      const known = [...Object.keys(KINDS).filter((kind) => kinds.has(kind)), ...[...kinds.keys()].filter((kind) => !(kind in KINDS))];
      return known.length ? known.map((kind) => group(kind, kinds.get(kind))) : nothing("Nothing is parked.");
    }, wide),
  ]];
}

/** The first of many, the others behind a button each time. */
function short(items, card, key, none) {
  if (!items.length) return el("p", { class: "none" }, none);
  const list = el("div", {}, items.slice(0, PAGE).map(card));
  if (items.length <= PAGE) return list;
  const more = el("button", { type: "button", "data-key": `more ${key}` }, `${PAGE} more of ${number(items.length)}`);
  more.addEventListener("click", () => {
    list.append(...items.slice(list.childElementCount, list.childElementCount + PAGE).map(card));
    more.hidden = list.childElementCount >= items.length;
  });
  return [list, more];
}

function group(kind, items) {
  const [title, advice] = KINDS[kind] ?? [kind, "It is tried again by:"];
  return el("section", { "aria-label": title }, el("h3", {}, `${title} (${number(items.length)})`), el("p", { class: "soft" }, advice),
    short(items, (one) => el("article", { class: "item" },
      el("p", {}, badge(kind === "task" || kind === "refused" || kind === "message" ? "stopped" : "held", one.step || title),
        one.request && [" of ", link(`requests/${one.request}`, one.request)], " since ", moment(one.since)),
      el("p", { class: "why" }, said(one.reason)), command("parked", "redrive", one.id)), kind, ""));
}

/** One thing that others have changed. */
export function driftCard(one, ofPartner = false) {
  const users = Object.values(one.users ?? {});
  return el("article", { class: "item" },
    el("p", {}, badge(one.state), ` ${one.step} `, one.group && said(`of ${one.group}`), !ofPartner && [" of ", link(`partners/${one.tenantId}`, one.partner)], " since ", moment(one.since)),
    difference(one.before, one.after),
    facts(["why", one.said && said(one.said)], ["by", one.by && said(one.by)], ["guests", users.length > 0 && users.join(", ")],
      ["made true by", one.request && link(`requests/${one.request}`, one.request)], ["put back by", one.repair && link(`requests/${one.repair}`, one.repair)]),
    one.state === "open" || one.state === "waits" ? [command("drift", "--put-back", one.id), command("drift", "--accept", one.id)] : null);
}

/** A clean-up run: what it came to, why it is held, and who may let it go. */
export function runCard(run) {
  const { counts } = run;
  const would = Object.entries(MOVES).filter(([move]) => counts[move]).map(([move, words]) => `${number(counts[move])} ${words}`);
  return [
    el("p", {}, badge(run.state), run.reportOnly && " only reports,", " started ", moment(run.started), " by ", said(run.startedBy)),
    el("ul", { class: "faults" }, run.held.map((why) => el("li", {}, badge("held", "held"), " ", said(why)))),
    facts(
      ["guests in the directory", number(counts.directory)], ["on no record", number(counts.unknown)], ["would be touched", counts.touched !== undefined && number(counts.touched)],
      ["what would become of them", would.join(", ") || "nobody would be touched"], ["properties never seen before", run.strange.join(", ")],
      ["guests who go first", run.canary > 0 && number(run.canary)], ["the others from", moment(run.canaryUntil)],
      ["decided by", run.decidedBy && said(run.decidedBy)], ["reason", run.reason && said(run.reason)], ["finished", moment(run.finished)],
    ),
    run.notes.length > 0 && el("details", { "data-key": `notes ${run.id}` }, el("summary", {}, plural(run.notes.length, "note")), el("ul", {}, run.notes.map((note) => el("li", {}, said(note))))),
    run.state === "held" && [command("cleanup", "show", run.id), command("cleanup", "release", run.id, "--reason", "WHY")],
    (run.state === "held" || run.state === "canary") && command("cleanup", "reject", run.id, "--reason", "WHY"),
  ];
}

export function cleanupPage(asked, tools, name) {
  const move = asked.get("move") ?? "";
  const first = panel("What it came to", { run: [status(`cleanup-runs/${name}`, { move: "keep", kind: "member" }), 60] }, ({ run }) => [
    runCard(run),
    run.requests.length > 0 && el("p", {}, "What became of them: ", run.requests.map((one) => [link(`requests/${one}`, one), " "])),
  ], { ...tools, wide: true });
  const evidence = el("section", { class: "panel wide" }, el("div", { class: "head" }, el("h2", {}, "Whom it names, and the evidence")),
    pages((after) => status(`cleanup-runs/${name}`, { after, move }), (found) => found.guests, (guests) => guests.length
      ? el("ul", { class: "reasons" }, guests.map((one) => el("li", {}, el("p", {}, badge(tones[one.would] ?? "planned", MOVES[one.would] ?? one.would), " ",
        el("code", {}, one.user || one.person), one.rule && ` by rule ${one.rule}`), el("p", {}, said(one.why)), el("p", { class: "soft" }, said(one.evidence)),
        one.suspicions.map((more) => el("p", { class: "soft" }, said(more))))))
      : el("p", { class: "none" }, "No rule applies to any guest."), tools));
  return [`Clean-up run ${name}`, [first, evidence]];
}

const tones = { warn: "held", block: "stopped", delete: "stopped", restore: "done" };
