// Plots, drawn by themselves: deliveries by the hour, times from publish to live, and a gauge. Each has a legend or a
// description with its numbers in words.

import { el, svg } from "./dom.js";
import { atHour, clockNow, count, duration, number, when } from "./words.js";

const HOUR = 3_600_000;
const HOURS = 48;

/** What is counted by the hour, from the ground up, with its tone. @type {Record<string, string>} */
const SERIES = {
  accepted: "good",
  tests: "busy",
  ignored: "calm",
  repeats: "quiet",
  refused: "refused",
};

/** @param {string} name */
const label = (name) => (name === "ignored" ? "nothing to do" : name);

/**
 * Deliveries of the last two days, by the hour and what became of them.
 *
 * @param {Owner.Hour[]} hours
 */
export function byTheHour(hours) {
  const start = Math.floor(clockNow() / HOUR) - HOURS + 1;
  /** @type {(Owner.Hour | undefined)[]} */
  const slots = Array(HOURS).fill(undefined);
  for (const hour of hours) {
    const slot = Math.floor(Date.parse(hour.at) / HOUR) - start;
    if (slot >= 0 && slot < HOURS) slots[slot] = hour;
  }
  const of = (/** @type {Owner.Hour | undefined} */ hour, /** @type {string} */ name) =>
    Number(hour?.[name] ?? 0);
  const sum = (/** @type {number[]} */ some) => some.reduce((all, it) => all + it, 0);
  const totals = Object.keys(SERIES)
    .map((name) => ({ name, total: sum(slots.map((it) => of(it, name))) }))
    .filter(({ total }) => total > 0);
  const most = Math.max(...slots.map((it) => sum(totals.map(({ name }) => of(it, name)))), 1);
  const bars = slots.flatMap((hour, index) => {
    let y = 60;
    return totals.map(({ name }) => {
      const height = (of(hour, name) / most) * 58;
      y -= height;
      const title = hour && `${atHour(hour.at)}: ${number(of(hour, name))} ${label(name)}`;
      return (
        height > 0 &&
        svg(`rect.bar.${SERIES[name]}`, { x: index * 10 + 1.5, y, width: 7, height }, svg("title", title))
      );
    });
  });
  const words = totals.map(({ name, total }) => `${number(total)} ${label(name)}`);
  return el(
    "figure",
    el(
      "figcaption.caption",
      el("span", "Last 48 hours"),
      el("span.faint", totals.length > 0 && `at most ${number(most)} an hour`),
    ),
    drawing(
      `0 0 ${HOURS * 10} 61`,
      `Deliveries of the last ${HOURS} hours: ${words.join(", ") || "none"}`,
      svg("path.axis", { d: `M0 60.5H${HOURS * 10}` }),
      bars,
    ),
    el("p.ends", el("span", "2 days ago"), el("span", "yesterday"), el("span", "now")),
    words.length > 0
      ? el(
          "ul.legend",
          totals.map(({ name }, index) =>
            el(
              "li",
              swatch(svg(`rect.bar.${SERIES[name]}`, { x: 0.5, y: 0.5, width: 9, height: 9, rx: 2 })),
              words[index],
            ),
          ),
        )
      : el("p.faint", "Nothing has come in."),
  );
}

/**
 * @param {string} viewBox
 * @param {string} text what it shows, in words
 * @param {...(Node | (Node | false)[])} parts
 */
const drawing = (viewBox, text, ...parts) =>
  svg("svg.plot", { viewBox, preserveAspectRatio: "none", role: "img", "aria-label": text }, ...parts);

/** @param {Element} mark */
const swatch = (mark) => svg("svg.swatch", { viewBox: "0 0 10 10", "aria-hidden": "true" }, mark);

/** What the scale of a plot may end with, in seconds. */
const SCALES = [10, 20, 60, 120, 240, 480, 1200, 3600, 14_400, 43_200, 86_400];

/**
 * How long it took from publish to live, one dot for each deploy.
 *
 * @param {NonNullable<Owner.Overview["live"]>} live
 */
