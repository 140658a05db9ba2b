// Elements out of data. Whatever comes from outside becomes text: nothing here, and nothing anywhere else, makes HTML of it.

// Control and format characters would let text hide or reorder what stands around it; the command replaces the same ones.
const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu;
const SVG = "http://www.w3.org/2000/svg";

/** The value as text that is shown and not obeyed. */
export const safe = (value) => String(value ?? "").replace(HIDDEN, "\uFFFD");

/** What somebody else says, as a sentence among ours. */
export function sentence(words) {
  const whole = safe(words).trim();
  return `${whole.slice(0, 1).toUpperCase()}${whole.slice(1)}${/[.!?…]$/.test(whole) ? "" : "."}`;
}

/** An element; `given` are attributes, `on` its listeners. Children that are no nodes become text, and what is null or false is left out. */
export function el(name, given = {}, ...children) {
  return filled(document.createElement(name), given, children);
}

/** The same for a drawing. */
export function svg(name, given = {}, ...children) {
  return filled(document.createElementNS(SVG, name), given, children);
}

function filled(node, { on = {}, ...given }, children) {
  for (const [name, value] of Object.entries(given)) {
    if (value === null || value === undefined || value === false) continue;
    // Leads to places of this page and to the sign-in, whatever the data say.
    if (name === "href" && !/^(#|\/\.auth\/)/.test(value)) throw new TypeError("a link leads out of the page");
    node.setAttribute(name, value === true ? "" : safe(value));
  }
  for (const [event, told] of Object.entries(on)) node.addEventListener(event, told);
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false).map(asNode));
  return node;
}

const asNode = (child) => (child instanceof Node ? child : document.createTextNode(safe(child)));

/** What people have written, kept apart from what stands around it, in whichever direction it is read. */
export const said = (value) => el("bdi", {}, value);

/** `box` holds these nodes, and what was focused or open in it still is: both are known by `data-key`. */
export function refill(box, nodes) {
  const focused = box.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  const keyed = (kind) => [...box.querySelectorAll(`${kind}[data-key]`)];
  const open = new Map(keyed("details").map((one) => [one.dataset.key, one.open]));
  box.replaceChildren(...nodes.flat(Infinity).filter(Boolean));
  for (const one of keyed("details")) one.open = open.get(one.dataset.key) ?? one.open;
  if (focused !== undefined) keyed("").find((one) => one.dataset.key === focused)?.focus({ preventScroll: true });
}

/** A table that a narrow screen shows as cards; each cell is a node, a text or an array of them. `rows` may be empty: then it says `none`. */
export function table(caption, heads, rows, none) {
  if (!rows.length) return el("p", { class: "none" }, none);
  // The roles are said because a table that is laid out otherwise is no table any more to who listens.
  const cells = (row) => row.map((cell, at) => (at
    ? el("td", { role: "cell", "data-head": heads[at] }, cell) : el("th", { scope: "row", role: "rowheader", "data-head": heads[at] }, cell)));
  return el("table", { role: "table" },
    el("caption", {}, caption),
    el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, heads.map((head) => el("th", { scope: "col", role: "columnheader" }, head)))),
    el("tbody", { role: "rowgroup" }, rows.map((row) => el("tr", { role: "row" }, cells(row)))));
}

/** Facts, a word and what it is; those that are empty are left out. */
export function facts(...pairs) {
  const told = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "" && value !== false);
  return el("dl", { class: "facts" }, told.map(([word, value]) => el("div", {}, el("dt", {}, word), el("dd", {}, value))));
}
