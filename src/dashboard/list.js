// The list of deliveries, the newest first, with what is on top of it. It follows what arrives without moving what one
// reads, and never has more than some hundreds of rows in the page.

import { ask, shared } from "./api.js";
import { button, whisper } from "./commands.js";
import { bdi, el, icon } from "./dom.js";
import { overview } from "./overview.js";
import { setup } from "./setup.js";
import {
  ALL_KINDS,
  action,
  allSenders,
  badge,
  capital,
  count,
  day,
  kind,
  sender,
  setClock,
  sign,
  stateOf,
  when,
} from "./words.js";

const PAGE = 50;
const MOST_ROWS = 300;
/** How many answers without a row are passed before the reader is asked whether to look on. */
const MOST_EMPTY = 8;
/** How many answers are read to learn what became of the rows that are shown. */
const MOST_PAGES = 4;
const FILTERS = ["q", "source", "kind", "state"];
const STATES = ["live", "done", "building", "sending", "waiting", "held", "failed", "unknown", "ignored"];

/** @implements {Owner.View} */
export class List {
  place = "/deliveries";
  title = "Deliveries";
  /** The filters, as the address has them. */
  query = new URLSearchParams();
  /** @type {Owner.Summary[]} */
  rows = [];
  /** The rows that have arrived and are not shown yet. @type {Owner.Summary[]} */
  held = [];
  /** Where older ones begin. @type {number | undefined} */
  next;
  /** Whether the newest rows are not in the page any more. */
  cut = false;
  loaded = false;
  busy = false;
  /** Those that have arrived while the page was open. @type {Set<number>} */
  fresh = new Set();
  /** @type {Owner.Overview | undefined} */
  overview;
  /** @type {Owner.Setup | undefined} */
  setup;

  /** Shows what an address asks for. @param {URLSearchParams} query */
  open(query) {
    const wanted = new URLSearchParams(
      FILTERS.map((name) => [name, query.get(name)?.trim() ?? ""]).filter(([, value]) => value !== ""),
    );
    if (wanted.toString() !== this.query.toString()) this.clear();
    this.query = wanted;
    this.fields();
  }

  clear() {
    Object.assign(this, { rows: [], held: [], next: undefined, cut: false, loaded: false });
    this.fresh.clear();
  }

  async load() {
    const { query } = this;
    const [now, set] = await Promise.all([ask("/api/overview"), shared("/api/setup"), this.look()]);
    if (query !== this.query) return;
    this.overview = now;
    this.setup = set;
    setClock(now.now);
  }

  /** @param {number | undefined} before @param {number} limit @returns {Promise<Owner.Listed>} */
  page(before, limit) {
    const query = new URLSearchParams(this.query);
    query.set("limit", String(limit));
    if (before !== undefined) query.set("before", String(before));
    return ask(`/api/deliveries?${query}`);
  }

  /** Reads the rows that are shown, and what came after them. */
  async look() {
    const { query, rows, cut } = this;
    if (!this.loaded) {
      const found = await this.search(undefined);
      if (query !== this.query) return;
      Object.assign(this, { rows: found.deliveries, next: found.next, loaded: true });
      return;
    }
    const newest = rows[0]?.id ?? 0;
    const oldest = rows.at(-1)?.id ?? Infinity;
    /** @type {Owner.Summary[]} */
    const read = [];
    let before = cut ? newest + 1 : undefined;
    let whole = false;
    for (let pages = 0; pages < MOST_PAGES; pages += 1) {
      const { deliveries, next } = await this.page(before, Math.min(100, Math.max(PAGE, rows.length + 10)));
      read.push(...deliveries);
      before = next;
      whole = next === undefined || next <= oldest || (deliveries.at(-1)?.id ?? Infinity) <= oldest;
      if (whole) break;
    }
    if (query !== this.query || rows !== this.rows) return;
    const known = new Map(read.map((it) => [it.id, it]));
    const reached = whole ? 0 : (read.at(-1)?.id ?? Infinity);
    // What is in reach and was not read any more is deleted, or has become something else.
    this.rows = rows.filter((it) => known.has(it.id) || it.id < reached).map((it) => known.get(it.id) ?? it);
    const added = read.filter((it) => it.id > newest);
    // So many have come that those between are not known.
    if (!whole && !cut && added.length > 0 && added.length === read.length) {
      Object.assign(this, { rows: read, held: [], next: before });
      return;
    }
    if (rows.length === 0) this.next = before;
    if (cut || added.length === 0) return;
    this.arrived(added);
  }

