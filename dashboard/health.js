// Is it alive: what it needs, what it lacks, and whether it still hears of changes.

import { el, facts, said, table } from "./dom.js";
import { panel } from "./panel.js";
import { status } from "./reading.js";
import { badge, command, link, moment, number, seconds } from "./words.js";

const CHECKS = {
  tables: ["The tables answer", "The tables do not answer"],
  permissions: ["Every permission that templates need is there", "Permissions are missing"],
  listening: ["It hears of changes", "It does not hear of changes as it should"],
};

/** The whole in one sentence, with a sign. */
function verdict(health) {
  if (health.status === "ok") return [badge("ok", "Well"), " It works, and hears of changes."];
  const wrong = Object.entries(health.checks ?? {}).filter(([, well]) => !well).map(([name]) => CHECKS[name]?.[1] ?? name);
  return [badge("degraded", "Something is wrong"), ` ${wrong.join(". ")}.`];
}

/** What becomes of requests now. */
export function mode(health) {
  if (health.mode === "apply") return "requests are carried out";
  if (health.mode === "report-only") return "requests are only planned";
  return "requests are carried out, some of their steps are only planned";
}

const lag = (health) => {
  const rounds = Object.values(health.listening?.delta ?? {});
  return rounds.length ? Math.max(...rounds.map((one) => one.lagSeconds)) : null;
};

/** Health in a few lines. */
export function brief(health) {
  const heard = health.listening ?? {};
  return [
    el("p", { class: "sentence" }, verdict(health)),
    facts(
      ["mode", mode(health)],
      ["last event", heard.lastEvent ? moment(heard.lastEvent) : "none yet"],
      ["delay of changes", seconds(heard.delaySeconds)],
      ["behind by", lag(health) === null ? "not known" : `${seconds(lag(health))} (delta queries)`],
      ["permissions", lacks(health)],
    ),
  ];
}

function lacks(health) {
  const missing = health.missingPermissions;
  if (!Array.isArray(missing)) return [badge("degraded", "not known")];
  return missing.length ? [badge("degraded", `${missing.length} missing`), " ", missing.join(", ")] : "all there";
}

export function healthPage(asked, tools) {
  return ["Health", [panel("Is it well?", { health: [status("health"), 20] }, ({ health }) => whole(health), { ...tools, wide: true })]];
}

function whole(health) {
  const heard = health.listening;
  const held = Object.entries(health.reportOnly ?? {});
  return [
    brief(health),
    el("h3", {}, "What it needs"),
    table("Checks", ["check", "state"], Object.entries(health.checks ?? {}).map(([name, well]) =>
      [CHECKS[name]?.[well ? 0 : 1] ?? name, badge(well ? "ok" : "failed")]), "Nothing was checked."),
    held.length > 0 && [
      el("h3", {}, "Only planned, for want of permissions"),
      table("What is only planned", ["what", "lacks"], held.map(([what, names]) => [what, names.join(", ")]), ""),
      command("permissions", "plan"),
    ],
    heard && [
      el("h3", {}, "Hearing of changes"),
      el("p", {}, "Notifications: ", said(heard.notifications), "."),
      heard.faults?.length > 0 && el("ul", { class: "faults" }, heard.faults.map((one) => el("li", {}, badge("failed", one)))),
      table("Subscriptions", ["of", "good until"], Object.entries(heard.subscriptions ?? {}).map(([of, one]) =>
        [of, one.expires ? moment(one.expires) : badge("failed", "none")]), "There are no subscriptions."),
      table("Synthetic changes that measure the delay", ["of", "sent", "heard", "delay"], Object.entries(heard.canary ?? {}).map(([of, one]) =>
        [of, moment(one.sent), one.heard ? moment(one.heard) : badge("waiting", "not yet"), seconds(one.delaySeconds)]), "None has been sent yet."),
      table("Delta queries", ["of", "known up to", "behind by"], Object.entries(heard.delta ?? {}).map(([of, one]) =>
        [of, moment(one.known), seconds(one.lagSeconds)]), "None has run yet."),
      table("Counted since it began", ["what", "how often"], Object.entries(heard.counts ?? {}).map(([what, count]) => [what, number(count)]), "Nothing yet."),
    ],
    facts(["heads of the journal's seals are exported", health.sealExport], ["version", health.version]),
    el("p", {}, "The same at the command line:"),
    command("health"),
    el("p", {}, link("", "Back to now")),
  ];
}
