// Requests: the newest, and one with its picture, what stopped, what it waits for, and what would change.

import { el, facts, said, table } from "./dom.js";
import { pages, panel } from "./panel.js";
import { progress, transaction } from "./picture.js";
import { status } from "./reading.js";
import { badge, command, link, moment, number, plural, sum, word } from "./words.js";

const OPEN = new Set(["queued", "running", "awaiting-approval"]);
const SIGHTS = { nothing: "= as it should be", create: "+ would be created", change: "~ would be changed", remove: "- would be removed", "by hand": "* by a person's hand", refused: "! is refused" };

export const isOpen = (request) => OPEN.has(request.state);
export const stateOf = (request) => (request.paused ? badge("paused") : badge(request.state));

/** A request in a line of a table. */
function line(request) {
  return [
    link(`requests/${request.id}`, request.id), stateOf(request), [request.action, request.mode === "plan" && " (plan only)"],
    link(`partners/${request.partner.tenantId}`, request.partner.name), moment(request.received),
    sum(request.counts) ? progress(request.counts) : said(request.reason || ""),
  ];
}

export function requestsPage(asked, tools) {
  const heads = ["request", "state", "what", "partner", "received", "tasks, or why"];
  return ["Requests", [panel("The newest requests", { all: [status("partner-requests"), 20] }, ({ all }) => {
    const [open, over] = [all.requests.filter(isOpen), all.requests.filter((one) => !isOpen(one))];
    return [
      table(`Under way (${open.length})`, heads, open.map(line), "No request is under way."),
      table(`Ended (the newest ${over.length})`, heads, over.map(line), "No request has ended yet. Ask for one: entente submit FILE"),
    ];
  }, { ...tools, wide: true })]];
}

export function requestPage(asked, tools, name) {
  const of = (given) => status(`partner-requests/${name}`, given);
  const below = el("div", { class: "parts" });
  let shown = "";
  const head = panel("How far it is", { request: [of({ top: 0, steps: true }), 3] }, ({ request }) => {
    // What goes with its kind and state is read once those are known, and again when they change.
    const now = `${request.mode} ${request.state} ${request.counts?.stopped ?? 0}`;
    if (now !== shown) {
      shown = now;
      tools.release("below");
      below.replaceChildren(...details(request, of, { ...tools, leave: tools.group("below") }).filter(Boolean));
    }
    const [done, all] = [request.counts?.done ?? 0, sum(request.counts)];
    // A tenth at a time: who listens is not told of every task.
    tools.announce(`${name}: ${word(request.state)}, ${number(done)} of ${number(all)} tasks done`, `${now} ${Math.floor((10 * done) / (all || 1))}`);
    return request.state === "refused" ? refusals(request) : header(request);
  }, { ...tools, wide: true });
  return [`Request ${name}`, [head, below]];
}

function refusals(request) {
  return (request.refusals ?? []).map((why) => el("p", { class: "why" }, badge("refused"), " ", said(why)));
}

function header(request) {
  const { partner, template, approval } = request;
  return [
    el("p", { class: "sentence" }, stateOf(request), " ", said(request.state === "awaiting-approval" ? "" : request.reason)),
    request.onlyPlanned && el("p", { class: "why" }, badge("held", "only planned"), " ", said(request.onlyPlanned)),
    refusals(request),
    request.state === "awaiting-approval" && approvalOf(request),
    request.behind && el("p", {}, "It waits behind ", link(`requests/${request.behind}`, request.behind), "."),
    request.paused && command("resume", request.id),
    facts(
      ["partner", link(`partners/${partner.tenantId}`, partner.name)], ["domains", partner.domains.join(", ")],
      ["asks to", request.action], ["mode", request.mode === "plan" ? "plan: nothing is changed" : "apply"],
      ["template", `${template.name}, version ${template.version}`], ["asked for by", said(request.requestedBy)],
      ["approved by", approval.decidedBy && said(approval.decidedBy)], ["received", moment(request.received)], ["finished", moment(request.finished)],
      ["tasks", sum(request.counts) ? progress(request.counts) : "none yet"],
    ),
    request.steps?.length ? transaction(request.steps, request.state === "running" && !request.paused) : el("p", { class: "none" }, "It has no tasks yet."),
  ];
}

/** Who is waited for, and the commands that decide. */
export function approvalOf(request) {
  const { approval } = request;
  return el("div", { class: "decide" },
    el("p", {}, "Anybody with the role Approver but ", said(request.requestedBy), approval.decideBy && [" decides by ", moment(approval.decideBy)], "."),
    approval.needed?.length > 0 && el("p", {}, "Because of ", said(approval.needed.join(", ")), "."),
    command("approve", request.id), command("reject", request.id, "--reason", "WHY"));
}

function details(request, of, tools) {
  if (!request.partner) return [];
  const every = isOpen(request) ? 15 : 300;
  const part = (title, given, show) => panel(title, { found: [of({ counts: "false", top: 50, ...given }), every] }, ({ found }) => show(found), { ...tools, wide: true });
  const stopped = request.counts?.stopped > 0;
  return [
    stopped && part("Stopped, and why", { state: "stopped" }, (found) => [reasons(found.tasks, request.id, true), hint(found)]),
    request.state === "running" && part("At work, and what it waits for", { state: "ready" }, (found) => [reasons(found.tasks, request.id, false), hint(found)]),
    request.mode === "plan" && el("section", { class: "panel wide" }, el("div", { class: "head" }, el("h2", {}, "What would change")),
      pages((after) => of({ counts: "false", top: 200, after }), (found) => found.tasks, plan, tools)),
    findings(request.outlook),
    everyTask(of, tools),
  ];
}

