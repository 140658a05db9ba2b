// A part of a page that shows what is read, says when it was read, and says so when it could not be.

import { el, refill, sentence } from "./dom.js";
import { once, watch } from "./reading.js";

/**
 * A titled part. `needs` maps names to [address, seconds between readings]; `show(found)` gives its nodes once the first of them is there,
 * with what is not read yet undefined. `leave` collects what stops the reading when the page is left.
 */
export function panel(title, needs, show, { leave, wide = false, fixed = null }) {
  const body = el("div", { class: "body", "aria-busy": "true" }, el("p", { class: "none" }, "Reading …"));
  const note = el("p", { class: "note", hidden: true });
  const asOf = el("span", { class: "as-of" });
  const box = el("section", { class: wide ? "panel wide" : "panel", "aria-label": title }, el("div", { class: "head" }, el("h2", {}, title), asOf), note, fixed ?? [], body);
  const found = {}, troubles = {};
  const [first] = Object.keys(needs);
  for (const [name, [path, seconds]] of Object.entries(needs)) {
    let text;
    leave.push(watch(path, seconds, (reading) => {
      troubles[name] = reading.trouble;
      tell();
      if (reading.at === undefined) return;
      if (name === first) asOf.textContent = `as of ${new Date(reading.at).toTimeString().slice(0, 8)}`;
      if (reading.text === text) return;
      text = reading.text;
      found[name] = reading.found;
      if (found[first] === undefined) return;
      body.removeAttribute("aria-busy");
      refill(body, [show(found)]);
    }));
  }

  function tell() {
    const met = Object.values(troubles).find(Boolean);
    note.hidden = !met;
    if (!met) return;
    const words = sentence(met.said);
    note.textContent = found[first] === undefined ? words : `${words} What is shown was read before.`;
    if (found[first] !== undefined) return;
    body.removeAttribute("aria-busy");
    body.replaceChildren();
  }

  return box;
}

/** The same without title and frame, for a line among others. */
export function inline(needs, show, { leave }) {
  const body = el("div", {});
  const [[name, [path, seconds]]] = Object.entries(needs);
  leave.push(watch(path, seconds, (reading) => reading.found && refill(body, [show({ [name]: reading.found })])));
  return body;
}

/** A list that is read a page at a time, each by the cursor of the page before. `address(cursor)` says where; `show(all)` gives its nodes. */
export function pages(address, rows, show, { leave }) {
  const list = el("div", { "aria-busy": "true" });
  const more = el("button", { type: "button", "data-key": "more" }, "More");
  const note = el("p", { class: "none", role: "status" }, "Reading …");
  const box = el("div", {}, list, note, el("p", {}, more));
  let all = [], cursor = "", left = false;
  leave.push(() => { left = true; });

  async function next() {
    more.hidden = true;
    note.textContent = "Reading …";
    try {
      const found = await once(address(cursor));
      if (left) return;
      all = all.concat(rows(found));
      cursor = found.next;
      list.removeAttribute("aria-busy");
      refill(list, [show(all)]);
      note.textContent = cursor ? `${all.length} are shown, and there may be more.` : "";
      more.textContent = "More";
      more.hidden = !cursor;
    } catch (error) {
      if (left) return;
      list.removeAttribute("aria-busy");
      note.textContent = sentence(error.said ?? "The app cannot be reached");
      more.textContent = "Try again";
      more.hidden = false;
    }
  }

  more.addEventListener("click", next);
  next();
  return box;
}
