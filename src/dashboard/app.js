// The owner's page: which view an address shows, what a key or a button does, and how it follows what is stored without
// being loaded anew.

import { Trouble, ask, forget, shared } from "./api.js";
import { command, isCommand, say } from "./commands.js";
import { One } from "./delivery.js";
import { Deploys } from "./deploys.js";
import { el, icon, morph } from "./dom.js";
import { List } from "./list.js";
import { Refusals } from "./refusals.js";
import { SetUp } from "./setup.js";
import { learn, tick } from "./words.js";

const HOME = "/deliveries";
const main = /** @type {HTMLElement} */ (document.getElementById("main"));
const list = new List();
/** @type {Owner.View} */
let view = list;
/** How far down each page of the history was read. @type {Map<string, number>} */
const places = new Map();
/** The link that was followed from the list, which gets the focus back. */
let followed = "";

/** What an address shows. @param {URL} url @returns {Owner.View} */
function viewOf(url) {
  const name = url.pathname.slice(HOME.length).replace(/^\/|\/$/g, "");
  switch (name) {
    case "":
      list.open(url.searchParams);
      return list;
    case "deploys":
      return new Deploys();
    case "refusals":
      return new Refusals();
    case "setup":
      return new SetUp();
    default:
      return new One(name);
  }
}

function render() {
  const next = view.render();
  const now = main.firstElementChild;
  if (now) morph(now, next);
  else main.append(next);
  document.title = `${view.title} · Presshook`;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.getAttribute("href") === view.place) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

/** Reads what the view shows, and shows it; what is wrong is said on top of it. */
async function refresh() {
  const asked = view;
  try {
    await Promise.all([asked.load(), shared("/api/setup").then(learn)]);
    if (asked === view) trouble(undefined);
  } catch (error) {
    if (!(error instanceof Trouble)) throw error;
    if (asked === view) trouble(error);
  }
  if (asked === view) render();
}

/** @param {Trouble | undefined} error */
function trouble(error) {
  const place = document.getElementById("trouble");
  const text = error ? `${error.message}${error.status === 404 ? "" : " It is tried again by itself."}` : "";
  const known = place?.textContent ?? "";
  if (!place || known === text) return;
  place.replaceChildren(...(error ? [el("p.trouble", icon("warn"), el("span", text))] : []));
}

/** The entry of the history that is shown. */
const entry = () => history.state?.entry ?? "first";

/** @param {"first" | "next" | "again"} how it comes to be shown */
async function show(how) {
  const back = how === "again";
  const place = back ? (places.get(entry()) ?? 0) : 0;
  const asked = (view = viewOf(new URL(location.href)));
  render();
  trouble(undefined);
  scrollTo(0, place);
  const reached = scrollY;
  await refresh();
  if (asked !== view || how === "first") return;
  if (scrollY === reached) scrollTo(0, place);
  const link = back && view === list && followed && main.querySelector(`a[href="${CSS.escape(followed)}"]`);
  const start = link || main.querySelector("h1");
  if (start instanceof HTMLElement) start.focus({ preventScroll: true });
}

/** @param {string} address */
function go(address) {
  places.set(entry(), scrollY);
  history.pushState({ entry: `${Date.now()} ${history.length}` }, "", address);
  void show("next");
}

addEventListener("popstate", () => void show("again"));
addEventListener("scroll", () => places.set(entry(), scrollY), { passive: true });
history.scrollRestoration = "manual";

document.addEventListener("click", (event) => {
  const target = /** @type {Element} */ (event.target);
  const doing = target.closest("[data-do]");
  if (doing instanceof HTMLElement) return void act(doing);
  const link = target.closest("a");
  const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  if (!link || !plain || link.target || link.origin !== location.origin || !isOwn(link.pathname)) return;
  event.preventDefault();
  if (link.dataset.back && history.state?.entry && followed) return history.back();
  if (view === list) followed = link.pathname;
  go(link.href);
});

