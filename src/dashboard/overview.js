// On top of the list: whether all is well, in one sentence, with what to do where it is not; then each target, the last
// two days, and the month's builds.

import { button } from "./commands.js";
import { bdi, el, icon } from "./dom.js";
import { byTheHour, gauge } from "./plots.js";
import { badge, clockNow, count, duration, sign, when } from "./words.js";

/** How late the oldest job that is due may be before that is said, in milliseconds. */
const LATE = 600_000;

/** @typedef {[string, string, (Node | string)[], Node?]} Verdict its state, a title, a text, and a button */

/**
 * What an owner should know first; the worst comes first.
 *
 * @param {Owner.Overview} overview
 * @returns {Verdict}
 */
function verdict({ queue, targets = [], budgets = [], live }) {
  const named = (/** @type {string[]} */ ...states) =>
    targets
      .filter((it) => states.includes(it.state))
      .map((it) => it.name)
      .join(" and ");
  const failed = named("failed", "dead");
  const unknown = named("unknown");
  const building = named("building", "requested", "sending");
  const waiting = named("waiting");
  const spent = budgets.find((it) => it.used >= it.limit);
  const late = queue?.oldest_due_at ? clockNow() - Date.parse(queue.oldest_due_at) : 0;
  const median = live?.median_seconds;
  const usually = median === undefined ? "" : ` Usually live ${duration(median)} after publishing.`;
  const again = button("revive", "Try again what failed", {}, "build");
  if (failed) {
    const how = link("/deliveries/deploys", "See what the host said");
    const text = ["The site is older than what was published. ", how, ", mend it there, then deploy again."];
    return ["failed", `The last build of ${failed} failed`, text, queue?.dead ? again : undefined];
  }
  if (queue?.dead) {
    const which = link("/deliveries?state=failed", "See which and why");
    const text = [which, ". Once the reason is mended, have them tried again."];
    return ["failed", `${count(queue.dead, "job")} failed for good`, text, again];
  }
  if (spent) {
    const until = spent.resets_at ? [" until ", when(spent.resets_at, "date")] : [];
    const text = ["Nothing is lost: what comes in waits", ...until, ", or until you deploy by hand."];
    return ["held", "This month’s builds are used up", text];
  }
  if (late > LATE) {
    const text = `A job has been due for ${duration(late / 1000)}: the receiver’s clock may not wake it. `;
    return ["unknown", "Work is late", [text, link("/deliveries/setup", "See the setup"), "."]];
  }
  if (unknown) {
    const text =
      "The build was asked for, but its end could not be found out. Look at the site, or at your host. ";
    return [
      "unknown",
      `Whether ${unknown} is live is not known`,
      [text, link("/deliveries/deploys", "See the deploys"), "."],
    ];
  }
  if (queue?.held) {
    const text = [link("/deliveries?state=held", "See what waits"), ", and release it or deploy now."];
    return ["held", `${count(queue.held, "job")} held until you say so`, text];
  }
  if (building) return ["building", `${building} is being built`, [usually]];
  if (waiting || queue?.waiting) {
    const title = waiting ? `A deploy of ${waiting} waits` : "A job waits";
    return ["waiting", title, ["It gathers further edits into one build, and starts by itself.", usually]];
  }
  if (targets.length > 0 && targets.every((it) => it.state === "live"))
    return ["live", "Everything is live", [usually]];
  return ["done", "All is well", ["Nothing waits, nothing has failed.", usually]];
}

/** @param {string} href @param {string} text */
const link = (href, text) => el("a", { href }, text);

/**
 * @param {Owner.Overview} overview
 */
export function overview(overview) {
  const [state, title, text, act] = verdict(overview);
  const { queue, targets = [], budgets = [], hours } = overview;
  const [, symbol, tone] = sign(state);
  const waits = [
    queue?.waiting && `${queue.waiting} waiting`,
    queue?.held && `${queue.held} held`,
    queue?.dead && `${queue.dead} failed`,
  ].filter(Boolean);
  return el(
    "section.overview",
    { "aria-label": "Overview", "data-key": "overview" },
    el(
      "div.verdict",
      el(`span.seal.${tone}`, icon(symbol)),
      el("div", el("h1", { tabindex: "-1" }, title), el("p.lead", text)),
      act && el("div.buttons", act),
    ),
    el(
      "div.cards",
      el(
        "section.card",
        { "aria-labelledby": "targets" },
        el(
          "h2.caption",
          { id: "targets" },
          "Where it is built",
          waits.length > 0 && el("span.faint", waits.join(", ")),
        ),
        targets.length > 0
          ? el("ul.targets", targets.map(target))
          : el("p.faint", "Nothing is built yet. ", link("/deliveries/setup", "See what is missing"), "."),
        budgets.map((it) => gauge(it, budgets.length > 1)),
      ),
      el("section.card", { "aria-label": "Deliveries by the hour" }, byTheHour(hours ?? [])),
    ),
  );
}

/** @param {Owner.Target} target */
const target = ({ name, state, live_at: since }) =>
  el(
    "li.target",
    { "data-key": name },
    el(
      "p",
      el("strong", bdi(name)),
      badge(state),
      since && el("span.faint", state === "live" ? "since " : "live ", when(since)),
    ),
    button("deploy", "Deploy now", {
      "data-name": name,
      class: "small",
      "aria-label": `Deploy now: ${name}`,
    }),
  );
