// Making elements, and changing those that are there into others. Text only ever becomes text: nothing here reads
// markup, and an address that is neither a path of the page's own nor http becomes no link.

/** @typedef {Node | string | number | false | null | undefined} Child */
/** @typedef {Record<string, string | number | boolean | undefined>} Attributes */

/** What would turn the text around it, or cannot be seen. */
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/**
 * An element: its name and classes, then its attributes, if it has any, and what is in it.
 *
 * @param {string} name such as `p.faint`
 * @param {...(Attributes | Child | Child[])} parts
 */
export function el(name, ...parts) {
  const [tag, ...classes] = name.split(".");
  return fill(document.createElement(tag), classes, parts);
}

/**
 * An element of a drawing.
 *
 * @param {string} name
 * @param {...(Attributes | Child | Child[])} parts
 */
export function svg(name, ...parts) {
  const [tag, ...classes] = name.split(".");
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), classes, parts);
}

/**
 * @template {Element} E
 * @param {E} element
 * @param {string[]} classes
 * @param {(Attributes | Child | Child[])[]} parts
 */
function fill(element, classes, parts) {
  element.classList.add(...classes);
  for (const part of parts.flat()) {
    if (part === false || part === null || part === undefined) continue;
    if (part instanceof Node) element.append(part);
    else if (typeof part === "object") {
      for (const [name, value] of Object.entries(part)) {
        if (value === undefined || value === false) continue;
        if (name === "href" && !/^(\/(?!\/)|#|https?:\/\/)/.test(String(value))) continue;
        element.setAttribute(name, value === true ? "" : String(value));
      }
    } else element.append(String(part).replace(UNSEEN, "\ufffd"));
  }
  return element;
}

/**
 * A stranger's text: whatever its direction, what stands around it keeps its own.
 *
 * @param {string | number | undefined} text
 */
export const bdi = (text) => el("bdi", text);

/**
 * A text of ours, with names and commands between backticks.
 *
 * @param {string} text
 */
export const rich = (text) =>
  el(
    "bdi",
    text.split("`").map((part, index) => (index % 2 === 1 ? el("code", part) : part)),
  );

/**
 * A link to elsewhere; only its text where it leads to nowhere that a browser should go.
 *
 * @param {string} url
 * @param {...Child} children
 */
export function out(url, ...children) {
  const good = /^https?:\/\//.test(url);
  if (!good) return el("span", ...children);
  return el(
    "a",
    { href: url, rel: "noopener noreferrer", target: "_blank", class: "out" },
    ...children,
    el("span.unseen", " (opens a new tab)"),
  );
}

/** The drawings, each of 16 by 16. @type {Record<string, string>} */
const ICONS = {
  check: "M3.5 8.5l3 3 6-7",
  cross: "M4.5 4.5l7 7m0-7l-7 7",
  clock: "M8 4.5V8l2.5 1.5M14 8A6 6 0 112 8a6 6 0 0112 0z",
  send: "M2.5 8h10m-4-4l4 4-4 4",
  build: "M13.5 8A5.5 5.5 0 118 2.500M8 2.500a5.500 5.500 0 013.900 1.600M12 1.500v2.800H9.200",
  question: "M5.500 6a2.500 2.500 0 113.600 2.200C8.400 8.600 8 9 8 9.800M8 12.400v.1",
  pause: "M5.500 4v8m5-8v8",
  none: "M4 8h8",
  warn: "M8 2.500l6 11H2l6-11zM8 6.500v3.200m0 1.800v.1",
  in: "M8 2.500v8m-3.500-3.500L8 10.500 11.500 7M3 13.500h10",
  copy: "M5.500 5.500v-3h8v8h-3M2.500 5.500h8v8h-8z",
  search: "M11.500 7a4.500 4.500 0 11-9 0 4.500 4.500 0 019 0zM10.300 10.300l3.200 3.200",
  left: "M9.500 3.500L5 8l4.500 4.500",
  up: "M8 13V3.500M4 7.500l4-4 4 4",
};

/**
 * A symbol; the word for it stands beside it.
 *
 * @param {string} name
 */
export const icon = (name) =>
  svg(
    `svg.icon.icon-${name}`,
    { viewBox: "0 0 16 16", "aria-hidden": "true", focusable: "false" },
    svg("path", { d: ICONS[name] ?? ICONS.none }),
  );

/** What tells an element from its neighbors. @param {Node} node */
const key = (node) => (node instanceof Element ? node.getAttribute("data-key") : null);

/** @param {Node} one @param {Node} other */
const alike = (one, other) => one.nodeName === other.nodeName && key(one) === key(other);

/**
 * Changes an element into another, and keeps what is the same: what has the focus keeps it, what is selected stays so,
 * and what was opened is open.
 *
 * @param {Element} from
 * @param {Element} to
 * @returns {Element} the one that is in the page
 */
export function morph(from, to) {
  if (!alike(from, to)) {
    from.replaceWith(to);
    return to;
  }
  for (const { name } of [...from.attributes]) {
    if (!to.hasAttribute(name) && !OWN.has(name)) from.removeAttribute(name);
  }
  for (const { name, value } of to.attributes) {
    if (from.getAttribute(name) !== value && !OWN.has(name)) from.setAttribute(name, value);
  }
  // Fields are their user's.
  if (!to.hasAttribute("data-keep")) children(from, to);
  return from;
}

/** Attributes that the reader changes. */
const OWN = new Set(["open", "aria-busy", "aria-disabled"]);

/** @param {Element} from @param {Element} to */
function children(from, to) {
  /** @type {Map<string, Element>} */
  const known = new Map();
  const wanted = new Set([...to.children].map(key));
  for (const child of [...from.children]) {
    const name = key(child);
    if (name === null) continue;
    if (wanted.has(name)) known.set(name, child);
    else child.remove();
  }
  let at = from.firstChild;
  for (const next of [...to.childNodes]) {
    const name = key(next);
    const old = name === null ? at : known.get(name);
    if (!old || !alike(old, next)) {
      from.insertBefore(next, at);
      continue;
    }
    if (old === at) at = at.nextSibling;
    else from.insertBefore(old, at);
    if (old instanceof Element && next instanceof Element) morph(old, next);
    else if (old.nodeValue !== next.nodeValue) old.nodeValue = next.nodeValue;
  }
  while (at) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
}