/** @param {string} path */
const isOwn = (path) => path === HOME || (path.startsWith(`${HOME}/`) && !/\.\w+$|\/leave$/.test(path));

/** @param {HTMLElement} element */
async function act(element) {
  const name = element.dataset.do ?? "";
  if (!isCommand(name)) {
    const asked = view;
    try {
      await view.act?.(name, element);
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      say(error.message, true);
    }
    if (asked === view) render();
    return;
  }
  const done = await command(element);
  if (!done) return;
  forget();
  followed = "";
  if (done.gone && view !== list) return go(HOME);
  pace = 0;
  await refresh();
}

/** @type {ReturnType<typeof setTimeout> | undefined} */
let typing;
/** How long one types before it is searched, in milliseconds. */
const PAUSE = 250;

/** @param {HTMLFormElement} form @param {boolean} typed */
function filter(form, typed) {
  clearTimeout(typing);
  const query = list.input(form);
  const address = query.size > 0 ? `${HOME}?${query}` : HOME;
  if (address === location.pathname + location.search) return;
  if (typed) history.replaceState(history.state, "", address);
  else history.pushState({ entry: `${Date.now()} ${history.length}` }, "", address);
  list.open(query);
  void refresh();
}

document.addEventListener("input", ({ target }) => {
  const form = target instanceof HTMLInputElement && target.type === "search" && target.form;
  if (!form) return;
  clearTimeout(typing);
  typing = setTimeout(() => filter(form, true), PAUSE);
});
document.addEventListener("change", ({ target }) => {
  if (target instanceof HTMLSelectElement && target.form?.dataset.live !== undefined)
    filter(target.form, false);
});
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || form.dataset.live === undefined) return;
  event.preventDefault();
  filter(form, true);
});

document.addEventListener("keydown", (event) => {
  const at = /** @type {HTMLElement} */ (event.target);
  const inField = at.matches("input, select, textarea");
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.key === "/" && !inField) {
    const search = document.querySelector("input[type=search]");
    if (!(search instanceof HTMLInputElement)) return;
    event.preventDefault();
    search.focus();
    search.select();
  } else if (event.key === "Escape") {
    if (at instanceof HTMLInputElement && at.type === "search" && at.form) {
      if (at.value === "") return at.blur();
      event.preventDefault();
      at.value = "";
      filter(at.form, true);
    } else if (view instanceof One)
      /** @type {HTMLElement | null} */ (main.querySelector("[data-back]"))?.click();
  }
});

/** How often it is looked whether something has changed, in milliseconds: after so many looks in vain the next. */
const PACES = [3000, 5000, 10_000];
const LOOKS = 40;
/** After trouble: a little longer each time. */
const AGAIN = [3000, 5000, 10_000, 30_000];
/** Looks in vain since something changed. */
let pace = 0;
let failures = 0;
let mark = "";
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/** Looks whether something has changed, and shows it. */
async function follow() {
  clearTimeout(timer);
  if (document.hidden) return;
  let wait;
  try {
    const { mark: now } = await ask("/api/changes");
    pace = now === mark ? pace + 1 : 0;
    if (now !== mark || failures > 0) {
      const first = mark === "" && failures === 0;
      mark = now;
      failures = 0;
      if (!first) {
        forget();
        await refresh();
      }
    }
    wait = PACES[Math.min(Math.floor(pace / LOOKS), PACES.length - 1)];
  } catch (error) {
    if (!(error instanceof Trouble)) throw error;
    trouble(error);
    wait = AGAIN[Math.min(failures, AGAIN.length - 1)];
    failures += 1;
  }
  clearTimeout(timer);
  timer = setTimeout(follow, wait);
}

document.addEventListener("visibilitychange", () => {
  pace = 0;
  if (!document.hidden) void follow();
});
setInterval(tick, 1000);
void show("first").then(follow);