  /** @param {Owner.Summary[]} added */
  arrived(added) {
    const known = new Set(this.held.map((it) => it.id));
    const unheard = added.filter((it) => !known.has(it.id));
    for (const { id } of unheard) this.fresh.add(id);
    if (unheard.length > 0) {
      const [{ source }] = unheard;
      const what = unheard.length === 1 ? `: ${name(unheard[0])}, from ${sender(source)}` : "";
      whisper(`${count(unheard.length, "new delivery", "new deliveries")}${what}`);
    }
    this.held = added;
    if (!reading()) this.show();
  }

  /** Shows what has arrived. */
  show() {
    this.rows = [...this.held, ...this.rows];
    this.held = [];
    if (this.rows.length > MOST_ROWS) {
      this.rows.length = MOST_ROWS;
      this.next = this.rows.at(-1)?.id;
    }
  }

  /** The next rows that are as wanted: each answer looks at so many, and may have found none. @param {number | undefined} from */
  async search(from) {
    const { query } = this;
    let found = await this.page(from, PAGE);
    for (let tries = 0; found.deliveries.length === 0 && found.next !== undefined; tries += 1) {
      if (tries === MOST_EMPTY || query !== this.query) break;
      found = await this.page(found.next, PAGE);
    }
    return found;
  }

  /** @param {string} doing */
  async act(doing) {
    switch (doing) {
      case "older": {
        if (this.busy) return;
        this.busy = true;
        const { query, next } = this;
        const found = await this.search(next).finally(() => (this.busy = false));
        if (query !== this.query || next !== this.next) return;
        this.rows = [...this.rows, ...found.deliveries];
        this.next = found.next;
        if (this.rows.length > MOST_ROWS) {
          this.rows = this.rows.slice(this.rows.length - MOST_ROWS);
          this.cut = true;
        }
        return;
      }
      case "newest":
        this.clear();
        await this.load();
        return toTop();
      case "new":
        this.show();
        return toTop();
    }
  }

  /** @param {HTMLFormElement} form */
  input(form) {
    const data = new FormData(form);
    const query = new URLSearchParams();
    for (const name of FILTERS) {
      const value = String(data.get(name) ?? "").trim();
      if (value) query.set(name, value);
    }
    return query;
  }

  /** Sees to it that the fields say what the address does. */
  fields() {
    for (const name of FILTERS) {
      const field = /** @type {HTMLInputElement | null} */ (
        document.querySelector(`.filters [name=${name}]`)
      );
      const value = this.query.get(name) ?? "";
      if (field && field.value.trim() !== value) field.value = value;
    }
  }

  render() {
    const { rows, setup: set, query } = this;
    const nothing = this.loaded && rows.length === 0 && this.held.length === 0 && this.next === undefined;
    if (nothing && query.size === 0 && set) return setup(set, true);
    return el(
      "div.view",
      { "data-key": "list" },
      this.overview && overview(this.overview),
      el(
        "section.deliveries",
        { "aria-labelledby": "deliveries", "data-key": "deliveries" },
        el("h2", { id: "deliveries" }, "Deliveries"),
        this.filters(),
        this.arrivals(),
        !this.loaded && el("p.faint.loading", "Loading …"),
        days(rows).map(([name, some]) =>
          el(
            "section.day",
            { "data-key": `day ${name}`, "aria-label": name },
            el("h3.dated", name),
            el(
              "ol.rows",
              some.map((it) => this.row(it)),
            ),
          ),
        ),
        this.end(nothing),
      ),
    );
  }

  filters() {
    const { query } = this;
    /** @param {string} label @param {string} name @param {string} all @param {[string, string][]} options */
    const select = (label, name, all, options) => {
      const known = options.some(([value]) => value === query.get(name));
      const other = query.get(name);
      if (other && !known) options.push([other, capital(other)]);
      return el(
        "label.field",
        el("span.unseen", label),
        el(
          "select",
          { name },
          el("option", { value: "" }, all),
          options.map(([value, text]) => el("option", { value, selected: value === other }, text)),
        ),
      );
    };
    const senders = allSenders();
    return el(
      "search",
      { "data-keep": true, "data-key": `filters ${senders.length}` },
      el(
        "form.filters",
        { action: "/deliveries", "data-live": true },
        el(
          "label.field.grow",
          el("span.unseen", "Search titles, items and events"),
          icon("search"),
          el("input", {
            type: "search",
            name: "q",
            value: query.get("q") ?? "",
            placeholder: "Search titles, items, events",
            autocomplete: "off",
            "aria-keyshortcuts": "/",
            maxlength: 200,
          }),
          el("kbd", { "aria-hidden": "true" }, "/"),
        ),
        select("Sender", "source", "All senders", senders),
        select(
          "What happened",
          "kind",
          "All news",
          ALL_KINDS.map((it) => [it, capital(kind(it))]),
        ),
        select(
          "State",
          "state",
          "All states",
          STATES.map((it) => [it, sign(it)[0]]),
        ),
      ),
    );
  }