export function toLive({ median_seconds: median, p95_seconds: p95, recent = [] }) {
  const seen = [...recent].sort((one, other) => Date.parse(one.at) - Date.parse(other.at));
  if (seen.length === 0) {
    return el(
      "p.faint",
      "No deploy has been seen live yet. Where builds can be followed, their times stand here.",
    );
  }
  const [first, last] = [seen[0].at, seen[seen.length - 1].at];
  const [begin, end] = [Date.parse(first), Date.parse(last)];
  const highest = Math.max(...seen.map((it) => it.seconds), median ?? 0);
  const most = SCALES.find((it) => it >= highest) ?? highest;
  const x = (/** @type {string} */ at) =>
    end > begin ? 4 + ((Date.parse(at) - begin) / (end - begin)) * 472 : 240;
  const y = (/** @type {number} */ seconds) => 97 - (seconds / most) * 92;
  const targets = [...new Set(seen.map((it) => it.target))];
  const dot = (/** @type {string} */ target) => `path.dot.dot-${targets.indexOf(target) % 4}`;
  const summary = [
    median !== undefined && `usually ${duration(median)}`,
    p95 !== undefined && `19 of 20 within ${duration(p95)}`,
  ].filter(Boolean);
  return el(
    "figure.tall",
    el("figcaption.caption", el("span", "From publish to live"), el("span.faint", summary.join(", "))),
    el(
      "div.framed",
      el(
        "p.scale",
        [most, most / 2].map((it) => el("span", duration(it))),
        el("span", "0"),
      ),
      drawing(
        "0 0 480 101",
        `From publish to live, the last ${count(seen.length, "deploy")}: ${summary.join(", ")}`,
        [5, 51].map((at) => svg("path.grid", { d: `M0 ${at}H480` })),
        svg("path.axis", { d: "M0 97H480" }),
        [median !== undefined && svg("path.median", { d: `M0 ${y(median)}H480` })],
        seen.map((it) =>
          svg(
            dot(it.target),
            { d: `M${x(it.at).toFixed(1)} ${y(it.seconds).toFixed(1)}h.01` },
            svg("title", `${it.target}: ${duration(it.seconds)}`),
          ),
        ),
      ),
    ),
    el("p.ends.inset", when(first), when(last)),
    targets.length > 1 &&
      el(
        "ul.legend",
        targets.map((it) => el("li", swatch(svg(dot(it), { d: "M5 5h.01" })), it)),
      ),
  );
}

/**
 * The month's builds: how many of how many.
 *
 * @param {Owner.Budget} budget
 * @param {boolean} named whether it needs its name said
 */
export function gauge({ name, limit, used, reserve = 0, resets_at: resets }, named) {
  const left = Math.max(0, limit - used);
  const tone = left === 0 ? "bad" : left <= reserve || used >= limit * 0.8 ? "care" : "good";
  const words = left === 0 ? "used up" : `${number(left)} left`;
  const share = (/** @type {number} */ part) => (limit > 0 ? Math.min(1, part / limit) * 100 : 0);
  return el(
    "div.gauge",
    { "data-key": name },
    el(
      "p.caption",
      el("span", named ? `This month’s builds of ${name}` : "This month’s builds"),
      el("span.faint", words),
    ),
    svg(
      "svg.meter",
      {
        viewBox: "0 0 100 8",
        preserveAspectRatio: "none",
        role: "img",
        "aria-label": `${number(used)} of ${number(limit)} builds used, ${words}`,
      },
      svg("rect.track", { width: 100, height: 8 }),
      svg(`rect.bar.${tone}`, { width: share(used), height: 8 }),
      svg("rect.kept", { x: 100 - share(reserve), width: share(reserve), height: 8 }),
    ),
    el(
      "p.faint.small",
      `${number(used)} of ${number(limit)} used`,
      reserve > 0 && `, ${number(reserve)} kept for “Deploy now”`,
      ...(resets ? [", anew ", when(resets, "date")] : []),
      ".",
    ),
  );
}