const hint = (found) => found.next && el("p", { class: "none" }, "Only the first 50 are shown; below are all.");

// Whom a reason is about: two that differ in nothing else are the same.
const IDS = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}/gi;

/** Tasks with the same reason stand together. */
function reasons(tasks, request, stopped) {
  const groups = Map.groupBy(tasks, (task) => `${task.step}\n${task.reason.replace(IDS, "")}`);
  if (!groups.size) return el("p", { class: "none" }, "Nothing at the moment.");
  return el("ul", { class: "reasons" }, [...groups.values()].map((some) => el("li", {},
    el("p", {}, badge(stopped ? "stopped" : "running", some[0].step), ` ${plural(some.length, "task")}: `, said(some[0].reason || "under way"),
      new Set(some.map((task) => task.reason)).size > 1 && ", and others alike",
      !stopped && Date.parse(some[0].next) > Date.now() && [", looked at again at ", moment(some[0].next)]),
    stopped && el("details", { "data-key": some[0].key }, el("summary", {}, "Try again"),
      some.slice(0, 10).map((task) => command("parked", "redrive", `task:${request}:${task.key}`)),
      some.length > 10 && el("p", {}, "and the others: entente parked list")))));
}

/** What a plan has found, before and after: what is the same of many stands once. */
export function plan(tasks) {
  const looked = tasks.filter((task) => task.plan);
  const groups = [...Map.groupBy(looked, (task) => `${task.step}\n${task.plan.sight}\n${changes(task)}`).values()];
  const row = (some) => [some[0].step, some.length > 1 ? plural(some.length, "subject") : subject(some[0]),
    SIGHTS[some[0].plan.sight] ?? some[0].plan.sight, difference(some[0].plan.before, some[0].plan.after) ?? said(some[0].reason)];
  const [same, others] = [groups.filter((some) => some[0].plan.sight === "nothing"), groups.filter((some) => some[0].plan.sight !== "nothing")];
  // What differs from one to the next, such as guests, is a line for their step and the others behind it.
  const steps = [...Map.groupBy(others, (some) => `${some[0].step}\n${some[0].plan.sight}`).values()];
  return [
    table("Before and after", ["step", "who or what", "would be", "before → after"], steps.map((one) => {
      const first = row(one[0]);
      return one.length === 1 ? first : [first[0], plural(one.flat().length, "subject"), first[2],
        el("details", { "data-key": `plan ${first[0]} ${first[2]}` }, el("summary", {}, "One by one"), one.map((some) => el("div", { class: "item" }, row(some)[1], row(some)[3])))];
    }), looked.length ? "Nothing would change." : "Nothing has been looked at yet."),
    same.length > 0 && el("p", { class: "soft" }, `${plural(same.flat().length, "thing is", "things are")} as it should be: `, [...new Set(same.flat().map((task) => task.step))].join(", "), "."),
  ];
}

const changes = (task) => JSON.stringify([task.plan.before, task.plan.after]);

function subject(task) {
  const members = Object.keys(task.members ?? {}).length;
  return said(members ? `${plural(members, "guest")} in ${task.groupName || task.group}` : task.name || task.subject);
}

/** Two states, key by key; null where nothing differs. */
export function difference(before, after) {
  const names = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])].filter((name) => text(before?.[name]) !== text(after?.[name]));
  return names.length ? el("ul", { class: "difference" }, names.map((name) => el("li", {},
    said(name), ": ", el("del", {}, said(text(before?.[name]))), " → ", el("ins", {}, said(text(after?.[name])))))) : null;
}

const text = (value) => (value === null || value === undefined ? "absent" : typeof value === "string" ? value : JSON.stringify(value));

function findings(outlook) {
  const met = outlook?.findings ?? [];
  if (!met.length) return null;
  const [told, heavy] = [met.filter((one) => one.weight === "tells"), met.filter((one) => one.weight !== "tells")];
  const listed = (caption, some) => table(caption, ["step", "weight", "what", "where it is changed"], some.map((one) => [one.step,
    badge(WEIGHTS[one.weight] ?? "planned", one.weight), [said(one.why), one.setting && [" (", said(`${one.setting}: ${one.value}`), ")"]], said(one.where)]), "Nothing that refuses or warns.");
  return el("section", { class: "panel wide" }, el("div", { class: "head" }, el("h2", {}, "What it meets in the tenant")), listed("Found before the first write", heavy),
    told.length > 0 && el("details", { "data-key": "told" }, el("summary", {}, `${plural(told.length, "thing")} to know`), listed("To know", told)));
}

const WEIGHTS = { refuses: "refused", warns: "held", tells: "planned" };

function everyTask(of, tools) {
  const box = el("details", { class: "panel wide", "data-key": "tasks" }, el("summary", {}, "All its tasks, one by one"));
  box.addEventListener("toggle", () => {
    if (!box.open || box.childElementCount > 1) return;
    box.append(pages((after) => of({ counts: "false", top: 100, after }), (found) => found.tasks, (tasks) => table("Tasks",
      ["step", "who or what", "state", "reason", "tries", "seconds"],
      tasks.map((task) => [task.step, subject(task), badge(task.state), said(task.reason), number(task.attempts), task.seconds === null ? "" : task.seconds.toFixed(1)]),
      "It has no tasks yet."), tools));
  });
  return box;
}