  arrivals() {
    const number = this.held.length;
    if (this.cut) {
      return el(
        "div.arrivals",
        { "data-key": "arrivals" },
        button("newest", "Back to the newest", { class: "primary" }, "up"),
      );
    }
    if (number === 0) return null;
    return el(
      "div.arrivals",
      { "data-key": "arrivals" },
      button("new", `${number} new`, { class: "primary" }, "up"),
    );
  }

  /** @param {boolean} nothing */
  end(nothing) {
    const clear = this.query.size > 0 && el("a.button", { href: "/deliveries" }, "Show all");
    if (nothing) {
      return el("div.nothing", { "data-key": "nothing" }, el("p", "No delivery is like that."), clear);
    }
    if (!this.loaded) return null;
    if (this.next === undefined) {
      return el(
        "p.faint.end",
        { "data-key": "end" },
        "That is all. What is older than its retention has been deleted.",
      );
    }
    const looked = this.rows.length === 0 && el("p", "Nothing like that among the newest.");
    return el(
      "div.end",
      { "data-key": "more" },
      looked,
      button("older", this.rows.length > 0 ? "Load older" : "Look further back"),
      !this.rows.length && clear,
    );
  }

  /** @param {Owner.Summary} it */
  row(it) {
    const jobs = it.jobs ?? [];
    const fresh = this.fresh.has(it.id) ? ".fresh" : "";
    return el(
      `li.row${fresh}`,
      { "data-key": it.id },
      badge(it.outcome),
      el(
        "div.what",
        el("a", { href: `/deliveries/${it.id}`, class: "name" }, bdi(name(it))),
        el(
          "p.faint",
          sender(it.source),
          named(it) && [" · ", bdi(named(it))],
          ` · ${kind(it.kind)}`,
          it.stale && " · older than what was known",
          it.title && [" · ", el("code", bdi(it.event_type))],
        ),
      ),
      el(
        "ul.caused",
        { "aria-label": "What it caused" },
        jobs.slice(0, 3).map((job) => {
          const state = stateOf(job);
          const [word, symbol, tone] = sign(state);
          return el(
            `li.chip.${tone}`,
            icon(symbol),
            action(job.action, job.target),
            el("span.unseen", `: ${word}`),
          );
        }),
        jobs.length > 3 && el("li.chip.quiet", `${jobs.length - 3} more`),
      ),
      when(it.received_at),
    );
  }
}

/** What a delivery is about. @param {Pick<Owner.Summary, "title" | "item" | "event_type" | "kind">} it */
export const name = ({ title, item, event_type: type, kind: what }) =>
  title || item || (what === "test" ? "Test" : type) || capital(kind(what));

/** The name of a connection, where it has one. @param {{ connection: string }} it */
export const named = ({ connection }) => connection.split("/").slice(1).join("/");

/**
 * Rows by their day.
 *
 * @template {{ received_at: string }} Row
 * @param {Row[]} rows
 */
function days(rows) {
  /** @type {Map<string, Row[]>} */
  const found = new Map();
  for (const row of rows) {
    const of = day(row.received_at);
    found.set(of, [...(found.get(of) ?? []), row]);
  }
  return [...found];
}

/** Whether the reader has scrolled into the list, so that nothing may be put on top of it. */
function reading() {
  const top = document.querySelector(".day")?.getBoundingClientRect().top;
  return top !== undefined && top < 0;
}

/** Shows the beginning of the list. */
function toTop() {
  requestAnimationFrame(() => {
    document.getElementById("deliveries")?.scrollIntoView({ block: "start" });
    /** @type {HTMLElement | null} */ (document.querySelector(".row a"))?.focus({ preventScroll: true });
  });
}
