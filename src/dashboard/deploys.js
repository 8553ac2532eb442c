// Deploys as a time line: when each was asked for, what it carried, what became of it and how long that took.

import { ask } from "./api.js";
import { button } from "./commands.js";
import { bdi, el, icon, out, rich } from "./dom.js";
import { toLive } from "./plots.js";
import { badge, between, capital, count, day, duration, number, sender, sign, when } from "./words.js";

const PAGE = 30;
const MOST_ROWS = 300;

/** @implements {Owner.View} */
export class Deploys {
  place = "/deliveries/deploys";
  title = "Deploys";
  /** @type {Owner.Deploy[]} */
  rows = [];
  /** @type {number | undefined} */
  next;
  /** @type {Owner.Overview | undefined} */
  overview;

  async load() {
    const [now, read] = await Promise.all([ask("/api/overview"), this.read()]);
    this.overview = now;
    const known = new Set(read.deploys.map((/** @type {Owner.Deploy} */ it) => it.job));
    const oldest = read.deploys.at(-1)?.job ?? 0;
    const older = this.rows.filter((it) => it.job < oldest && !known.has(it.job));
    if (older.length === 0) this.next = read.next;
    this.rows = [...read.deploys, ...older];
  }

  /** @param {number} [before] */
  read(before) {
    return ask(`/api/deploys?limit=${PAGE}${before === undefined ? "" : `&before=${before}`}`);
  }

  /** @param {string} doing */
  async act(doing) {
    if (doing !== "older") return;
    const read = await this.read(this.next);
    this.rows = [...this.rows, ...read.deploys];
    this.next = read.next;
  }

  render() {
    const { rows, overview } = this;
    /** @type {Map<string, Owner.Deploy[]>} */
    const days = new Map();
    for (const row of rows) {
      const time = timeOf(row);
      const of = time ? day(time) : "To come";
      days.set(of, [...(days.get(of) ?? []), row]);
    }
    return el(
      "div.view",
      { "data-key": "deploys" },
      el("div.heading", el("h1", { tabindex: "-1" }, "Deploys")),
      el(
        "p.lead",
        "Each build that was asked for, with the deliveries that it carried. Edits that come close together share one.",
      ),
      el(
        "section.card",
        { "aria-label": "From publish to live", "data-key": "plot" },
        overview ? toLive(overview.live ?? {}) : el("p.faint.loading", "Loading …"),
      ),
      overview && rows.length === 0 && el("p.nothing", "No deploy has been asked for yet."),
      [...days].map(([name, some]) =>
        el(
          "section.day",
          { "data-key": `day ${name}`, "aria-label": name },
          el("h2.dated", name),
          el("ol.line.deploys", some.map(deploy)),
        ),
      ),
      this.next !== undefined &&
        (rows.length < MOST_ROWS
          ? el("div.end", button("older", "Load older"))
          : el("p.faint.end", "Older ones are found with the deliveries that they carried.")),
    );
  }
}

/** @param {Owner.Deploy} deploy */
const timeOf = ({ build, first_at: first, due }) => build?.requested_at ?? first ?? due;

/** @param {Owner.Deploy} it */
function deploy(it) {
  const { state } = it;
  const [, symbol, tone] = sign(state);
  const time = timeOf(it);
  const { build } = it;
  const reason = build?.reason ?? it.reason;
  const more = it.count - it.deliveries.length;
  return el(
    `li.step.${tone}`,
    { "data-key": it.job },
    el("span.mark", icon(symbol)),
    el(
      "div",
      el("p.name", el("strong", bdi(it.target)), " ", badge(state), time && when(time, "clock")),
      el("p.faint", says(it)),
      reason &&
        state !== "live" &&
        el("p.reason", rich(capital(reason)), build?.url && [" ", out(build.url, "See it at the host")]),
      it.deliveries.length > 0 &&
        el(
          "ul.carried",
          { "aria-label": "What it carried" },
          it.deliveries.map((carried) =>
            el(
              "li",
              { "data-key": carried.id },
              el("a", { href: `/deliveries/${carried.id}` }, bdi(carried.title ?? `Delivery ${carried.id}`)),
              el("span.faint", ` ${sender(carried.source)}`),
            ),
          ),
          more > 0 && el("li.faint", `and ${number(more)} more`),
        ),
    ),
  );
}

/** @param {Owner.Deploy} it */
function says({ state, build, count: carried, due, first_at: first }) {
  const what = carried > 0 ? count(carried, "delivery", "deliveries") : "by hand";
  const at = build?.host ? ` at ${build.host}` : "";
  /** @type {(Node | string)[]} */
  const parts = [what];
  if (build?.state === "live" && build.ended_at) {
    const seconds = build.live_seconds ?? (first ? between(first, build.ended_at) : undefined);
    if (seconds !== undefined) parts.push(`live after ${duration(seconds)}${at}`);
  } else if (build?.building_at && !build.ended_at)
    parts.push(`building${at} since `, when(build.building_at));
  else if (build && !build.ended_at && build.requested_at && state !== "done")
    parts.push(`asked for${at} `, when(build.requested_at));
  else if (state === "waiting" && due) parts.push("due ", when(due));
  return parts.flatMap((part, index) => (index === 1 ? [" · ", part] : [part]));
}
