// The page: which part the address names, the way between parts, and what is said when the app cannot be read.

import { el, safe, sentence } from "./dom.js";
import { guestsPage } from "./guests.js";
import { healthPage } from "./health.js";
import { nowPage, waiting } from "./now.js";
import { partnerPage, partnersPage } from "./partners.js";
import { listen, refresh, tenant, trouble, watch } from "./reading.js";
import { requestPage, requestsPage } from "./requests.js";
import { cleanupPage, sources, todoPage } from "./todo.js";

const PAGES = { "": ["Now", nowPage], todo: ["Needs a person", todoPage], partners: ["Partners", partnersPage, partnerPage],
  requests: ["Requests", requestsPage, requestPage], guests: ["Guests", guestsPage], health: ["Health", healthPage], cleanup: ["", null, cleanupPage] };
const main = document.getElementById("main");
const banner = document.getElementById("trouble");
const groups = new Map();
let leaving = [];

/** What pages are given besides their address. */
const tools = {
  /** What is stopped together, before the page itself is left. */
  group(name) {
    groups.set(name, []);
    return groups.get(name);
  },
  release(name) {
    for (const stop of groups.get(name) ?? []) stop();
    groups.delete(name);
  },
  name(title) { titled(title); },
  /** Who listens hears these words, unless they have heard the same, by its `key`. */
  announce(words, key) {
    if (announced.dataset.key === key) return;
    announced.dataset.key = key;
    announced.textContent = safe(words);
  },
};
const announced = el("p", { class: "unseen", role: "status" });

function titled(title) {
  document.title = `${safe(title)} - Entente`;
  const head = main.querySelector("h1");
  if (head) head.textContent = safe(title);
}

function show() {
  for (const stop of leaving) stop();
  for (const name of [...groups.keys()]) tools.release(name);
  leaving = [];
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [name, ...rest] = path.split("/").map(decoded);
  const [, list, one] = PAGES[name] ?? [];
  const page = rest.join("/") ? one : list;
  const [title, parts] = page ? page(new URLSearchParams(query), { ...tools, leave: leaving }, rest.join("/")) : ["No such page", [el("p", {}, "There is no such page.")]];
  announced.textContent = "";
  delete announced.dataset.key;
  main.replaceChildren(el("h1", { tabindex: "-1" }, title), announced, el("div", { class: name ? "parts" : "parts grid" }, parts));
  titled(title);
  for (const each of document.querySelectorAll("#pages a")) {
    const here = each.dataset.page === name;
    if (here) each.setAttribute("aria-current", "page");
    else each.removeAttribute("aria-current");
  }
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** What is wrong with the whole, and what is done about it. */
function tell() {
  const met = trouble();
  const key = met ? `${met.kind} ${met.said} ${met.due}` : "";
  if (banner.dataset.key === key) return;
  banner.dataset.key = key;
  banner.replaceChildren();
  if (!met) return;
  if (met.kind === "sign-in") {
    const back = encodeURIComponent(location.pathname + location.search + location.hash);
    banner.append(el("p", {}, "Your sign-in has ended; what is shown was read before. ", el("a", { href: `/.auth/login/aad?post_login_redirect_uri=${back}` }, "Sign in again")));
    return;
  }
  const when = new Date(met.due).toTimeString().slice(0, 8);
  
  const now = el("button", { type: "button" }, "Try now");
  now.addEventListener("click", refresh);
  banner.append(el("p", {}, `${sentence(met.said)} It is tried again at ${when}. `, now));
}

function menu() {
  const badge = el("span", { class: "number", hidden: true });
  document.getElementById("pages").append(...Object.entries(PAGES).filter(([, [title]]) => title).map(([name, [title]]) =>
    el("li", {}, el("a", { href: `#/${name}`, "data-page": name }, title, name === "todo" && badge))));
  const found = {};
  for (const [name, [path, seconds]] of Object.entries(sources)) {
    watch(path, seconds * 2, (reading) => {
      found[name] = reading.found;
      const count = waiting(found).reduce((all, [, one]) => all + one, 0);
      badge.hidden = !count;
      badge.textContent = String(count);
      badge.setAttribute("aria-label", `${count} wait`);
    });
  }
}

if (tenant) {
  const said = document.getElementById("tenant");
  said.hidden = false;
  said.textContent = `Tenant ${safe(tenant)}`;
}
document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
menu();
listen(tell);
addEventListener("hashchange", () => {
  show();
  main.querySelector("h1")?.focus({ preventScroll: true });
  scrollTo(0, 0);
});
show();
